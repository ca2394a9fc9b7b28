"""Indicators that are cheaper for many windows together than one by one, to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from workbench.indicators.compute import compute
from workbench.indicators.talib_specs import spec
from workbench.kernels.families import exponential_averages, rolling_extremes, rolling_sums
from workbench.kernels.strength import strength_indices

__all__ = ["FAMILIES", "fill"]

_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]


_SAMPLE = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 400)))
_SAMPLED = (5, 10, 33)
_STILL = np.append(_SAMPLE, np.full(200, _SAMPLE[-1]))  # changes fade below 1e-14


def _averages(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> bool:
    rolling_sums(column, windows, rows, True, table)
    return True


def _sums(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> bool:
    rolling_sums(column, windows, rows, False, table)
    return True


def _exponential(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> bool:
    is_fused = _fuses()
    if is_fused is None:
        return False
    exponential_averages(column, windows, rows, is_fused, table)
    return True


def _highest(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> bool:
    rolling_extremes(column, windows, rows, table)
    return True


def _lowest(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> bool:
    rolling_extremes(-column, windows, rows, table)
    table[rows] *= -1.0
    return True


def _strength(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> bool:
    if not _multiplies():
        return False
    strength_indices(column, windows, rows, table)
    return True


def _multiplies() -> bool:
    """Tell whether this TA-Lib, as it is set now, makes its relative strength as we do.

    Older ones divide where newer ones multiply, and call a small change none.
    """
    theirs = [compute(spec("rsi"), [_STILL], (window,))[0] for window in _SAMPLED]
    ours = np.empty((len(_SAMPLED), len(_STILL)))
    strength_indices(_STILL, np.array(_SAMPLED), np.arange(len(_SAMPLED)), ours)
    return np.array_equal(ours, theirs, equal_nan=True)


def _fuses() -> bool | None:
    """Tell whether this TA-Lib, as it is set now, rounds products before it adds them.

    That is up to whoever built it. None where its averages are others altogether, as they
    are after ``talib.set_unstable_period``.
    """
    rows = np.arange(len(_SAMPLED))
    theirs = [compute(spec("ema"), [_SAMPLE], (window,))[0] for window in _SAMPLED]
    ours = np.empty((len(rows), len(_SAMPLE)))
    for is_fused in (True, False):
        exponential_averages(_SAMPLE, np.array(_SAMPLED), rows, is_fused, ours)
        if np.array_equal(ours, theirs, equal_nan=True):
            return is_fused
    return None


FAMILIES: dict[str, Callable[[_Floats, _Integers, _Integers, _Floats], bool]] = {
    "sma": _averages,
    "ema": _exponential,
    "sum": _sums,
    "max": _highest,
    "min": _lowest,
    "rsi": _strength,
}
"""Indicators of one column with one parameter, the window."""


def fill(name: str, column: _Floats, rows: Mapping[int, int], table: _Floats) -> bool:
    """Write an indicator of many windows into the rows of a table.

    Parameters
    ----------
    name : str
        Of `FAMILIES`.
    column : ndarray, shape (T,)
    rows : mapping of int to int
        Per window the row of the table it is written into.
    table : ndarray, shape (R, T)

    Returns
    -------
    bool
        False, with the table as it was, where they are to be asked for one by one: the column
        has gaps, a window is none that TA-Lib takes or the column can fill, or the bits of
        this TA-Lib are not known how to make.

    Examples
    --------
    >>> table = np.empty((2, 4))
    >>> fill("sma", np.array([1.0, 2, 4, 8]), {2: 1, 3: 0}, table)
    True
    >>> table.round(2).tolist()
    [[nan, nan, 2.33, 4.67], [nan, 1.5, 3.0, 6.0]]
    """
    windows = sorted(rows)
    if windows[0] < 2 or windows[-1] > len(column) or not np.isfinite(column).all():
        return False
    # Writable: to the compiler a read-only array is another type.
    given = np.require(column, requirements=["C", "W"])
    places = np.array([rows[window] for window in windows], np.int64)
    return FAMILIES[name](given, np.array(windows, np.int64), places, table)
