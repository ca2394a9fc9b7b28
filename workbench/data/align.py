"""Values of a longer timeframe beside shorter bars, without a look ahead."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import known_times
from workbench.data.schema import describe
from workbench.errors import DataError, UsageError
from workbench.venues.columns import infer_calendar, infer_timeframe

__all__ = ["align"]

Values = TypeVar("Values", pd.Series, pd.DataFrame)


def align(
    higher: Values,
    onto: pd.DataFrame | pd.DatetimeIndex,
    *,
    timeframe: str | Timeframe | None = None,
    calendar: str | None = None,
    onto_timeframe: str | Timeframe | None = None,
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
        Of `higher`; from its ``attrs`` or inferred when left out.
    onto_timeframe : str, optional
        Of `onto`; likewise.

    Returns
    -------
    Series or DataFrame
        As `higher`, over the index of `onto`; NaN before the first bar is known. NaN in
        `higher` stays NaN: it is not filled from further back.

    Raises
    ------
    UsageError
        `higher` is the shorter of the two.
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
    higher = _floats(higher)
    ours = _index(onto, "onto")
    long = Timeframe.parse(timeframe or _timeframe(higher, theirs))
    short = Timeframe.parse(onto_timeframe or _timeframe(onto, ours))
    if long < short:
        raise UsageError(
            f"align puts longer bars onto shorter ones, not {long} onto {short}; swap them, or "
            "state timeframe= and onto_timeframe=",
            timeframe=str(long),
        )
    code = calendar or _calendar(higher) or _calendar(onto) or infer_calendar(ours)
    known = known_times(theirs, long, code).as_unit("ns").asi8
    now = known_times(ours, short, code).as_unit("ns").asi8
    # Labels in order have ends in order; the maximum guards against odd labels.
    row = np.searchsorted(np.maximum.accumulate(known), now, side="right") - 1
    taken = higher.take(np.maximum(row, 0)) if len(higher) else higher.reindex(ours)
    aligned = taken.set_axis(onto.index if isinstance(onto, pd.DataFrame) else onto, axis=0)
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


def _timeframe(of: object, index: pd.DatetimeIndex) -> str | Timeframe:
    if isinstance(of, pd.DataFrame) and "close" in of.columns:
        return describe(of).timeframe
    told = getattr(of, "attrs", {}).get("timeframe")
    return told if told is not None else infer_timeframe(index)


def _calendar(of: object) -> str | None:
    told = getattr(of, "attrs", {}).get("calendar")
    return None if told is None else str(told)
