"""How far a statistic may be off: the stationary block bootstrap.

Returns follow one another; drawing them one by one would lose that. The stationary bootstrap of
Politis and Romano (1994), The Stationary Bootstrap, J. of the American Statistical Association
89, draws blocks of random length and glues them together, the end of the returns to their start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest.measures import benchmark as beside
from workbench.backtest.measures import ratios, tails
from workbench.backtest.measures.inputs import Returns, paired, positive, share, values
from workbench.errors import DataError, UsageError, nearest
from workbench.kernels.codes import Floats

__all__ = ["BESIDE", "MEASURES", "Interval", "blocks", "interval", "intervals", "measured"]

MEASURES: dict[str, Callable[..., float]] = {
    "total_return": ratios.total_return,
    "cagr": ratios.cagr,
    "volatility": ratios.volatility,
    "sharpe": ratios.sharpe,
    "sortino": ratios.sortino,
    "calmar": ratios.calmar,
    "max_drawdown": ratios.max_drawdown,
    "ulcer_index": ratios.ulcer_index,
    "omega": ratios.omega,
    "value_at_risk": tails.value_at_risk,
    "expected_shortfall": tails.expected_shortfall,
    "tail_ratio": tails.tail_ratio,
    "skewness": tails.skewness,
    "kurtosis": tails.kurtosis,
}
"""What `interval` knows by name, of returns alone."""

BESIDE: dict[str, Callable[..., float]] = {
    "alpha": beside.alpha,
    "beta": beside.beta,
    "correlation": beside.correlation,
    "tracking_error": beside.tracking_error,
    "information_ratio": beside.information_ratio,
    "up_capture": beside.up_capture,
    "down_capture": beside.down_capture,
}
"""What `interval` knows by name, of returns and a benchmark's."""

YEARLY = frozenset(
    {"cagr", "volatility", "sharpe", "sortino", "calmar", "alpha", "tracking_error",
     "information_ratio"}
)  # fmt: skip


class Interval(NamedTuple):
    """A statistic, the interval it lies in with probability `level`, and how that was found."""

    value: float
    low: float
    high: float
    level: float
    block: float
    draws: int


def interval(  # noqa: PLR0913 - the public face: how to draw has defaults
    name: str,
    returns: Returns,
    *,
    benchmark: Returns | None = None,
    periods_per_year: float | None = None,
    level: float = 0.95,
    block: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return a statistic with its confidence interval, by the stationary block bootstrap.

    Parameters
    ----------
    name : str
        A statistic of returns (``"sharpe"``…) or of returns and a benchmark (``"beta"``…).
    returns : Series or array
        Fractions per bar; NaN is left out.
    benchmark : Series or array, optional
        Its returns; drawn together with `returns`, bar by bar.
    periods_per_year : float, optional
        Where the statistic is annualised.
    level : float
        Probability of the interval, whose ends are quantiles of the draws (percentiles).
    block : float, optional
        Mean length of a block in bars; the cube root of their number by default. Longer where
        returns depend on one another for longer.
    draws : int
        How many.
    seed : int
        The same seed gives the same interval.

    Returns
    -------
    Interval
        NaN at both ends where fewer than half of the draws have a value.

    Notes
    -----
    Sources: Politis and Romano (1994); Efron and Tibshirani (1993), An Introduction to the
    Bootstrap, for percentiles. An interval of a drawdown or of another extreme is a rough one.

    Raises
    ------
    UsageError
        An unknown statistic, one that lacks its benchmark or periods, a number out of its range.
    DataError
        Fewer than ten returns.

    Examples
    --------
    >>> returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    >>> found = interval("sharpe", returns, periods_per_year=252, draws=200)
    >>> found.low < found.value < found.high
    True
    """
    share(level)
    columns = list(paired(returns, benchmark)) if benchmark is not None else [values(returns)]
    measure = measured(name, periods_per_year, has_benchmark=benchmark is not None)
    rows, length = _draws(len(columns[0]), block, draws, seed)
    columns = columns if name in BESIDE else columns[:1]
    found = np.array([measure(*(column[row] for column in columns)) for row in rows])
    found = found[~np.isnan(found)]
    low, high = math.nan, math.nan
    if 2 * len(found) >= draws:
        low, high = map(float, np.quantile(found, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(measure(*columns), low, high, level, length, draws)


def intervals(
    returns: Returns,
    *,
    periods_per_year: float,
    benchmark: Returns | None = None,
    names: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Return `interval` of several statistics as a table.

    Parameters
    ----------
    returns, periods_per_year, benchmark
        As for `interval`.
    names : sequence of str, optional
        All that are known by default; those beside a benchmark where there is one.
    **options
        ``level``, ``block``, ``draws`` and ``seed`` of `interval`.

    Returns
    -------
    DataFrame
        A row per statistic; columns ``value low high``.

    Examples
    --------
    >>> returns = np.random.default_rng(1).normal(0.001, 0.01, 100)
    >>> intervals(returns, periods_per_year=252, names=["omega"], draws=50).shape
    (1, 3)
    """
    chosen = names if names is not None else [*MEASURES, *(BESIDE if benchmark is not None else ())]
    rows = {
        name: interval(
            name, returns, benchmark=benchmark, periods_per_year=periods_per_year, **options
        )[:3]
        for name in chosen
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])


def measured(
    name: str, periods_per_year: float | None, *, has_benchmark: bool = False
) -> Callable[..., float]:
    """Return a statistic by its name, its periods per year bound.

    Raises
    ------
    UsageError
        There is no such statistic, or it lacks its benchmark or its periods per year.
    """
    known = MEASURES | BESIDE
    if name not in known:
        raise UsageError(
            f"no statistic {name!r}{nearest(name, list(known))}; there are {', '.join(known)}",
            name=name,
        )
    if name in BESIDE and not has_benchmark:
        raise UsageError(f"{name} needs a benchmark: give benchmark=", name=name)
    measure = known[name]
    if name not in YEARLY:
        return measure
    if periods_per_year is None:
        raise UsageError(
            f"{name} is a figure per year: give periods_per_year=, such as 252", name=name
        )
    periods = positive(periods_per_year, "periods_per_year")
    return lambda *columns: measure(*columns, periods)


def blocks(bars: int, block: float, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of one draw of the stationary bootstrap.

    Parameters
    ----------
    bars : int
        How many rows there are, and are drawn.
    block : float
        Mean length of a block; lengths are geometric. 1 draws row by row.
    rng : numpy.random.Generator

    Examples
    --------
    >>> rows = blocks(6, 3.0, np.random.default_rng(0))
    >>> len(rows), bool(((rows >= 0) & (rows < 6)).all())
    (6, True)
    """
    begins = rng.random(bars) < 1.0 / block
    begins[0] = True
    places = np.arange(bars)
    first = np.maximum.accumulate(np.where(begins, places, 0))
    starts = rng.integers(0, bars, bars)
    rows: np.ndarray = (starts[first] + places - first) % bars
    return rows


def _draws(bars: int, block: float | None, draws: int, seed: int) -> tuple[list[np.ndarray], float]:
    if bars < 10:
        raise DataError(f"{bars} returns are too few to draw from: ten at least", bars=bars)
    if draws < 10:
        raise UsageError(f"draws must be at least 10, not {draws!r}", draws=draws)
    length = float(block) if block is not None else max(1.0, bars ** (1 / 3))
    if not 1.0 <= length <= bars:
        raise UsageError(f"block must lie between 1 and the {bars} bars, not {block!r}")
    rng = np.random.default_rng(seed)
    return [blocks(bars, length, rng) for _ in range(draws)], length


def pairs(
    first: Floats, second: Floats, block: float | None, draws: int, seed: int
) -> tuple[list[tuple[Floats, Floats]], float]:
    """Return draws of two series of returns, the same rows of both, and the mean block."""
    rows, length = _draws(len(first), block, draws, seed)
    return [(first[row], second[row]) for row in rows], length
