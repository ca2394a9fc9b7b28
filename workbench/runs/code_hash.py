"""A digest of the code a strategy is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

__all__ = ["code_hash", "code_of"]

_SIMPLE = (bool, int, float, complex, str, bytes, type(None))
# The base class belongs to the package, whose version stands in the manifest beside the hash.
_BASE = "workbench.strategy.base"


def code_hash(cls: type) -> str:
    """Return a digest of a class's own code: it changes when what the class does changes.

    The compiled code is read, not the text: it is what ran, comments and docstrings do
    not change it, and it is there in a notebook as in a file. Functions and classes of the
    same module that the methods name are part of it, at any depth. What other modules
    hold is not: the versions of packages stand in the manifest instead. The digest is
    comparable between runs of one Python minor version.

    Parameters
    ----------
    cls : type
        A strategy's class.

    Returns
    -------
    str
        Sixteen hexadecimal digits.

    Examples
    --------
    >>> class A:
    ...     def f(self): return 1
    >>> before = code_hash(A)
    >>> A.f = lambda self: 2
    >>> before == code_hash(A)
    False
    """
    digest = hashlib.sha256()
    for part in _Walk(cls.__module__).class_parts(cls):
        digest.update(part.encode("utf-8", "backslashreplace"))
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def code_of(strategy: Any) -> str:
    """Return `code_hash` of a strategy's class, and of those it is made of (``members``).

    Examples
    --------
    >>> class A:
    ...     pass
    >>> code_of(A()) == code_hash(A)
    True
    """
    found = [code_hash(type(strategy))]
    found += [code_of(member) for member in getattr(strategy, "members", ())]
    if len(found) == 1:
        return found[0]
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:16]


class _Walk:
    """Walks the code reachable from a class without leaving its module."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._seen: set[int] = set()

    def class_parts(self, cls: type) -> Iterator[str]:
        for owner in cls.__mro__:
            if owner.__module__ in ("builtins", "abc", "typing", _BASE) or id(owner) in self._seen:
                continue
            self._seen.add(id(owner))
            yield f"class {owner.__qualname__}"
            for name in sorted(vars(owner)):
                if name in ("__doc__", "__module__", "__dict__", "__weakref__", "__firstlineno__"):
                    continue
                yield from self._member(name, vars(owner)[name])

    def _member(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        if isinstance(value, property):
            for function in (value.fget, value.fset, value.fdel):
                if isinstance(function, FunctionType):
                    yield from self._function(name, function)
        elif isinstance(value, FunctionType):
            yield from self._function(name, value)
        elif isinstance(value, _SIMPLE):
            yield f"{name}={value!r}"
        elif isinstance(value, tuple | frozenset | list | set):
            yield f"{name}={_constant(value)}"

    def _function(self, name: str, function: FunctionType) -> Iterator[str]:
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        yield f"def {name}"
        yield _constant(function.__defaults__ or ())
        names: set[str] = set()
        yield from _code(function.__code__, names)
        for cell in function.__closure__ or ():
            try:
                yield from self._named("cell", cell.cell_contents)
            except ValueError:  # the cell is empty: the name was never bound
                yield "empty"
        for used in sorted(names):
            if used in function.__globals__:
                yield from self._named(used, function.__globals__[used])

    def _named(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, type):
            if value.__module__ == self._module:
                yield from self.class_parts(value)
        elif isinstance(value, FunctionType):
            if value.__module__ == self._module:
                yield from self._function(name, value)
        elif isinstance(value, (*_SIMPLE, tuple, frozenset)):
            yield f"{name}={_constant(value)}"


def _code(code: CodeType, names: set[str]) -> Iterator[str]:
    names.update(code.co_names)
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for number, constant in enumerate(code.co_consts):
        if isinstance(constant, CodeType):
            yield from _code(constant, names)
        elif number or not isinstance(constant, str):  # the first text is the docstring
            yield _constant(constant)


def _constant(value: Any) -> str:
    """Return a text that does not depend on the order of a set or on an address."""
    if isinstance(value, frozenset | set):
        return "{" + ",".join(sorted(map(_constant, value))) + "}"
    if isinstance(value, tuple | list):
        return "(" + ",".join(map(_constant, value)) + ")"
    if isinstance(value, _SIMPLE) or value is Ellipsis:
        return repr(value)
    return type(value).__qualname__
