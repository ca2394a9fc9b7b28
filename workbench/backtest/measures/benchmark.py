"""Returns beside those of a benchmark.

Two Series are joined by their labels; bars on which one of the two is NaN are left out. Returns
and the risk-free rate are fractions per bar; NaN is the answer where a figure is not defined.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.backtest.measures.inputs import Returns, paired, positive
from workbench.kernels.codes import Floats

__all__ = [
    "alpha", "beta", "correlation", "down_capture", "information_ratio", "tracking_error",
    "up_capture",
]  # fmt: skip

_STILL = 1e-14


def beta(returns: Returns, benchmark: Returns, risk_free: float = 0.0) -> float:
    """Return the slope of returns on the benchmark's: their covariance over its variance.

    NaN for fewer than two common bars, or a benchmark that does not move. Source: Sharpe (1964),
    Capital Asset Prices, J. of Finance 19. A constant risk-free rate changes nothing.

    Examples
    --------
    >>> round(beta([0.02, -0.02, 0.04], [0.01, -0.01, 0.02]), 6)
    2.0
    """
    mine, theirs = (side - risk_free for side in paired(returns, benchmark))
    off = theirs - theirs.mean() if len(theirs) > 1 else np.zeros(1)
    spread = float(np.sum(off**2))
    return float(np.sum(off * mine)) / spread if spread > _STILL**2 else math.nan


def alpha(
    returns: Returns, benchmark: Returns, periods_per_year: float, risk_free: float = 0.0
) -> float:
    """Return Jensen's alpha per year, as a fraction.

    Mean over the bars of ``(return - risk_free) - beta * (benchmark - risk_free)``, times the
    periods per year. NaN where `beta` is. Source: Jensen (1968), The Performance of Mutual Funds,
    J. of Finance 23. quantstats does the same; empyrical compounds the mean over the year; R's
    ``SFM.jensenAlpha`` takes annualised geometric returns in its place.

    Examples
    --------
    >>> round(alpha([0.03, -0.01, 0.05], [0.01, -0.01, 0.02], periods_per_year=12), 4)
    0.12
    """
    slope = beta(returns, benchmark)
    periods = positive(periods_per_year, "periods_per_year")
    if math.isnan(slope):
        return math.nan
    mine, theirs = paired(returns, benchmark)
    return float(np.mean(mine - risk_free - slope * (theirs - risk_free))) * periods


def correlation(returns: Returns, benchmark: Returns) -> float:
    """Return Pearson's correlation with the benchmark, from -1 to 1.

    NaN for fewer than two common bars, or where one of the two does not move.

    Examples
    --------
    >>> round(correlation([0.02, -0.02, 0.04], [0.01, -0.01, 0.02]), 6)
    1.0
    """
    mine, theirs = paired(returns, benchmark)
    if len(mine) < 2 or mine.std() <= _STILL or theirs.std() <= _STILL:
        return math.nan
    return float(np.corrcoef(mine, theirs)[0, 1])


def tracking_error(returns: Returns, benchmark: Returns, periods_per_year: float) -> float:
    """Return the annualised deviation (ddof=1) of return less benchmark, as a fraction.

    NaN for fewer than two common bars. Source: Bacon (2008), chapter 4; Grinold and Kahn (2000),
    Active Portfolio Management, 2nd ed.

    Examples
    --------
    >>> round(tracking_error([0.02, 0.0], [0.01, 0.01], periods_per_year=2), 6)
    0.02
    """
    mine, theirs = paired(returns, benchmark)
    root = math.sqrt(positive(periods_per_year, "periods_per_year"))
    return float(np.std(mine - theirs, ddof=1)) * root if len(mine) > 1 else math.nan


def information_ratio(returns: Returns, benchmark: Returns, periods_per_year: float) -> float:
    """Return the annualised information ratio.

    Arithmetic mean of return less benchmark over its deviation (ddof=1), times sqrt(periods per
    year). NaN for fewer than two common bars, or where the two move as one. Source: Grinold and
    Kahn (2000). empyrical (``excess_sharpe``) and quantstats do not annualise; R divides the
    difference of the annualised geometric returns by the tracking error.

    Examples
    --------
    >>> round(information_ratio([0.03, 0.01], [0.01, 0.01], periods_per_year=1), 6)
    0.707107
    """
    mine, theirs = paired(returns, benchmark)
    error = tracking_error(mine, theirs, periods_per_year)
    if not error > _STILL:
        return math.nan
    return float(np.mean(mine - theirs)) * periods_per_year / error


def up_capture(returns: Returns, benchmark: Returns) -> float:
    """Return how much of the benchmark's rises was had: 1 is all of them.

    Geometric mean return over the bars on which the benchmark rose, over the benchmark's own.
    NaN where it never rose. Source: Morningstar's upside and downside
    capture ratio. empyrical annualises both means first (the same with one period per year); R's
    ``UpDownRatios`` divides sums.

    Examples
    --------
    >>> round(up_capture([0.02, 0.05, -0.01], [0.04, -0.02, 0.0]), 6)
    0.5
    """
    mine, theirs = paired(returns, benchmark)
    return _captured(mine[theirs > 0], theirs[theirs > 0])


def down_capture(returns: Returns, benchmark: Returns) -> float:
    """Return how much of the benchmark's falls was suffered: 1 is all of them, below 0 a gain.

    As `up_capture`, over the bars on which the benchmark fell. NaN where it never fell.

    Examples
    --------
    >>> round(down_capture([0.02, 0.05, -0.01], [0.04, 0.02, -0.02]), 6)
    0.5
    """
    mine, theirs = paired(returns, benchmark)
    return _captured(mine[theirs < 0], theirs[theirs < 0])


def _captured(mine: Floats, theirs: Floats) -> float:
    if not len(mine):
        return math.nan
    least = min(float(mine.min()), float(theirs.min()))
    if least <= -1.0:  # all is lost, and a mean of growth is none
        return math.nan
    own, other = (math.expm1(float(np.log1p(side).mean())) for side in (mine, theirs))
    return own / other
