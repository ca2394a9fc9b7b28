"""A workspace whose vendors are servers of the test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.testing.exchanges import EXCHANGES
from workbench.testing.vendors import AlpacaWire, FinnhubWire, PolygonWire
from workbench.testing.wire import WireServer

__all__ = ["VENDORS", "point_at"]

VENDORS: dict[str, Any] = {
    "polygon": PolygonWire,
    "alpaca": AlpacaWire,
    "finnhub": FinnhubWire,
    **EXCHANGES,
}

_TERMS = {"per_minute": 60_000, "timeout": 5.0, "backoff": 0.02, "delay_minutes": 0}
_KEYS = {
    "polygon": {"POLYGON_KEY": PolygonWire.key},
    "alpaca": {"ALPACA_KEY": AlpacaWire.key, "ALPACA_SECRET": AlpacaWire.secret},
    "finnhub": {"FINNHUB_KEY": FinnhubWire.key},
}


def point_at(
    folder: Path,
    servers: Mapping[str, WireServer],
    streams: Mapping[str, str] | None = None,
    **terms: float,
) -> None:
    """Write ``workbench.toml`` and ``.env`` so that vendors are found at servers of the test.

    Parameters
    ----------
    folder : Path
        The workspace.
    servers : mapping of str to WireServer
        By vendor, as in `VENDORS`.
    streams : mapping of str to str
        By vendor, the address of its stream.
    **terms
        Of all of them, as in `workbench.config.VenueSettings`; by default quick ones.
    """
    lines, secrets = [], []
    for name, server in servers.items():
        path = "/api/v1" if name == "finnhub" else ""
        lines += [f"[venues.{name}]", f'url = "{server.url}{path}"']
        if name in (streams or {}):
            lines.append(f'stream_url = "{(streams or {})[name]}"')
        lines += [f"{key} = {value}" for key, value in {**_TERMS, **terms}.items()]
        secrets += [f"WORKBENCH_{key}={value}" for key, value in _KEYS.get(name, {}).items()]
    (folder / "workbench.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / ".env").write_text("\n".join(secrets) + "\n", encoding="utf-8")
