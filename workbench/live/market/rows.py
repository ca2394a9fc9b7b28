"""Puts the bars of several symbols together: a row per label, as a frame of bars has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from workbench.core.bar import Bar
from workbench.core.timeframe import Timeframe
from workbench.live.market.bar_builder import known_at

__all__ = ["Row", "Rows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """The bars of one label, and when they were complete."""

    label: datetime
    bars: dict[str, Bar]
    known: datetime


class Rows:
    """Gathers bars until a row is whole, or until its time is over.

    A row is whole with a bar of every symbol. One that is not whole is given out when a
    later row is, or once the clock is `grace` past its end; the missing bars are missing
    then, as in a frame. Rows only go forward: a bar of an earlier one is `late`.

    Parameters
    ----------
    symbols : tuple of str
    timeframe : Timeframe
    calendar : str
    grace : timedelta
        How long after its end a bar may still come.

    Examples
    --------
    >>> rows = Rows(("A", "B"), Timeframe(1, "m"), "24/7", timedelta(seconds=2))
    >>> noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> rows.put(Bar("A", noon, 1.0, 1.0, 1.0, 1.0, 1.0))
    []
    >>> [sorted(row.bars) for row in rows.put(Bar("B", noon, 1.0, 1.0, 1.0, 1.0, 1.0))]
    [['A', 'B']]
    >>> minute = timedelta(minutes=1)
    >>> rows.put(Bar("A", noon + minute, 1.0, 1.0, 1.0, 1.0, 1.0))
    []
    >>> [sorted(row.bars) for row in rows.advance(noon + 2.5 * minute)]
    [['A']]
    """

    def __init__(
        self, symbols: tuple[str, ...], timeframe: Timeframe, calendar: str, grace: timedelta
    ) -> None:
        self.symbols, self.timeframe, self.calendar = symbols, timeframe, calendar
        self.reached = _EPOCH
        self._grace = grace
        self._pending: dict[datetime, Row] = {}

    def is_late(self, bar: Bar) -> bool:
        """Whether the bar's row was given out already."""
        return bar.time <= self.reached

    def put(self, bar: Bar) -> list[Row]:
        """Take a bar that is not late; return the rows that are over with it, oldest first."""
        row = self._pending.get(bar.time)
        if row is None:
            known = bar.known_at or known_at(bar.time, self.timeframe, self.calendar)
            row = self._pending[bar.time] = Row(bar.time, {}, known)
        row.bars.setdefault(bar.symbol, bar)
        return self._until(bar.time) if len(row.bars) == len(self.symbols) else []

    def advance(self, now: datetime) -> list[Row]:
        """Return the rows whose time is over by the clock, oldest first."""
        over = [row.label for row in self._pending.values() if row.known + self._grace <= now]
        return self._until(max(over)) if over else []

    def _until(self, label: datetime) -> list[Row]:
        self.reached = label
        labels = sorted(one for one in self._pending if one <= label)
        return [self._pending.pop(one) for one in labels]
