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
from numpy.typing import NDArray

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats, Integers, Market, Terms
from workbench.kernels.compile import jit, part, step
from workbench.kernels.sweep_fills import HOLDING, attempt, decide, equity, protect
from workbench.kernels.sweep_generic import Setting
from workbench.kernels.sweep_signals import FLAT, KEEP, LONG, SHORT, Rules, signals
from workbench.kernels.sweep_tally import Scale, add_return, new_states, rise, write_row

__all__ = ["run_spans", "run_spans_of", "together"]

TILE = 2048
_NOISE = 1e-9

BAR = np.dtype([("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8")], align=True)


@jit
def together(market: Market) -> Records:
    """Return the prices of one symbol as records: what is looked at together lies together."""
    bars = np.empty(len(market.close), BAR)
    for t in range(len(bars)):
        bars[t].open = market.open[t, 0]
        bars[t].high = market.high[t, 0]
        bars[t].low = market.low[t, 0]
        bars[t].close = market.close[t, 0]
    return bars


@jit
def run_spans(
    begin: int, end: int, rules: Rules, bars: Records, shared: Setting, table: Floats
) -> int:
    """Write the statistics of the points from `begin` to before `end` into rows of `table`.

    The first column of a point that must be run by another kernel is NaN; how many there
    are is returned. The columns are ``backtest.stats.NAMES`` without start and end.
    """
    count = len(bars)
    stack = np.zeros((len(rules.program), TILE), np.uint8)
    codes = np.zeros((count + 7) // 8 * 8, np.uint8)
    # As long as the padded answers: a place is written before it is known to be needed.
    news, goals = np.empty(len(codes) + 1, np.int64), np.empty(len(codes) + 1)
    failed = 0
    for p in range(begin, end):
        for t in range(0, count, TILE):
            size = min(TILE, count - t)
            signals(p, t, rules, stack[:, :size], codes[t : t + size])
        found = changes_of_codes(codes, news, goals)
        failed += run(news[:found], goals, bars, shared, table[p])
    return failed


@jit
def run_spans_of(targets: Floats, bars: Records, shared: Setting, row: Floats) -> int:
    """Write the statistics of targets, shape (T, 1), into `row`; see `run_spans`."""
    count = len(bars)
    news, goals = np.empty(count, np.int64), np.empty(count)
    last, found = 0.0, 0
    for t in range(count):
        target = targets[t, 0]
        if target != last and not math.isnan(target):
            news[found] = t
            goals[found] = target
            found += 1
            last = target
    return run(news[:found], goals, bars, shared, row)


@part
def changes_of_codes(codes: NDArray[np.uint8], news: Integers, goals: Floats) -> int:
    """Write the bars on which an answer changes and the targets from there; return how many."""
    words = codes.view(np.uint64)
    ones = np.uint64(0x0101010101010101)
    meaning = np.zeros(4)
    meaning[LONG], meaning[SHORT] = 1.0, -1.0
    last, same, found = FLAT, ones * np.uint64(FLAT), 0
    for w in range(len(words)):
        if words[w] == np.uint64(KEEP) or words[w] == same:
            continue
        for t in range(8 * w, 8 * w + 8):  # written where it may be new, kept where it is
            code = int(codes[t])
            is_new = (code != KEEP) & (code != last)
            news[found] = t
            goals[found] = meaning[code]
            found += is_new
            last = code if is_new else last
        same = ones * np.uint64(last)
    return found


@part
def run(news: Integers, goals: Floats, bars: Records, shared: Setting, row: Floats) -> int:
    """Go through all bars and write the statistics; return 1 where they are not exact."""
    # The arrays are named again at the end, for what they hold must outlive its last use.
    states, places = new_states(1, shared.cash), np.zeros(1, HOLDING)
    state, place = states[0], places[0]
    place.before = shared.cash
    place.mark = math.nan
    count, terms = len(bars), shared.terms
    t = k = 0
    while t < count and state.failed == 0:
        until = news[k] if k < len(news) else count
        if place.waits == 0 and t < until:
            if state.units == 0.0:
                rest(t, until, state)
                t = until
            else:
                t = hold(t, until, bars, state, place, terms)
            if t == count:
                break
        is_new = t == until
        live(t, goals[k] if is_new else math.nan, bars[t], state, place, terms)
        k += is_new
        t += 1
    scale = Scale(count, shared.cash, shared.periods)
    return write_row(places[0].before, states[0].fell_first, states[0], scale, row)


@step
def rest(t: int, until: int, state: Records) -> None:
    """Account for the bars from `t` to before `until`, on which nothing is held."""
    state.worth += state.cash * (until - t)
    if state.cash >= state.peak:
        rise(state.cash, t, until - 1, state)


@step
def hold(t: int, until: int, bars: Records, state: Records, place: Records, terms: Terms) -> int:
    """Account for the bars from `t` on that trigger no stop; return the first other one."""
    cash, units, mark, before = state.cash, state.units, place.mark, place.before
    best, stops = place.best, terms.stops
    sign = 1.0 if units > 0.0 else -1.0
    # As in `rules.stop_hit`, which has the last word on the bar that is returned.
    loss = sign * place.average * (1.0 - sign * stops.loss)
    goal = sign * place.average * (1.0 + sign * stops.profit)
    is_trailing = stops.trail < math.inf
    first, held = t, 0.0
    total, squares, below = state.total, state.squares, state.below
    peak, floor = state.peak, floor_of(state)
    while t < until:
        bar = bars[t]
        if bar.open > 0.0:
            worst = bar.low if units > 0.0 else -bar.high
            top = bar.high if units > 0.0 else -bar.low
            level = loss
            if is_trailing:
                level = max(loss, sign * best * (1.0 - sign * stops.trail))
            if worst <= level or top >= goal:
                break
            if is_trailing:
                best = max(best, bar.high) if units > 0.0 else min(best, bar.low)
        if not math.isnan(bar.close):
            mark = bar.close
        worth = cash + units * mark
        change = worth / before - 1.0
        before = worth
        total += change
        squares += change * change
        lost = min(change, 0.0)
        below += lost * lost
        held += worth
        if worth >= peak or worth < floor:
            look(worth, t, state)
            peak, floor = state.peak, floor_of(state)
        t += 1
    state.inside += t - first
    state.worth += held
    state.total, state.squares, state.below = total, squares, below
    place.mark, place.best, place.before = mark, best, before
    return t


@step
def floor_of(state: Records) -> float:
    """Return an equity above which the deepest drawdown stays as it is."""
    if not state.peak > 0.0:
        return math.inf
    return state.peak * (1.0 + state.depth) * (1.0 + _NOISE)  # type: ignore[no-any-return]


@step
def look(worth: float, t: int, state: Records) -> None:
    """Take a new peak or a new deepest drawdown, if bar `t` is one."""
    if not worth > 0.0:
        state.failed = 1
    if worth >= state.peak:
        rise(worth, t, t, state)
    elif worth / state.peak - 1.0 < state.depth:
        state.depth = worth / state.peak - 1.0
        state.fell_from = state.top
        state.fell_first = t
        state.recovered = -1


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
    look(worth, t, state)
