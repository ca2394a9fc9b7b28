"""The bar source ``polygon``: raw aggregates, splits and dividends of Polygon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from workbench.config import Settings
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.venues.calls import garbled
from workbench.venues.history import Actions, Answer, VendorHistory
from workbench.venues.paging import is_crypto
from workbench.venues.polygon.client import PolygonClient
from workbench.venues.rows import FIELDS

__all__ = ["PolygonHistory", "ticker_of"]

_SPANS = {"m": "minute", "h": "hour", "d": "day"}
_MILLI = 1_000_000

Rows = list[dict[str, Any]]


class PolygonHistory(VendorHistory):
    """Bars from Polygon (Massive); pairs such as ``BTC/USD`` are its crypto tickers.

    Prices are raw; splits and dividends stand beside daily bars. Minutes and hours have
    the sessions before and after the regular one in them, where there was a trade.

    Parameters
    ----------
    settings : Settings
        ``polygon_key``, and ``venues.polygon.per_minute`` where the plan allows more than 5
        requests a minute.
    """

    name = "polygon"
    page_bars = 50_000
    day_minutes = {"XNYS": 960, "24/7": 1440}  # noqa: RUF012  a constant of the class
    first = pd.Timestamp("2003-09-10", tz="UTC")

    def __init__(self, settings: Settings) -> None:
        self._client = PolygonClient(settings)
        told = settings.venue(self.name).delay_minutes
        self.delay = timedelta(minutes=15 if told is None else told)
        self.limit = self._client.line.limiter.limit

    def has_actions(self, symbol: str) -> bool:
        """Tell whether it is a stock."""
        return not is_crypto(symbol)

    def _answers(
        self, symbol: str, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp
    ) -> Iterator[Answer]:
        if timeframe.is_intraday:
            low, high = str(start.value // _MILLI), str(-(-end.value // _MILLI) - 1)
        else:
            low, high = f"{start:%Y-%m-%d}", f"{end - pd.Timedelta(1):%Y-%m-%d}"
        path = (
            f"/v2/aggs/ticker/{ticker_of(symbol)}/range/{timeframe.count}/{_SPANS[timeframe.unit]}"
            f"/{low}/{high}"
        )
        asked: dict[str, Any] | None = {"adjusted": "false", "sort": "asc", "limit": self.page_bars}
        step = pd.Timedelta(timeframe.delta)
        while True:
            rows, following = self._client.read(path, asked, partial(_page, symbol))
            times = [int(row["t"]) * _MILLI for row in rows]
            values = {name: [row.get(name[0]) for row in rows] for name in FIELDS}
            until = end
            if following:
                until = min(pd.Timestamp(times[-1], tz="UTC") + step, end)
            yield Answer(times, values, until)
            if not following or until >= end:
                return
            path, asked = str(following), None

    def _actions(self, symbol: str, start: pd.Timestamp) -> Actions:
        splits: dict[pd.Timestamp, float] = {}
        dividends: dict[pd.Timestamp, float] = {}
        for row in self._reference("splits", "execution_date", symbol, start):
            day = pd.Timestamp(row["execution_date"], tz="UTC")
            splits[day] = splits.get(day, 1.0) * float(row["split_to"]) / float(row["split_from"])
        for row in self._reference("dividends", "ex_dividend_date", symbol, start):
            day = pd.Timestamp(row["ex_dividend_date"], tz="UTC")
            dividends[day] = dividends.get(day, 0.0) + float(row["cash_amount"])
        return Actions(splits, dividends)

    def _reference(
        self, what: str, date: str, symbol: str, start: pd.Timestamp
    ) -> Iterator[dict[str, Any]]:
        path: str | None = f"/v3/reference/{what}"
        asked: dict[str, Any] | None = {
            "ticker": ticker_of(symbol),
            f"{date}.gte": f"{start:%Y-%m-%d}",
            "limit": 1000,
        }
        needed = {date} | ({"split_to", "split_from"} if what == "splits" else {"cash_amount"})
        while path:
            table = f"{what} of {symbol}"
            rows, path = self._client.read(path, asked, partial(_table, table, needed))
            asked = None
            yield from rows


def ticker_of(symbol: str) -> str:
    """Return what Polygon calls a symbol."""
    if ":" in symbol or not symbol.replace("/", "").replace(".", "").replace("-", "").isalnum():
        raise UsageError(
            f"source 'polygon' has stocks as AAPL and pairs as BTC/USD, not {symbol!r}",
            symbol=symbol,
            source="polygon",
        )
    return f"X:{symbol.replace('/', '')}" if is_crypto(symbol) else symbol


def _table(what: str, needed: set[str], told: dict[str, Any]) -> tuple[Rows, str | None]:
    """Return the rows of a reference table and where its next page is."""
    rows = told.get("results")
    if not isinstance(rows, list):
        raise garbled("polygon", f"no list of {what}")
    if any(not isinstance(row, dict) or not needed <= row.keys() for row in rows):
        raise garbled("polygon", f"{what} without {', '.join(sorted(needed))}")
    return rows, told.get("next_url")


def _page(symbol: str, told: dict[str, Any]) -> tuple[Rows, str | None]:
    """Return the rows of an answer that holds what it says it does, and where the next is."""
    rows, count, following = (told.get(k) for k in ("results", "resultsCount", "next_url"))
    if rows is None and count == 0 and not following:
        return [], None
    if not isinstance(rows, list):
        raise garbled("polygon", f"a page of {symbol} without results")
    if count is not None and count != len(rows):
        raise garbled("polygon", f"{len(rows)} bars of {symbol} that should be {count}")
    if any(not isinstance(row, dict) or not isinstance(row.get("t"), int) for row in rows):
        raise garbled("polygon", f"bars of {symbol} without a time")
    if following and not rows:
        raise garbled("polygon", f"a page of {symbol} without bars that is not the last")
    return rows, following
