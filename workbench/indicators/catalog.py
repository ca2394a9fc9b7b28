"""All indicators by name, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.errors import UsageError, nearest
from workbench.indicators import talib_specs
from workbench.indicators.face import make

__all__ = ["UnknownIndicator", "function", "names"]


class UnknownIndicator(UsageError, AttributeError):
    """No such indicator; an ``AttributeError`` too, so that ``hasattr`` answers."""


def names() -> list[str]:
    """Return the names of all indicators, sorted.

    Examples
    --------
    >>> {"sma", "atr", "cdldoji"} <= set(names())
    True
    """
    return sorted(talib_specs.names())


def function(name: str) -> Callable[..., Any]:
    """Return the indicator of a name.

    Raises
    ------
    UnknownIndicator
        There is none; the nearest name is offered.

    Examples
    --------
    >>> function("smaa")
    Traceback (most recent call last):
    workbench.indicators.catalog.UnknownIndicator: no such indicator: 'smaa', did you mean 'sma'?...
    """
    if name.startswith("_"):
        raise AttributeError(f"module 'workbench.indicators' has no attribute {name!r}")
    if name in talib_specs.names():
        return make(talib_specs.spec(name))
    known = names()
    raise UnknownIndicator(
        f"no such indicator: {name!r}{nearest(name, known) or '.'} See dir(wb.ta).",
        function=name,
        known=known,
    )
