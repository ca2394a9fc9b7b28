"""Indicators of one column for many windows at once.

One window alone waits for its own last value at each bar; several side by side do not. Sums
and averages take the very operations of TA-Lib in their order, so that the values are its
own to the bit; extremes do not depend on an order.
"""

from __future__ import annotations

import numpy as np

from workbench.kernels.codes import Floats, Integers
from workbench.kernels.compile import jit, part, step
from workbench.kernels.fused import fused

__all__ = ["exponential_averages", "known_from", "rolling_extremes", "rolling_sums"]

_TILE = 1024
_SIDES = 4


@jit
def rolling_sums(
    values: Floats, windows: Integers, rows: Integers, averages: bool, table: Floats
) -> None:
    """Write the rolling sum, or average, of each window into its row of `table`.

    Parameters
    ----------
    values : ndarray, shape (T,)
        Finite.
    windows : ndarray of int64, shape (W,)
        From 1 to T; neighbours should be of like size.
    rows : ndarray of int64, shape (W,)
        Where in the table each is written.
    table : ndarray, shape (R, T)
        NaN is written before a window is full.
    """
    bars = len(values)
    at, back = np.zeros(_SIDES, np.int64), np.zeros(_SIDES, np.int64)
    totals = np.zeros(_SIDES)
    for begin in range(0, len(windows), _SIDES):
        count = min(_SIDES, len(windows) - begin)
        for k in range(_SIDES):  # where the last group is short its last window is repeated
            at[k] = rows[begin + min(k, count - 1)]
            back[k] = windows[begin + min(k, count - 1)] - 1
        full = back.max()
        for k in range(_SIDES):
            totals[k] = started(values, back[k], full, table[at[k]])
        for t in range(0, bars, _TILE):
            end = min(t + _TILE, bars)
            side_by_side(max(t, full), end, values, back, at, totals, table)
            for k in range(count if averages else 0):
                divide(table[at[k], max(t, back[k]) : end], back[k] + 1.0)


@part
def divide(row: Floats, window: float) -> None:
    """Turn sums into averages."""
    for i in range(len(row)):
        row[i] /= window


@part
def started(values: Floats, back: int, until: int, row: Floats) -> float:
    """Write the sums of the bars before `until`; return what goes into the sum of that bar."""
    total = 0.0
    for i in range(back):
        total += values[i]
        row[i] = np.nan
    for i in range(back, until):
        total += values[i]
        row[i] = total
        total -= values[i - back]
    return total


@part
def side_by_side(
    begin: int,
    end: int,
    values: Floats,
    back: Integers,
    at: Integers,
    totals: Floats,
    table: Floats,
) -> None:
    """Go on with four rolling sums, each of the bars from `back` bars ago."""
    a, b, c, d = totals[0], totals[1], totals[2], totals[3]
    out_a, out_b, out_c, out_d = table[at[0]], table[at[1]], table[at[2]], table[at[3]]
    back_a, back_b, back_c, back_d = back[0], back[1], back[2], back[3]
    for t in range(begin, end):
        value = values[t]
        a += value
        b += value
        c += value
        d += value
        out_a[t] = a
        out_b[t] = b
        out_c[t] = c
        out_d[t] = d
        a -= values[t - back_a]
        b -= values[t - back_b]
        c -= values[t - back_c]
        d -= values[t - back_d]
    totals[0], totals[1], totals[2], totals[3] = a, b, c, d


@jit
def exponential_averages(
    values: Floats, windows: Integers, rows: Integers, is_fused: bool, table: Floats
) -> None:
    """Write the exponential average of each window into its row; parameters as in `rolling_sums`.

    The first is the mean of a whole window, each further one ``before + 2 / (window + 1) *
    (value - before)``. With `is_fused` the product is not rounded before it is added.
    """
    bars = len(values)
    at, back = np.zeros(_SIDES, np.int64), np.zeros(_SIDES, np.int64)
    rates, levels = np.zeros(_SIDES), np.zeros(_SIDES)
    for begin in range(0, len(windows), _SIDES):
        count = min(_SIDES, len(windows) - begin)
        for k in range(_SIDES):  # where the last group is short its last window is repeated
            at[k] = rows[begin + min(k, count - 1)]
            back[k] = windows[begin + min(k, count - 1)]
            rates[k] = 2.0 / (back[k] + 1.0)
        full = back.max()
        for k in range(_SIDES):
            row = table[at[k]]
            levels[k] = followed(values[:full], back[k], rates[k], is_fused, row)
        follow_all(values[full:], rates, levels, is_fused, at, table[:, full:bars])


@step
def follow(value: float, level: float, rate: float, is_fused: bool) -> float:
    """Return the next exponential average."""
    if is_fused:
        return fused(value - level, rate, level)
    return (value - level) * rate + level


@part
def followed(values: Floats, window: int, rate: float, is_fused: bool, row: Floats) -> float:
    """Write the exponential averages of the first bars; return the last one."""
    level = 0.0
    for i in range(window):
        level += values[i]
        row[i] = np.nan
    level /= window
    row[window - 1] = level
    for i in range(window, len(values)):
        level = follow(values[i], level, rate, is_fused)
        row[i] = level
    return level


@part
def follow_all(
    values: Floats, rates: Floats, levels: Floats, is_fused: bool, at: Integers, table: Floats
) -> None:
    """Go on with four exponential averages from their levels."""
    a, b, c, d = levels[0], levels[1], levels[2], levels[3]
    rate_a, rate_b, rate_c, rate_d = rates[0], rates[1], rates[2], rates[3]
    out_a, out_b, out_c, out_d = table[at[0]], table[at[1]], table[at[2]], table[at[3]]
    for t in range(len(values)):
        value = values[t]
        a = follow(value, a, rate_a, is_fused)
        b = follow(value, b, rate_b, is_fused)
        c = follow(value, c, rate_c, is_fused)
        d = follow(value, d, rate_d, is_fused)
        out_a[t] = a
        out_b[t] = b
        out_c[t] = c
        out_d[t] = d


@jit
def rolling_extremes(values: Floats, windows: Integers, rows: Integers, table: Floats) -> None:
    """Write the highest of each window into its row; parameters as in `rolling_sums`.

    The windows ascend. The highest of a window is that of two spans which cover it, each as
    long as the greatest power of two that fits in.
    """
    bars = len(values)
    spans = values.copy()  # the highest of as many bars as `span`, up to each
    span = 1
    for k in range(len(windows)):
        window, row = windows[k], table[rows[k]]
        while 2 * span <= window:
            for i in range(bars - 1, 2 * span - 2, -1):
                early = spans[i - span]
                spans[i] = early if early > spans[i] else spans[i]
            span *= 2
        row[: window - 1] = np.nan
        gap = window - span
        for i in range(window - 1, bars):
            early, late = spans[i - gap], spans[i]
            row[i] = early if early > late else late


@jit
def known_from(table: Floats, first: Integers) -> bool:
    """Write per row of a table its first bar that is not NaN; False where NaN comes after it."""
    bars = table.shape[1]
    for r in range(len(table)):
        row = table[r]
        missing = 0
        for i in range(bars):
            missing += row[i] != row[i]
        first[r] = missing
        for i in range(missing):
            if not np.isnan(row[i]):
                return False
    return True
