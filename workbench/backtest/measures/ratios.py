"""What returns alone tell of gain, swing and fall.

The conventions are those of ``wb.stats.CONVENTIONS``: deviations use ddof=1, the risk-free
rate is 0 unless given, drawdowns are negative fractions and count from the start. NaN among
the returns is left out, and NaN is the answer where a figure is not defined; nothing is
infinite. Returns are fractions per bar, rates beside them too.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.backtest.measures.inputs import Returns, positive, values
from workbench.kernels.codes import Floats

__all__ = [
    "cagr", "calmar", "max_drawdown", "omega", "pain_index", "sharpe", "sortino", "total_return",
    "ulcer_index", "volatility",
]  # fmt: skip

_STILL = 1e-14  # what rounding leaves of a curve that does not move


def total_return(returns: Returns) -> float:
    """Return the compounded return, as a fraction: the product of 1 + return, less 1.

    NaN is left out; no returns at all give NaN. Source: Bacon (2008), Practical Portfolio
    Performance Measurement and Attribution, 2nd ed., chapter 2.

    Examples
    --------
    >>> round(total_return([0.1, -0.5]), 6)
    -0.45
    """
    found = values(returns)
    return float(np.prod(1.0 + found) - 1.0) if len(found) else math.nan


def cagr(returns: Returns, periods_per_year: float) -> float:
    """Return the compound annual growth rate, as a fraction.

    ``(1 + total return) ** (periods per year / bars) - 1``. NaN among the returns is left
    out; NaN where there are none or equity ends below zero. Source: Bacon (2008), chapter 2.

    Examples
    --------
    >>> round(cagr([0.1, 0.1], periods_per_year=1), 6)
    0.1
    """
    found = values(returns)
    growth = float(np.prod(1.0 + found))
    if not len(found) or growth < 0.0:
        return math.nan
    return float(growth ** (positive(periods_per_year, "periods_per_year") / len(found)) - 1.0)


def volatility(returns: Returns, periods_per_year: float) -> float:
    """Return the annualised standard deviation, as a fraction: ddof=1, times sqrt(periods).

    NaN is left out; fewer than two returns give NaN. Source: Bacon (2008), chapter 4, who
    divides by n as R's ``StdDev`` does not.

    Examples
    --------
    >>> round(volatility([0.01, -0.01, 0.02], periods_per_year=252), 6)
    0.242487
    """
    found = values(returns)
    root = math.sqrt(positive(periods_per_year, "periods_per_year"))
    return float(np.std(found, ddof=1)) * root if len(found) > 1 else math.nan


def sharpe(returns: Returns, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Return the annualised Sharpe ratio.

    Arithmetic mean of return less `risk_free` (per bar), over the standard deviation (ddof=1),
    times sqrt(periods per year). NaN is left out; NaN where nothing moves or there are fewer
    than two returns. Source: Sharpe (1994), The Sharpe Ratio, J. of Portfolio Management 21.
    R's ``SharpeRatio.annualized`` takes the geometric mean instead.

    Examples
    --------
    >>> round(sharpe([0.01, -0.01, 0.02], periods_per_year=252), 4)
    6.9282
    """
    found = values(returns) - risk_free
    root = math.sqrt(positive(periods_per_year, "periods_per_year"))
    deviation = float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
    return float(found.mean()) / deviation * root if deviation > _STILL else math.nan


def sortino(returns: Returns, periods_per_year: float, target: float = 0.0) -> float:
    """Return the annualised Sortino ratio.

    Arithmetic mean of return less `target` (per bar), over the downside deviation: the root of
    the mean over all bars of min(return - target, 0) squared; times sqrt(periods per year). NaN
    is left out; NaN where nothing falls below the target. Source: Sortino and Price (1994),
    Performance Measurement in a Downside Risk Framework, J. of Investing 3.

    Examples
    --------
    >>> round(sortino([0.01, -0.01, 0.02], periods_per_year=252), 4)
    18.3303
    """
    found = values(returns) - target
    root = math.sqrt(positive(periods_per_year, "periods_per_year"))
    below = math.sqrt(float(np.mean(np.minimum(found, 0.0) ** 2))) if len(found) else 0.0
    return float(found.mean()) / below * root if below > _STILL else math.nan


def max_drawdown(returns: Returns) -> float:
    """Return the deepest fall below the highest equity so far, as a negative fraction.

    The start counts as a peak. NaN is left out; no returns give NaN, no fall gives 0. Source:
    Magdon-Ismail and Atiya (2004), Maximum Drawdown, Risk 17.

    Examples
    --------
    >>> round(max_drawdown([0.1, -0.5, 0.2]), 6)
    -0.5
    """
    falls = _falls(values(returns))
    return float(falls.min()) if len(falls) else math.nan


def calmar(returns: Returns, periods_per_year: float) -> float:
    """Return the Calmar ratio: `cagr` over the depth of `max_drawdown`, over all of the returns.

    NaN where there is no drawdown. Source: Young (1991), Calmar Ratio: A Smoother Tool,
    Futures 20; who looks at the last three years only.

    Examples
    --------
    >>> round(calmar([0.1, -0.05, 0.1], periods_per_year=3), 4)
    2.99
    """
    depth = max_drawdown(returns)
    return cagr(returns, periods_per_year) / -depth if depth < 0.0 else math.nan


def ulcer_index(returns: Returns) -> float:
    """Return the Ulcer index, as a positive fraction: the root of the mean squared drawdown.

    The start counts as a peak; the mean is over all bars. NaN is left out; no returns give NaN.
    Source: Martin and McCann (1989), The Investor's Guide to Fidelity Funds. quantstats divides
    by the bars less one.

    Examples
    --------
    >>> round(ulcer_index([0.0, -0.2, 0.25]), 6)
    0.11547
    """
    falls = _falls(values(returns))
    return math.sqrt(float(np.mean(falls**2))) if len(falls) else math.nan


def pain_index(returns: Returns) -> float:
    """Return the pain index, as a positive fraction: the mean depth of the drawdown of all bars.

    NaN is left out; no returns give NaN. Source: Becker (2006), Zephyr Associates; Bacon (2008),
    page 89.

    Examples
    --------
    >>> round(pain_index([0.0, -0.2, 0.25]), 6)
    0.066667
    """
    falls = _falls(values(returns))
    return float(-falls.mean()) if len(falls) else math.nan


def omega(returns: Returns, threshold: float = 0.0) -> float:
    """Return the Omega ratio: what lies above `threshold` (per bar) over what lies below it.

    The sum of max(return - threshold, 0) over the sum of max(threshold - return, 0). NaN is left
    out; NaN where nothing lies below. Source: Keating and Shadwick (2002), A Universal
    Performance Measure, J. of Performance Measurement 6. With a threshold of 0 it is the
    Bernardo-Ledoit ratio. empyrical and quantstats take the threshold per year.

    Examples
    --------
    >>> omega([0.03, -0.01, -0.01])
    1.5
    """
    found = values(returns) - threshold
    below = float(np.maximum(-found, 0.0).sum())
    return float(np.maximum(found, 0.0).sum()) / below if below > _STILL else math.nan


def _falls(returns: Floats) -> Floats:
    """Return drawdowns at each bar, negative; the start is the first peak."""
    curve = np.cumprod(1.0 + returns)
    peaks: Floats = np.maximum.accumulate(np.maximum(curve, 1.0))
    return curve / peaks - 1.0
