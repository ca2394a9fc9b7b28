"""The points of a sweep: which parameters take which values, and which combinations count."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UsageError, nearest
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import Param
from workbench.strategy.sleeves import Named, Sleeves, swept

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Constraint", "Grid", "base_of", "named", "passes", "told"]

Constraint = Callable[[dict[str, Any]], Any]

_MOST = 10_000_000
_MOST_VALUES = 1_000_000


@dataclass(frozen=True)
class Grid:
    """Points in a fixed order: the last parameter runs fastest.

    Nothing is laid out but the numbers of the points; a point's strategy is made when it
    is asked for.

    Parameters
    ----------
    base : Strategy
        Carries the parameters that are not swept.
    values : mapping of str to tuple
        The swept parameters, in the order they were given.
    numbers : ndarray of int
        The points that count, as positions in the full product.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> grid = Grid.of(SmaCross, {"fast": [5, 30], "slow": range(20, 41, 20)},
    ...                lambda p: p["fast"] < p["slow"])
    >>> len(grid), [grid.params(k) for k in range(len(grid))]
    (3, [{'fast': 5, 'slow': 20}, {'fast': 5, 'slow': 40}, {'fast': 30, 'slow': 40}])
    """

    base: Strategy
    values: Mapping[str, tuple[Any, ...]]
    numbers: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        strategy: type[Strategy] | Strategy,
        given: Mapping[str, Any],
        constraint: Constraint | None = None,
    ) -> Grid:
        """Check what was given and number the points.

        Parameters
        ----------
        strategy : strategy class or object
            An object's own parameters stand where none is swept; a class's defaults.
        given : mapping
            Per parameter an iterable of values, or one value that is then fixed. A value
            that comes twice counts once.
        constraint : callable, optional
            Takes all parameters of a point as a dict; the point counts where it is true.

        Raises
        ------
        UsageError
            No strategy on bars; an unknown parameter; a value out of its bounds; nothing
            to sweep; a constraint that no point passes; more points than can be run.
        """
        base = base_of(strategy)
        known = swept(base)
        several: dict[str, tuple[Any, ...]] = {}
        fixed: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise UsageError(
                    f"{base.name} has no parameter {name!r}{nearest(name, known)}; "
                    f"it has {', '.join(known) or 'none'}",
                    strategy=base.name,
                    parameter=name,
                )
            if _is_one(value, known[name]):
                fixed[name] = value
            else:
                several[name] = _values(known[name], value, base.name)
        if not several:
            raise UsageError(
                f"nothing to sweep: give at least one parameter of {base.name} several values, "
                f"e.g. {next(iter(known), 'name')}=range(5, 50)",
                strategy=base.name,
            )
        grid = cls(base.replace(**fixed), several, np.empty(0, dtype=np.int64))
        return cls(grid.base, several, grid._numbered(constraint))

    def __len__(self) -> int:
        return len(self.numbers)

    def point(self, k: int) -> tuple[Any, ...]:
        """Return the swept values of point `k`, in the order of `values`."""
        number, found = int(self.numbers[k]), []
        for values in reversed(tuple(self.values.values())):
            number, at = divmod(number, len(values))
            found.append(values[at])
        return tuple(reversed(found))

    @property
    def is_full(self) -> bool:
        """Whether the points lie on a grid, so that each has neighbours."""
        return True

    def places(self) -> Mapping[str, NDArray[np.int64]]:
        """Return per swept parameter the place of its value at each point."""
        sizes = [len(values) for values in self.values.values()]
        return dict(zip(self.values, np.unravel_index(self.numbers, sizes), strict=True))

    def digest(self) -> str:
        """Return a digest of which points there are, beside their values."""
        return hashlib.sha256(self.numbers.tobytes()).hexdigest()[:16]

    def part(self, at: NDArray[np.int64]) -> Grid:
        """Return some of the points, numbered anew."""
        return Grid(self.base, self.values, self.numbers[at])

    def params(self, k: int) -> dict[str, Any]:
        """Return all parameters of point `k`, the fixed ones included."""
        if isinstance(self.base, Sleeves):  # the parameters of its strategies are in theirs
            return dict(self.strategy(k).params)
        return self.base.params | dict(zip(self.values, self.point(k), strict=True))

    def strategy(self, k: int) -> Strategy:
        """Return the strategy of point `k`."""
        return self.base.replace(**dict(zip(self.values, self.point(k), strict=True)))

    def _numbered(self, constraint: Constraint | None) -> NDArray[np.int64]:
        full = math.prod(map(len, self.values.values()))
        if full > _MOST:
            sizes = " × ".join(f"{len(v):,} {name}" for name, v in self.values.items())
            raise UsageError(
                f"the grid has {full:,} points ({sizes}); {_MOST:,} are the most: widen the steps",
                points=full,
            )
        if constraint is None:
            return np.arange(full)
        fixed = told(self.base)
        passing = (
            number
            for number, point in enumerate(product(*self.values.values()))
            if passes(constraint, self.base, fixed | dict(zip(self.values, point, strict=True)))
        )
        kept = np.fromiter(passing, dtype=np.int64)
        if not len(kept):
            raise UsageError(f"none of the {full:,} points passes the constraint", points=full)
        return kept


def base_of(strategy: Any) -> Strategy:
    """Return the object of a class or an object, which must be a strategy on bars."""
    base = strategy() if isinstance(strategy, type) and issubclass(strategy, Strategy) else strategy
    if not isinstance(base, Strategy):
        is_named = isinstance(strategy, str | type)
        given = repr(strategy) if is_named else f"a {type(strategy).__name__}"
        raise UsageError(
            f"a sweep takes a class or an object derived from wb.Strategy, not {given}"
        )
    return base


def told(base: Strategy) -> dict[str, Any]:
    """Return what a constraint is told of a strategy, by the names that can be swept."""
    found = dict(base.params)
    if isinstance(base, Sleeves):
        for owner, one in base.strategies.items():
            found |= {f"{owner}.{name}": value for name, value in one.params.items()}
    return found


def named(strategy: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given by the names of the parameters.

    A parameter that is called like a choice of the sweep is given with an underscore behind:
    ``seed_=[1, 2, 3]``.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> named(SmaCross, {"fast_": [5, 10], "slow": 50})
    {'fast': [5, 10], 'slow': 50}
    """
    known = swept(base_of(strategy))
    plain = {name: name.removesuffix("_") for name in given if name not in known}
    return {plain.get(n, n) if plain.get(n) in known else n: v for n, v in given.items()}


def passes(constraint: Constraint, base: Strategy, params: dict[str, Any]) -> bool:
    """Tell whether a point passes a constraint.

    Raises
    ------
    UsageError
        The constraint asks for a parameter that the strategy has not.
    """
    try:
        return bool(constraint(params))
    except KeyError as error:
        name = str(error.args[0])
        raise UsageError(
            f"the constraint asks for {name!r}, which is no parameter of {base.name}"
            f"{nearest(name, params)}",
            parameter=name,
        ) from None


def _is_one(value: Any, spec: Param) -> bool:
    return isinstance(value, str | bytes | spec.type) or not isinstance(value, Iterable)


def _values(spec: Param, given: Iterable[Any], owner: str) -> tuple[Any, ...]:
    found = list(islice(given, _MOST_VALUES + 1))
    if not found:
        raise UsageError(f"{owner}: {spec.name} was given no values", parameter=spec.name)
    if len(found) > _MOST_VALUES:
        raise UsageError(f"{owner}: {spec.name} was given no end of values", parameter=spec.name)
    hashable = (Named(value) if isinstance(value, Mapping) else value for value in found)
    return tuple(dict.fromkeys(spec.check(value, owner) for value in hashable))
