"""The rows on which a calendar period ends, as the calendar knows it and no later row tells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import known_times, period_starts, sessions
from workbench.errors import UsageError, nearest

__all__ = ["PERIODS", "period_ends"]

PERIODS = ("day", "week", "month")

_DAY = 86_400_000_000_000
_AHEAD = pd.Timedelta(days=40)  # longer than any exchange was ever closed, and than a month
Longs = npt.NDArray[np.int64]


def period_ends(
    index: pd.DatetimeIndex, every: str, timeframe: str | Timeframe, calendar: str = "XNYS"
) -> npt.NDArray[np.bool_]:
    """Return whether a row is the last of its day, week or month.

    A row is the last where the calendar expects the next bar in another period: known when
    the bar is, whatever follows in the data. Where the last bar of a period is missing, the
    first bar after it stands for it. A bar as long as the period, or longer, always ends one.
    Bars outside regular hours never do.

    Parameters
    ----------
    index : DatetimeIndex
        Opening times, UTC, increasing.
    every : {"day", "week", "month"}
        Weeks end on Sunday; a day of an exchange is its session.
    timeframe : str or Timeframe
    calendar : str

    Raises
    ------
    UsageError
        No such period, timeframe or calendar.

    Examples
    --------
    >>> days = pd.DatetimeIndex(["2024-03-27", "2024-03-28", "2024-04-01"], tz="UTC")
    >>> period_ends(days, "month", "1d", "XNYS").tolist()  # the 29th was Good Friday
    [False, True, False]
    >>> period_ends(days[:2], "month", "1d", "24/7").tolist()
    [False, False]
    """
    if every not in PERIODS:
        raise UsageError(
            f"every must be 'day', 'week' or 'month', not {every!r}{nearest(str(every), PERIODS)}",
            every=every,
        )
    if not len(index):
        return np.zeros(0, dtype=np.bool_)
    frame = Timeframe.parse(timeframe)
    here, following = _labels(index.tz_convert("UTC").as_unit("ns"), frame, calendar)
    period, after = _codes(here, every), _codes(following, every)
    ends: npt.NDArray[np.bool_] = after != period
    is_late = (period[1:] != period[:-1]) & ~ends[:-1]
    ends[1:] |= is_late
    return ends


def _labels(index: pd.DatetimeIndex, frame: Timeframe, calendar: str) -> tuple[Longs, Longs]:
    """Return the date of each bar and of the bar expected next, as nanoseconds of midnights."""
    times = index.asi8
    if frame.unit == "M":
        months = index.tz_localize(None).to_numpy().astype("datetime64[M]") + frame.count
        return times, months.astype("datetime64[ns]").astype(np.int64)
    if frame.unit == "w":
        return times, times + 7 * frame.count * _DAY
    table = sessions(calendar, index[0] - _AHEAD, index[-1] + _AHEAD)
    dates = _continued(table.asi8, int(times[-1]))
    if not frame.is_intraday:
        at = np.searchsorted(dates, times, side="right") + frame.delta.days - 1
        return times, dates[np.minimum(at, len(dates) - 1)]
    closes = known_times(pd.DatetimeIndex(dates, tz="UTC"), "1d", calendar).asi8
    # what trades after a close belongs to the next session, what trades before an open to its own
    at = np.minimum(np.searchsorted(closes, times, side="right"), len(dates) - 2)
    is_last = known_times(index, frame, calendar).asi8 >= closes[at]
    return dates[at], dates[at + is_last]


def _continued(dates: Longs, last: int) -> Longs:
    """Return sessions up to some days after `last`; beyond the calendar's end, weekdays."""
    first = int(dates[-1]) if len(dates) else last - 10 * _DAY
    more = np.arange(first + _DAY, last + 40 * _DAY, _DAY, dtype=np.int64)
    return np.concatenate([dates, more[(more // _DAY + 3) % 7 < 5]])


def _codes(dates: Longs, every: str) -> Longs:
    days = dates // _DAY
    if every == "day":
        return days
    if every == "week":
        return (days + 3) // 7  # the first of 1970 was a Thursday
    return period_starts(pd.DatetimeIndex(dates, tz="UTC"), "1M")
