"""Time-zone mistakes: local times that were taken for UTC, and clock changes forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, session_labels, sessions, zone_of

__all__ = ["Shift", "zone_shifts"]

_HOUR, _DAY = 3_600_000_000_000, 86_400_000_000_000
_HOURS = (0, *(sign * hours for hours in range(1, 15) for sign in (1, -1)))
_MOST = 20_000
_FEWEST = 20
_GAIN, _ENOUGH = 0.08, 0.6

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shift:
    """Bars that fit the calendar better at another time.

    Parameters
    ----------
    rows : ndarray of int
        Which bars.
    hours : float
        What to add to their times.
    before, after : float
        The share of what was traded that lies in sessions, as it is and then.
    """

    rows: Longs
    hours: float
    before: float
    after: float


def zone_shifts(
    times: pd.DatetimeIndex, volume: Floats, timeframe: str | Timeframe, calendar: str
) -> list[Shift]:
    """Return which bars would fit the sessions at another hour.

    Intraday bars are shifted by whole hours, summer and winter each by itself, and the
    share of volume that falls into regular sessions is compared. Days are no instants:
    they must be midnights UTC, and the date one of a session more often than the dates
    before and after.

    Parameters
    ----------
    times : DatetimeIndex
        UTC, increasing.
    volume : ndarray
        As long as `times`; where there is none, bars are counted.
    timeframe : str or Timeframe
    calendar : str
        Of ``24/7`` only the times of days can be judged.

    Examples
    --------
    >>> local = pd.date_range("2024-07-01T09:30", "2024-07-01T15:59", freq="1min", tz="UTC")
    >>> [shift.hours for shift in zone_shifts(local, np.ones(390), "1m", "XNYS")]
    [4]
    """
    frame = Timeframe.parse(timeframe)
    if len(times) < _FEWEST:
        return []
    if not frame.is_intraday:
        return _days(times, calendar) if frame.unit == "d" and frame.count == 1 else []
    if calendar == ALWAYS:
        return []
    local = times.tz_convert(zone_of(calendar)).tz_localize(None)
    offsets = local.as_unit("ns").asi8 - times.as_unit("ns").asi8
    size = int(frame.delta.total_seconds()) * 1_000_000_000
    found: list[Shift] = []
    for offset in np.unique(offsets):
        rows = np.flatnonzero(offsets == offset)
        shares = _shares(times[rows], volume[rows], size, calendar) if len(rows) >= _FEWEST else {}
        best = max(shares, key=lambda hours: shares[hours], default=0)
        if best and shares[best] >= max(_ENOUGH, shares[0] + _GAIN):
            found.append(Shift(rows, best, shares[0], shares[best]))
    return found


def _shares(times: pd.DatetimeIndex, volume: Floats, size: int, calendar: str) -> dict[int, float]:
    some = slice(None, None, max(1, len(times) // _MOST))
    at = times.as_unit("ns").asi8[some]
    traded = np.nan_to_num(volume[some])
    if (traded > 0).mean() < 0.5:
        weights = np.ones(len(at))
    else:  # an auction must not outweigh a day
        weights = np.minimum(traded, 20 * np.median(traded[traded > 0]))
    _, table = session_labels(times, calendar)
    found: dict[int, float] = {}
    for hours in _HOURS:
        begins = at + hours * _HOUR
        position = np.searchsorted(table.opens, begins + size, side="left") - 1
        inside = (position >= 0) & (table.closes[np.maximum(position, 0)] > begins)
        found[hours] = float(weights[inside].sum() / weights.sum())
    return found


def _days(times: pd.DatetimeIndex, calendar: str) -> list[Shift]:
    clock = times.as_unit("ns").asi8 % _DAY
    if (clock != 0).mean() > 0.5:
        rows, at = np.flatnonzero(clock != 0), clock[clock != 0]
        # an evening east of Greenwich is the next day's midnight
        hours = np.where(at > _DAY // 2, _DAY - at, -at) / _HOUR
        return [
            Shift(rows[hours == by], float(by), float((clock == 0).mean()), 1.0)
            for by in np.unique(hours)
        ]
    if calendar == ALWAYS:
        return []
    days = pd.Timedelta(days=1)
    known = sessions(calendar, times[0] - 2 * days, times[-1] + 2 * days)
    shares = {by: float((times + by * days).isin(known).mean()) for by in (0, 1, -1)}
    best = max(shares, key=lambda by: shares[by])
    if best and shares[best] >= max(_ENOUGH, shares[0] + _GAIN):
        return [Shift(np.arange(len(times)), 24.0 * best, shares[0], shares[best])]
    return []
