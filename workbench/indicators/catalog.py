"""All indicators by name, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from workbench.errors import UsageError, nearest
from workbench.indicators import talib_specs
from workbench.indicators.face import make
from workbench.indicators.spec import Spec

__all__ = ["UnknownIndicator", "function", "names", "spec"]

# name -> "module" with a SPEC, or "module:function". A module is not named as its indicator:
# importing it would put the module in the function's place.
_OWN = {
    "ichimoku": "workbench.indicators.ichimoku_cloud",
    "keltner": "workbench.indicators.keltner_channel",
    "vwap_rolling": "workbench.indicators.vwap_window",
    "vwap_session": "workbench.indicators.vwap_anchored:session_vwap",
    "zscore": "workbench.indicators.rolling_zscore",
}


class UnknownIndicator(UsageError, AttributeError):
    """No such indicator; an ``AttributeError`` too, so that ``hasattr`` answers."""


def names() -> list[str]:
    """Return the names of all indicators, sorted.

    Examples
    --------
    >>> {"sma", "atr", "cdldoji", "ichimoku"} <= set(names())
    True
    """
    return sorted({*talib_specs.names(), *_OWN})


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
    if name in _OWN:
        module, _, attribute = _OWN[name].partition(":")
        found = import_module(module)
        made: Callable[..., Any] = getattr(found, attribute) if attribute else make(found.SPEC)
        return made
    if name in talib_specs.names():
        return make(talib_specs.spec(name))
    known = names()
    raise UnknownIndicator(
        f"no such indicator: {name!r}{nearest(name, known) or '.'} See dir(wb.ta).",
        function=name,
        known=known,
    )


@lru_cache(maxsize=256)
def spec(name: str) -> Spec:
    """Return the spec of an indicator, to compute it on arrays.

    Raises
    ------
    UsageError
        It needs more than arrays of numbers: the times of the rows.

    Examples
    --------
    >>> spec("sma").inputs, spec("keltner").outputs[0]
    (('close',), 'upperband')
    """
    if name in _OWN:
        module, _, attribute = _OWN[name].partition(":")
        if attribute:
            raise UsageError(f"{name} needs the times of the bars; it has no part in a rule")
        found: Spec = import_module(module).SPEC
        return found
    return talib_specs.spec(name)
