"""Strategies by name: they register by being defined, and the latest definition wins."""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from weakref import WeakSet

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from workbench.strategy.base import BaseStrategy

__all__ = ["add", "find", "load", "names"]

_LIBRARY = "workbench.strategy.library"
# Kept apart, so that the library, loaded late, does not shadow a user's class of the same name.
_shipped: dict[str, type[BaseStrategy]] = {}
_user: dict[str, type[BaseStrategy]] = {}
_all: WeakSet[type[BaseStrategy]] = WeakSet()


def add(cls: type[BaseStrategy]) -> None:
    """Register a class under its name; called by the base class for each definition."""
    _all.add(cls)
    if not cls.__name__.startswith("_"):
        shelf = _shipped if cls.__module__.startswith(_LIBRARY) else _user
        shelf[cls.__name__] = cls


def names() -> list[str]:
    """Return the names of all strategies, the library's included, sorted.

    Examples
    --------
    >>> {"SmaCross", "Pairs"} <= set(names())
    True
    """
    import_module(_LIBRARY)
    return sorted({*_shipped, *_user})


def find(name: str) -> type[BaseStrategy]:
    """Return the strategy class of a name, or of ``"path/to/file.py:Class"``.

    Raises
    ------
    UsageError
        There is none; the nearest name is offered.

    Examples
    --------
    >>> find("SmaCross")(fast=5)
    SmaCross(fast=5, slow=50)
    >>> find("SmaCros")
    Traceback (most recent call last):
    workbench.errors.UsageError: no such strategy: 'SmaCros', did you mean 'SmaCross'?...
    """
    if ".py" in name or ":" in name:
        return load(name)
    known = names()
    found = _user.get(name) or _shipped.get(name)
    if found is None:
        raise UsageError(
            f"no such strategy: {name!r}{nearest(name, known) or '.'} "
            "Give a known name or 'file.py:Class'.",
            strategy=name,
            known=known,
        )
    return found


def load(where: str | Path) -> type[BaseStrategy]:
    """Return a strategy class from a file, ``"my.py:MyStrategy"``.

    The class may be left out where the file defines a single strategy. A file is run once;
    when its text has changed it is run again, and the new definitions win. Objects of its
    classes pickle by path and name, so that a worker process can load them.

    Raises
    ------
    UsageError
        No such file or class, or the file does not run.
    """
    path_text, _, wanted = _split(str(where))
    path = Path(path_text).expanduser().resolve()
    if not path.is_file():
        raise UsageError(f"no such file: {path}; give 'file.py:Class'", path=str(path))
    module = _run(path)
    found = _strategies(module)
    if wanted in found:
        return found[wanted]
    if not wanted and len(found) == 1:
        return next(iter(found.values()))
    listed = ", ".join(found) or "none"
    near = (nearest(wanted, found) if wanted else "") or "."
    problem = f"has no strategy {wanted!r}" if wanted else "does not define just one strategy"
    raise UsageError(
        f"{path} {problem}{near} It defines: {listed}.",
        path=str(path),
        known=list(found),
    )


def _split(where: str) -> tuple[str, str, str]:
    head, colon, tail = where.rpartition(":")
    # A drive letter is no class: C:\my.py
    return (head, colon, tail) if colon and tail.isidentifier() else (where, "", "")


def _run(path: Path) -> ModuleType:
    source = path.read_bytes()
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"workbench_user_{place}_{path.stem}"
    digest = hashlib.sha256(source).hexdigest()
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__workbench_digest__", None) == digest:
        return known
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", path=str(path))
    module = module_from_spec(spec)
    module.__dict__["__workbench_digest__"] = digest
    sys.modules[name] = module
    try:
        # Compiled from the text that was hashed: no stale bytecode, no second read.
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102
    except UsageError:
        _forget(name, known)
        raise
    except Exception as error:  # a user's file may raise anything; the cause is kept
        _forget(name, known)
        line = getattr(error.__traceback__ and error.__traceback__.tb_next, "tb_lineno", None)
        at = f", line {line}" if line else ""
        raise UsageError(
            f"{path} does not run{at}: {type(error).__name__}: {error}", path=str(path), line=line
        ) from error
    return module


def _forget(name: str, known: ModuleType | None) -> None:
    if known is None:
        del sys.modules[name]
    else:
        sys.modules[name] = known


def _strategies(module: ModuleType) -> dict[str, type[BaseStrategy]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and value in _all and value.__module__ == module.__name__
    }
