"""Equity curves of chosen points of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError, nearest
from workbench.research.runner import STATS
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.budget import Budget
    from workbench.research.sweep_result import Sweep

__all__ = ["Chosen", "curves", "each_equity"]

KEPT = ("equity",)


class Chosen:
    """Which points of a sweep keep their equity.

    Parameters
    ----------
    keep : {None, "equity"}
    points : int, (str, int) or callable
        So many best by Sharpe ratio; by another statistic: ``("cagr", 5)``; or those for whose
        parameters, given as a dict, it is true.

    Raises
    ------
    UsageError
        It is none of these.
    """

    def __init__(self, keep: str | None, points: Any = 10) -> None:
        if keep is not None and keep not in KEPT:
            raise UsageError(
                f"a sweep cannot keep {keep!r}{nearest(str(keep), KEPT)}; use keep='equity'",
                keep=keep,
            )
        self.wanted = keep is not None
        self._passes: Callable[[dict[str, Any]], Any] | None = points if callable(points) else None
        stat, count = (
            points if isinstance(points, tuple) and len(points) == 2 else ("sharpe", points)
        )
        if self._passes is None and (type(count) is not int or count < 1):
            raise UsageError(
                f"keep_points may not be {points!r}; give how many, e.g. 10 or ('cagr', 5), or a "
                "callable that takes a point's parameters",
                keep_points=points,
            )
        if stat not in STATS:
            raise UsageError(f"a sweep has no statistic {stat!r}{nearest(stat, STATS)}", stat=stat)
        self._stat, self._count = stat, count

    def check(self, points: int, bars: int, budget: Budget) -> None:
        """Refuse curves that do not fit into the memory, before anything runs.

        Raises
        ------
        UsageError
            They do not.
        """
        if self.wanted and self._passes is None:
            self._check(min(self._count, points), bars, budget)

    def numbers(self, sweep: Sweep, budget: Budget) -> NDArray[np.int64]:
        """Return the points' numbers, the best first; a callable's in the order of the grid.

        Raises
        ------
        UsageError
            The curves do not fit into the memory.
        """
        if self._passes is None:
            return sweep.ranked(self._stat)[: self._count]
        passes, grid = self._passes, sweep.grid
        found = np.array([k for k in sweep.numbers.tolist() if passes(grid.params(k))], np.int64)
        self._check(len(found), len(sweep.simulation.bars), budget)
        return found

    def _check(self, count: int, bars: int, budget: Budget) -> None:
        what = f"the equity of {count:,} points on {bars:,} bars"
        budget.check(count * bars * 8, what, "keep fewer points")


def curves(sweep: Sweep, numbers: NDArray[np.int64]) -> pd.DataFrame:
    """Return the equity of points, run once more one after the other; no new trials.

    Parameters
    ----------
    sweep : Sweep
    numbers : ndarray of int
        As in the index of ``sweep.stats``.

    Returns
    -------
    DataFrame
        Shape (T, points), in the currency of the cash, marked at the close; the columns are
        the points' numbers.
    """
    index = sweep.simulation.bars.index
    table = np.empty((len(index), len(numbers)))
    for at, equity in enumerate(each_equity(sweep, numbers.tolist())):
        table[:, at] = equity
    return pd.DataFrame(table, index=index, columns=pd.Index(numbers, name="point"))


def each_equity(sweep: Sweep, numbers: Iterable[int]) -> Iterator[NDArray[np.float64]]:
    """Yield the equity of points, marked at the close, run once more; no new trials."""
    simulation = sweep.simulation
    for number in numbers:
        bars = simulation.bars.copy(deep=False)
        yield simulation.run(evaluate(sweep.grid.strategy(int(number)), bars)).equity
