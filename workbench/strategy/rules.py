"""Rules over declared indicators: ``wb.rules``, what a strategy says in ``rule()``.

``wb.rules.sma(20)`` is the 20-bar average of the close, ``wb.rules.close`` the close itself;
every indicator of ``wb.ta`` is there by its name, and nothing is computed when it is declared.
Lines are compared with lines or numbers; comparisons are joined by ``&``, ``|`` and ``~``; and
`hold` or `enter` makes a rule of them::

    def rule(self):
        return wb.rules.hold(wb.rules.sma(self.fast) > wb.rules.sma(self.slow))

All of it is frozen, hashes, compares and prints as it was written. A comparison is known
where both of its sides are; a condition, where all of its comparisons are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import UsageError, nearest

__all__ = ["Condition", "Line", "Rule", "enter", "hold"]

FIELDS = ("open", "high", "low", "close", "volume")


class Line:
    """A number per bar and symbol: a column of the bars, or an indicator."""

    def __gt__(self, other: Any) -> Condition:
        return Compared(self, ">", other)

    def __ge__(self, other: Any) -> Condition:
        return Compared(self, ">=", other)

    def __lt__(self, other: Any) -> Condition:
        return Compared(self, "<", other)

    def __le__(self, other: Any) -> Condition:
        return Compared(self, "<=", other)

    def shift(self, bars: Any = 1) -> Shifted:
        """Return the line as it was some bars before."""
        return Shifted(self, bars)

    def crosses_above(self, other: Any) -> Condition:
        """Hold on the bars on which the line gets above `other`, a line or a number."""
        before = other.shift() if isinstance(other, Line) else other
        return Joined(self > other, "&", self.shift() <= before)

    def crosses_below(self, other: Any) -> Condition:
        """Hold on the bars on which the line gets below `other`, a line or a number."""
        before = other.shift() if isinstance(other, Line) else other
        return Joined(self < other, "&", self.shift() >= before)

    def between(self, low: Any, high: Any) -> Condition:
        """Hold while the line is from `low` to `high`, both included."""
        return Joined(self >= low, "&", self <= high)


@dataclass(frozen=True, repr=False)
class Slot:
    """A parameter whose value is not yet known; a rule may pass it on, not look at it."""

    name: str

    def __repr__(self) -> str:
        return self.name

    def _refuse(self, *_: Any) -> Any:
        raise TypeError(f"the value of {self.name} is not known yet")

    __bool__ = __eq__ = __str__ = __format__ = __hash__ = _refuse


@dataclass(frozen=True, repr=False)
class Field(Line):
    """A column of the bars."""

    name: str

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, repr=False)
class Indicator(Line):
    """An indicator of ``wb.ta`` on the bars, or on another line."""

    name: str
    params: tuple[Any, ...]
    of: Line | None = None
    output: int = 0

    def __repr__(self) -> str:
        given = [*map(repr, self.params)]
        if self.of is not None:
            given.append(f"of={self.of!r}")
        if self.output:
            given.append(f"output={self.output}")
        return f"{self.name}({', '.join(given)})"


@dataclass(frozen=True, repr=False)
class Shifted(Line):
    """A line some bars before."""

    line: Line
    bars: Any

    def __post_init__(self) -> None:
        if not isinstance(self.bars, Slot) and (type(self.bars) is not int or self.bars < 0):
            raise UsageError(f"a rule looks back by whole bars, 0 or more, not {self.bars!r}")

    def __repr__(self) -> str:
        return f"{self.line!r}.shift({self.bars!r})"


class Condition:
    """A yes or no per bar and symbol."""

    def __and__(self, other: Any) -> Condition:
        return Joined(self, "&", _condition(other))

    def __or__(self, other: Any) -> Condition:
        return Joined(self, "|", _condition(other))

    def __invert__(self) -> Condition:
        return Negated(self)

    def __bool__(self) -> bool:
        raise UsageError(
            "a condition has no truth of its own: join conditions by & | ~ in brackets, and "
            "write line.between(low, high) for low <= line <= high"
        )


@dataclass(frozen=True, repr=False)
class Compared(Condition):
    """A line against a line or a number."""

    left: Line
    how: str
    right: Any

    def __post_init__(self) -> None:
        other = self.right
        if isinstance(other, Line | Slot):
            return
        if isinstance(other, bool) or not isinstance(other, int | float | np.number):
            raise UsageError(f"{self.left!r} {self.how} … takes a line or a number, not {other!r}")

    def __repr__(self) -> str:
        return f"{self.left!r} {self.how} {self.right!r}"


@dataclass(frozen=True, repr=False)
class Joined(Condition):
    """Two conditions, both (``&``) or at least one (``|``)."""

    left: Condition
    how: str
    right: Condition

    def __repr__(self) -> str:
        return f"({self.left!r}) {self.how} ({self.right!r})"


@dataclass(frozen=True, repr=False)
class Negated(Condition):
    """The contrary of a condition, where it is known."""

    of: Condition

    def __repr__(self) -> str:
        return f"~({self.of!r})"


@dataclass(frozen=True, repr=False)
class Rule:
    """When to be long, short and flat; made by `hold` and `enter`.

    Parameters
    ----------
    long, short : Condition or None
    flat : Condition or None
        None is "whenever neither long nor short".
    shared : bool
        Whether several symbols share the equity alike; else each target is 1.
    """

    long: Condition | None
    short: Condition | None = None
    flat: Condition | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        if self.long is None and self.short is None:
            raise UsageError("a rule needs a condition to be long or to be short")
        for condition in (self.long, self.short, self.flat):
            if condition is not None:
                _condition(condition)

    def __repr__(self) -> str:
        how = "hold" if self.flat is None else "enter"
        parts = [repr(self.long)]
        if self.short is not None:
            parts.append(f"short={self.short!r}")
        if self.flat is not None:
            parts.append(f"exit={self.flat!r}")
        if self.shared:
            parts.append("shared=True")
        return f"{how}({', '.join(parts)})"


def hold(long: Condition | None, short: Condition | None = None, *, shared: bool = False) -> Rule:
    """Make a rule: long while a condition holds, short while the other does, else flat.

    There is no opinion where a condition is not known.

    Examples
    --------
    >>> from workbench.strategy import rules
    >>> hold(rules.sma(10) > rules.sma(50))
    hold(sma(10) > sma(50))
    """
    return Rule(long, short, None, shared)


def enter(
    long: Condition | None = None,
    short: Condition | None = None,
    *,
    exit: Condition,
    shared: bool = False,
) -> Rule:
    """Make a rule: long or short when a condition comes true, flat on `exit`, else keep.

    Where several hold on a bar, long goes before short, and short before flat. What is not
    known is not true.

    Examples
    --------
    >>> from workbench.strategy import rules
    >>> enter(rules.rsi(14) < 30, exit=rules.rsi(14) > 55)
    enter(rsi(14) < 30, exit=rsi(14) > 55)
    """
    return Rule(long, short, _condition(exit), shared)


def lines(condition: Condition) -> Iterator[Any]:
    """Return what a condition compares, left before right: lines, numbers, slots."""
    if isinstance(condition, Compared):
        yield condition.left
        yield condition.right
    elif isinstance(condition, Joined):
        yield from lines(condition.left)
        yield from lines(condition.right)
    elif isinstance(condition, Negated):
        yield from lines(condition.of)


def stated(strategy: Any) -> Rule | None:
    """Return the rule a strategy states, or None where it computes its targets.

    Raises
    ------
    UsageError
        ``rule()`` returned something else.
    """
    if not getattr(type(strategy), "_derives", False):
        return None
    rule: Any = strategy.rule()
    if not isinstance(rule, Rule):
        raise UsageError(
            f"{strategy.name}: rule returned a {type(rule).__name__}; return wb.rules.hold(…) or "
            "wb.rules.enter(…)",
            strategy=strategy.name,
        )
    return rule


def _condition(given: Any) -> Condition:
    if not isinstance(given, Condition):
        raise UsageError(f"a rule takes conditions such as wb.rules.rsi(14) < 30, not {given!r}")
    return given


class _Declare:
    """Makes an `Indicator` of a name when it is called with its parameters."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self, *params: Any, of: Line | None = None, output: int = 0, **named: Any
    ) -> Indicator:
        from workbench.indicators import catalog

        spec = catalog.spec(self.name)
        if of is not None and len(spec.inputs) != 1:
            raise UsageError(f"{self.name} needs {', '.join(spec.inputs)}: it takes bars, no line")
        if not 0 <= output < len(spec.outputs):
            raise UsageError(f"{self.name} has {len(spec.outputs)} outputs, 0 is the first")
        known = [p.name for p in spec.parameters]
        given = dict(zip(known, params, strict=False)) | named
        # What is not known yet is checked when it is; its default stands in for it.
        plain = {k: v for k, v in given.items() if not isinstance(v, Slot)}
        bound = spec.bind(params[len(known) :], plain)
        values = tuple(
            given[name] if isinstance(given.get(name), Slot) else value
            for name, value in zip(known, bound, strict=True)
        )
        return Indicator(self.name, values, of, output)

    def __repr__(self) -> str:
        return f"<indicator {self.name}, to be declared>"


def __getattr__(name: str) -> Any:
    if name in FIELDS:
        return Field(name)
    if name.startswith("_"):
        raise AttributeError(name)
    from workbench.indicators import catalog

    if name not in catalog.names():
        known = [*FIELDS, *catalog.names()]
        raise catalog.UnknownIndicator(
            f"wb.rules has no {name!r}{nearest(name, known)}; it has the columns of bars and the "
            "indicators of wb.ta",
            name=name,
        )
    return _Declare(name)
