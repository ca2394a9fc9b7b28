"""A market that scripted vendors quote from: the same bars whoever asks, in any pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.expected import expected_times

__all__ = ["Market"]

_DAY = 86_400_000_000_000


@dataclass
class Market:
    """Bars of a few symbols, made from their times alone.

    Parameters
    ----------
    stocks : tuple of str
    pairs : tuple of str
        As ``BTC/USDT``.
    splits, dividends : mapping of str to mapping
        By symbol: ISO date to new shares per old, and to cash per share.
    since : str
        When trading began.

    Examples
    --------
    >>> window = pd.Timestamp("2024-07-03", tz="UTC"), pd.Timestamp("2024-07-06", tz="UTC")
    >>> Market().bars("AAPL", Timeframe(1, "h"), *window).index.strftime("%d %H:%M").tolist()[-3:]
    ['05 17:30', '05 18:30', '05 19:30']
    """

    stocks: tuple[str, ...] = ("AAPL", "MSFT")
    pairs: tuple[str, ...] = ("BTC/USDT", "ETH/USDT", "BTC/USD")
    splits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    dividends: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    since: str = "2015-01-02"

    def bars(
        self, symbol: str, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp
    ) -> pd.DataFrame:
        """Return raw bars with ``start <= time < end``; none of an unknown symbol."""
        first = max(start, pd.Timestamp(self.since, tz="UTC"))
        last = min(end, pd.Timestamp.now("UTC").as_unit("ns"))
        is_stock = symbol in self.stocks
        if first >= last or not (is_stock or symbol in self.pairs):
            return _made(pd.DatetimeIndex([], tz="UTC").as_unit("ns"), symbol)
        none = pd.DatetimeIndex([], tz="UTC").as_unit("ns")
        calendar = "XNYS" if is_stock else "24/7"
        times = expected_times(none, timeframe, calendar, (first.as_unit("ns"), last.as_unit("ns")))
        if times is None:
            raise ValueError(f"no {timeframe} bars here")
        bars = _made(times, symbol)
        for day, ratio in self.splits.get(symbol, {}).items():
            is_before = bars.index < pd.Timestamp(day, tz="UTC")
            for name in ("open", "high", "low", "close"):
                bars[name] = np.where(is_before, np.round(bars[name] * ratio, 4), bars[name])
        return bars


def _made(times: pd.DatetimeIndex, symbol: str) -> pd.DataFrame:
    stamps = times.as_unit("ns").asi8
    seed = sum(map(ord, symbol))
    slow = 100 + 20 * np.sin(stamps / _DAY / 40 + seed)
    noise = ((stamps // 60_000_000_000) * 2654435761 + seed) % 1000 / 1000
    close = np.round(slow + noise, 2)
    opened = np.round(slow + ((noise * 7919) % 1.0), 2)
    bars = pd.DataFrame({"open": opened}, index=times.rename("time"))
    bars["high"] = np.round(np.maximum(opened, close) + 0.25, 2)
    bars["low"] = np.round(np.minimum(opened, close) - 0.25, 2)
    bars["close"] = close
    bars["volume"] = np.floor(1000 + noise * 9000)
    return bars
