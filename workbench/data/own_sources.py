"""Sources of users: a class with one method, named by a decorator, a file or a package."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TypeVar, cast

from workbench.config import Settings
from workbench.core.ports import BarSource
from workbench.errors import UsageError

__all__ = ["GROUP", "find_own", "own_names", "source"]

GROUP = "workbench.sources"
"""The entry points of packages that bring sources."""

FOLDER = "sources"

C = TypeVar("C", bound=type)
_OWN: dict[str, type] = {}


def source(name: str) -> Callable[[C], C]:
    """Make a class a bar source under a name; ``wb.bars(…, source=name)`` then asks it.

    The class needs one method, ``history(symbol, timeframe, start, end)``, which returns raw
    bars with ``start <= time < end`` as `workbench.core.ports.BarSource` says. It is made with
    the settings, or with nothing. ``symbols`` and what `workbench.data.sources` lists may be
    added. `workbench.testing.check_source` tells whether it keeps its promises.

    Examples
    --------
    >>> @source("flat")
    ... class Flat:
    ...     is_stored = False
    ...     def history(self, symbol, timeframe, start, end):
    ...         import pandas as pd
    ...         days = pd.date_range("2024-01-02", periods=3, tz="UTC")
    ...         days = days[(days >= (start or days[0])) & (days < (end or days[-1] + days.freq))]
    ...         names = ["open", "high", "low", "close", "volume"]
    ...         bars = pd.DataFrame(1.0, index=days, columns=names)
    ...         bars.attrs["calendar"] = "24/7"
    ...         return bars
    >>> import workbench as wb
    >>> len(wb.bars("ANY", source="flat", start="2024-01-03"))
    2
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"a source's name is a word as 'my_data', not {name!r}", source=name)

    def register(cls: C) -> C:
        _OWN[name] = _complete(cls, name)
        return cls

    return register


def own_names() -> tuple[str, ...]:
    """Return the names that are known without a workspace: decorated ones, and packages'."""
    return tuple(dict.fromkeys([*_OWN, *(point.name for point in entry_points(group=GROUP))]))


def find_own(name: str, settings: Settings) -> BarSource | None:
    """Return the source of that name, None where there is none.

    A decorated class comes first, then the file ``sources/<name>.py`` of the workspace, then
    the entry points of installed packages.

    Raises
    ------
    UsageError
        There is one, and it is no source.
    """
    found = _OWN.get(name)
    path = settings.workspace / FOLDER / f"{name}.py"
    if found is None and str(name).isidentifier() and path.is_file():
        found = _from_file(name, path)
    if found is None:
        for point in entry_points(group=GROUP):
            if point.name == name:
                found = _complete(point.load(), name)
    if found is None:
        return None
    takes = [
        parameter
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return cast(BarSource, found(settings) if takes else found())


def _from_file(name: str, path: Path) -> type:
    spec = spec_from_file_location(f"workbench_source_{name}", path)
    assert spec is not None  # noqa: S101  the name ends in .py
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's file may raise anything
        raise UsageError(f"{path} cannot be loaded: {error!r}", path=str(path)) from error
    if name not in _OWN:
        raise UsageError(
            f"{path} names no source {name!r}: put @wb.source({name!r}) above its class",
            path=str(path),
            source=name,
        )
    return _OWN.pop(name)  # the file may change, and another workspace has another


def _complete(cls: Any, name: str) -> type:
    if not isinstance(cls, type) or not callable(getattr(cls, "history", None)):
        raise UsageError(
            f"source {name!r} must be a class with a method history(symbol, timeframe, start, "
            f"end), not {cls!r}",
            source=name,
        )
    given: Any = cls
    given.name = name
    if not hasattr(cls, "symbols"):
        given.symbols = _nothing
    return cls


def _nothing(self: object) -> Sequence[str]:  # noqa: ARG001  a method
    """Return nothing: it cannot list its symbols."""
    return ()
