"""Where the points of a sweep come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.grid import Grid
    from workbench.research.search_run import Searched

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

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

        A sweep that is resumed tells first what was finished before. A point that failed is
        told with NaN.
        """
        ...

    is_fixed: bool
    """Whether it is known from the start which points there are, so that they may be resumed."""

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

    is_fixed = True

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

    def told(self) -> dict[str, str]:
        """Return nothing: all are run."""
        return {}

    def found(self, is_over: bool) -> Grid:  # noqa: ARG002 - they are known from the start
        """Return the grid."""
        return self.grid

    def searched(self) -> Searched | None:
        """Return nothing: a grid is not searched."""
        return None
