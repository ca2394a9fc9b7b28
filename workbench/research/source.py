"""Where the points of a sweep come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.grid import Grid
    from workbench.research.runner import Part
    from workbench.research.search_run import Searched

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Beside = Callable[[Integers], Floats]

__all__ = ["Source", "Whole"]


class Source(Protocol):
    """Says which points to run next, and is told what came of them."""

    @property
    def grid(self) -> Grid:
        """The points, by number."""
        ...

    def ask(self) -> Integers:
        """Return the numbers of the points to run next; none where there is nothing left."""
        ...

    def tell(self, numbers: Integers, rows: Floats) -> None:
        """Take the statistics of finished points, (points, statistics), in the order they end.

        A point that failed is told with NaN.
        """
        ...

    @property
    def beside(self) -> Beside | None:
        """What is kept of points beside their statistics; then failed points are kept as well.

        None where a point is known from its number, and nothing hangs on those that failed.
        """
        ...

    def restore(self, numbers: Integers, rows: Floats) -> Mapping[int, Part]:
        """Take points of the sweep that is resumed: their statistics and what was kept beside.

        Returns those that had been given up.
        """
        ...

    def told(self) -> dict[str, str]:
        """Return how the points are chosen, for the pedigree; nothing where all are run."""
        ...

    def found(self, is_over: bool) -> Grid:
        """Return the points as the result has them; `is_over` where no more were to come."""
        ...

    def searched(self) -> Searched | None:
        """Return what a search did; None where none was asked for."""
        ...


class Whole:
    """All points of a grid, each once, in its order.

    Parameters
    ----------
    grid : Grid

    Examples
    --------
    >>> from workbench.research.grid import Grid
    >>> from workbench.strategy.library import SmaCross
    >>> source = Whole(Grid.of(SmaCross, {"fast": [5, 10, 15]}))
    >>> source.tell(np.array([1]), np.empty((1, 20)))
    >>> source.ask().tolist(), source.ask().tolist()
    ([0, 2], [])
    """

    beside = None

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._open = np.ones(len(grid), dtype=bool)

    def ask(self) -> Integers:
        """Return the numbers of all points that were not told yet; the second time, none."""
        numbers = np.flatnonzero(self._open)
        self._open[:] = False
        return numbers

    def tell(self, numbers: Integers, rows: Floats) -> None:  # noqa: ARG002 - it chooses nothing
        """Leave out what is finished."""
        self._open[numbers] = False

    def restore(self, numbers: Integers, rows: Floats) -> Mapping[int, Part]:
        """Leave out what was finished before; nothing was given up."""
        self.tell(numbers, rows)
        return {}

    def told(self) -> dict[str, str]:
        """Return nothing: all are run."""
        return {}

    def found(self, is_over: bool) -> Grid:  # noqa: ARG002 - they are known from the start
        """Return the grid."""
        return self.grid

    def searched(self) -> Searched | None:
        """Return nothing: a grid is not searched."""
        return None
