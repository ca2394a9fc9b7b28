"""Sweeps of any targets on one symbol: from one change of mind, or stop, to the next.

What `workbench.kernels.simulate` does, without orders and fills to look at afterwards. A bar
on which nothing is held costs nothing, one on which something is held no more than its stops
and its return. Prices, fees and units are those of the same functions in the same order; sums
over bars are in another and agree to 1e-9. There is no cap on participation, no impact, and
what is held is left alone until the target changes.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats, Integers, Terms
from workbench.kernels.compile import jit, part, step
from workbench.kernels.sweep_fills import HOLDING, attempt, decide, equity, protect
from workbench.kernels.sweep_generic import Setting
from workbench.kernels.sweep_held import Prices, hold
from workbench.kernels.sweep_signals import (
    FLAT,
    LONG,
    SHORT,
    Bytes,
    Rules,
    Words,
    answer,
    begun,
    lowest,
)
from workbench.kernels.sweep_tally import (
    Scale,
    add_return,
    look,
    new_states,
    rise,
    trough,
    write_row,
)

__all__ = ["run_spans", "run_spans_of"]

TILE = 2048
_NONE, _ONE = np.uint64(0), np.uint64(1)


@jit
def run_spans(
    begin: int, end: int, rules: Rules, prices: Prices, shared: Setting, table: Floats
) -> int:
    """Write the statistics of the points from `begin` to before `end` into rows of `table`.

    The first column of a point that must be run by another kernel is NaN; how many there
    are is returned. The columns are ``backtest.stats.NAMES`` without start and end.
    """
    count = len(prices.bars)
    stack = np.zeros((len(rules.program), TILE), np.uint8)
    codes = np.zeros(count + 8, np.uint8)
    words = np.zeros((count + 7) // 8, np.uint64)
    places = np.zeros(len(words) + 1, np.int64)
    # Longer by one: a place is written before it is known to be needed.
    news, goals = np.empty(count + 1, np.int64), np.empty(count + 1)
    failed = 0
    for p in range(begin, end):
        for t in range(0, count, TILE):
            size = min(TILE, count - t)
            answer(p, t, rules, stack[:, :size], codes[8 + t : 8 + t + size])
        found = changes_of_codes(count, codes, words, places, news, goals)
        failed += run(news[:found], goals, prices, shared, table[p])
    return failed


@jit
def run_spans_of(targets: Floats, prices: Prices, shared: Setting, row: Floats) -> int:
    """Write the statistics of targets, shape (T, 1), into `row`; see `run_spans`."""
    count = len(prices.bars)
    news, goals = np.empty(count, np.int64), np.empty(count)
    last, found = 0.0, 0
    for t in range(count):
        target = targets[t, 0]
        if target != last and not math.isnan(target):
            news[found] = t
            goals[found] = target
            found += 1
            last = target
    return run(news[:found], goals, prices, shared, row)


@step
def changes_of_codes(
    count: int, codes: Bytes, words: Words, places: Integers, news: Integers, goals: Floats
) -> int:
    """Write the bars on which an answer changes and the targets from there; return how many."""
    last, found = FLAT, 0
    for k in range(begun(count, codes, words, places)):
        word = words[places[k]]
        while word != _NONE:
            t = 8 * places[k] + lowest(word)
            word &= word - _ONE
            code = int(codes[8 + t])
            news[found] = t
            goals[found] = 1.0 if code == LONG else -1.0 if code == SHORT else 0.0
            found += code != last
            last = code
    return found


@part
def run(news: Integers, goals: Floats, prices: Prices, shared: Setting, row: Floats) -> int:
    """Go through all bars and write the statistics; return 1 where they are not exact."""
    states, places = new_states(1, shared.cash), np.zeros(1, HOLDING)
    failed = 0
    for j in range(len(states)):  # in a loop, so that the arrays outlive what is read of them
        failed += go(news, goals, prices, shared, states[j], places[j], row)
    return failed


@step
def go(
    news: Integers,
    goals: Floats,
    prices: Prices,
    shared: Setting,
    state: Records,
    place: Records,
    row: Floats,
) -> int:
    """Run one point, whose records are new."""
    place.before = shared.cash
    place.mark = math.nan
    count, terms = len(prices.bars), shared.terms
    is_late = terms.at_close > 0.0
    t = k = 0
    while t < count and state.failed == 0:
        until = news[k] if k < len(news) else count
        # What is decided on a bar and filled later needs no more of it than its close.
        stop = min(until + 1, count) if not is_late else until
        if place.waits == 0 and t < stop:
            if state.units == 0.0:
                rest(t, stop, state)
                place.mark = prices.marks[stop - 1]
                t = stop
            elif place.mark == prices.marks[t - 1]:
                t = hold(t, stop, prices, state, place, terms.stops)
            if t > until:
                decide(goals[k], place.before, state, place, terms)
                k += 1
                continue
            if t == count:
                break
        is_new = t == until
        live(t, goals[k] if is_new else math.nan, prices.bars[t], state, place, terms)
        k += is_new
        t += 1
    scale = Scale(count, shared.cash, shared.periods)
    return write_row(place.before, trough(state, prices.marks), state, scale, row)


@step
def rest(t: int, until: int, state: Records) -> None:
    """Account for the bars from `t` to before `until`, on which nothing is held."""
    state.worth += state.cash * (until - t)
    if state.cash >= state.peak:
        rise(state.cash, t, until - 1, state)


@step
def live(t: int, target: float, bar: Records, state: Records, place: Records, terms: Terms) -> None:
    """Do what happens on bar `t`, in the order of ``simulate.play``."""
    is_late = terms.at_close > 0.0
    if place.waits > 0 and not is_late:
        attempt(bar.open, state, place, terms)
    if state.units != 0.0 and bar.open > 0.0:
        protect(bar, state, place, terms)
    if not math.isnan(bar.close):
        place.mark = bar.close
    worth = equity(state, place)
    if not math.isnan(target):
        decide(target, worth, state, place, terms)
    if place.waits > 0 and is_late:
        attempt(bar.close, state, place, terms)
        worth = equity(state, place)
    add_return(worth / place.before - 1.0, state)
    place.before = worth
    state.worth += worth
    state.inside += state.units != 0.0
    if not worth > 0.0:
        state.failed = 1
    look(worth, t, state)
