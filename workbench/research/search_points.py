"""The points of a search: scattered over the space, each with a number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.research.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.strategy.base import Strategy

__all__ = ["Scatter"]


@dataclass(frozen=True, eq=False)
class Scatter(Grid):
    """Points that fill no grid, with the face of one.

    Parameters
    ----------
    base : Strategy
        Carries the parameters that are not searched.
    values : mapping of str to tuple
        Per searched parameter the values that occur, numbers in ascending order.
    numbers : ndarray of int
        Of the points, from 0. There may be more numbers than points: those of a search are
        proposed while it runs.
    points : list of tuple
        The searched values of each, in the order of `values`.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> points = Scatter.at(SmaCross(), ["fast", "slow"], [(20, 90), (5, 50), (20, 60)])
    >>> len(points), points.values["slow"], points.point(2)
    (3, (50, 60, 90), (20, 60))
    """

    points: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def at(cls, base: Strategy, names: Sequence[str], points: Sequence[tuple[Any, ...]]) -> Scatter:
        """Return points, numbered in the order they come."""
        columns = zip(*points, strict=True) if points else ([] for _ in names)
        values = {name: _distinct(column) for name, column in zip(names, columns, strict=True)}
        return cls(base, values, np.arange(len(points)), list(points))

    @property
    def is_full(self) -> bool:
        """Whether neighbours are known: of scattered points they are not."""
        return False

    def point(self, k: int) -> tuple[Any, ...]:
        """Return the searched values of point `k`, in the order of `values`."""
        return self.points[k]

    def places(self) -> Mapping[str, NDArray[np.int64]]:
        """Return per searched parameter the place of its value at each point."""
        found = {}
        for column, (name, values) in enumerate(self.values.items()):
            place = {value: at for at, value in enumerate(values)}
            found[name] = np.array([place[point[column]] for point in self.points], np.int64)
        return found

    def digest(self) -> str:
        """Return a digest of the points."""
        return hashlib.sha256(repr(self.points).encode()).hexdigest()[:16]

    def part(self, at: NDArray[np.int64]) -> Scatter:
        """Return some of the points, numbered anew."""
        points = [self.points[k] for k in at.tolist()]
        return Scatter.at(self.base, list(self.values), points)


def _distinct(column: Sequence[Any]) -> tuple[Any, ...]:
    found = tuple(dict.fromkeys(column))
    if all(isinstance(v, Real) and not isinstance(v, bool) for v in found):
        return tuple(sorted(found))
    return found
