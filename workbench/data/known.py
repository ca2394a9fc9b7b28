"""When bars of any kind are known, and how many of them a year has.

Bars of a timeframe tell it by their labels. Bars by volume, range and the like
(`workbench.data.activity`) have no length of time: a column ``known`` tells it.
"""

from __future__ import annotations

import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import known_times, periods_per_year
from workbench.errors import DataError

__all__ = ["COLUMN", "bars_per_year", "has_known", "known_of"]

COLUMN = "known"
_YEAR = pd.Timedelta(days=365.25)


def has_known(of: object) -> bool:
    """Tell whether bars carry the instants at which they are known."""
    return (
        isinstance(of, pd.DataFrame)
        and COLUMN in of.columns
        and isinstance(of[COLUMN].dtype, pd.DatetimeTZDtype)
    )


def known_of(of: pd.DataFrame, timeframe: str | Timeframe, calendar: str) -> pd.DatetimeIndex:
    """Return when each bar is complete and may be acted upon, UTC.

    Raises
    ------
    DataError
        A bar is told to be known before it begins, or before the one before it.

    Examples
    --------
    >>> times = pd.date_range("2024-01-02", periods=2, freq="1h", tz="UTC")
    >>> bars = pd.DataFrame({"close": 1.0}, index=times)
    >>> print(known_of(bars, "1h", "24/7")[0])
    2024-01-02 01:00:00+00:00
    >>> bars["known"] = times + pd.Timedelta("7min")
    >>> print(known_of(bars, "volume 5", "24/7")[0])
    2024-01-02 00:07:00+00:00
    """
    index = pd.DatetimeIndex(of.index)
    if not has_known(of):
        return known_times(index, timeframe, calendar)
    known = pd.DatetimeIndex(of[COLUMN]).tz_convert("UTC").as_unit("ns")
    if known.hasnans or bool((known < index).any()) or not known.is_monotonic_increasing:
        raise DataError(
            "the column 'known' must tell of each bar an instant not before it begins, in order",
            rule="known",
        )
    return known.rename(COLUMN)


def bars_per_year(of: pd.DataFrame, timeframe: str | Timeframe, calendar: str) -> float:
    """Return how many bars a year has; where they have no fixed length, how many these had.

    Examples
    --------
    >>> times = pd.date_range("2024-01-02", periods=366, freq="12h", tz="UTC")
    >>> bars = pd.DataFrame({"known": times + pd.Timedelta("12h")}, index=times)
    >>> bars_per_year(bars, "volume 5", "24/7")
    730.5
    """
    if not has_known(of) or not len(of):
        return periods_per_year(timeframe, calendar)
    span = known_of(of, timeframe, calendar)[-1] - of.index[0]
    return float(len(of) / max(span / _YEAR, 1e-9))
