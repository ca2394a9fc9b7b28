"""How bad the bad bars are, and how the good ones compare.

Losses are negative fractions per bar, as drawdowns are; R's PerformanceAnalytics and empyrical
do the same. NaN among the returns is left out. Nothing is scaled to another horizon.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from workbench.backtest.measures.inputs import Returns, share, values
from workbench.errors import UsageError, nearest
from workbench.kernels.codes import Floats

__all__ = ["expected_shortfall", "kurtosis", "skewness", "tail_ratio", "value_at_risk"]

METHODS = ("historical", "gaussian", "cornish_fisher")


def value_at_risk(returns: Returns, level: float = 0.95, method: str = "historical") -> float:
    """Return the loss per bar that is not exceeded with probability `level`.

    Parameters
    ----------
    returns : Series or array
        Fractions per bar; NaN is left out.
    level : float
        Between 0 and 1.
    method : {"historical", "gaussian", "cornish_fisher"}
        The quantile of the returns, interpolated linearly; the normal one, from their mean
        and their deviation (ddof=1); or the latter corrected for their skewness and excess
        kurtosis (moments over n).

    Returns
    -------
    float
        A return, so a loss is negative; NaN for fewer than two returns.

    Notes
    -----
    Sources: Zangari (1996), A VaR Methodology for Portfolios that Include Options, RiskMetrics
    Monitor; Maillard (2012), A User's Guide to the Cornish Fisher Expansion, who tells where it
    holds: for a small skewness. R divides the variance by n, quantstats by n - 1 as here.

    Raises
    ------
    UsageError
        No such method, or a level outside of 0 to 1.

    Examples
    --------
    >>> returns = [-0.05, -0.02, 0.0, 0.01, 0.01, 0.02, 0.02, 0.03, 0.03, 0.04, 0.05]
    >>> round(value_at_risk(returns, 0.9), 6), round(value_at_risk(returns, 0.9, "gaussian"), 4)
    (-0.02, -0.0236)
    """
    found, tail = _checked(returns, level, method)
    if len(found) < 2:
        return math.nan
    if method == "historical":
        return float(np.quantile(found, tail))
    z = float(ndtri(tail))
    if method == "cornish_fisher":
        s, k = skewness(found, sample=False), kurtosis(found, sample=False)
        if not math.isnan(s):
            z += (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    return float(found.mean() + np.std(found, ddof=1) * z)


def expected_shortfall(returns: Returns, level: float = 0.95, method: str = "historical") -> float:
    """Return the mean return of the bars beyond `value_at_risk`, conditional value at risk.

    Parameters
    ----------
    returns : Series or array
        Fractions per bar; NaN is left out.
    level : float
        Between 0 and 1.
    method : {"historical", "gaussian", "cornish_fisher"}
        The mean of the returns at or below the historical value at risk; else the mean of the
        quantiles below it, normal or Cornish-Fisher.

    Returns
    -------
    float
        A return, so a loss is negative; NaN for fewer than two returns.

    Notes
    -----
    With phi the normal density at the quantile z and a = 1 - level, Gaussian:
    ``mean - deviation * phi / a``; Cornish-Fisher: that deviation times
    ``1 + z*S/6 + (z**2 - 1)*K/24 - (2*z**2 - 1)*S**2/36``. Sources: Acerbi and Tasche (2002), On
    the Coherence of Expected Shortfall, J. of Banking & Finance 26; Maillard (2012). R's
    modified ES is that of Boudt, Peterson and Croux (2008), which integrates an Edgeworth
    density instead and is another number.

    Raises
    ------
    UsageError
        No such method, or a level outside of 0 to 1.

    Examples
    --------
    >>> returns = [-0.05, -0.02, 0.0, 0.01, 0.01, 0.02, 0.02, 0.03, 0.03, 0.04, 0.05]
    >>> round(expected_shortfall(returns, 0.9), 6)
    -0.035
    """
    found, tail = _checked(returns, level, method)
    if len(found) < 2:
        return math.nan
    if method == "historical":
        # Counted, not compared with the quantile: 1 - 0.9 is a little less than a tenth.
        count = int((len(found) - 1) * tail + 1e-9) + 1
        return float(np.sort(found)[:count].mean())
    z = float(ndtri(tail))
    factor = 1.0
    if method == "cornish_fisher":
        s, k = skewness(found, sample=False), kurtosis(found, sample=False)
        if not math.isnan(s):
            factor += z * s / 6 + (z**2 - 1) * k / 24 - (2 * z**2 - 1) * s**2 / 36
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float(found.mean() - np.std(found, ddof=1) * density / tail * factor)


def tail_ratio(returns: Returns, level: float = 0.95) -> float:
    """Return how large the good tail is beside the bad.

    The absolute value of quantile(level) / quantile(1 - level), interpolated linearly. NaN is
    left out; NaN for no returns or where the lower quantile is 0. Source: empyrical's
    ``tail_ratio``, which has it at 0.95.

    Examples
    --------
    >>> round(tail_ratio([-0.01, 0.0, 0.02], 0.9), 4)
    2.0
    """
    share(level)
    found = values(returns)
    if not len(found):
        return math.nan
    high, low = np.quantile(found, [level, 1.0 - level])
    return float(abs(high / low)) if low != 0.0 else math.nan


def skewness(returns: Returns, *, sample: bool = True) -> float:
    """Return the skewness: above 0 where the long tail is one of gains.

    Parameters
    ----------
    returns : Series or array
        Fractions per bar; NaN is left out.
    sample : bool
        Corrected for the size of the sample (G1, as pandas, quantstats and R's
        ``method="sample"``), else the ratio of moments over n (R's ``"moment"``).

    Returns
    -------
    float
        NaN for fewer than three returns, or where nothing moves.

    Notes
    -----
    Source: Joanes and Gill (1998), Comparing Measures of Sample Skewness and Kurtosis, The
    Statistician 47.

    Examples
    --------
    >>> round(skewness([0.0, 0.0, 0.0, 0.1]), 6)
    2.0
    """
    found = values(returns)
    n = len(found)
    if n < 3 or (shape := _moment(found, 3)) is None:
        return math.nan
    return shape * math.sqrt(n * (n - 1)) / (n - 2) if sample else shape


def kurtosis(returns: Returns, *, sample: bool = True) -> float:
    """Return the excess kurtosis: 0 for a normal distribution, above it for fat tails.

    Parameters
    ----------
    returns : Series or array
        Fractions per bar; NaN is left out.
    sample : bool
        Corrected for the size of the sample (G2, as pandas, quantstats and R's
        ``method="sample_excess"``), else the ratio of moments over n less 3 (R's ``"excess"``).

    Returns
    -------
    float
        NaN for fewer than four returns, or where nothing moves.

    Notes
    -----
    Source: Joanes and Gill (1998), as for `skewness`.

    Examples
    --------
    >>> round(kurtosis([0.0, 0.0, 0.0, 0.1]), 6)
    4.0
    """
    found = values(returns)
    n = len(found)
    if n < 4 or (shape := _moment(found, 4)) is None:
        return math.nan
    excess = shape - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6.0) if sample else excess


def _moment(found: Floats, order: int) -> float | None:
    off = found - found.mean()
    deviation = math.sqrt(float(np.mean(off**2)))
    return float(np.mean((off / deviation) ** order)) if deviation > 1e-14 else None


def _checked(returns: Returns, level: float, method: str) -> tuple[Floats, float]:
    if method not in METHODS:
        raise UsageError(
            f"method must be one of {', '.join(METHODS)}, not {method!r}"
            f"{nearest(str(method), METHODS)}",
            what="method",
            value=method,
        )
    return values(returns), 1.0 - share(level)
