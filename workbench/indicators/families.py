"""Indicators that are cheaper for many windows together than one by one, to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from workbench.kernels.families import rolling_extremes, rolling_sums

__all__ = ["FAMILIES", "fill"]

_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]


def _averages(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> None:
    rolling_sums(column, windows, rows, True, table)


def _sums(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> None:
    rolling_sums(column, windows, rows, False, table)


def _lowest(column: _Floats, windows: _Integers, rows: _Integers, table: _Floats) -> None:
    rolling_extremes(-column, windows, rows, table)
    table[rows] *= -1.0


FAMILIES: dict[str, Callable[[_Floats, _Integers, _Integers, _Floats], None]] = {
    "sma": _averages,
    "sum": _sums,
    "max": rolling_extremes,
    "min": _lowest,
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
        has gaps, or a window is none that TA-Lib takes or the column can fill.

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
    FAMILIES[name](given, np.array(windows, np.int64), places, table)
    return True
