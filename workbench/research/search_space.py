"""The space a search draws from: which values each parameter may take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice, product
from numbers import Real
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, nearest
from workbench.research.grid import Constraint, base_of, passes, told
from workbench.strategy.parameters import Param
from workbench.strategy.sleeves import swept

if TYPE_CHECKING:
    from workbench.strategy.base import Strategy

__all__ = ["Space", "Span", "Steps"]

_MOST_VALUES = 1_000_000
Point = tuple[Any, ...]


@dataclass(frozen=True)
class Steps:
    """A parameter that takes one of a number of values.

    Parameters
    ----------
    name : str
    values : sequence
        In their order, where they have one.
    ordered : bool
        Whether a value next to a good one is likely to be good too: numbers, not words.
    """

    name: str
    values: Sequence[Any]
    ordered: bool

    def __str__(self) -> str:
        values = self.values if isinstance(self.values, range) else list(self.values)
        return f"{self.name} in {values}"

    def at(self, part: float) -> Any:
        """Return the value at a part of the way, 0 <= part < 1; all are equally wide."""
        return self.values[min(int(part * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Span:
    """A parameter that takes any number from `low` to `high`."""

    name: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.name} from {self.low} to {self.high}"

    def at(self, part: float) -> float:
        """Return the number at a part of the way, 0 <= part < 1."""
        return min(self.low + part * (self.high - self.low), self.high)


@dataclass(frozen=True)
class Space:
    """What a search may propose.

    Parameters
    ----------
    base : Strategy
        Carries the parameters that are not searched.
    axes : tuple of Steps and Span
        The searched parameters, in the order they were given or declared.
    constraint : callable, optional
        As in ``wb.sweep``.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> space = Space.of(SmaCross, {"fast": range(5, 50), "slow": (60, 200)})
    >>> space.size, space.point([0.0, 0.999])
    (6345, (5, 200))
    >>> [axis.name for axis in Space.of(SmaCross, {}).axes]  # as they are declared
    ['fast', 'slow']
    """

    base: Strategy
    axes: tuple[Steps | Span, ...]
    constraint: Constraint | None = None

    @classmethod
    def of(
        cls,
        strategy: type[Strategy] | Strategy,
        given: Mapping[str, Any],
        constraint: Constraint | None = None,
    ) -> Space:
        """Read what was given.

        Parameters
        ----------
        strategy : strategy class or object
        given : mapping
            Per parameter a tuple of two numbers, its lowest and its highest; any other
            iterable of values; ``...`` for what the class declares; or one value, which is
            then fixed. Where no parameter is given a space, those that declare limits or
            choices are searched.

        Raises
        ------
        UsageError
            No strategy on bars; an unknown parameter; a value out of its bounds; a parameter
            without limits; nothing to search.
        """
        base = base_of(strategy)
        known = swept(base)
        fixed: dict[str, Any] = {}
        axes: list[Steps | Span] = []
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
                axes.append(_axis(known[name], value, base.name))
        if not axes:
            open_ones = [spec for name, spec in known.items() if name not in fixed]
            axes = [axis for spec in open_ones if (axis := _declared(spec)) is not None]
        if not axes:
            raise UsageError(
                f"nothing to search: give at least one parameter of {base.name} a lowest and a "
                f"highest value, e.g. {next(iter(known), 'name')}=(5, 50)",
                strategy=base.name,
            )
        return cls(base.replace(**fixed), tuple(axes), constraint)

    @property
    def size(self) -> int | None:
        """How many points there are, the constraint aside; None where there is no end of them."""
        if any(isinstance(axis, Span) for axis in self.axes):
            return None
        return math.prod(len(axis.values) for axis in self.axes if isinstance(axis, Steps))

    def point(self, parts: Sequence[float]) -> Point:
        """Return the point at a part of the way along each axis."""
        return tuple(axis.at(float(part)) for axis, part in zip(self.axes, parts, strict=True))

    def passes(self, point: Point) -> bool:
        """Tell whether a point counts.

        Raises
        ------
        UsageError
            The constraint asks for a parameter that there is not.
        """
        if self.constraint is None:
            return True
        searched = dict(zip((axis.name for axis in self.axes), point, strict=True))
        return passes(self.constraint, self.base, told(self.base) | searched)

    def all(self) -> Iterator[Point]:
        """Yield all points of a space that has an end, the last parameter fastest."""
        return product(*(axis.values for axis in self.axes if isinstance(axis, Steps)))


def _is_one(value: Any, spec: Param) -> bool:
    if value is Ellipsis:
        return False
    return isinstance(value, str | bytes | spec.type) or not isinstance(value, Iterable)


def _axis(spec: Param, given: Any, owner: str) -> Steps | Span:
    if given is Ellipsis:
        found = _declared(spec)
        if found is None:
            raise UsageError(
                f"{owner}: {spec.name} declares no limits: give it a lowest and a highest value, "
                f"{spec.name}=(5, 50)",
                parameter=spec.name,
            )
        return found
    if _is_pair(given) and spec.type in (int, float):
        low, high = (spec.check(end, owner) for end in given)
        if low > high:
            raise UsageError(
                f"{owner}: {spec.name} was given ({low!r}, {high!r}): the lowest value comes first",
                parameter=spec.name,
            )
        return _between(spec, low, high)
    values = list(islice(given, _MOST_VALUES + 1))
    if not values:
        raise UsageError(f"{owner}: {spec.name} was given no values", parameter=spec.name)
    if len(values) > _MOST_VALUES:
        raise UsageError(f"{owner}: {spec.name} was given no end of values", parameter=spec.name)
    checked = tuple(dict.fromkeys(spec.check(value, owner) for value in values))
    return _steps(spec.name, checked)


def _is_pair(given: Any) -> bool:
    if not isinstance(given, tuple) or len(given) != 2:
        return False
    return all(isinstance(end, Real) and not isinstance(end, bool) for end in given)


def _declared(spec: Param) -> Steps | Span | None:
    """Return the axis that a parameter's declaration tells, None where it tells none."""
    if spec.choices is not None:
        return _steps(spec.name, spec.choices)
    if spec.type is bool:
        return Steps(spec.name, (False, True), False)
    if issubclass(spec.type, Enum):
        return Steps(spec.name, tuple(spec.type), False)
    if spec.type not in (int, float) or spec.low is None or spec.high is None:
        return None
    if spec.type is int:
        return _between(spec, math.ceil(spec.low), math.floor(spec.high))
    return _between(spec, spec.low, spec.high)


def _between(spec: Param, low: Any, high: Any) -> Steps | Span:
    if spec.type is int:
        return Steps(spec.name, range(low, high + 1, max(1, round(spec.step or 1))), True)
    if spec.step is None:
        return Span(spec.name, float(low), float(high))
    count = math.floor((high - low) / spec.step + 1e-9) + 1
    if count > _MOST_VALUES:
        raise UsageError(
            f"{spec.name} has {count:,} steps of {spec.step} from {low} to {high}; "
            f"{_MOST_VALUES:,} are the most",
            parameter=spec.name,
        )
    # Rounded, so that it is 0.3 and not 0.30000000000000004 that the table shows.
    values = (min(round(float(low + k * spec.step), 12), float(high)) for k in range(count))
    return Steps(spec.name, tuple(values), True)


def _steps(name: str, values: tuple[Any, ...]) -> Steps:
    ordered = all(isinstance(v, Real) and not isinstance(v, bool) for v in values)
    return Steps(name, tuple(sorted(values)) if ordered else values, ordered)
