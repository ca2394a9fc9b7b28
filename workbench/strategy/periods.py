"""The rows on which a calendar period begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Every", "firsts", "longest"]

Every = Literal["day", "week", "month", "quarter", "year"]

_CODES = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def firsts(index: pd.Index, every: str) -> NDArray[np.bool_]:
    """Return whether a row is the first of its calendar period, in UTC.

    It is told by the row before alone, so that neither later rows nor the start of the
    history decide it; of the very first row it is not known, and it is False.

    Parameters
    ----------
    index : DatetimeIndex
    every : {"day", "week", "month", "quarter", "year"}

    Examples
    --------
    >>> days = pd.date_range("2024-01-30", periods=4, tz="UTC")
    >>> firsts(days, "month").tolist()
    [False, False, True, False]
    """
    times = pd.DatetimeIndex(index)
    naive = times if times.tz is None else times.tz_convert("UTC").tz_localize(None)
    period = naive.to_period(_CODES[every]).asi8
    found: NDArray[np.bool_] = np.diff(period, prepend=period[:1]) != 0
    return found


def longest(every: str) -> int:
    """Return the most daily bars that a period holds.

    Examples
    --------
    >>> longest("month")
    31
    """
    return _DAYS[every]
