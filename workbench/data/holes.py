"""Bars that a calendar has and a source did not give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data import coverage
from workbench.data.calendar import known_times
from workbench.data.coverage import Span
from workbench.data.expected import expected_times

__all__ = ["Hole", "Holes", "find_holes", "is_patient", "outside"]

_LONGEST = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hole:
    """A span without bars that the calendar does not explain.

    Parameters
    ----------
    start, end : str
        ISO 8601, UTC, half-open.
    bars : int
        How many are missing.
    asked : str
        When the source was last asked for them.
    """

    start: str
    end: str
    bars: int
    asked: str = ""

    @property
    def span(self) -> Span:
        """Its two ends."""
        return self.start, self.end


class Holes(tuple[Hole, ...]):
    """Several holes; light enough to ride in ``attrs``.

    Examples
    --------
    >>> Holes([Hole("2024-01-02T15:00:00+00:00", "2024-01-02T15:07:00+00:00", 7)])
    7 bars missing in 1 span, the first from 2024-01-02T15:00 on
    """

    __slots__ = ()

    @property
    def bars(self) -> int:
        """How many bars are missing in all."""
        return sum(hole.bars for hole in self)

    @property
    def frame(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        return pd.DataFrame([astuple(hole) for hole in self], columns=Hole.__slots__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Holes:
        # pandas copies attrs on every operation; this is a constant, so it need not be.
        return self

    def __repr__(self) -> str:
        if not self:
            return "no bar missing"
        bars, spans = ("bar" if self.bars == 1 else "bars"), ("span" if len(self) == 1 else "spans")
        return (
            f"{self.bars:,} {bars} missing in {len(self):,} {spans}, the first from "
            f"{self[0].start[:16]} on"
        )


def find_holes(
    times: pd.DatetimeIndex,
    window: tuple[pd.Timestamp, pd.Timestamp],
    timeframe: Timeframe,
    calendar: str,
) -> list[Hole]:
    """Return the holes of a window, oldest first.

    Parameters
    ----------
    times : DatetimeIndex
        Of the bars that are there.
    window : (Timestamp, Timestamp)
        Half-open; bars that are complete after its end are not missed.
    timeframe : Timeframe
    calendar : str

    Examples
    --------
    >>> days = pd.DatetimeIndex(["2024-07-01", "2024-07-08"], tz="UTC")
    >>> window = (days[0], pd.Timestamp("2024-07-09", tz="UTC"))
    >>> [(h.start[:10], h.end[:10], h.bars) for h in find_holes(days, window,
    ...                                                         Timeframe(1, "d"), "XNYS")]
    [('2024-07-02', '2024-07-06', 3)]
    """
    if window[0] >= window[1]:
        return []
    expected = expected_times(times, timeframe, calendar, window)
    if expected is None or not len(expected):
        return []
    expected = expected[np.asarray(known_times(expected, timeframe, calendar) <= window[1])]
    gone = ~np.isin(expected.asi8, times.as_unit("ns").asi8)
    if not gone.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], gone.astype(np.int8), [0]])))
    step = pd.Timedelta(timeframe.delta)
    return [
        Hole(expected[low].isoformat(), (expected[high - 1] + step).isoformat(), int(high - low))
        for low, high in zip(edges[::2], edges[1::2], strict=True)
    ]


def is_patient(hole: Hole, timeframe: Timeframe, now: pd.Timestamp) -> bool:
    """Tell whether a hole was asked for so lately that asking again can wait.

    A fresh hole is asked for again soon, as vendors are late; an old one once a day.
    """
    asked = pd.Timestamp(hole.asked)
    patience = (asked - pd.Timestamp(hole.end)) / 2
    return bool(now - asked < min(max(patience, pd.Timedelta(timeframe.delta)), _LONGEST))


def outside(holes: Iterable[Hole], spans: Iterable[Span]) -> list[Hole]:
    """Return what of the holes lies outside spans that were asked for again."""
    asked = list(spans)
    return [
        Hole(str(low), str(high), hole.bars, hole.asked)
        for hole in holes
        for low, high in coverage.gaps(asked, hole.span)
    ]
