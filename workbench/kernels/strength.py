"""The relative strength index of one column for many windows at once, to TA-Lib's bits."""

from __future__ import annotations

import numpy as np

from workbench.kernels.codes import Floats, Integers
from workbench.kernels.compile import jit, part, step

__all__ = ["strength_indices"]

_TILE = 256
_LANES = 16


@jit
def strength_indices(values: Floats, windows: Integers, rows: Integers, table: Floats) -> None:
    """Write the relative strength index of each window into its row of `table`.

    The first averages of gains and losses are means of a whole window, each further one
    ``(before * (window - 1) + now) / window`` (J. Welles Wilder, New Concepts in Technical
    Trading Systems, 1978), divided by taking the reciprocal of the window times. The index is
    0 where there was never a change.

    Parameters
    ----------
    values : ndarray, shape (T,)
        Finite.
    windows : ndarray of int64, shape (W,)
        From 2 to T - 1; neighbours should be of like size.
    rows : ndarray of int64, shape (W,)
        Where in the table each is written.
    table : ndarray, shape (R, T)
        NaN is written before a window is full.
    """
    bars = len(values)
    gains, losses = np.zeros((_TILE + 1) * _LANES), np.zeros((_TILE + 1) * _LANES)
    out, weights, shares = np.zeros(_TILE * _LANES), np.zeros(_LANES), np.zeros(_LANES)
    for begin in range(0, len(windows), _LANES):
        count = min(_LANES, len(windows) - begin)
        full = windows[begin : begin + count].max() + 1
        for k in range(count):
            window, row = windows[begin + k], table[rows[begin + k]]
            weights[k], shares[k] = window - 1.0, 1.0 / window
            gains[k], losses[k] = measured(values[:full], window, row)
        for t in range(full, bars, _TILE):
            size = min(_TILE, bars - t)
            smooth(values[t - 1 : t + size], weights, shares, gains, losses)
            relate(size * _LANES, gains[_LANES:], losses[_LANES:], out)
            for k in range(count):
                row = table[rows[begin + k], t : t + size]
                for i in range(size):
                    row[i] = out[i * _LANES + k]
            for k in range(_LANES):
                gains[k], losses[k] = gains[size * _LANES + k], losses[size * _LANES + k]


@step
def index_of(gain: float, loss: float) -> float:
    """Return the index of two averages."""
    total = gain + loss
    share = 100.0 * (gain / total)
    return share if total > 0.0 else 0.0


@part
def measured(values: Floats, window: int, row: Floats) -> tuple[float, float]:
    """Write the indices of the first bars; return the last averages."""
    gain = loss = 0.0
    share = 1.0 / window
    row[:window] = np.nan
    for i in range(1, len(values)):
        change = values[i] - values[i - 1]
        weight = 1.0 if i <= window else window - 1.0
        gain = gain * weight + (0.0 if change < 0.0 else change)
        loss = loss * weight + (-change if change < 0.0 else 0.0)
        if i >= window:
            gain *= share
            loss *= share
            row[i] = index_of(gain, loss)
    return gain, loss


@part
def smooth(values: Floats, weights: Floats, shares: Floats, gains: Floats, losses: Floats) -> None:
    """Go on with all averages, from the first bar; what comes first is of the bar before."""
    for i in range(len(values) - 1):
        change = values[i + 1] - values[i]
        up = 0.0 if change < 0.0 else change
        down = -change if change < 0.0 else 0.0
        at = i * _LANES
        for k in range(_LANES):
            gains[at + _LANES + k] = (gains[at + k] * weights[k] + up) * shares[k]
            losses[at + _LANES + k] = (losses[at + k] * weights[k] + down) * shares[k]


@part
def relate(count: int, gains: Floats, losses: Floats, out: Floats) -> None:
    """Write the indices of averages side by side."""
    for i in range(count):
        out[i] = index_of(gains[i], losses[i])
