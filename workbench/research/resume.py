"""What makes two sweeps the same, so that one may go on where the other ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.errors import DataError, UsageError
from workbench.research.runner import STATS
from workbench.runs.checkpoint import Stored
from workbench.runs.manifest import Manifest, plain

if TYPE_CHECKING:
    from workbench.research.grid import Grid

__all__ = ["check_same", "identity"]

_SHOWN = 60


def identity(manifest: Manifest, grid: Grid, engine: str) -> dict[str, str]:
    """Return what a sweep is made of, each part as text, and its manifest.

    Two sweeps of which all parts but the manifest agree have the same table to the bit.
    """
    parts = {
        "strategy": manifest.strategy,
        "code of the strategy": manifest.code_hash,
        "parameters": manifest.params,
        "values": grid.values,
        "points": grid.digest(),
        "bars": manifest.data.fingerprint,
        **{f"choice of {name}": value for name, value in manifest.conventions.items()},
        "engine": engine,
        **{f"version of {name}": value for name, value in manifest.packages.items()},
        "statistics": STATS,
    }
    found = {name: _text(value) for name, value in parts.items()}
    return found | {"manifest": manifest.to_json()}


def check_same(run_id: str, stored: Stored, now: Mapping[str, str]) -> Manifest:
    """Return the manifest of the sweep that is stored.

    Raises
    ------
    UsageError
        The sweep of now is another one; what differs is named.
    DataError
        The file holds no sweep.
    """
    before = stored.facts
    if "manifest" not in before or 0 < stored.rows.shape[1] < len(STATS):
        raise DataError(f"{run_id!r} holds no sweep: run it again from the start", run_id=run_id)
    names = [name for name in {**before, **now} if name != "manifest"]
    differs = [name for name in names if before.get(name) != now.get(name)]
    if differs:
        told = "; ".join(
            f"{name}: {_short(before.get(name))} then, {_short(now.get(name))} now"
            for name in differs
        )
        raise UsageError(
            f"{run_id!r} was another sweep ({told}): give what it was given, or sweep anew "
            "without resume",
            run_id=run_id,
            differs=differs,
        )
    return Manifest.from_json(before["manifest"])


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(plain(value), sort_keys=True, allow_nan=False)


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
