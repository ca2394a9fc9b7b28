"""Measures over a window that moves with the bars.

A value stands at the last bar of its window; the first ``window - 1`` are NaN, and so is a
window with a NaN in it. Conventions are those of the measures of the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.backtest.measures.inputs import positive
from workbench.errors import UsageError

__all__ = [
    "rolling", "rolling_beta", "rolling_correlation", "rolling_sharpe", "rolling_sortino",
    "rolling_volatility",
]  # fmt: skip

_STILL = 1e-14


def rolling(
    measure: Callable[..., float], returns: pd.Series, window: int, **options: Any
) -> pd.Series:
    """Return any measure of returns over a moving window.

    Parameters
    ----------
    measure : callable
        Such as ``wb.stats.omega``: takes an array of returns and `options`.
    returns : Series
        Fractions per bar.
    window : int
        Bars, at least 2.
    **options
        Passed to `measure`.

    Raises
    ------
    UsageError
        A window of less than two bars.

    Examples
    --------
    >>> from workbench.backtest.measures.ratios import max_drawdown
    >>> rolling(max_drawdown, pd.Series([0.1, -0.5, 0.1]), 2).round(6).tolist()
    [nan, -0.5, -0.5]
    """
    values = returns.to_numpy("float64")
    found = np.full(len(values), np.nan)
    for end in range(_bars(window), len(values) + 1):
        part = values[end - window : end]
        if not np.isnan(part).any():
            found[end - 1] = measure(part, **options)
    return pd.Series(found, index=returns.index, name=getattr(measure, "__name__", "measure"))


def rolling_volatility(returns: pd.Series, window: int, periods_per_year: float) -> pd.Series:
    """Return the annualised deviation (ddof=1) over a moving window, as a fraction.

    Source and units as ``wb.stats.volatility``.

    Examples
    --------
    >>> rolling_volatility(pd.Series([0.0, 0.02, 0.0]), 2, 4).round(6).tolist()
    [nan, 0.028284, 0.028284]
    """
    root = np.sqrt(positive(periods_per_year, "periods_per_year"))
    found: pd.Series = _moving(returns, window).std().rename("volatility") * root
    return found


def rolling_sharpe(
    returns: pd.Series, window: int, periods_per_year: float, risk_free: float = 0.0
) -> pd.Series:
    """Return the annualised Sharpe ratio over a moving window; NaN where nothing moves.

    Source and units as ``wb.stats.sharpe``; `risk_free` is per bar.

    Examples
    --------
    >>> rolling_sharpe(pd.Series([0.0, 0.02, 0.02]), 2, 1).round(6).tolist()
    [nan, 0.707107, nan]
    """
    root = np.sqrt(positive(periods_per_year, "periods_per_year"))
    moving = _moving(returns, window)
    deviation = moving.std()
    ratio = (moving.mean() - risk_free) / deviation.where(deviation > _STILL) * root
    return _named(ratio, "sharpe")


def rolling_sortino(
    returns: pd.Series, window: int, periods_per_year: float, target: float = 0.0
) -> pd.Series:
    """Return the annualised Sortino ratio over a moving window; NaN where nothing falls.

    Source and units as ``wb.stats.sortino``; `target` is per bar.

    Examples
    --------
    >>> rolling_sortino(pd.Series([0.03, -0.01, 0.02]), 2, 1).round(6).tolist()
    [nan, 1.414214, 0.707107]
    """
    root = np.sqrt(positive(periods_per_year, "periods_per_year"))
    over = returns - target
    below = np.sqrt(_moving(over.clip(upper=0.0) ** 2, window).mean().clip(lower=0.0))
    ratio = _moving(over, window).mean() / below.where(below > _STILL) * root
    return _named(ratio, "sortino")


def rolling_beta(returns: pd.Series, benchmark: pd.Series, window: int) -> pd.Series:
    """Return the slope on a benchmark over a moving window.

    The benchmark is joined by its labels; a bar it lacks makes the windows with it NaN. Source
    as ``wb.stats.beta``.

    Examples
    --------
    >>> market = pd.Series([0.01, -0.01, 0.02])
    >>> rolling_beta(2 * market, market, 2).round(6).tolist()
    [nan, 2.0, 2.0]
    """
    mine, theirs = _joined(returns, benchmark)
    variance = _moving(theirs, window).var()
    slope = _moving(mine, window).cov(theirs) / variance.where(variance > _STILL**2)
    return _named(slope, "beta")


def rolling_correlation(returns: pd.Series, benchmark: pd.Series, window: int) -> pd.Series:
    """Return Pearson's correlation with a benchmark over a moving window.

    The benchmark is joined by its labels, as in `rolling_beta`; NaN where one does not move.

    Examples
    --------
    >>> market = pd.Series([0.01, -0.01, 0.02])
    >>> rolling_correlation(-market, market, 2).round(6).tolist()
    [nan, -1.0, -1.0]
    """
    mine, theirs = _joined(returns, benchmark)
    moves = (_moving(mine, window).std() > _STILL) & (_moving(theirs, window).std() > _STILL)
    return _named(_moving(mine, window).corr(theirs).where(moves), "correlation")


def _joined(returns: pd.Series, benchmark: pd.Series) -> tuple[pd.Series, pd.Series]:
    theirs = benchmark.reindex(returns.index)
    return returns.where(theirs.notna()), theirs.where(returns.notna())


def _named(found: Any, name: str) -> pd.Series:
    named: pd.Series = found.rename(name)
    return named


def _moving(returns: pd.Series, window: int) -> Any:
    return returns.rolling(_bars(window), min_periods=window)


def _bars(window: int) -> int:
    if not isinstance(window, int) or window < 2:
        raise UsageError(f"window must be at least two whole bars, not {window!r}", window=window)
    return window
