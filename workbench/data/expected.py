"""Which bars a calendar has between two times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import (
    ALWAYS,
    breaks_between,
    session_labels,
    sessions,
    utc_index,
)

__all__ = ["expected_times"]

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def expected_times(
    times: pd.DatetimeIndex,
    timeframe: str | Timeframe,
    calendar: str,
    window: tuple[pd.Timestamp, pd.Timestamp] | None = None,
) -> pd.DatetimeIndex | None:
    """Return the bars that should be there from the first of `times` to the last.

    Intraday bars of an exchange are counted from the session's open, or by the clock
    where most of `times` lie on the clock's grid but not on the session's. None is expected
    in the midday break of an exchange that has one.

    Parameters
    ----------
    times : DatetimeIndex
        The bars that are there.
    timeframe : str or Timeframe
    calendar : str
    window : (Timestamp, Timestamp), optional
        The bars that should be there from one instant on and before another, instead.

    Returns
    -------
    DatetimeIndex or None
        None for weeks, months and several days, whose labels depend on where one begins.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2024-07-03", "2024-07-08"], tz="UTC")
    >>> expected_times(times, "1d", "XNYS").strftime("%d").tolist()
    ['03', '05', '08']
    """
    frame = Timeframe.parse(timeframe)
    is_of_times = window is None
    if window is None:
        if not len(times):
            return times
        window = times[0], times[-1] + pd.Timedelta(1)
    first, end = (side.as_unit("ns").value for side in window)
    if not frame.is_intraday:
        if frame.unit != "d" or frame.count > 1:
            return None
        days = sessions(calendar, window[0], window[1])
        return days[(days >= window[0]) & (days < window[1])]
    size = int(frame.delta.total_seconds()) * 1_000_000_000
    if calendar == ALWAYS:
        begin = first // size * size if is_of_times else -(-first // size) * size
        return utc_index(begin + np.arange(max(0, -((begin - end) // size))) * size)
    _, table = session_labels(utc_index(np.array([first])), calendar)
    inside = (table.closes > first) & (table.opens < end)
    opens, closes = table.opens[inside], table.closes[inside]
    grids = [
        np.concatenate([low + np.arange(-((low - high) // size)) * size for low, high in starts])
        if len(starts)
        else np.empty(0, dtype=np.int64)
        for starts in (
            list(zip(opens, closes, strict=True)),
            list(zip(opens // size * size, closes, strict=True)),
        )
    ]
    hits = [np.isin(times.as_unit("ns").asi8, grid).sum() for grid in grids]
    grid = grids[int(hits[1] > hits[0])]
    grid = grid[(grid >= first) & (grid < end)]
    return utc_index(grid[~_in_a_break(grid, size, calendar)])


def _in_a_break(grid: Longs, size: int, calendar: str) -> Mask:
    """Tell which bars lie in the middle of a session's break from beginning to end."""
    if not len(grid):
        return np.zeros(0, dtype=bool)
    starts, ends = breaks_between(calendar, int(grid[0]), int(grid[-1]) + size)
    place = np.searchsorted(starts, grid, side="right") - 1
    known = place >= 0
    inside = np.zeros(len(grid), dtype=bool)
    inside[known] = grid[known] + size <= ends[place[known]]
    return inside
