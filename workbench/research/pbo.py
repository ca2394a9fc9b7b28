"""The probability of backtest overfitting, by combinatorially symmetric cross-validation.

Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest Overfitting", Journal
of Computational Finance 20 (4), 2017 (SSRN 2326253, 2014). The rows of a matrix of returns
are cut into an even number of blocks; each half of the blocks once plays the past, the rest
the future. Where the best of the past ends below the median of the future, the choice was
no choice.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import DataError, UsageError, nearest
from workbench.research.point_returns import each_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.sweep_result import Sweep

__all__ = ["Overfitting", "pbo", "pbo_of"]

_STATS = ("sharpe", "mean")
_CELLS = 4_000_000
_MOST_BLOCKS = 20


class Overfitting(float):
    """The probability of backtest overfitting, with what it was computed from.

    Attributes
    ----------
    logits : ndarray, shape (splits,)
        ``ln(w / (1 - w))`` with the relative rank w in (0, 1) that the best of the past has in
        the future; positive is above the median.
    in_sample, out_of_sample : ndarray, shape (splits,)
        The statistic of the best of the past, per period, in the past and in the future.
    configurations, blocks, periods : int
        Columns, blocks, and rows that were used.
    stat : str
        ``"sharpe"`` or ``"mean"``.
    """

    logits: NDArray[np.float64]
    in_sample: NDArray[np.float64]
    out_of_sample: NDArray[np.float64]
    configurations: int
    blocks: int
    periods: int
    stat: str

    @property
    def slope(self) -> float:
        """Of the line through future against past: how performance degrades; NaN without one."""
        centred = self.in_sample - self.in_sample.mean()
        spread = float(centred @ centred)
        return float(centred @ self.out_of_sample) / spread if spread > 0 else float("nan")

    @property
    def loss(self) -> float:
        """The share of splits in which the best of the past lost in the future."""
        return float(np.mean(self.out_of_sample < 0))

    def __str__(self) -> str:
        return self.explain()

    def explain(self) -> str:
        """Say it in a sentence."""
        if self <= 0.1:
            verdict = "the choice is likely to carry over"
        elif self < 0.4:
            verdict = "the choice carries over in part"
        else:
            verdict = "the choice says next to nothing about the future"
        return (
            f"probability of overfitting {float(self):.3f}: of {self.configurations:,} "
            f"configurations the best of the past fell to the lower half of the future in "
            f"{float(self):.0%} of {len(self.logits):,} splits, and lost in {self.loss:.0%}; "
            f"{verdict}"
        )

    def plot(self, **options: Any) -> Any:
        """Return Bokeh figures: the logits, and future against past.

        Parameters
        ----------
        **options
            Passed to ``workbench.plots.overfit.figure``: ``theme``, ``height``.
        """
        from workbench.plots.overfit import figure

        return figure(self.logits, self.in_sample, self.out_of_sample, float(self), **options)


def pbo(
    returns: pd.DataFrame | NDArray[np.float64], *, blocks: int = 16, stat: str = "sharpe"
) -> Overfitting:
    """Return the probability that the choice of the best configuration is overfitted.

    Parameters
    ----------
    returns : DataFrame or ndarray, shape (T, N)
        Returns per period, a column per configuration that was tried, good or bad. NaN is
        taken for 0: not invested.
    blocks : int
        An even number from 2 to 20, into which the rows are cut; 16 gives 12,870 splits. The
        oldest rows that make no whole block are left out.
    stat : {"sharpe", "mean"}
        By which the best is chosen. A Sharpe ratio of what does not move counts as 0.

    Returns
    -------
    Overfitting
        A float: the share of splits whose logit is not positive. 0.5 is what worthless
        configurations give.

    Raises
    ------
    UsageError
        An odd or too large number of blocks, an unknown statistic.
    DataError
        Fewer than two columns, fewer than two rows per block, or infinite returns.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(0, 0.01, (800, 20))
    >>> good = noise + np.where(np.arange(20) == 7, 0.003, 0.0)
    >>> pbo(noise, blocks=8) > 0.3, pbo(good, blocks=8) < 0.05
    (True, True)
    """
    _check(blocks, stat)
    matrix = np.nan_to_num(np.asarray(returns, dtype=np.float64), nan=0.0, posinf=np.inf)
    if matrix.ndim != 2:
        raise DataError(
            f"returns must have two dimensions, a column per configuration, not {matrix.ndim}",
            dimensions=matrix.ndim,
        )
    if not np.isfinite(matrix).all():
        raise DataError("returns must not be infinite")
    sums = [_block_sums(matrix[:, k], blocks) for k in range(matrix.shape[1])]
    return _from_sums(sums, len(matrix), blocks, stat)


def pbo_of(sweep: Sweep, *, blocks: int = 16, stat: str = "sharpe") -> Overfitting:
    """Return the probability that the choice of a sweep's best point is overfitted.

    A sweep keeps no curves, so each finished point is run once more. Of its returns only the
    sums of each block are kept: 32 numbers per point, however many bars.

    Parameters
    ----------
    sweep : Sweep
    blocks, stat
        As in `pbo`.

    Raises
    ------
    UsageError
        As in `pbo`.
    DataError
        Fewer than two finished points, or fewer than two bars per block.
    """
    _check(blocks, stat)
    bars = len(sweep.simulation.bars)
    if len(sweep) < 2:  # before the points are run
        raise DataError("a choice needs at least two finished points", points=len(sweep))
    sums = [_block_sums(found, blocks) for found in each_point(sweep, sweep.numbers)]
    return _from_sums(sums, bars, blocks, stat)


def _check(blocks: int, stat: str) -> None:
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS:
        raise UsageError(
            f"blocks must be an even number from 2 to {_MOST_BLOCKS}, not {blocks!r}",
            blocks=blocks,
        )
    if stat not in _STATS:
        raise UsageError(
            f"stat must be 'sharpe' or 'mean', not {stat!r}{nearest(str(stat), _STATS)}", stat=stat
        )


def _block_sums(returns: NDArray[np.float64], blocks: int) -> NDArray[np.float64]:
    """Return sums and sums of squares per block, shape (2, blocks)."""
    size = len(returns) // blocks
    if size < 2:
        raise DataError(
            f"{len(returns):,} periods are too few for {blocks} blocks of at least two: "
            "give fewer blocks",
            periods=len(returns),
        )
    cut = returns[len(returns) - size * blocks :].reshape(blocks, size)
    return np.stack([cut.sum(axis=1), (cut**2).sum(axis=1)])


def _from_sums(
    sums: list[NDArray[np.float64]], periods: int, blocks: int, stat: str
) -> Overfitting:
    if len(sums) < 2:
        raise DataError(
            f"a choice needs at least two configurations, not {len(sums)}", configurations=len(sums)
        )
    size = periods // blocks
    first, second = (np.array([one[k] for one in sums]).T for k in (0, 1))  # (blocks, N)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    step = max(1, _CELLS // len(sums))
    found = [
        _splits(chosen[at : at + step], (first, second), size, stat)
        for at in range(0, len(chosen), step)
    ]
    ranks, past, future = (np.concatenate([part[k] for part in found]) for k in range(3))
    logits = np.log(ranks / (1 - ranks))
    result = Overfitting(np.mean(logits <= 1e-12))
    result.logits, result.in_sample, result.out_of_sample = logits, past, future
    result.configurations, result.blocks = len(sums), blocks
    result.periods, result.stat = size * blocks, stat
    return result


def _splits(
    chosen: NDArray[np.int64], sums: tuple[Any, Any], size: int, stat: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    blocks = len(sums[0])
    past = np.zeros((len(chosen), blocks))
    np.put_along_axis(past, chosen, 1.0, axis=1)
    count = size * blocks // 2
    before, after = (
        _measure(half @ sums[0], half @ sums[1], count, stat) for half in (past, 1 - past)
    )
    best = before.argmax(axis=1)
    rows = np.arange(len(chosen))
    own = after[rows, best][:, None]
    below = (after < own).sum(axis=1)
    level = (after == own).sum(axis=1)
    ranks = (below + (level + 1) / 2) / (after.shape[1] + 1)
    return ranks, before[rows, best], own[:, 0]


def _measure(
    total: NDArray[np.float64], squares: NDArray[np.float64], count: int, stat: str
) -> NDArray[np.float64]:
    mean = total / count
    if stat == "mean":
        return mean
    variance = (squares - count * mean**2) / (count - 1)
    moves = variance > 1e-12 * squares / count  # what rounding leaves is no movement
    deviation = np.sqrt(np.where(moves, variance, 1.0))
    return np.where(moves, mean / deviation, 0.0)
