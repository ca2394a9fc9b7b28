"""The bar source ``alpaca``: stocks, raw with their splits and dividends, and crypto."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from workbench.config import Settings
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.venues.alpaca.client import AlpacaData
from workbench.venues.calls import garbled
from workbench.venues.history import Actions, Answer, VendorHistory
from workbench.venues.paging import is_crypto
from workbench.venues.rows import FIELDS

__all__ = ["AlpacaHistory"]

_UNITS = {"m": "Min", "h": "Hour", "d": "Day"}
_FEEDS = ("sip", "iex")
Rows = list[dict[str, Any]]

_ACTIONS = ("forward_splits", "reverse_splits", "cash_dividends")


class AlpacaHistory(VendorHistory):
    """Bars from Alpaca; pairs such as ``BTC/USD`` are crypto.

    Prices are raw; splits and dividends stand beside daily bars, from which ``wb.bars``
    derives adjusted ones.

    Parameters
    ----------
    settings : Settings
        ``alpaca_key``, ``alpaca_secret``; ``venues.alpaca.feed`` is ``"sip"`` (the free plan
        has it 15 minutes late, which is what is asked for) or ``"iex"``.
    """

    name = "alpaca"
    follows_renames = True  # asof is today, where it is not said
    page_bars = 10_000
    day_minutes = {"XNYS": 960, "24/7": 1440}  # noqa: RUF012  a constant of the class
    first = pd.Timestamp("2016-01-01", tz="UTC")

    def __init__(self, settings: Settings) -> None:
        told = settings.venue(self.name)
        self._feed = told.feed or "sip"
        if self._feed not in _FEEDS:
            raise UsageError(
                f"venues.alpaca.feed may be {' or '.join(_FEEDS)}, not {self._feed!r}",
                feed=self._feed,
            )
        usual = 16 if self._feed == "sip" else 0
        self.delay = timedelta(minutes=usual if told.delay_minutes is None else told.delay_minutes)
        self._data = AlpacaData(settings)
        self.limit = self._data.line.limiter.limit

    def has_actions(self, symbol: str) -> bool:
        """Tell whether it is a stock."""
        return not is_crypto(symbol)

    def _answers(
        self, symbol: str, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp
    ) -> Iterator[Answer]:
        asked: dict[str, Any] = {
            "symbols": symbol,
            "timeframe": f"{timeframe.count}{_UNITS[timeframe.unit]}",
            "start": _text(start),
            "end": _text(end - pd.Timedelta(1, "us")),
            "limit": self.page_bars,
            "sort": "asc",
        }
        where = ("crypto", "/crypto/us/bars")
        if not is_crypto(symbol):
            where = ("stock", "/stocks/bars")
            asked |= {"adjustment": "raw", "feed": self._feed}
        step = pd.Timedelta(timeframe.delta)
        while True:
            rows, times, token = self._data.read(where, asked, partial(_page, symbol))
            until = min(pd.Timestamp(times[-1], tz="UTC") + step, end) if token else end
            yield Answer(times, {name: [r.get(name[0]) for r in rows] for name in FIELDS}, until)
            if not token or until >= end:
                return
            asked = {**asked, "page_token": token}

    def _actions(self, symbol: str, start: pd.Timestamp) -> Actions:
        asked: dict[str, Any] = {
            "symbols": symbol,
            "types": "forward_split,reverse_split,cash_dividend",
            "start": f"{start:%Y-%m-%d}",
            "limit": 1000,
        }
        splits: dict[pd.Timestamp, float] = {}
        dividends: dict[pd.Timestamp, float] = {}
        while True:
            rows, token = self._data.read(
                ("actions", "/corporate-actions"), asked, partial(_action_rows, symbol)
            )
            for kind, row in rows:
                day = pd.Timestamp(row["ex_date"], tz="UTC")
                if kind == "cash_dividends":
                    dividends[day] = dividends.get(day, 0.0) + float(row["rate"])
                else:
                    ratio = float(row["new_rate"]) / float(row["old_rate"])
                    splits[day] = splits.get(day, 1.0) * ratio
            if not token:
                return Actions(splits, dividends)
            asked = {**asked, "page_token": token}


def _text(when: pd.Timestamp) -> str:
    return when.isoformat().replace("+00:00", "Z")


def _page(symbol: str, told: dict[str, Any]) -> tuple[Rows, list[int], str | None]:
    """Return a page's rows, their times and its successor; null is Alpaca's word for none."""
    if "bars" not in told or "next_page_token" not in told:
        raise garbled("alpaca", f"a page of {symbol} without bars or next_page_token")
    of_symbols = {} if told["bars"] is None else told["bars"]
    if not isinstance(of_symbols, dict):
        raise garbled("alpaca", f"bars of {symbol} that are no table")
    rows = of_symbols.get(symbol) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "t" in row for row in rows):
        raise garbled("alpaca", f"bars of {symbol} without a time")
    if told["next_page_token"] and not rows:
        raise garbled("alpaca", f"a page of {symbol} without bars that is not the last")
    return rows, _times(rows, symbol), told["next_page_token"]


def _times(rows: Rows, symbol: str) -> list[int]:
    if not rows:
        return []
    try:
        stamps = pd.to_datetime([row["t"] for row in rows], utc=True, format="ISO8601")
    except (ValueError, TypeError):
        raise garbled("alpaca", f"bars of {symbol} with times that are none") from None
    return [int(value) for value in pd.DatetimeIndex(stamps).as_unit("ns").asi8]


def _action_rows(
    symbol: str, told: dict[str, Any]
) -> tuple[list[tuple[str, dict[str, Any]]], str | None]:
    groups = told.get("corporate_actions")
    if not isinstance(groups, dict):
        raise garbled("alpaca", f"no corporate actions of {symbol}")
    found = []
    for kind in _ACTIONS:
        needed = {"ex_date", *(("rate",) if kind == "cash_dividends" else ("new_rate", "old_rate"))}
        for row in groups.get(kind) or ():
            if not isinstance(row, dict) or not needed <= row.keys():
                raise garbled("alpaca", f"{kind} of {symbol} without {', '.join(sorted(needed))}")
            found.append((kind, row))
    return found, told.get("next_page_token")
