"""How much of a Sharpe ratio is luck: the probabilistic and the deflated Sharpe ratio.

All Sharpe ratios in here are per period, never annualised; kurtosis is raw (3 for the
normal distribution), not excess. The source of every formula is Bailey and López de
Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting
and Non-Normality", Journal of Portfolio Management 40 (5), 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import ndtr, ndtri

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "DeflatedSharpe",
    "Moments",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe",
    "probabilistic_sharpe_ratio",
]


@dataclass(frozen=True)
class Moments:
    """What the two ratios need to know of a series of returns.

    Parameters
    ----------
    sharpe : float
        Mean over standard deviation (ddof=1) of the returns, per period.
    periods : int
        How many returns.
    skew : float
        Third standardised moment, of the population.
    kurtosis : float
        Fourth standardised moment, of the population; raw: 3 for the normal distribution.

    Examples
    --------
    >>> Moments.of([0.01, -0.02, 0.03, 0.01])
    Moments(sharpe=0.363..., periods=4, skew=-0.411..., kurtosis=2.038...)
    """

    sharpe: float
    periods: int
    skew: float = 0.0
    kurtosis: float = 3.0

    @classmethod
    def of(cls, returns: pd.Series | NDArray[np.float64] | list[float]) -> Self:
        """Measure returns; NaN among them are left out.

        Fewer than two returns, or returns without any variation, have no Sharpe ratio:
        NaN.
        """
        values = np.asarray(returns, dtype=np.float64)
        values = values[~np.isnan(values)]
        deviation = values.std(ddof=1) if len(values) > 1 else 0.0
        if not deviation > 0 or np.ptp(values) == 0:
            return cls(math.nan, len(values), math.nan, math.nan)
        centred = values - values.mean()
        variance = float(np.mean(centred**2))
        return cls(
            sharpe=float(values.mean() / deviation),
            periods=len(values),
            skew=float(np.mean(centred**3) / variance**1.5),
            kurtosis=float(np.mean(centred**4) / variance**2),
        )


class DeflatedSharpe(float):
    """The deflated Sharpe ratio, a probability, with what it was computed from.

    Attributes
    ----------
    threshold : float
        The Sharpe ratio, per period, that the best of so many trials shows by luck alone.
    trials : int
        How many trials counted.
    variance : float
        Variance of the trials' Sharpe ratios, per period.
    moments : Moments
        Of the returns that were judged.
    """

    threshold: float
    trials: int
    variance: float
    moments: Moments

    def __str__(self) -> str:
        return self.explain()

    def explain(self) -> str:
        """Say it in a sentence.

        Examples
        --------
        >>> print(deflated_sharpe_ratio(Moments(0.1, 1250), trials=100, variance=0.001).explain())
        deflated Sharpe ratio 0.759: with 100 trials luck alone would show 0.080 per period, ...
        """
        verdict = "likely more than luck" if self >= 0.95 else "not distinguishable from luck"
        return (
            f"deflated Sharpe ratio {float(self):.3f}: with {self.trials:,} trials luck alone "
            f"would show {self.threshold:.3f} per period, this shows {self.moments.sharpe:.3f} "
            f"over {self.moments.periods:,} periods; {verdict}"
        )


def probabilistic_sharpe_ratio(moments: Moments, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio lies above a benchmark.

    Equation 2 of the paper, with the standard error of Mertens (2002) that allows for
    skewness and fat tails:
    ``Φ((SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR²))``.

    Parameters
    ----------
    moments : Moments
        Of the returns, per period.
    benchmark : float
        The Sharpe ratio to beat, per period.

    Returns
    -------
    float
        In [0, 1]. NaN where an input is NaN, with fewer than two periods, and where the
        standard error vanishes (two-point returns; no variation).

    Raises
    ------
    UsageError
        A kurtosis below 1 (no distribution has one; below 3 of a normal one, excess
        kurtosis was probably given).

    Examples
    --------
    >>> round(probabilistic_sharpe_ratio(Moments(0.1, 101)), 4)
    0.8407
    """
    if moments.kurtosis < 1:
        raise UsageError(
            f"kurtosis is raw and at least 1 (3 for the normal distribution), not "
            f"{moments.kurtosis!r}; add 3 to an excess kurtosis",
            kurtosis=moments.kurtosis,
        )
    sharpe = moments.sharpe
    spread = 1 - moments.skew * sharpe + (moments.kurtosis - 1) / 4 * sharpe**2
    if moments.periods < 2 or not spread > 0:
        return math.nan
    return float(ndtr((sharpe - benchmark) * math.sqrt((moments.periods - 1) / spread)))


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Return the Sharpe ratio that the best of `trials` worthless strategies is expected to show.

    ``sqrt(V) ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e)))`` with the Euler-Mascheroni
    constant γ. The trials are taken as independent; points of one sweep resemble each
    other, which makes the threshold err on the strict side.

    Parameters
    ----------
    trials : int
        At least 1. One trial is no choice: the threshold is 0.
    variance : float
        Variance of the trials' Sharpe ratios, per period; 0 where all are alike.

    Raises
    ------
    UsageError
        No trial, or a negative variance.

    Examples
    --------
    >>> round(expected_maximum_sharpe(100, 0.5 / 250), 4)
    0.1132
    """
    if trials < 1:
        raise UsageError(f"trials must be at least 1, not {trials!r}", trials=trials)
    if variance < 0:
        raise UsageError(f"variance must not be negative, not {variance!r}", variance=variance)
    if trials == 1:
        return 0.0
    gamma = float(np.euler_gamma)
    best = (1 - gamma) * ndtri(1 - 1 / trials) + gamma * ndtri(1 - 1 / (trials * math.e))
    return float(math.sqrt(variance) * best)


def deflated_sharpe_ratio(moments: Moments, *, trials: int, variance: float) -> DeflatedSharpe:
    """Return the probability that a Sharpe ratio chosen from many trials is more than luck.

    The probabilistic Sharpe ratio against `expected_maximum_sharpe`.

    Parameters
    ----------
    moments : Moments
        Of the returns of the chosen trial, per period.
    trials : int
        How many were tried, the chosen one included.
    variance : float
        Variance of their Sharpe ratios, per period: an annualised variance divided by the
        periods per year.

    Returns
    -------
    DeflatedSharpe
        A float with its ingredients; NaN as `probabilistic_sharpe_ratio` tells, or where the
        variance is NaN and there was more than one trial.

    Raises
    ------
    UsageError
        No trial, a negative variance, or a kurtosis below 1.

    Examples
    --------
    The paper's own: an annualised Sharpe ratio of 2.5 over five years of 250 days, the best
    of 100 trials whose annualised variance is 0.5.

    >>> moments = Moments(sharpe=2.5 / 250**0.5, periods=1250, skew=-3, kurtosis=10)
    >>> found = deflated_sharpe_ratio(moments, trials=100, variance=0.5 / 250)
    >>> round(found, 4), round(found.threshold, 4)
    (0.9004, 0.1132)
    """
    threshold = expected_maximum_sharpe(trials, variance)
    found = DeflatedSharpe(probabilistic_sharpe_ratio(moments, threshold))
    found.threshold = threshold
    found.trials = trials
    found.variance = variance
    found.moments = moments
    return found
