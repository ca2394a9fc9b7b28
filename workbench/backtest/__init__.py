"""Backtests: sizing, stops, engine, result, statistics, reference, vectorbt bridge.

The package can be called: ``wb.backtest(strategy, bars)`` is
``workbench.backtest.engine.backtest``, which is loaded, and with it the compiler, when it
is first called or asked for its signature or its help.
"""

from __future__ import annotations

import sys
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class _Callable(ModuleType):  # a package that passes a call on to its engine
    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        from workbench.backtest.engine import backtest

        return backtest.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run a strategy over bars; see `workbench.backtest.engine.backtest` for all of it."""
        from workbench.backtest.engine import backtest

        return backtest(*args, **kwargs)

    @property
    def __signature__(self) -> Signature:
        from workbench.backtest.engine import backtest

        return signature(backtest)


sys.modules[__name__].__class__ = _Callable
