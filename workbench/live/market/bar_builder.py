"""Bars from trades, and longer bars from shorter ones, as they happen.

What they build is what the venue itself publishes, and what ``wb.resample`` makes of the
same bars afterwards, to the bit: volumes are summed exactly and rounded once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import fsum, isnan, nan

import pandas as pd

from workbench.core.bar import Bar
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.data.calendar import ALWAYS, known_times
from workbench.data.resample import By, bin_of, check_pair
from workbench.errors import UsageError

__all__ = ["Growing", "LongerBars", "TradeBars", "known_at"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def known_at(time: datetime, timeframe: Timeframe, calendar: str) -> datetime:
    """Return when a bar is complete; as `workbench.data.calendar.known_times`, for one.

    Examples
    --------
    >>> print(known_at(datetime(2024, 7, 3, tzinfo=UTC), Timeframe(1, "d"), "XNYS"))
    2024-07-03 17:00:00+00:00
    """
    if timeframe.is_intraday:
        return time + timeframe.delta
    known = known_times(pd.DatetimeIndex([time]), timeframe, calendar)[0]
    return _plain(int(known.value))


@dataclass(slots=True)
class Growing:
    """A bar that is not complete yet."""

    time: datetime
    end: datetime
    open: float = nan
    high: float = nan
    low: float = nan
    close: float = nan
    volumes: list[float] = field(default_factory=list)

    def take(self, values: tuple[float, float, float, float], volume: float) -> None:
        """Take in open, high, low, close and volume; NaN is passed over."""
        opened, high, low, close = values
        self.open = opened if isnan(self.open) else self.open
        self.high = high if isnan(self.high) or high > self.high else self.high
        self.low = low if isnan(self.low) or low < self.low else self.low
        self.close = self.close if isnan(close) else close
        if not isnan(volume):
            self.volumes.append(volume)

    def bar(self, symbol: str) -> Bar:
        """Return what has been taken in as a complete bar."""
        prices = (self.open, self.high, self.low, self.close)
        total = fsum(self.volumes) if self.volumes else nan
        return Bar(symbol, self.time, *prices, total, self.end)


class TradeBars:
    """Bars of one length made of trades, by the clock in UTC.

    Parameters
    ----------
    timeframe : str or Timeframe
        Shorter than a day.

    Notes
    -----
    A bar without a trade is not there. A trade that belongs to a bar already given comes
    too late: it is counted in ``late`` and left out.

    Examples
    --------
    >>> made = TradeBars("1m")
    >>> at = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> for second, price in ((0, 10.0), (59, 12.0)):
    ...     made.add(Trade("X", at + timedelta(seconds=second), price, 1.0))
    []
    []
    >>> (bar,) = made.add(Trade("X", at + timedelta(seconds=60), 11.0, 1.0))
    >>> bar.open, bar.high, bar.close, bar.volume, bar.known_at.minute
    (10.0, 12.0, 12.0, 2.0, 1)
    """

    def __init__(self, timeframe: str | Timeframe) -> None:
        self.timeframe = Timeframe.parse(timeframe)
        if not self.timeframe.is_intraday:
            raise UsageError(
                f"trades make bars of less than a day, not {self.timeframe}; make shorter ones "
                "and LongerBars of them",
                timeframe=str(self.timeframe),
            )
        self.late = 0
        self._growing: dict[str, Growing] = {}
        self._done: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}

    def add(self, trade: Trade) -> list[Bar]:
        """Take a trade in; return the bar that it ends, if it ends one."""
        symbol, step = trade.symbol, self.timeframe.delta
        start = _EPOCH + (trade.time - _EPOCH) // step * step
        if start < self._done.get(symbol, _EPOCH):
            self.late += 1
            return []
        growing = self._growing.get(symbol)
        ended = []
        if growing is not None and start != growing.time:
            ended = self._end(symbol)
        if start < self._since.get(symbol, _EPOCH):
            return ended
        if symbol not in self._growing:
            self._growing[symbol] = Growing(start, start + step)
        self._growing[symbol].take((trade.price,) * 4, trade.size)
        return ended

    def advance(self, now: datetime) -> list[Bar]:
        """Return the bars that have ended by the clock, though no trade came after them."""
        over = [symbol for symbol, growing in self._growing.items() if growing.end <= now]
        return [bar for symbol in over for bar in self._end(symbol)]

    def restart(self, symbols: Iterable[str], now: datetime) -> None:
        """Forget the bars under way, and give none that began before `now`.

        After a break they would lack trades; the venue's own are to be had when they are over.
        """
        for symbol in symbols:
            self._growing.pop(symbol, None)
            self._since[symbol] = now

    def _end(self, symbol: str) -> list[Bar]:
        growing = self._growing.pop(symbol)
        self._done[symbol] = growing.end
        return [growing.bar(symbol)]


@dataclass(slots=True)
class _Span:
    """The instants that belong to the long bar ending at `end`; beyond them, ask again."""

    start: datetime
    until: datetime
    end: datetime


class LongerBars:
    """Longer bars made of shorter ones, by the session or by the clock.

    The same bars as those of `workbench.data.resample.resample`, each as soon as it is
    complete.

    Parameters
    ----------
    source, timeframe : str or Timeframe
        Of the bars that come and of those that are made.
    calendar : str
    by : {"session", "clock"}, optional
        As `workbench.data.resample.resample` has it.

    Examples
    --------
    >>> made = LongerBars("1m", "2m", "24/7")
    >>> at = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> made.add(Bar("X", at, 10.0, 11.0, 9.0, 10.5, 100.0))
    []
    >>> made.add(Bar("X", at + timedelta(minutes=1), 10.5, 12.0, 10.0, 11.0, 50.0))[0].volume
    150.0
    """

    def __init__(
        self,
        source: str | Timeframe,
        timeframe: str | Timeframe,
        calendar: str = ALWAYS,
        *,
        by: By | None = None,
    ) -> None:
        self.source, self.timeframe = Timeframe.parse(source), Timeframe.parse(timeframe)
        check_pair(self.source, self.timeframe)
        self.calendar = calendar
        self.outside_session = 0
        self.late = 0
        self._by: By = by or ("clock" if calendar == ALWAYS else "session")
        self._growing: dict[str, Growing] = {}
        self._done: dict[str, datetime] = {}
        self._span: _Span | None = None
        self._label = _EPOCH

    def add(self, bar: Bar) -> list[Bar]:
        """Take a bar in; return the long bars that it completes or that came before it."""
        symbol, span = bar.symbol, self._belongs(bar.time)
        if span is None:
            self.outside_session += 1
            return []
        if span.end <= self._done.get(symbol, _EPOCH):
            self.late += 1
            return []
        growing = self._growing.get(symbol)
        ended = []
        if growing is not None and growing.end != span.end:
            ended = self._end(symbol)
        if symbol not in self._growing:
            self._growing[symbol] = Growing(self._label, span.end)
        self._growing[symbol].take((bar.open, bar.high, bar.low, bar.close), bar.volume)
        known = bar.known_at or known_at(bar.time, self.source, self.calendar)
        return ended + (self._end(symbol) if known >= span.end else [])

    def advance(self, now: datetime, without: Collection[str] = ()) -> list[Bar]:
        """Return the bars that have ended by the clock, though no bar came after them.

        Those of the symbols in `without` are kept: some of what they are made of may be missing.
        """
        over = [
            symbol
            for symbol, growing in self._growing.items()
            if growing.end <= now and symbol not in without
        ]
        return [bar for symbol in over for bar in self._end(symbol)]

    def _belongs(self, time: datetime) -> _Span | None:
        span = self._span
        if span is None or not span.start <= time < span.until:
            found = bin_of(time, self.source, self.timeframe, self.calendar, self._by)
            if found is None:
                return None
            self._label = _plain(found.label)
            span = _Span(_plain(found.start), _plain(found.until), _plain(found.end))
            self._span = span
        return span

    def _end(self, symbol: str) -> list[Bar]:
        growing = self._growing.pop(symbol)
        self._done[symbol] = growing.end
        return [growing.bar(symbol)]


def _plain(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
