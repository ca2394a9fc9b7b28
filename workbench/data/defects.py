"""How odd values of bars are told from a market's moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["spikes", "split_like", "stale"]

_SPIKE, _LOCAL, _AROUND = 10.0, 6.0, 21
_STALE, _SPLIT = 5, 0.04
_DAY = 86_400_000_000_000
_RATIOS = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50])

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


def _robust_z(returns: Floats) -> Floats:
    fine = returns[np.isfinite(returns)]
    if not len(fine):
        return np.zeros_like(returns)
    middle = np.median(fine)
    scale = 1.4826 * np.median(np.abs(fine - middle))
    if scale == 0:  # more than half of the bars stand still
        scale = float(fine.std()) or 1.0
    z: Floats = np.nan_to_num((returns - middle) / scale)
    return z


def spikes(close: Floats, times: pd.DatetimeIndex) -> Longs:
    """Return where a price leaps and comes back, out of proportion to the bars around it."""
    returns = np.diff(np.log(close))
    steps = np.diff(times.asi8)
    if np.median(steps) < _DAY:  # the night between two sessions is another matter
        returns[steps > 3 * np.median(steps)] = np.nan
    z = _robust_z(returns)
    there, back = returns[:-1], returns[1:]
    taken_back = (there * back < 0) & (np.abs(there + back) < 0.5 * np.abs(there))
    # What is a leap in a quiet year is a usual day in a wild month.
    around = pd.Series(np.abs(returns)).rolling(_AROUND, center=True, min_periods=5).median()
    is_local = np.abs(returns) > _LOCAL * 1.4826 * np.nan_to_num(around.to_numpy())
    return np.flatnonzero((np.abs(z[:-1]) > _SPIKE) & is_local[:-1] & taken_back) + 1


def stale(prices: Mapping[str, Floats]) -> tuple[Longs, Longs]:
    """Return where runs of flat bars at one price begin, and how long they are."""
    flat = prices["high"] == prices["low"]
    same = flat[1:] & flat[:-1] & (prices["close"][1:] == prices["close"][:-1])
    edges = np.diff(np.concatenate([[0], same.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = ends - starts + 1
    long = lengths >= _STALE
    return starts[long], lengths[long]


def split_like(prices: Mapping[str, Floats]) -> tuple[Longs, Floats]:
    """Return where the open is at a ratio of a split to the close before, and the ratio."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = prices["close"][:-1] / prices["open"][1:]
    size = np.maximum(ratio, 1 / ratio)
    close_to = np.abs(size[:, None] / _RATIOS - 1).min(axis=1) < _SPLIT
    extreme = np.abs(_robust_z(np.log(ratio))) > _SPIKE
    # A split moves the price for good, a spike does not: look a bar further on both sides.
    level = np.log(prices["close"])
    before = np.concatenate([level[:1], level[:-2]])
    after = np.concatenate([level[2:], level[-1:]])
    stays = np.abs(after - before) > 0.5 * np.abs(np.log(ratio))
    where = np.flatnonzero(close_to & extreme & stays)
    return where + 1, ratio[where]
