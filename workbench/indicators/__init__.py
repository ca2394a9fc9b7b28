"""Indicators: TA-Lib behind one pandas face, and what TA-Lib lacks; ``wb.ta``.

Every function takes a Series, a frame with one column per symbol, or bars; its first parameter
comes second: ``wb.ta.sma(close, 10)``, ``wb.ta.atr(bars, 14)``, ``wb.ta.bbands(close, 20, 2, 2)``.
"""

from __future__ import annotations

from typing import Any

from workbench.indicators import catalog


def __getattr__(name: str) -> Any:
    found = catalog.function(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return catalog.names()
