"""Backtests: sizing, stops, engine, result, statistics, reference, vectorbt bridge.

The package can be called: ``wb.backtest(strategy, bars)`` is
``workbench.backtest.engine.backtest``, which is loaded, and with it the compiler, when it
is first called or asked for its signature.
"""

from __future__ import annotations

import sys
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package that passes a call on to its engine."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run a backtest."""
        from workbench.backtest.engine import backtest

        return backtest(*args, **kwargs)

    @property
    def __signature__(self) -> Signature:
        from workbench.backtest.engine import backtest

        return signature(backtest)


sys.modules[__name__].__class__ = _Callable
