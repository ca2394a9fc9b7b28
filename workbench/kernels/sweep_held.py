"""The bars on which something is held, and no stop is triggered and nothing decided.

Stops are looked for only where the extremes of blocks of bars allow one. What remains of a bar is
its return.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats, Market, StopCode
from workbench.kernels.compile import jit, step
from workbench.kernels.sweep_tables import BLOCK, LEVELS, REACH, bounds, widen
from workbench.kernels.sweep_tally import look, sink

__all__ = ["Prices", "hold", "together"]

BAR = np.dtype([("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8")], align=True)


class Prices(NamedTuple):
    """The prices of one symbol.

    Parameters
    ----------
    bars : ndarray of BAR, shape (T,)
        What is looked at together lies together.
    marks : ndarray, shape (T,)
        The last known closes.
    lows, highs : ndarray, shape (T,)
        What stops look at: infinite where a bar triggers none.
    blocks : ndarray of REACH, shape (LEVELS, B)
        Of `highs` and `lows`, see `sweep_tables`.
    """

    bars: Records
    marks: Floats
    lows: Floats
    highs: Floats
    blocks: Records


@jit
def together(market: Market) -> Prices:
    """Return what all points of a sweep by spans share."""
    count = len(market.close)
    bars = np.empty(count, BAR)
    marks, lows, highs = np.empty(count), np.empty(count), np.empty(count)
    blocks = np.empty((LEVELS, (count + BLOCK - 1) // BLOCK), REACH)
    mark, top, bottom = math.nan, -math.inf, math.inf
    for t in range(count):
        opened, high = market.open[t, 0], market.high[t, 0]
        low, close = market.low[t, 0], market.close[t, 0]
        bars[t].open, bars[t].high, bars[t].low, bars[t].close = opened, high, low, close
        mark = mark if math.isnan(close) else close
        marks[t] = mark
        lows[t] = low if opened > 0.0 and low == low else math.inf  # noqa: PLR0124 - no NaN
        highs[t] = high if opened > 0.0 and high == high else -math.inf  # noqa: PLR0124
        if t % BLOCK == 0:
            top, bottom = -math.inf, math.inf
        top, bottom = max(top, highs[t]), min(bottom, lows[t])
        blocks[0, t // BLOCK].high = top
        blocks[0, t // BLOCK].low = bottom
    widen(blocks)
    return Prices(bars, marks, lows, highs, blocks)


@step
def hold(
    t: int, until: int, prices: Prices, state: Records, place: Records, stops: StopCode
) -> int:
    """Account for the bars from `t` on that trigger no stop; return the first other one."""
    if stops.trail < math.inf:
        end = trailed(t, until, prices.bars, state.units, place, stops)
    else:
        end = reached(t, until, prices, state.units, place.average, stops)
    if end > t:
        account(t, end, prices.marks, state, place)
    return end


@step
def reached(
    t: int, until: int, prices: Prices, units: float, average: float, stops: StopCode
) -> int:
    """Return the first bar from `t` on that triggers a stop, or `until`."""
    sign = 1.0 if units > 0.0 else -1.0
    # As in `rules.stop_hit`, which has the last word on the bar that is returned.
    loss = sign * average * (1.0 - sign * stops.loss)
    goal = sign * average * (1.0 + sign * stops.profit)
    floor = loss if units > 0.0 else -goal
    ceiling = goal if units > 0.0 else -loss
    high, low = bounds(t, until, prices.blocks)
    if low > floor and high < ceiling:
        return until
    while t < until:
        if t % BLOCK == 0 and t + BLOCK <= until:
            block = prices.blocks[0, t // BLOCK]
            if block.low > floor and block.high < ceiling:
                t += BLOCK
                continue
        if prices.lows[t] <= floor or prices.highs[t] >= ceiling:
            break
        t += 1
    return t


@step
def trailed(
    t: int, until: int, bars: Records, units: float, place: Records, stops: StopCode
) -> int:
    """Do what `reached` does where a stop follows the best price since the entry."""
    sign, best = 1.0 if units > 0.0 else -1.0, place.best
    loss = sign * place.average * (1.0 - sign * stops.loss)
    goal = sign * place.average * (1.0 + sign * stops.profit)
    while t < until:
        bar = bars[t]
        if bar.open > 0.0:
            worst = bar.low if units > 0.0 else -bar.high
            top = bar.high if units > 0.0 else -bar.low
            level = max(loss, sign * best * (1.0 - sign * stops.trail))
            if worst <= level or top >= goal:
                break
            best = max(best, bar.high) if units > 0.0 else min(best, bar.low)
        t += 1
    place.best = best
    return t


@step
def account(t: int, end: int, marks: Floats, state: Records, place: Records) -> None:
    """Account for the bars from `t` to before `end`, on which the same is held."""
    cash, units, before = state.cash, state.units, place.before
    total, squares, below, held = state.total, state.squares, state.below, 0.0
    high = low = marks[t]
    for i in range(t, end):
        mark = marks[i]
        worth = cash + units * mark
        change = worth / before - 1.0
        before = worth
        lost = change if change < 0.0 else 0.0
        total += change
        squares += change * change
        below += lost * lost
        held += worth
        high = mark if mark > high else high
        low = mark if mark < low else low
    state.inside += end - t
    state.worth += held
    state.total, state.squares, state.below = total, squares, below
    place.mark, place.before = marks[end - 1], before
    best = cash + units * (high if units > 0.0 else low)
    worst = cash + units * (low if units > 0.0 else high)
    if not worst > 0.0:
        state.failed = 1
    if best >= state.peak:
        for i in range(t, end):
            look(cash + units * marks[i], i, state)
    elif worst < state.floor and worst / state.peak - 1.0 < state.depth:
        sink(worst, t, end - 1, state)
