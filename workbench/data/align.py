"""Values of a longer timeframe beside shorter bars, without a look ahead."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, known_times
from workbench.data.known import COLUMN, has_known, known_of
from workbench.errors import DataError, UsageError
from workbench.venues.columns import infer_calendar, infer_timeframe

__all__ = ["align"]

Longs = npt.NDArray[np.int64]
Values = TypeVar("Values", pd.Series, pd.DataFrame)


def align(
    higher: Values,
    onto: pd.DataFrame | pd.DatetimeIndex,
    *,
    timeframe: str | Timeframe | None = None,
    calendar: str | None = None,
    onto_timeframe: str | Timeframe | None = None,
    known: pd.Series | pd.DatetimeIndex | None = None,
) -> Values:
    """Return each shorter bar's last *known* value of a longer timeframe.

    A decision is made when a shorter bar is complete. What it may see of the longer
    timeframe is the newest bar that is complete at that very moment or before: the hour
    10:00-11:00 is first seen on the 5-minute bar 10:55, which is complete at 11:00. Daily
    values are seen from the session's close on, through half days and clock changes.

    Parameters
    ----------
    higher : Series or DataFrame
        Bars, or anything computed from bars, indexed by the longer bars' opening times.
    onto : DataFrame or DatetimeIndex
        The shorter bars, or their index.
    timeframe, calendar : str, optional
        Of `higher`; from its ``attrs`` or inferred when left out. `onto` goes by the calendar in
        its own ``attrs``: a day of New York sees of the days around the clock the one before.
    onto_timeframe : str, optional
        Of `onto`; likewise.
    known : Series or DatetimeIndex, optional
        When each value of `higher` is known, in the place of its timeframe: ``known=bars["known"]``
        for what was computed from bars by volume, range and the like. Bars with that column tell
        it themselves, on either side.

    Returns
    -------
    Series or DataFrame
        As `higher`, over the index of `onto`; NaN before the first bar is known. NaN in
        `higher` stays NaN: it is not filled from further back.

    Raises
    ------
    UsageError
        `higher` is the shorter of the two; or a timeframe was not told and cannot be inferred, as
        the bars begin at uneven times.
    DataError
        An index is naive, unsorted or has a time twice.

    Notes
    -----
    Yes and no become 1 and 0. With gaps the rule holds as well: it asks for times, not for
    a count of rows.

    Examples
    --------
    >>> hours = pd.date_range("2024-01-01 10:00", periods=2, freq="1h", tz="UTC")
    >>> trend = pd.Series([1.0, 2.0], index=hours)
    >>> quarters = pd.date_range("2024-01-01 10:30", periods=4, freq="15min", tz="UTC")
    >>> align(trend, quarters, timeframe="1h", calendar="24/7").tolist()
    [nan, 1.0, 1.0, 1.0]
    """
    theirs = _index(higher, "higher")
    ours = _index(onto, "onto")
    code = calendar or _calendar(higher) or _calendar(onto) or infer_calendar(ours)
    our_code = _calendar(onto) or calendar or _likely(_calendar(higher), ours)
    told, now = _told(higher, theirs, known), _told(onto, ours, None)
    if told is None or now is None:
        long = None if told is not None else _timeframe(higher, theirs, timeframe)
        short = None if now is not None else _timeframe(onto, ours, onto_timeframe)
        if long is not None and short is not None and long < short:
            raise UsageError(
                f"align puts longer bars onto shorter ones, not {long} onto {short}; swap them, or "
                "state timeframe= and onto_timeframe=",
                timeframe=str(long),
            )
        told = told if long is None else known_times(theirs, long, code)
        now = now if short is None else known_times(ours, short, our_code)
    return _seen(_floats(higher), onto, _nanos(told), _nanos(now))


def _seen(
    higher: Values, onto: pd.DataFrame | pd.DatetimeIndex, known: Longs, now: Longs
) -> Values:
    """Return the newest value known at each of `now`."""
    index = onto.index if isinstance(onto, pd.DataFrame) else onto
    # Labels in order have ends in order; the maximum guards against odd labels.
    row = np.searchsorted(np.maximum.accumulate(known), now, side="right") - 1
    taken = higher.take(np.maximum(row, 0)) if len(higher) else higher.reindex(index)
    aligned = taken.set_axis(index, axis=0)
    if len(higher) and (row < 0).any():
        aligned = _hidden(aligned, row < 0)
    aligned.attrs = {}
    return aligned


def _floats(values: Values) -> Values:
    """Return yes and no as 1 and 0: "not yet known" is neither, and no boolean holds NaN."""
    if isinstance(values, pd.DataFrame):
        flags = [name for name, kind in values.dtypes.items() if kind.kind == "b"]
        return values.astype(dict.fromkeys(flags, float)) if flags else values
    return values.astype(float) if values.dtype.kind == "b" else values


def _hidden(values: Values, unknown: np.ndarray) -> Values:
    if isinstance(values, pd.DataFrame):
        return values.where(np.broadcast_to(~unknown[:, None], values.shape))
    return values.where(~unknown)


def _index(of: pd.Series | pd.DataFrame | pd.DatetimeIndex, name: str) -> pd.DatetimeIndex:
    if not isinstance(of, pd.Index | pd.Series | pd.DataFrame):
        raise UsageError(f"{name} must be a Series or a DataFrame, not {type(of).__name__}")
    index = of if isinstance(of, pd.Index) else of.index
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(f"{name} needs a DatetimeIndex, not {type(index).__name__}")
    if index.tz is None:
        raise DataError(f"{name} has a naive time index; localise it first", rule="naive time zone")
    if not (index.is_monotonic_increasing and index.is_unique):
        raise DataError(
            f"{name} must have its times in order, each once", rule="times not in order"
        )
    return index.tz_convert("UTC").as_unit("ns")


def _nanos(times: pd.DatetimeIndex | None) -> Longs:
    return pd.DatetimeIndex([] if times is None else times).as_unit("ns").asi8


def _told(
    of: object, index: pd.DatetimeIndex, known: pd.Series | pd.DatetimeIndex | None
) -> pd.DatetimeIndex | None:
    """Return when each bar is known, where that is told and not a matter of its timeframe."""
    if known is not None:
        if len(known) != len(index):
            raise UsageError(
                f"known has {len(known)} times for {len(index)} values of higher: give one for each"
            )
        return known_of(pd.DataFrame({COLUMN: pd.DatetimeIndex(known)}, index=index), "1d", "24/7")
    return known_of(of, "1d", "24/7") if isinstance(of, pd.DataFrame) and has_known(of) else None


def _timeframe(of: object, index: pd.DatetimeIndex, stated: str | Timeframe | None) -> Timeframe:
    told = stated or getattr(of, "attrs", {}).get("timeframe")
    if told is not None:
        try:
            return Timeframe.parse(told)
        except UsageError as error:
            raise UsageError(
                f"{told!r} is no length of time: pass known=bars['known'], when each of these "
                f"values is known. {error.message}",
                timeframe=str(told),
            ) from None
    found = infer_timeframe(index)
    if (
        len(index) > 1
        and found.is_intraday
        and np.diff(index.asi8).min() < int(found.delta.total_seconds() * 1e9)
    ):
        raise UsageError(
            f"bars mostly {found} apart, and some less, have no one length: state timeframe= and "
            "onto_timeframe=, or known= for bars by volume, range and the like",
            timeframe=str(found),
        )
    return found


def _likely(told: str | None, ours: pd.DatetimeIndex) -> str:
    """Return the calendar of bars that tell none: that of the others, unless weekends deny it."""
    inferred = infer_calendar(ours)
    return told if told is not None and (told == ALWAYS) == (inferred == ALWAYS) else inferred


def _calendar(of: object) -> str | None:
    told = getattr(of, "attrs", {}).get("calendar")
    return None if told is None else str(told)
