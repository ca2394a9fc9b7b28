"""What ``wb.stats`` offers beside the statistics of a run, each loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["NAMES", "find"]

_MODULES = {
    "ratios": "cagr calmar max_drawdown omega pain_index sharpe sortino total_return ulcer_index "
    "volatility",
    "tails": "expected_shortfall kurtosis skewness tail_ratio value_at_risk",
    "benchmark": "alpha beta correlation down_capture information_ratio tracking_error up_capture",
    "rolling": "rolling rolling_beta rolling_correlation rolling_sharpe rolling_sortino "
    "rolling_volatility",
    "tables": "drawdown_table monthly_table",
    "trading": "capacity exposure turnover",
    "bootstrap": "interval intervals",
    "compare": "compare",
}

NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}
"""Name of a measure to the module it is in."""


def find(name: str) -> Any:
    """Return a measure by its name.

    Raises
    ------
    AttributeError
        There is none of that name.

    Examples
    --------
    >>> find("omega")([0.03, -0.01])
    3.0
    """
    if name not in NAMES:
        raise AttributeError(f"module 'workbench.backtest.stats' has no attribute {name!r}")
    return getattr(import_module(f"workbench.backtest.measures.{NAMES[name]}"), name)
