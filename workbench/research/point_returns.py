"""The returns of a sweep's points, which the sweep itself does not keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.research.curves import each_equity
from workbench.research.progress import size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.sweep_result import Sweep

__all__ = ["each_point", "point_returns"]

_MOST_BYTES = 1 << 30


def each_point(sweep: Sweep, numbers: Iterable[int]) -> Iterator[NDArray[np.float64]]:
    """Yield the returns per bar of points of a sweep, run once more one after the other.

    They are no new trials: the sweep has counted them.

    Parameters
    ----------
    sweep : Sweep
    numbers : iterable of int
        As in the index of ``sweep.stats``.

    Yields
    ------
    ndarray, shape (T,)
    """
    for equity in each_equity(sweep, numbers):
        before = np.concatenate(([sweep.simulation.cash], equity[:-1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            yield np.where(before > 0, equity / before - 1, 0.0)  # after ruin nothing moves


def point_returns(
    sweep: Sweep, *, most: int | None = 500, memory: int = _MOST_BYTES
) -> pd.DataFrame:
    """Return the returns per bar of a sweep's finished points, a column per point.

    Parameters
    ----------
    sweep : Sweep
    most : int or None
        Of more points so many are taken, evenly spread over the grid, the one with the best
        Sharpe ratio always among them; None takes all.
    memory : int
        The most bytes the frame may have.

    Returns
    -------
    DataFrame
        Shape (T, points); the columns are the points' numbers.

    Raises
    ------
    UsageError
        Not one point, or the frame would be larger than `memory`.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012", source="sample")
    >>> found = wb.sweep(wb.strategies.SmaCross, bars, fast=[5, 10, 20], progress=False)
    >>> point_returns(found).shape == (len(bars), 3)
    True
    """
    if most is not None and most < 1:
        raise UsageError(f"most must be at least 1, not {most!r}", most=most)
    taken = sweep.numbers
    if most is not None and len(taken) > most:
        spread = taken[np.linspace(0, len(taken) - 1, most).astype(int)]
        best = int(str(sweep.best("sharpe").stats.name))
        taken = spread if best in spread else np.unique([*spread[1:].tolist(), best])
    bars = len(sweep.simulation.bars)
    if bars * len(taken) * 8 > memory:
        raise UsageError(
            f"the returns of {len(taken):,} points on {bars:,} bars take "
            f"{size(bars * len(taken) * 8)}, more than {size(memory)}: ask for fewer points (most)",
            points=len(taken),
            bars=bars,
        )
    table = np.empty((bars, len(taken)))
    for k, found in enumerate(each_point(sweep, taken)):
        table[:, k] = found
    columns = pd.Index(taken, name="point")
    return pd.DataFrame(table, index=sweep.simulation.bars.index, columns=columns)
