"""A digest of a strategy's code, for the pedigree of its numbers."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from textwrap import dedent
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from workbench.strategy.base import BaseStrategy

__all__ = ["code_hash"]

_BASES = "workbench.strategy.base"
# By class: its code cannot change after it is made, the file it was read from can.
_known: WeakKeyDictionary[type, str] = WeakKeyDictionary()


def code_hash(strategy: BaseStrategy | type[BaseStrategy]) -> str:
    """Return the SHA-256 of the code of a strategy's class.

    The declared parameters, the constants and the source text of the methods of the class and
    of its bases up to ``wb.Strategy``; where a text cannot be had (a class typed into an
    interpreter), the bytecode, which differs between versions of Python. The values an object
    has for its parameters do not count, nor does code outside of the classes.

    Parameters
    ----------
    strategy : Strategy or EventStrategy, object or class

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> code_hash(SmaCross(fast=3)) == code_hash(SmaCross)
    True
    """
    cls: type = strategy if isinstance(strategy, type) else type(strategy)
    if cls not in _known:
        digest = hashlib.sha256()
        for base in cls.__mro__:
            if base is object or _is_ours(base):
                continue
            digest.update(_text(base).encode())
        _known[cls] = digest.hexdigest()
    return _known[cls]


def _is_ours(cls: type) -> bool:
    return cls.__module__ == _BASES and cls.__name__ in (
        "BaseStrategy",
        "Strategy",
        "EventStrategy",
    )


def _text(cls: type) -> str:
    # By method, not by class: a class is looked for in its file by name, so that of two
    # definitions of one name the wrong text would come; a function knows its line.
    parts = [cls.__qualname__, repr(vars(cls).get("_specs"))]
    parts += [f"{k}={v!r}" for k, v in sorted(vars(cls).items()) if _is_plain(k, v)]
    for name, function in _functions(cls):
        parts += [name, _function_text(function)]
    return "\n".join(parts)


def _is_plain(name: str, value: Any) -> bool:
    # Other objects may print their place in memory.
    return not name.startswith("__") and isinstance(value, int | float | str | tuple | None)


def _functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for name, value in sorted(vars(cls).items()):
        if name.startswith("__annotate"):  # made by the compiler from 3.14 on
            continue
        for found in (value, *(getattr(value, a, None) for a in ("fget", "func", "__func__"))):
            if isinstance(found, FunctionType):
                yield name, found


def _function_text(function: FunctionType) -> str:
    try:
        return dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return repr((_code(function.__code__), function.__defaults__, function.__kwdefaults__))


def _code(code: CodeType) -> tuple[Any, ...]:
    """Return what a code object does, without where it stands or lies in memory."""
    constants = tuple(_code(c) if isinstance(c, CodeType) else _stable(c) for c in code.co_consts)
    return code.co_code.hex(), code.co_names, code.co_varnames, constants


def _stable(constant: Any) -> str:
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
