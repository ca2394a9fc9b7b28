"""The hours of an exchange: regular ones, and those before and after them.

The package exchange_calendars knows regular hours alone. On American stocks trading begins at
04:00 in New York and goes on until 20:00, on half days until 17:00.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.data.calendar import (
    ALWAYS,
    Longs,
    Sessions,
    check_code,
    labels_in,
    session_labels,
    session_table,
    sessions,
    utc_index,
    zone_of,
)
from workbench.data.schema import describe
from workbench.errors import UsageError, nearest

__all__ = ["HOURS", "PHASES", "hours", "labels_of", "phases"]

HOURS = ("regular", "extended")
PHASES = ("pre", "regular", "post", "closed")

_HOUR = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class _Extended:
    """From when until when is traded beside the session, in hours of the local day.

    A session that closes before `early` is a half day, and ends at `half`.
    """

    begin: int
    end: int
    early: int
    half: int


_EXTENDED = dict.fromkeys(("XNYS", "XNAS"), _Extended(begin=4, end=20, early=16, half=17))


def hours(calendar: str = "XNYS", start: object = None, end: object = None) -> pd.DataFrame:
    """Return when each session of an exchange begins and ends.

    Parameters
    ----------
    calendar : str
        ``"XNYS"``, ``"XLON"``… or ``"24/7"``.
    start, end : str, date or Timestamp, optional
        Dates; both are included. Without them: as far as the calendar reaches.

    Returns
    -------
    DataFrame
        Indexed by session (midnight UTC). ``pre open close post``, instants in UTC: regular hours
        are from ``open`` to ``close``; ``pre`` is when trading begins before them and ``post``
        when it ends after them. Where no such hours are known (all but ``XNYS`` and ``XNAS``)
        they are ``open`` and ``close``.

    Raises
    ------
    UsageError
        There is no such calendar.

    Examples
    --------
    >>> print(hours("XNYS", "2024-07-02", "2024-07-03").map(lambda t: f"{t:%H:%M}"))
                                 pre   open  close   post
    session
    2024-07-02 00:00:00+00:00  08:00  13:30  20:00  00:00
    2024-07-03 00:00:00+00:00  08:00  13:30  17:00  21:00
    """
    labels = sessions(calendar, start, end)
    table = _table(calendar, "regular", int(labels.asi8[0]) if len(labels) else 0, labels)
    wide = _table(calendar, "extended", int(labels.asi8[0]) if len(labels) else 0, labels)
    times = {"pre": wide.opens, "open": table.opens, "close": table.closes, "post": wide.closes}
    return pd.DataFrame(
        {name: utc_index(values) for name, values in times.items()}, index=labels.rename("session")
    )


def phases(of: pd.DataFrame | pd.DatetimeIndex, calendar: str | None = None) -> pd.Series:
    """Return for each bar in which part of the day it opens.

    Parameters
    ----------
    of : DataFrame or DatetimeIndex
        Intraday bars, or opening times in UTC.
    calendar : str, optional
        Of the bars (``attrs``, else inferred) where it is left out; ``XNYS`` for mere times.

    Returns
    -------
    Series of str
        ``"pre"``, ``"regular"``, ``"post"`` or ``"closed"``.

    Raises
    ------
    UsageError
        Daily or longer bars, or no such calendar.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2024-07-03 13:29", "2024-07-03 13:30", "2024-07-03 17:00",
    ...                           "2024-07-03 21:00"], tz="UTC")  # a half day
    >>> phases(times, "XNYS").tolist()
    ['pre', 'regular', 'post', 'closed']

    ``bars[wb.phases(bars) == "regular"]`` leaves the regular hours.
    """
    index = _opening(of)
    code = check_code(calendar or _calendar(of))
    times = index.tz_convert("UTC").as_unit("ns").asi8
    found = np.full(len(times), "closed", dtype=object)
    if not len(times):
        return pd.Series(found, index=index, name="phase", dtype=object)
    wide, _ = labels_of(utc_index(times), code, "extended")
    inside = ~np.asarray(wide.isna())
    regular, table = labels_of(utc_index(times), code, "regular")
    row = np.searchsorted(table.labels, wide.asi8[inside])
    found[inside] = np.where(times[inside] < table.opens[row], "pre", "post")
    found[~np.asarray(regular.isna())] = "regular"
    return pd.Series(found, index=index, name="phase", dtype=object)


def labels_of(
    index: pd.DatetimeIndex, calendar: str, which: str = "regular"
) -> tuple[pd.DatetimeIndex, Sessions]:
    """Return the session each instant belongs to by regular or extended hours, NaT outside.

    Raises
    ------
    UsageError
        `which` is neither ``"regular"`` nor ``"extended"``.
    """
    if which not in HOURS:
        raise UsageError(
            f"hours must be 'regular' or 'extended', not {which!r}{nearest(str(which), HOURS)}",
            hours=which,
        )
    if which == "regular" or check_code(calendar) == ALWAYS:
        return session_labels(index, calendar)
    times = index.as_unit("ns").asi8
    table = _table(calendar, which, int(times.min()) if len(times) else 0)
    return labels_in(times, table), table


def _table(
    calendar: str, which: str, earliest: int, only: pd.DatetimeIndex | None = None
) -> Sessions:
    """Return sessions with their regular or extended hours as `opens` and `closes`."""
    if check_code(calendar) == ALWAYS:
        labels = np.empty(0, dtype=np.int64) if only is None else only.asi8
        return Sessions(labels, labels, labels + 24 * _HOUR)
    table = session_table(calendar, earliest)
    if only is not None:
        at = np.searchsorted(table.labels, only.asi8)
        table = Sessions(table.labels[at], table.opens[at], table.closes[at])
    told = _EXTENDED.get(calendar)
    if which == "regular" or told is None:
        return table
    zone = zone_of(calendar)
    is_half = table.closes < _local(table.labels, told.early, zone)
    ends = np.where(is_half, told.half, told.end)
    return Sessions(
        table.labels,
        np.minimum(_local(table.labels, told.begin, zone), table.opens),
        np.maximum(_local(table.labels, ends, zone), table.closes),
    )


def _local(labels: Longs, at: int | Longs, zone: str) -> Longs:
    """Return the instants at which the clocks of a zone show an hour, on each date."""
    naive = pd.DatetimeIndex((labels + np.asarray(at) * _HOUR).astype("datetime64[ns]"))
    return np.asarray(naive.tz_localize(zone).as_unit("ns").asi8)


def _opening(of: pd.DataFrame | pd.DatetimeIndex) -> pd.DatetimeIndex:
    index = of.index if isinstance(of, pd.DataFrame) else of
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise UsageError("phases needs bars or a DatetimeIndex in UTC; see wb.as_bars")
    if len(index) and bool((index == index.normalize()).all()):
        raise UsageError("daily and longer bars hold all of their sessions; phases needs intraday")
    return index


def _calendar(of: pd.DataFrame | pd.DatetimeIndex) -> str:
    return describe(of).calendar if isinstance(of, pd.DataFrame) else "XNYS"
