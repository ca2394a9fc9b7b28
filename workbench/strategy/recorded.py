"""Targets that are read and not computed: stand-ins for bars that record what is asked of them.

In a sweep ``targets`` of a strategy is called with a stand-in for its bars. The columns and
indicators it gives are stand-ins too: they record comparisons, their joining and the turning
into targets, and have no values. What a strategy returns then states which indicators it
compares, and the kernels of rules can run it.

Anything else that is done with a stand-in ends the reading by raising `Unread`: looking at
values, arithmetic, functions of numpy or pandas, ``isinstance``. The strategy is then asked
for its targets on its bars, as if nothing had been. A stand-in never gives an answer that
real bars would not give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from workbench.indicators.spec import Spec
from workbench.kernels.sweep_signals import AND, GE, GT, KNOWN, NOT, OR, XOR
from workbench.strategy.rules import FIELDS, Field, Indicator, Line, Shifted

__all__ = ["Reading", "Said", "Unread"]

_Ops = tuple[int, ...]
_Operands = tuple[int | float, ...]  # the number of a line is an int, a number a float
_FLOATS = (float, "float", "float64", np.float64)
_NUMBERS = (*_FLOATS, int, "int", "int64", np.int64)
_EXACT = 2**53  # whole numbers below it are floats without loss


class Unread(BaseException):
    """A strategy did with its bars what is not recorded.

    No `Exception`: nothing on the way may take it for a failure and go on.
    """


class Said(NamedTuple):
    """What was read from a strategy's targets.

    Parameters
    ----------
    programs : (tuple, tuple, tuple)
        The operations for long, short and where there is an opinion, which are those of
        ``workbench.kernels.sweep_signals``; an empty last one is everywhere.
    operands : tuple
        What they take, in order: two for a comparison, one for KNOWN. An int is the number of
        a line of the `Reading`, a float a number.
    """

    programs: tuple[_Ops, _Ops, _Ops]
    operands: _Operands


class Reading:
    """The lines that the strategies of some points ask for.

    Parameters
    ----------
    columns : iterable of str
        Of the bars of one symbol, those that hold float64.

    Attributes
    ----------
    lines : list of Line
        Each once, in the order they were asked for.

    Examples
    --------
    >>> import workbench as wb
    >>> class Trend(wb.Strategy):
    ...     window: int = 20
    ...     def targets(self, bars):
    ...         average = wb.ta.sma(bars["close"], self.window)
    ...         return (bars["close"] > average).astype(float).where(average.notna())
    >>> reading = Reading(["close"])
    >>> reading.read(Trend().targets)
    Said(programs=((0,), (), (2,)), operands=(0, 1, 1))
    >>> reading.lines
    [close, sma(20)]
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = frozenset(columns)
        self.lines: list[Line] = []
        self._numbers: dict[Any, int] = {}
        self._bars = _Bars(self)

    def read(self, targets: Callable[[Any], Any]) -> Said:
        """Return what a strategy's targets say.

        Raises
        ------
        Unread
            More than can be recorded; or whatever else `targets` raises.
        """
        found = targets(self._bars)
        if type(found) is _Flags:
            found = _Targets(found)
        if type(found) is not _Targets:
            raise Unread
        parts = (found._long, found._short, found._known)
        programs = [() if part is None else part._ops for part in parts]
        operands = [() if part is None else part._operands for part in parts]
        return Said((programs[0], programs[1], programs[2]), sum(operands, ()))

    def row(self, key: Any, make: Callable[..., Line], *given: Any) -> _Row:
        """Return the stand-in of the line `key`, which is made of what is given."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.lines)
            self.lines.append(make(*given))
        return _Row(self, number)

    def column(self, name: Any) -> _Row:
        """Return the stand-in of a column."""
        if type(name) is not str or name not in self.columns:
            raise Unread
        return self.row(name, Field, name)

    def indicator(self, spec: Spec, of: int | None, values: tuple[float, ...], output: int) -> _Row:
        """Return the stand-in of an indicator on bars, or on a line."""
        key = spec.name, values, of, output
        line = None if of is None else self.lines[of]
        return self.row(key, Indicator, spec.name, values, line, output)


def _unread(*_: Any, **__: Any) -> NoReturn:
    raise Unread


class _StandIn:
    """What raises `Unread` whatever is done with it."""

    __slots__ = ()
    # `isinstance` asks for it where the type says no.
    __class__ = property(_unread)

    def __getattr__(self, name: str) -> Any:
        raise Unread

    @staticmethod
    def _workbench_indicator(spec: Spec, data: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Stand in for an indicator that is given stand-ins; ``wb.ta`` calls it."""
        count = 0
        while count < len(data) and type(data[count]) in (_Row, _Bars):
            count += 1
        if not count:
            raise Unread
        reading, values = data[0]._reading, spec.bind(data[count:], named)
        of = _input(reading, spec, data[:count])
        if len(spec.outputs) > 1:
            return _Outputs(reading, spec, of, values)
        return reading.indicator(spec, of, values, 0)


_REFUSED = """
bool len iter contains hash repr str format bytes float int complex index round trunc floor ceil
abs neg pos invert eq ne lt le gt ge add sub mul truediv floordiv mod divmod pow matmul lshift
rshift and or xor radd rsub rmul rtruediv rfloordiv rmod rdivmod rpow rmatmul rlshift rrshift
rand ror rxor iadd isub imul itruediv ifloordiv imod ipow imatmul ilshift irshift iand ior ixor
getitem setitem delitem call enter exit array array_ufunc array_function reduce reduce_ex copy
deepcopy dir sizeof
"""
for _name in _REFUSED.split():  # Python and numpy look for them on the class
    setattr(_StandIn, f"__{_name}__", _unread)


def _input(reading: Reading, spec: Spec, given: tuple[Any, ...]) -> int | None:
    """Return the line an indicator is computed on, None for the columns it is made for."""
    own = [Field(name) for name in spec.inputs]
    if not reading.columns.issuperset(spec.inputs):
        raise Unread
    if len(given) == 1 and type(given[0]) is _Bars:
        return None
    if len(given) != len(own) or any(type(part) is not _Row for part in given):
        raise Unread
    if all(reading.lines[part._number] == field for part, field in zip(given, own, strict=True)):
        return None
    if len(own) > 1:
        raise Unread
    number: int = given[0]._number
    return number


class _Bars(_StandIn):
    """Bars of one symbol."""

    __slots__ = ("_reading",)

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def __getitem__(self, name: Any) -> _Row:
        return self._reading.column(name)

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise Unread
        return self._reading.column(name)


class _Outputs(_StandIn):
    """An indicator with several outputs."""

    __slots__ = ("_of", "_reading", "_spec", "_values")

    def __init__(
        self, reading: Reading, spec: Spec, of: int | None, values: tuple[float, ...]
    ) -> None:
        self._reading, self._spec, self._of, self._values = reading, spec, of, values

    def __getitem__(self, name: Any) -> _Row:
        if type(name) is not str or name not in self._spec.outputs:
            raise Unread
        output = self._spec.outputs.index(name)
        return self._reading.indicator(self._spec, self._of, self._values, output)


class _Row(_StandIn):
    """A Series of floats: a column or an indicator."""

    __slots__ = ("_number", "_reading")

    def __init__(self, reading: Reading, number: int) -> None:
        self._reading, self._number = reading, number

    def __gt__(self, other: Any) -> _Flags:
        return _Flags((GT,), (self._number, _operand(other)))

    def __ge__(self, other: Any) -> _Flags:
        return _Flags((GE,), (self._number, _operand(other)))

    def __lt__(self, other: Any) -> _Flags:
        return _Flags((GT,), (_operand(other), self._number))

    def __le__(self, other: Any) -> _Flags:
        return _Flags((GE,), (_operand(other), self._number))

    def between(self, left: Any, right: Any) -> _Flags:
        return self.__ge__(left) & self.__le__(right)

    def notna(self) -> _Flags:
        return _Flags((KNOWN,), (self._number,))

    def isna(self) -> _Flags:
        return _Flags((KNOWN, NOT), (self._number,))

    notnull, isnull = notna, isna

    def shift(self, periods: Any = 1) -> _Row:
        if type(periods) is not int or periods < 0:
            raise Unread
        line = self._reading.lines[self._number]
        return self._reading.row((self._number, periods), Shifted, line, periods)

    def astype(self, dtype: Any) -> _Row:
        if dtype not in _FLOATS:
            raise Unread
        return self


class _Flags(_StandIn):
    """A Series of yes and no, as a program and what it takes."""

    __slots__ = ("_operands", "_ops")

    def __init__(self, ops: _Ops, operands: _Operands) -> None:
        self._ops, self._operands = ops, operands

    def _joined(self, op: int, other: Any) -> _Flags:
        if type(other) is not _Flags:
            raise Unread
        return _Flags((*self._ops, *other._ops, op), self._operands + other._operands)

    def __and__(self, other: Any) -> _Flags:
        return self._joined(AND, other)

    def __or__(self, other: Any) -> _Flags:
        return self._joined(OR, other)

    def __xor__(self, other: Any) -> _Flags:
        return self._joined(XOR, other)

    def __invert__(self) -> _Flags:
        return _Flags((*self._ops, NOT), self._operands)

    def astype(self, dtype: Any) -> _Flags | _Targets:
        if dtype is bool:
            return self
        if dtype not in _NUMBERS:
            raise Unread
        return _Targets(self)


class _Targets(_StandIn):
    """A Series of 1, -1, 0 and NaN: where it is 1, where -1, where it is no NaN."""

    __slots__ = ("_known", "_long", "_short")

    def __init__(
        self, long: _Flags, short: _Flags | None = None, known: _Flags | None = None
    ) -> None:
        self._long, self._short, self._known = long, short, known

    def where(self, cond: Any, other: Any = np.nan) -> _Targets:
        if type(cond) is not _Flags or type(other) not in (int, float):
            raise Unread
        if math.isnan(other):
            return _Targets(self._long, self._short, _both(cond, self._known))
        if other != 0:
            raise Unread
        short = None if self._short is None else self._short & cond
        known = None if self._known is None else self._known | ~cond
        return _Targets(self._long & cond, short, known)

    def mask(self, cond: Any, other: Any = np.nan) -> _Targets:
        return self.where(~cond if type(cond) is _Flags else cond, other)

    def fillna(self, value: Any) -> _Targets:
        if type(value) not in (int, float) or value != 0:
            raise Unread
        if self._known is None:
            return self
        short = None if self._short is None else self._short & self._known
        return _Targets(self._long & self._known, short)

    def __sub__(self, other: Any) -> _Targets:
        if type(other) is not _Targets or self._short is not None or other._short is not None:
            raise Unread
        known = self._known if other._known is None else _both(other._known, self._known)
        long, short = self._long & ~other._long, other._long & ~self._long
        return _Targets(long, short, known)


def _both(cond: _Flags, known: _Flags | None) -> _Flags:
    return cond if known is None else known & cond


def _operand(other: Any) -> int | float:
    kind = type(other)
    if kind is _Row:
        number: int = other._number
        return number
    if kind is float or (kind is int and -_EXACT < other < _EXACT):
        return float(other)
    raise Unread
