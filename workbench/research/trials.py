"""How many trials there really were: points of a sweep resemble each other.

The trials are clustered by the correlation of their returns, after López de Prado and Lewis,
"Detection of False Investment Strategies Using Unsupervised Learning Methods", Quantitative
Finance 19 (9), 2019: distance ``sqrt((1 - rho) / 2)``, and the number of clusters that
maximises the mean of the silhouettes over their standard deviation. Where they take k-means
from random starts, the clusters here are those of average linkage, which needs no seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from workbench.errors import DataError
from workbench.research.overfit import DeflatedSharpe, Moments, deflated_sharpe_ratio
from workbench.research.point_returns import point_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.sweep_result import Sweep

__all__ = ["Trials", "clustered_deflated_sharpe", "effective_trials"]

_CLEAR = 0.1
_MOST_CLUSTERS = 100


class Trials(int):
    """An effective number of trials, with the clusters it is the number of.

    Attributes
    ----------
    labels : ndarray of int or None
        The cluster of each trial that moves, from 1 on; None where they do not fall into clusters.
    silhouette : float
        The mean silhouette of the clusters, in [-1, 1]; NaN without.
    correlation : float
        The mean correlation of two trials.
    count : int
        How many trials there were, those that never move left out.
    """

    labels: NDArray[np.int64] | None
    silhouette: float
    correlation: float
    count: int

    def explain(self) -> str:
        """Say it in a sentence.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> ideas = np.repeat(rng.normal(0, 0.01, (500, 3)), 20, axis=1)
        >>> print(effective_trials(ideas + rng.normal(0, 0.002, (500, 60))).explain())
        60 trials count for 3: they fall into clusters (mean silhouette 0.81)
        """
        why = (
            f"their mean correlation is {self.correlation:.2f}, without clusters"
            if self.labels is None
            else f"they fall into clusters (mean silhouette {self.silhouette:.2f})"
        )
        return f"{self.count:,} trials count for {int(self):,}: {why}"


def effective_trials(returns: pd.DataFrame | NDArray[np.float64]) -> Trials:
    """Return how many independent trials a set of trials counts for.

    Parameters
    ----------
    returns : DataFrame or ndarray, shape (T, N)
        A column per trial; NaN is taken for 0. Columns that never move are left out.

    Returns
    -------
    Trials
        The number of clusters. Where there are none to speak of (mean silhouette below 0.1)
        ``rho + (1 - rho) N`` with the mean correlation rho, as Bailey and López de Prado
        have it in "The Deflated Sharpe Ratio", appendix A.3: N trials without correlation,
        one where all are alike.

    Raises
    ------
    DataError
        Not one column that moves.
    """
    matrix = _moving(returns)[0]
    n = matrix.shape[1]
    if n == 1:
        return _trials(1, None, (float("nan"), 1.0), 1)
    correlation = np.clip(np.corrcoef(matrix, rowvar=False), -1, 1)
    mean = float((correlation.sum() - n) / (n * (n - 1)))
    distance = np.sqrt((1 - correlation) / 2)
    np.fill_diagonal(distance, 0.0)
    labels, silhouette = _clusters(distance)
    if labels is None or silhouette < _CLEAR:
        kept = min(max(mean, 0.0), 1.0)
        return _trials(max(1, round(kept + (1 - kept) * n)), None, (float("nan"), mean), n)
    return _trials(int(labels.max()), labels, (silhouette, mean), n)


def clustered_deflated_sharpe(
    returns: pd.DataFrame | NDArray[np.float64] | Sweep, *, most: int = 500
) -> DeflatedSharpe:
    """Return the deflated Sharpe ratio of the best trial, with the effective number of trials.

    The number of trials is `effective_trials`; the variance is that of the Sharpe ratios of
    the clusters, each the mean of its members weighted by their inverse variance, or of the
    trials where there are no clusters, and at least ``1 / T``, the sampling variance of a
    Sharpe ratio of 0 (a floor the paper does not have). Milder than
    ``Sweep.deflated_sharpe``, which takes all trials of the ledger for independent.

    Parameters
    ----------
    returns : DataFrame, ndarray of shape (T, N), or Sweep
        Of all that was tried.
    most : int
        Of a larger sweep so many points are taken, evenly spread, the best among them.

    Raises
    ------
    DataError
        Not one trial that moves.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> ideas = np.repeat(rng.normal(0, 0.01, (500, 3)), 20, axis=1)
    >>> clustered_deflated_sharpe(ideas + rng.normal(0, 0.002, (500, 60))).trials
    3
    """
    if not isinstance(returns, pd.DataFrame | np.ndarray):
        returns = point_returns(returns, most=most)
    matrix, sharpes = _moving(returns)
    found = effective_trials(matrix)
    judged = Moments.of(matrix[:, int(sharpes.argmax())])
    if found.labels is not None:
        sharpes = np.array(
            [_merged(matrix[:, found.labels == k]) for k in range(1, int(found) + 1)]
        )
    # A few clusters may lie close together by chance; worthless ones differ by 1 / T at least.
    variance = max(float(sharpes.var(ddof=1)), 1 / len(matrix)) if len(sharpes) > 1 else 0.0
    return deflated_sharpe_ratio(judged, trials=int(found), variance=variance)


def _merged(members: NDArray[np.float64]) -> float:
    weights = 1 / members.var(axis=0, ddof=1)
    return Moments.of(members @ (weights / weights.sum())).sharpe


def _moving(
    returns: pd.DataFrame | NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    matrix = np.nan_to_num(np.asarray(returns, dtype=np.float64))
    if matrix.ndim != 2 or len(matrix) < 3:
        raise DataError("returns need a column per trial and at least three rows")
    deviation = matrix.std(axis=0, ddof=1)
    moves = deviation > 1e-14
    if not moves.any():
        raise DataError("none of the trials ever moves", trials=matrix.shape[1])
    matrix = matrix[:, moves]
    return matrix, matrix.mean(axis=0) / deviation[moves]


def _trials(
    count: int, labels: NDArray[np.int64] | None, facts: tuple[float, float], n: int
) -> Trials:
    found = Trials(count)
    found.labels, found.count = labels, n
    found.silhouette, found.correlation = facts
    return found


def _clusters(distance: NDArray[np.float64]) -> tuple[NDArray[np.int64] | None, float]:
    """Return the labels of the best cut, and their mean silhouette."""
    tree = average(squareform(distance, checks=False))
    best, chosen, mean = -np.inf, None, float("nan")
    for k in range(2, min(len(distance) - 1, _MOST_CLUSTERS) + 1):
        labels = fcluster(tree, k, "maxclust").astype(np.int64)
        if labels.max() != k:
            continue
        values = _silhouettes(distance, labels)
        spread = float(values.std())
        quality = float(values.mean()) / spread if spread > 1e-12 else float(values.mean()) * 1e12
        if quality > best + 1e-12:
            best, chosen, mean = quality, labels, float(values.mean())
    return chosen, mean


def _silhouettes(distance: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rousseeuw's (1987): how much nearer one's own cluster is; 0 for one that is alone."""
    inside = np.eye(int(labels.max()))[labels - 1]
    sizes = inside.sum(axis=0)
    totals = distance @ inside
    rows = np.arange(len(labels))
    own, alone = totals[rows, labels - 1], sizes[labels - 1] == 1
    near = own / np.maximum(sizes[labels - 1] - 1, 1)
    means = totals / sizes
    means[rows, labels - 1] = np.inf
    other = means.min(axis=1)
    larger = np.maximum(near, other)
    return np.where(alone | (larger == 0), 0.0, (other - near) / np.where(larger > 0, larger, 1.0))
