"""Each exchange under the contract suite: ccxt's own client against a server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from workbench.config import Settings, load_settings
from workbench.testing.brokers.exchanges.server import ExchangeServer
from workbench.testing.brokers.venue import AlpacaUnderTest, VenueUnderTest
from workbench.venues.ccxt.broker import CcxtBroker
from workbench.venues.ccxt.updates import Pace

__all__ = ["EXCHANGES", "PERPETUALS", "ExchangeUnderTest", "exchange_settings"]

_AT = "workbench.testing.brokers.exchanges"
EXCHANGES: Mapping[str, str] = {
    "binance": f"{_AT}.binance:BinanceServer",
    "bybit": f"{_AT}.bybit:BybitServer",
    "coinbase": f"{_AT}.coinbase:CoinbaseServer",
    "kraken": f"{_AT}.kraken:KrakenServer",
}
PERPETUALS: Mapping[str, str] = {
    "binanceusdm": f"{_AT}.perpetuals:BinanceUsdmServer",
    "bybit-linear": f"{_AT}.perpetuals:BybitLinearServer",
}


class ExchangeUnderTest(VenueUnderTest):
    """One of `EXCHANGES` or `PERPETUALS`, or its demo trading, with its account in USDT.

    Parameters
    ----------
    exchange : str
    folder : Path
        Of the workspace.
    """

    name = "ccxt"
    symbol = "BTC/USDT"
    unclear = AlpacaUnderTest.unclear
    lost = AlpacaUnderTest.lost

    def __init__(self, exchange: str, folder: Path, **terms: Any) -> None:
        plain = exchange.removesuffix("-paper")
        module, _, kind = {**EXCHANGES, **PERPETUALS}[plain].partition(":")
        self.exchange, self._folder = exchange, folder
        self.pair = f"{self.symbol}:USDT" if plain in PERPETUALS else self.symbol
        self.symbol = self.pair
        self.server: ExchangeServer = getattr(import_module(module), kind)(**terms)
        self.broker: CcxtBroker = self.connect()

    @property
    def folder(self) -> Path:
        """Of the workspace."""
        return self._folder

    def connect(self, **terms: float | str) -> CcxtBroker:
        """Return a broker of the account, as a restart would make it."""
        told = exchange_settings(self.exchange, self.server, self._folder, **terms)
        pace = Pace(pull=0.2, backoff=0.05, longest=0.2)
        return CcxtBroker(told, exchange=self.exchange, pace=pace)

    def move(self, bid: float, ask: float) -> None:
        """Give it a quote."""
        self.server.book.quote(self.pair, bid, ask)

    def sends(self, order_id: str) -> int:
        """Return the POSTs that the server has counted."""
        return self.server.posts[self.broker.sent.client_id(order_id)]

    def spoil(self, trouble: str) -> None:
        """Set what becomes of order calls."""
        self.server.trouble = trouble

    def fail_queries(self, fails: bool) -> None:
        """Set what becomes of questions."""
        self.server.fails_queries = fails

    async def close(self) -> None:
        """End the server."""
        await self.broker.close()
        # in a thread, as the broker's own sockets close in this loop
        await asyncio.to_thread(self.server.close)


def exchange_settings(
    exchange: str, server: ExchangeServer, folder: Path, **terms: float | str
) -> Settings:
    """Return settings of a workspace whose account is at a server of the test."""
    told = {"url": server.url, "stream_url": server.stream_url, "per_minute": 600_000,
            "timeout": 1.0, "currency": "USDT", **terms}  # fmt: skip
    plain = exchange.removesuffix("-paper")
    vendor = plain.removesuffix("usdm").removesuffix("-linear")
    if plain != exchange:
        vendor = f"{vendor}_paper"
    keys = {f"{vendor}_key": server.key, f"{vendor}_secret": server.secret}
    return load_settings(folder, venues={vendor: told}, **keys)
