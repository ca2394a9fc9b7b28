"""Whether the best of many strategies beats a benchmark: White's reality check, Hansen's SPA.

White, "A Reality Check for Data Snooping", Econometrica 68 (5), 2000. Hansen, "A Test for
Superior Predictive Ability", Journal of Business & Economic Statistics 23 (4), 2005. Both
resample rows with the stationary bootstrap of Politis and Romano (1994), which keeps what
depends on the days before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RealityCheck", "reality_check", "stationary_rows"]

_CELLS = 4_000_000


@dataclass(frozen=True)
class RealityCheck:
    """What the two tests say; a small p-value is evidence that the best beats the benchmark.

    Parameters
    ----------
    white : float
        p-value of White's reality check.
    spa : float
        p-value of Hansen's test, the consistent one.
    lower, upper : float
        Its bounds: the liberal and the conservative recentring.
    statistic : float
        Of Hansen's test: the largest mean over its standard error, at least 0.
    best : object
        The column that has it.
    strategies, periods, samples, block : int, int, int, float
        What was tested, and the mean length of a resampled block.
    """

    white: float
    spa: float
    lower: float
    upper: float
    statistic: float
    best: Any
    strategies: int
    periods: int
    samples: int
    block: float

    def __str__(self) -> str:
        return self.explain()

    def explain(self) -> str:
        """Say it in a sentence."""
        verdict = "more than luck" if self.spa < 0.05 else "not distinguishable from luck"
        return (
            f"best of {self.strategies:,} strategies: p-value {self.spa:.3f} (Hansen's SPA, "
            f"{self.lower:.3f} to {self.upper:.3f}), {self.white:.3f} (White's reality check); "
            f"{verdict}"
        )


def reality_check(
    returns: pd.DataFrame | NDArray[np.float64],
    benchmark: pd.Series | NDArray[np.float64] | None = None,
    *,
    samples: int = 1_000,
    block: float | None = None,
    seed: int = 0,
) -> RealityCheck:
    """Test whether the best of many strategies has a higher mean return than a benchmark.

    Parameters
    ----------
    returns : DataFrame or ndarray, shape (T, N)
        Of everything that was tried, not of the survivors. NaN is taken for 0.
    benchmark : Series or ndarray, shape (T,), optional
        Returns of what is to be beaten; not being invested by default.
    samples : int
        Bootstrap samples, at least 100.
    block : float, optional
        Mean length of a block in rows, at least 1; the cube root of T by default.
    seed : int
        The same seed gives the same p-values.

    Returns
    -------
    RealityCheck

    Raises
    ------
    UsageError
        Too few samples, or a block out of its range.
    DataError
        A benchmark of another length, fewer than ten rows, or no strategy that differs from
        the benchmark.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(0, 0.01, (500, 20))
    >>> reality_check(noise).spa > 0.1, reality_check(noise + 0.002).spa < 0.01
    (True, True)
    """
    gains, names = _gains(returns, benchmark)
    rows = len(gains)
    length = max(1.0, round(rows ** (1 / 3))) if block is None else float(block)
    if samples < 100:
        raise UsageError(f"samples must be at least 100, not {samples!r}", samples=samples)
    if not 1 <= length <= rows:
        raise UsageError(f"block must lie between 1 and {rows} rows, not {block!r}", block=block)
    mean = gains.mean(axis=0)
    means = _resampled_means(gains, samples, length, np.random.default_rng(seed))
    root = math.sqrt(rows)
    error = root * means.std(axis=0)  # of root * mean; that of the bootstrap itself
    scaled = root * mean / error
    statistic = max(float(scaled.max()), 0.0)
    far = scaled < -math.sqrt(2 * math.log(math.log(rows)))
    centres = {
        "lower": np.maximum(mean, 0.0),
        "spa": np.where(far, 0.0, mean),
        "upper": mean,
    }
    tails = {
        name: _tail(root * (means - centre) / error, statistic, floor=0.0)
        for name, centre in centres.items()
    }
    return RealityCheck(
        white=_tail(root * (means - mean), root * float(mean.max()), floor=-np.inf),
        **tails,
        statistic=statistic,
        best=names[int(scaled.argmax())],
        strategies=len(names),
        periods=rows,
        samples=samples,
        block=length,
    )


def stationary_rows(
    rows: int, samples: int, block: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return resampled row numbers: blocks of random length that begin anywhere.

    Parameters
    ----------
    rows : int
        How many there are; the last is followed by the first.
    samples : int
    block : float
        Mean length; the lengths are geometrically distributed. 1 draws each row by itself.
    rng : Generator

    Returns
    -------
    ndarray, shape (samples, rows)

    Examples
    --------
    >>> stationary_rows(5, 1, 1e9, np.random.default_rng(2)).tolist()
    [[4, 0, 1, 2, 3]]
    """
    begins = rng.random((samples, rows)) < 1 / block
    begins[:, 0] = True
    starts = rng.integers(0, rows, (samples, rows))
    at = np.arange(rows)
    last = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    found: NDArray[np.int64] = (np.take_along_axis(starts, last, axis=1) + at - last) % rows
    return found


def _gains(
    returns: pd.DataFrame | NDArray[np.float64],
    benchmark: pd.Series | NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], list[Any]]:
    matrix = np.nan_to_num(np.asarray(returns, dtype=np.float64))
    if matrix.ndim != 2 or len(matrix) < 10:
        raise DataError("returns need a column per strategy and at least ten rows")
    names = (
        list(returns.columns) if isinstance(returns, pd.DataFrame) else [*range(matrix.shape[1])]
    )
    if benchmark is not None:
        other = np.nan_to_num(np.asarray(benchmark, dtype=np.float64)).ravel()
        if len(other) != len(matrix):
            raise DataError(
                f"the benchmark has {len(other):,} rows, the strategies {len(matrix):,}",
                rows=len(matrix),
            )
        matrix = matrix - other[:, None]
    differs = matrix.std(axis=0) > 1e-14
    if not differs.any():
        raise DataError("none of the strategies differs from the benchmark")
    return matrix[:, differs], [name for name, keep in zip(names, differs, strict=True) if keep]


def _resampled_means(
    gains: NDArray[np.float64], samples: int, block: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    rows = len(gains)
    step = max(1, _CELLS // rows)
    found = []
    for at in range(0, samples, step):
        drawn = stationary_rows(rows, min(step, samples - at), block, rng)
        drawn += np.arange(len(drawn))[:, None] * rows
        counts = np.bincount(drawn.ravel(), minlength=len(drawn) * rows)
        found.append(counts.reshape(len(drawn), rows) @ gains / rows)
    return np.concatenate(found)


def _tail(values: NDArray[np.float64], seen: float, *, floor: float) -> float:
    """Return the share of samples whose largest value lies above what was seen."""
    return float(np.mean(np.maximum(values.max(axis=1), floor) > seen))
