"""Two results side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.backtest.measures.bootstrap import MEASURES, measured, pairs
from workbench.backtest.measures.inputs import paired
from workbench.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["compare"]

_DRAWN = ("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown")
_BESIDE = ("win_rate", "profit_factor", "expectancy", "round_trips", "exposure", "turnover",
           "fees", "slippage")  # fmt: skip


def compare(
    a: Result,
    b: Result,
    *,
    names: Sequence[str] = _DRAWN,
    level: float = 0.95,
    block: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the statistics of two results, their differences, and whether those are luck.

    Statistics of returns are measured anew on the bars both results have, so that one compares
    the same days; the others stand as each result has them.

    Parameters
    ----------
    a, b : Result
        Of the same periods per year.
    names : sequence of str
        Statistics of returns to test: those of ``wb.stats.interval`` without a benchmark.
    level : float
        Of the interval of the difference.
    block, draws, seed
        As for ``wb.stats.interval``.

    Returns
    -------
    DataFrame
        Indexed by statistic; columns ``a b difference low high p_value``: `difference` is a
        less b, `low` and `high` its interval, `p_value` the probability of a difference at
        least as large, either way, if there were none. NaN where nothing is drawn or defined.
        ``attrs`` hold ``a`` and ``b`` as text, ``bars``, ``start``, ``end``, ``block``.

    Notes
    -----
    The same rows of both are drawn by the stationary block bootstrap, so that what the two share
    (the market) cancels; the p-value is that of the differences moved to a mean of no
    difference, (1 + as large) / (1 + draws). Sources: Politis and Romano (1994); Ledoit and Wolf
    (2008), Robust Performance Hypothesis Testing with the Sharpe Ratio, J. of Empirical Finance
    15, whose test is the studentised one. Many comparisons need smaller p-values.

    Raises
    ------
    UsageError
        Results of different periods per year, or a statistic that is none of returns.
    DataError
        Fewer than ten bars in common.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> fast, slow = (
    ...     wb.backtest(wb.strategies.SmaCross(fast=n, slow=50), bars, record=False)
    ...     for n in (5, 20)
    ... )
    >>> table = wb.stats.compare(fast, slow, draws=100)
    >>> bool(0 < table.loc["sharpe", "p_value"] <= 1)
    True
    """
    periods = _periods(a, b)
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise UsageError(
            f"{unknown[0]!r} is no statistic of returns{nearest(unknown[0], list(MEASURES))}",
            name=unknown[0],
        )
    mine, theirs = paired(a.returns, b.returns)
    drawn, length = pairs(mine, theirs, block, draws, seed)
    rows: dict[str, list[float]] = {}
    for name in names:
        measure = measured(name, periods)
        one, other = measure(mine), measure(theirs)
        off = np.array([measure(x) - measure(y) for x, y in drawn])
        rows[name] = [one, other, one - other, *_judged(one - other, off, level)]
    for name in _BESIDE:
        one, other = float(a.stats[name]), float(b.stats[name])
        rows[name] = [one, other, one - other, math.nan, math.nan, math.nan]
    columns = ["a", "b", "difference", "low", "high", "p_value"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    common = a.returns.index.intersection(b.returns.index)
    table.attrs = {
        "a": repr(a.strategy),
        "b": repr(b.strategy),
        "bars": len(mine),
        "start": str(common[0]),
        "end": str(common[-1]),
        "block": length,
    }
    return table


def _judged(difference: float, drawn: np.ndarray, level: float) -> tuple[float, float, float]:
    """Return the interval of a difference and its two-sided p-value."""
    found = drawn[~np.isnan(drawn)]
    if math.isnan(difference) or 2 * len(found) < len(drawn):
        return math.nan, math.nan, math.nan
    low, high = map(float, np.quantile(found, [(1 - level) / 2, (1 + level) / 2]))
    # What rounding leaves of two equal results is no difference.
    larger = np.abs(found - difference) >= abs(difference) - 1e-12
    return low, high, float((1 + larger.sum()) / (1 + len(found)))


def _periods(a: Result, b: Result) -> float:
    for side in (a, b):
        if not hasattr(side, "returns") or not hasattr(side, "periods_per_year"):
            raise UsageError(f"compare takes two results of wb.backtest, not {type(side).__name__}")
    if a.periods_per_year != b.periods_per_year:
        raise UsageError(
            f"the results have {a.periods_per_year:g} and {b.periods_per_year:g} periods per year: "
            "bring them to the same bars first",
            a=a.periods_per_year,
            b=b.periods_per_year,
        )
    if not len(a.returns.index.intersection(b.returns.index)):
        raise DataError("the results have no bar in common")
    return a.periods_per_year
