"""Exchange calendars: sessions, when a bar is known, bars per year.

Codes are those of the package exchange_calendars (``XNYS``, ``XLON``, …) and ``24/7``,
whose days are UTC days. The package is imported when the first exchange is asked for.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.venues.calendars import ALWAYS, check_code

__all__ = [
    "ALWAYS",
    "Sessions",
    "breaks_between",
    "check_code",
    "known_times",
    "labels_in",
    "period_starts",
    "periods_per_year",
    "session_close",
    "session_labels",
    "session_table",
    "sessions",
    "utc_index",
    "zone_of",
]

_UTC = pd.DatetimeTZDtype("ns", "UTC")
_DAY = 86_400_000_000_000
_FROM, _EARLY = "1990-01-01", "1930-01-01"
_YEAR = {"XNYS": (252.0, 390.0), "XNAS": (252.0, 390.0), ALWAYS: (365.0, 1440.0)}

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """The sessions of one exchange, as nanoseconds since 1970 UTC.

    Parameters
    ----------
    labels : ndarray of int64
        Each session's date at midnight UTC.
    opens, closes : ndarray of int64
        Regular hours; half days and clock changes are in them.
    """

    labels: Longs
    opens: Longs
    closes: Longs


def sessions(calendar: str, start: object = None, end: object = None) -> pd.DatetimeIndex:
    """Return the sessions with ``start <= date <= end`` as midnights UTC.

    Parameters
    ----------
    calendar : str
    start, end : str, date or Timestamp
        Dates; both are included. Without them: as far as the calendar reaches.

    Examples
    --------
    >>> sessions("XNYS", "2024-07-03", "2024-07-05").strftime("%a %d").tolist()
    ['Wed 03', 'Fri 05']
    """
    first = _date(start) if start is not None else pd.Timestamp(_FROM).value
    last = _date(end) if end is not None else None
    if check_code(calendar) == ALWAYS:
        until = last if last is not None else pd.Timestamp.now("UTC").normalize().value
        # arange counts its steps in floats: keep it away from numbers of this size
        return utc_index(first + np.arange(max(0, (until - first) // _DAY + 1)) * _DAY)
    labels = session_table(calendar, first).labels
    stop = len(labels) if last is None else int(np.searchsorted(labels, last, side="right"))
    return utc_index(labels[np.searchsorted(labels, first) : stop])


def session_close(session: str | date | datetime, calendar: str = "XNYS") -> pd.Timestamp:
    """Return the instant at which a session's regular hours end, UTC.

    A day on which the exchange is closed has the close of the next session: nothing is
    known earlier than that.

    Examples
    --------
    >>> print(session_close("2024-03-08"), session_close("2024-03-11"))  # clocks changed
    2024-03-08 21:00:00+00:00 2024-03-11 20:00:00+00:00
    >>> print(session_close("2024-07-03"))  # a half day
    2024-07-03 17:00:00+00:00
    """
    label = utc_index(np.array([_date(session)]))
    return pd.Timestamp(known_times(label, "1d", calendar)[0])


def known_times(
    index: pd.DatetimeIndex, timeframe: str | Timeframe, calendar: str = "XNYS"
) -> pd.DatetimeIndex:
    """Return when each bar is complete and may be acted upon.

    Intraday bars: ``time + timeframe``. Days, weeks and months: the close of the last
    session they hold, through half days and changes of the clock; on ``24/7`` the end of
    the UTC day. A label that is no session, and a session beyond the calendar's end, is
    known at the next close that is sure to be later.

    Parameters
    ----------
    index : DatetimeIndex
        Opening times, UTC. NaT stays NaT.
    timeframe : str or Timeframe
    calendar : str

    Returns
    -------
    DatetimeIndex
        UTC, as long as `index`; named ``known``.

    Examples
    --------
    >>> friday = pd.DatetimeIndex(["2024-03-08"], tz="UTC")
    >>> print(known_times(friday, "1d", "XNYS")[0], known_times(friday, "1d", "24/7")[0])
    2024-03-08 21:00:00+00:00 2024-03-09 00:00:00+00:00
    """
    frame = Timeframe.parse(timeframe)
    check_code(calendar)
    times = index.tz_convert("UTC").as_unit("ns") if index.tz is not None else _refuse_naive()
    if frame.is_intraday:
        return (times + pd.Timedelta(frame.delta)).rename("known")
    known = _known(times[times.notna()], frame, calendar)
    if not times.hasnans:
        return utc_index(known).rename("known")
    filled = np.full(len(times), pd.NaT.value, dtype=np.int64)
    filled[times.notna()] = known
    return utc_index(filled).rename("known")


def periods_per_year(timeframe: str | Timeframe, calendar: str = "XNYS") -> float:
    """Return how many bars a year has.

    ``XNYS`` has 252 sessions of 390 minutes, ``24/7`` 365 days of 1440; other exchanges
    have the rounded mean of their last ten years. Weeks are 52, months 12.

    Examples
    --------
    >>> periods_per_year("1d", "XNYS"), periods_per_year("1d", "24/7")
    (252.0, 365.0)
    >>> periods_per_year("5m", "XNYS"), periods_per_year("1h", "24/7"), periods_per_year("1w")
    (19656.0, 8760.0, 52.0)
    """
    frame = Timeframe.parse(timeframe)
    if frame.unit == "M":
        return 12.0 / frame.count
    if frame.unit == "w":
        return 52.0 / frame.count
    days, minutes = _YEAR.get(calendar) or _measured(check_code(calendar))
    if not frame.is_intraday:
        return days / (frame.delta.total_seconds() / 86_400)
    return days * minutes / (frame.delta.total_seconds() / 60)


def session_labels(index: pd.DatetimeIndex, calendar: str) -> tuple[pd.DatetimeIndex, Sessions]:
    """Return the session each instant belongs to, NaT outside regular hours.

    Parameters
    ----------
    index : DatetimeIndex
        Instants, UTC; a bar that opens at the close is outside.
    calendar : str

    Returns
    -------
    labels : DatetimeIndex
        Session dates at midnight UTC.
    table : Sessions
        The sessions of the calendar.
    """
    times = index.as_unit("ns").asi8
    if check_code(calendar) == ALWAYS:
        days = times // _DAY * _DAY
        unique = np.unique(days)
        return utc_index(days), Sessions(unique, unique, unique + _DAY)
    table = session_table(calendar, int(times.min()) if len(times) else 0)
    return labels_in(times, table), table


def labels_in(times: Longs, table: Sessions) -> pd.DatetimeIndex:
    """Return the session of a table that each instant (ns) belongs to, NaT outside."""
    position = np.searchsorted(table.opens, times, side="right") - 1
    inside = (position >= 0) & (times < table.closes[np.maximum(position, 0)])
    labels = np.where(inside, table.labels[np.maximum(position, 0)], pd.NaT.value)
    return utc_index(labels)


def period_starts(index: pd.DatetimeIndex, timeframe: str | Timeframe) -> Longs:
    """Return the nominal start (ns) of the day-or-longer period that holds each label.

    Weeks start on Monday, months on the 1st; several of them are counted from 1970-01-05
    and 1970-01.
    """
    frame = Timeframe.parse(timeframe)
    naive = index.tz_localize(None).as_unit("ns")
    days = naive.asi8 // _DAY
    if frame.unit == "M":
        months = np.asarray((naive.year - 1970) * 12 + naive.month - 1)
        return _month_starts(months // frame.count * frame.count)
    length = 7 * frame.count if frame.unit == "w" else frame.delta.days
    offset = 4 if length % 7 == 0 else 0
    starts: Longs = ((days - offset) // length * length + offset) * _DAY
    return starts


@lru_cache(maxsize=64)
def zone_of(calendar: str) -> str:
    """Return the time zone an exchange lives in.

    Examples
    --------
    >>> zone_of("XNYS"), zone_of("24/7")
    ('America/New_York', 'UTC')
    """
    if check_code(calendar) == ALWAYS:
        return "UTC"
    import exchange_calendars

    return str(exchange_calendars.get_calendar(calendar).tz)


def utc_index(nanoseconds: Longs, *, copy: bool = True) -> pd.DatetimeIndex:
    """Return an index of UTC times named ``time`` from nanoseconds since 1970; NaT stays NaT.

    Without a copy the index is the array itself, which nobody may change then.
    """
    whole = np.asarray(nanoseconds).astype("int64", copy=False)
    return pd.DatetimeIndex(whole, dtype=_UTC, name="time", copy=copy)


def _known(times: pd.DatetimeIndex, frame: Timeframe, calendar: str) -> Longs:
    labels = times.asi8
    is_period = frame.unit in "wM"
    ends = _period_ends(times, frame) if is_period else labels + frame.delta.days * _DAY
    if calendar == ALWAYS or not len(labels):
        return ends
    table = session_table(calendar, int(labels.min()))
    if is_period:
        at = np.searchsorted(table.labels, ends, side="left") - 1
        at = np.maximum(at, np.searchsorted(table.labels, labels, side="left"))
    else:
        at = np.searchsorted(table.labels, labels, side="left") + frame.delta.days - 1
    beyond = (at >= len(table.labels)) | (ends > table.labels[-1] + _DAY)
    closes = table.closes[np.minimum(at, len(table.labels) - 1)]
    return np.where(beyond, np.maximum(ends, labels + _DAY), closes)


def _period_ends(times: pd.DatetimeIndex, frame: Timeframe) -> Longs:
    naive = times.tz_localize(None)
    if frame.unit == "w":
        days = naive.asi8 // _DAY
        return ((days - 4) // 7 * 7 + 4 + 7 * frame.count) * _DAY
    months = np.asarray((naive.year - 1970) * 12 + naive.month - 1)
    return _month_starts(months + frame.count)


def _month_starts(months: Longs) -> Longs:
    return months.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)


@lru_cache(maxsize=64)
def _schedule(code: str, start: str) -> Any:
    import exchange_calendars

    with warnings.catch_warnings():  # the package's own use of pandas is not the user's concern
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return exchange_calendars.get_calendar(code, start=start).schedule
        except ValueError:  # the calendar begins later than asked
            return exchange_calendars.get_calendar(code).schedule


def _instants(schedule: Any, name: str) -> Longs:
    return pd.DatetimeIndex(schedule[name].dt.tz_convert(None)).as_unit("ns").asi8


@lru_cache(maxsize=64)
def _load(code: str, start: str) -> Sessions:
    schedule = _schedule(code, start)
    labels = schedule.index.as_unit("ns").asi8
    return Sessions(labels, _instants(schedule, "open"), _instants(schedule, "close"))


@lru_cache(maxsize=64)
def _breaks(code: str, start: str) -> tuple[Longs, Longs]:
    schedule = _schedule(code, start)
    schedule = schedule[schedule["break_start"].notna()]
    return _instants(schedule, "break_start"), _instants(schedule, "break_end")


def breaks_between(calendar: str, first: int, end: int) -> tuple[Longs, Longs]:
    """Return where the sessions' breaks begin and end that touch ``[first, end)``, all in ns.

    Examples
    --------
    >>> day = pd.Timestamp("2024-01-04").value
    >>> starts, ends = breaks_between("XTKS", day, day + 86_400_000_000_000)
    >>> print(utc_index(starts)[0].time(), utc_index(ends)[0].time())
    02:30:00 03:30:00
    """
    early = first < pd.Timestamp(_FROM).value
    starts, ends = _breaks(check_code(calendar), _EARLY if early else _FROM)
    inside = (ends > first) & (starts < end)
    return starts[inside], ends[inside]


def session_table(calendar: str, earliest: int) -> Sessions:
    """Return the sessions of an exchange, from 1990 on or, where an instant (ns) asks, 1930."""
    early = earliest < pd.Timestamp(_FROM).value
    return _load(calendar, _EARLY if early else _FROM)


@lru_cache(maxsize=64)
def _measured(calendar: str) -> tuple[float, float]:
    table = _load(calendar, _FROM)
    year = pd.Timestamp.now("UTC").year
    ten = sessions(calendar, f"{year - 10}-01-01", f"{year - 1}-12-31")
    starts, ends = _breaks(calendar, _FROM)
    lengths = table.closes - table.opens
    np.subtract.at(lengths, np.searchsorted(table.opens, starts) - 1, ends - starts)
    return float(round(len(ten) / 10)), float(np.median(lengths / 60_000_000_000))


def _date(value: object) -> int:
    stamp = pd.Timestamp(value)  # type: ignore[arg-type]
    if pd.isna(stamp):
        raise UsageError("a session needs a date, not NaT")
    naive = stamp.tz_convert("UTC").tz_localize(None) if stamp.tz is not None else stamp
    return int(naive.normalize().as_unit("ns").value)


def _refuse_naive() -> pd.DatetimeIndex:
    raise UsageError("known_times needs UTC times; localise the index first")
