"""Finnhub's stream of trades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from workbench.config import Settings
from workbench.core.ports import Event
from workbench.core.trade import Trade
from workbench.venues.socket import Endpoint, SocketConnection, address, refusal
from workbench.venues.stream import Part, VendorStream, Wanted

__all__ = ["FinnhubStream"]

VENDOR = "finnhub"
_HOST = "wss://ws.finnhub.io"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FinnhubStream(VendorStream):
    """Trades of stocks as ``AAPL`` and of crypto exchanges as ``BINANCE:BTCUSDT``.

    Parameters
    ----------
    settings : Settings
        ``finnhub_key``.
    """

    name = VENDOR
    kinds = frozenset({"trades"})

    def __init__(self, settings: Settings) -> None:
        told = settings.venue(VENDOR)
        self.backoff = told.backoff
        key = settings.secret("finnhub_key", VENDOR)
        # the vendor takes the key in the address only
        url = address(told.stream_url, _HOST, f"/?token={quote(key, safe='')}")
        secrets = (key, quote(key, safe=""))
        self._endpoint = Endpoint(VENDOR, url, told.timeout, secrets=secrets)

    def calendar(self, symbol: str) -> str:
        """Return ``"24/7"`` for a symbol of a crypto exchange, else ``"XNYS"``."""
        return "24/7" if ":" in symbol else "XNYS"

    def parts(self, wanted: Wanted) -> list[Part]:
        """Return the one connection there is."""
        part = wanted.only("trades")
        if part is None:
            return []
        return [Part(part, partial(_FinnhubConnection, self._endpoint, part.symbols))]


class _FinnhubConnection(SocketConnection):
    def __init__(self, endpoint: Endpoint, symbols: Sequence[str]) -> None:
        super().__init__(endpoint)
        self._symbols = symbols

    async def _greet(self) -> None:
        for symbol in self._symbols:
            await self.send({"type": "subscribe", "symbol": symbol})

    def _events(self, message: Any) -> Sequence[Event]:
        if message["type"] == "error":
            raise refusal(VENDOR, self.endpoint.clean(message.get("msg", "")))
        if message["type"] != "trade":
            return ()
        return [
            Trade(
                str(row["s"]),
                _EPOCH + timedelta(milliseconds=int(row["t"])),
                float(row["p"]),
                float(row["v"]),
            )
            for row in message["data"]
        ]
