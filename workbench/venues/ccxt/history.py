"""The bar sources ``binance``, ``bybit``, ``coinbase``, ``kraken`` and ``ccxt:<exchange>``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from workbench.config import Settings
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.venues.calls import garbled
from workbench.venues.ccxt.client import NAMED, Exchange
from workbench.venues.history import Answer, VendorHistory
from workbench.venues.rows import FIELDS

__all__ = ["CcxtHistory", "opened_exchange"]

_MILLI = 1_000_000
_PAGES = {"binance": 1000, "bybit": 1000, "coinbase": 300, "kraken": 720}
_FIRST = {"binance": "2017-07-14", "bybit": "2018-11-14", "coinbase": "2015-01-01"}
_CANDLES: dict[str, Callable[[Any], Any]] = {
    "binance": lambda told: told,
    "bybit": lambda told: told["result"]["list"],
    "coinbase": lambda told: told["candles"],
    "kraken": lambda told: next(v for k, v in told["result"].items() if k != "last"),
}


class CcxtHistory(VendorHistory):
    """Bars of a crypto exchange, symbols as ``BTC/USDT``.

    Pages are asked for one by one, each with its own window: ccxt's own paging loses the
    beginning of a range. Kraken gives its last 720 bars only.

    Parameters
    ----------
    exchange : str
        As ccxt calls it.
    settings : Settings
    """

    def __init__(self, exchange: str, settings: Settings) -> None:
        self.name = exchange if exchange in NAMED else f"ccxt:{exchange}"
        self._exchange = opened_exchange(exchange, settings)
        self._id = exchange
        self.page_bars = _PAGES.get(exchange, 500)
        self.first = pd.Timestamp(_FIRST.get(exchange, "2011-01-01"), tz="UTC")
        self.limit = self._exchange.line.limiter.limit

    def calendar(self, symbol: str) -> str:  # noqa: ARG002  the port asks by symbol
        """Return ``"24/7"``: an exchange never closes."""
        return "24/7"

    def _window(
        self, timeframe: Timeframe, start: pd.Timestamp | None, end: datetime | None
    ) -> tuple[pd.Timestamp, pd.Timestamp]:
        low, until = super()._window(timeframe, start, end)
        if self._id != "kraken":
            return low, until
        now = pd.Timestamp.now("UTC").as_unit("ns")
        reach = (now - self.page_bars * pd.Timedelta(timeframe.delta)).ceil(timeframe.delta)
        if start is not None and low < reach and low < until:
            raise UsageError(
                f"kraken has its last {self.page_bars} {timeframe} bars only, from {reach} on, "
                f"not from {low}; take longer bars, or another source",
                source=self.name,
                timeframe=str(timeframe),
            )
        return max(low, reach), until

    def _answers(
        self, symbol: str, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp
    ) -> Iterator[Answer]:
        text = str(timeframe)
        if text not in self._exchange.api.timeframes:
            raise UsageError(
                f"{self.name} has {', '.join(self._exchange.api.timeframes)} bars, not {text}; "
                "load shorter ones and use wb.resample",
                timeframe=text,
                source=self.name,
            )
        self._exchange.market(symbol)
        step = pd.Timedelta(timeframe.delta)
        at = start
        while at < end:
            until = min(at + self.page_bars * step, end)
            rows = self._candles(symbol, text, at, until)
            times = [int(row[0]) * _MILLI for row in rows]
            yield Answer(times, {n: [r[i] for r in rows] for i, n in enumerate(FIELDS, 1)}, until)
            at = until

    def _candles(
        self, symbol: str, timeframe: str, start: pd.Timestamp, end: pd.Timestamp
    ) -> list[list[Any]]:
        since, last = -(-start.value // _MILLI), -(-end.value // _MILLI) - 1
        rows = self._exchange.read(
            lambda api: api.fetch_ohlcv(symbol, timeframe, since, self.page_bars, {"until": last}),
            self._is_list,
        )
        if any(len(row) < 6 or not isinstance(row[0], int) for row in rows):
            raise garbled(self.name, f"candles of {symbol} that lack something")
        return [row for row in rows if since <= row[0] <= last]

    def _is_list(self, told: Any) -> bool:
        if self._id not in _CANDLES:
            return bool(told)
        try:
            return isinstance(_CANDLES[self._id](told), list)
        except (KeyError, TypeError, AttributeError, StopIteration):
            return False


_OPENED: dict[tuple[str, str], Exchange] = {}
_GUARD = threading.Lock()


def opened_exchange(name: str, settings: Settings) -> Exchange:
    """Return an exchange; its list of markets is kept for the life of the process."""
    key = (name, f"{settings.folder('limits')} {settings.venue(name)!r}")
    with _GUARD:
        if key not in _OPENED:
            _OPENED[key] = Exchange(name, settings)
        return _OPENED[key]
