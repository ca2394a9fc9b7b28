"""Whether the targets of a strategy can be read: a look at the code before it is called.

A strategy may be called with stand-ins for its bars (`workbench.strategy.recorded`) only if
nothing of them can stay behind or lead it astray: a cache would keep them, a ``try`` would
take their refusal for an error, ``type(bars)`` would tell them from bars. So it may name
numbers, functions as plain as itself, ``wb``, numpy, pandas and a few built-ins; and it may
store into local variables only.
"""

from __future__ import annotations

import dis
import inspect
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, cast

__all__ = ["is_readable"]

_MODULES = ("workbench", "numpy", "pandas", "math")
_BUILT_IN = (abs, min, max, round, len, range, int, float, bool, sum)
_PLAIN = (int, float, str, bool, type(None))
_LOCAL = ("STORE_FAST", "DELETE_FAST")
_REFUSED = (
    "STORE_",
    "DELETE_",
    "IMPORT_",
    "MAKE_FUNCTION",
    "YIELD_",
    "RETURN_GENERATOR",
    "PUSH_EXC_INFO",
    "LOAD_SUPER_ATTR",
    "LOAD_BUILD_CLASS",
    "LOAD_NAME",
    "LOAD_LOCALS",
)
_GLOBAL = ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")


def is_readable(cls: type) -> bool:
    """Tell whether ``targets`` of a class is plain enough to be read.

    Examples
    --------
    >>> import workbench as wb
    >>> class Trend(wb.Strategy):
    ...     window: int = 20
    ...     def targets(self, bars):
    ...         average = wb.ta.sma(bars["close"], self.window)
    ...         return (bars["close"] > average).astype(float)
    >>> is_readable(Trend)
    True
    >>> class Kept(Trend):
    ...     def targets(self, bars):
    ...         bars["average"] = wb.ta.sma(bars["close"], self.window)
    ...         return (bars["close"] > bars["average"]).astype(float)
    >>> is_readable(Kept)
    False
    """
    own: Any = inspect.getattr_static(cls, "__getattribute__")
    if own is not object.__getattribute__ or hasattr(cls, "__getattr__"):
        return False
    targets = inspect.getattr_static(cls, "targets", None)
    return isinstance(targets, FunctionType) and _Look(cls).function(targets)


class _Look:
    """A look at the functions that a method of `cls` calls, each once."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._parameters = frozenset(getattr(cls, "_specs", ()))
        self._seen: set[CodeType] = set()

    def function(self, function: FunctionType) -> bool:
        code = function.__code__
        if code in self._seen:
            return True
        self._seen.add(code)
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        built_in: dict[str, Any] = cast(Any, function).__builtins__
        names = built_in | function.__globals__
        if not all(isinstance(value, _PLAIN) for value in defaults):
            return False
        for step in dis.get_instructions(code):
            if step.opname in _GLOBAL:
                is_fine = self._value(_found(str(step.argval), cells, names))
            elif step.opname in _ATTRIBUTE:
                is_fine = self._attribute(str(step.argval))
            else:
                is_fine = step.opname.startswith(_LOCAL) or not step.opname.startswith(_REFUSED)
            if not is_fine:
                return False
        return True

    def _value(self, value: Any) -> bool:
        if isinstance(value, FunctionType):
            return value.__module__ == "workbench.indicators" or self.function(value)
        if isinstance(value, ModuleType):
            return value.__name__.partition(".")[0] in _MODULES
        if isinstance(value, BuiltinFunctionType | type):
            return any(value is known for known in _BUILT_IN)
        return isinstance(value, _PLAIN)

    def _attribute(self, name: str) -> bool:
        """Tell whether an attribute may be asked for, whatever it is asked of."""
        if name.startswith("__"):
            return False
        value = inspect.getattr_static(self._cls, name, None)
        if name in self._parameters or value is None:
            return True
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        if isinstance(value, property):
            value = value.fget
        if isinstance(value, FunctionType):
            return self.function(value)
        return isinstance(value, _PLAIN)


def _found(name: str, cells: dict[str, Any], names: dict[str, Any]) -> Any:
    """Return what a name of a function stands for; itself unknown, an object none allows."""
    if name not in cells:
        return names.get(name, ...)
    try:
        return cells[name].cell_contents
    except ValueError:  # not yet filled
        return ...
