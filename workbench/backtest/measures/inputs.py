"""What measures take: returns as an array without gaps, alone or beside a benchmark's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from workbench.errors import DataError, UsageError
from workbench.kernels.codes import Floats

__all__ = ["Returns", "paired", "positive", "share", "values"]

Returns: TypeAlias = pd.Series | np.ndarray | Sequence[float]
"""Fractions per bar, oldest first; NaN is a bar without a return."""


def values(returns: Returns, name: str = "returns") -> Floats:
    """Return returns as an array; NaN is left out.

    Raises
    ------
    DataError
        One of them is infinite, or they have more than one column.

    Examples
    --------
    >>> values([0.1, float("nan"), -0.1]).tolist()
    [0.1, -0.1]
    """
    found = np.asarray(returns, dtype=np.float64)
    if found.ndim != 1:
        raise DataError(
            f"{name} must be one series, not of shape {found.shape}; measure each column",
            shape=found.shape,
        )
    if np.isinf(found).any():
        row = int(np.flatnonzero(np.isinf(found))[0])
        raise DataError(f"{name} are infinite at row {row}", row=row)
    return found[~np.isnan(found)]


def paired(returns: Returns, benchmark: Returns) -> tuple[Floats, Floats]:
    """Return returns and a benchmark's, bar by bar, without the bars that lack one of them.

    Two Series are joined by their labels, anything else by its place.

    Raises
    ------
    DataError
        Series without a common label, or arrays of different lengths.

    Examples
    --------
    >>> mine, theirs = paired([0.1, float("nan"), 0.3], [0.0, 0.1, 0.2])
    >>> mine.tolist(), theirs.tolist()
    ([0.1, 0.3], [0.0, 0.2])
    """
    if isinstance(returns, pd.Series) and isinstance(benchmark, pd.Series):
        common = returns.index.intersection(benchmark.index)
        if not len(common):
            raise DataError(
                "returns and benchmark have no label in common; are the zones the same?"
            )
        returns, benchmark = returns.loc[common], benchmark.loc[common]
    mine = np.asarray(returns, dtype=np.float64)
    theirs = np.asarray(benchmark, dtype=np.float64)
    if mine.shape != theirs.shape or mine.ndim != 1:
        raise DataError(
            f"returns and benchmark differ in length: {mine.shape} and {theirs.shape}",
            returns=mine.shape,
            benchmark=theirs.shape,
        )
    known = ~(np.isnan(mine) | np.isnan(theirs))
    return values(mine[known]), values(theirs[known], "the benchmark's returns")


def positive(number: float, name: str) -> float:
    """Return a number that has to be above 0.

    Raises
    ------
    UsageError
        It is not.
    """
    if not number > 0:
        raise UsageError(f"{name} must be above 0, not {number!r}", what=name, value=number)
    return float(number)


def share(level: float, name: str = "level") -> float:
    """Return a fraction that has to lie between 0 and 1.

    Raises
    ------
    UsageError
        It does not.
    """
    if not 0.0 < level < 1.0:
        raise UsageError(
            f"{name} must lie between 0 and 1, such as 0.95, not {level!r}", what=name, value=level
        )
    return float(level)
