"""How long a track record, and how long a backtest, has to be before it says anything.

Sharpe ratios per period are not annualised; kurtosis is raw (3 for the normal distribution).
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from workbench.errors import UsageError
from workbench.research.overfit import Moments, expected_maximum_sharpe

__all__ = ["minimum_backtest_length", "minimum_track_record_length"]


def minimum_track_record_length(
    moments: Moments, benchmark: float = 0.0, *, confidence: float = 0.95
) -> float:
    """Return how many periods it takes to be confident that a Sharpe ratio beats a benchmark.

    ``1 + (1 - skew SR + (kurtosis - 1) / 4 SR²) (Z / (SR - SR*))²``, equation 13 of Bailey
    and López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2), 2012:
    the length at which the probabilistic Sharpe ratio reaches `confidence`.

    Parameters
    ----------
    moments : Moments
        Of the returns, per period; their number of periods plays no part.
    benchmark : float
        The Sharpe ratio to beat, per period.
    confidence : float
        Above 0.5 and below 1.

    Returns
    -------
    float
        Periods; infinite where the Sharpe ratio does not exceed the benchmark, NaN where it
        is NaN.

    Raises
    ------
    UsageError
        A confidence or a kurtosis out of its range.

    Examples
    --------
    The paper's own: an annualised Sharpe ratio of 2 against 1, normal daily returns.

    >>> days = minimum_track_record_length(Moments(2 / 250**0.5, 0), 1 / 250**0.5)
    >>> round(days / 250, 2)
    2.73
    """
    if not 0.5 < confidence < 1:
        raise UsageError(
            f"confidence must lie between 0.5 and 1, not {confidence!r}; 0.95 is usual",
            confidence=confidence,
        )
    if moments.kurtosis < 1:
        raise UsageError(
            f"kurtosis is raw and at least 1 (3 for the normal distribution), not "
            f"{moments.kurtosis!r}; add 3 to an excess kurtosis",
            kurtosis=moments.kurtosis,
        )
    sharpe = moments.sharpe
    if math.isnan(sharpe) or math.isnan(benchmark):
        return math.nan
    if sharpe <= benchmark:
        return math.inf
    spread = 1 - moments.skew * sharpe + (moments.kurtosis - 1) / 4 * sharpe**2
    return float(1 + spread * (ndtri(confidence) / (sharpe - benchmark)) ** 2)


def minimum_backtest_length(trials: int, sharpe: float = 1.0) -> float:
    """Return how many years of backtest keep the best of worthless trials below a Sharpe ratio.

    ``(E[max of N standard normal draws] / SR)²``, theorem 1 (equation 6) of Bailey, Borwein,
    López de Prado and Zhu, "Pseudo-Mathematics and Financial Charlatanism", Notices of the
    American Mathematical Society 61 (5), 2014. On a shorter backtest so many independent
    trials without any worth are expected to show an annualised Sharpe ratio of `sharpe`.

    Parameters
    ----------
    trials : int
        Independent ones, at least 1; see ``workbench.research.trials``.
    sharpe : float
        Annualised, positive.

    Returns
    -------
    float
        Years; 0 for one trial, which is no choice.

    Raises
    ------
    UsageError
        No trial, or a Sharpe ratio that is not positive.

    Examples
    --------
    The paper's own: with five years of data no more than 45 configurations.

    >>> round(minimum_backtest_length(45), 2)
    5.0
    """
    if not sharpe > 0:
        raise UsageError(f"sharpe must be positive, not {sharpe!r}", sharpe=sharpe)
    return (expected_maximum_sharpe(trials, 1.0) / sharpe) ** 2
