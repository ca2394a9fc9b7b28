"""Sweeps of all-in, long or flat: work only where the signal changes.

Where everything is held or nothing, the return of a bar is that of its close, whatever the
parameters. So sums over a holding are differences of tables made once, a drawdown is
looked for only where the extremes of blocks of bars allow a deeper one, and a bar on
which nothing changes costs no more than the comparison that tells so. Fills are computed as
``workbench.kernels.simulate`` does, operation for operation; sums over bars are in another
order and agree to 1e-9.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats, Integers
from workbench.kernels.compile import jit, step
from workbench.kernels.sweep_signals import FLAT, LONG, Bytes, Rules, Words, answer, begun, lowest
from workbench.kernels.sweep_tables import BLOCK, Tables, bounds
from workbench.kernels.sweep_tally import (
    Scale,
    add_return,
    end_trip,
    look,
    new_states,
    rise,
    sink,
    trough,
    write_row,
)

__all__ = ["run_events", "run_plain"]

TILE = 1024
_NOISE = 1e-9
_NONE, _ONE = np.uint64(0), np.uint64(1)


@jit
def run_events(begin: int, end: int, rules: Rules, shared: Tables, table: Floats) -> int:
    """Write the statistics of the points from `begin` to before `end` into rows of `table`.

    The first column of a point that must be run by another kernel is NaN; how many there
    are is returned. The columns are ``backtest.stats.NAMES`` without start and end.
    """
    bars = len(shared.close)
    states = new_states(end - begin, shared.cash)
    stack = np.zeros((len(rules.program), TILE), np.uint8)
    codes = np.zeros(TILE + 8, np.uint8)
    words, places = np.zeros(TILE // 8, np.uint64), np.zeros(TILE // 8 + 1, np.int64)
    for t in range(0, bars, TILE):
        size = min(TILE, bars - t)
        for j in range(end - begin):
            answer(begin + j, t, rules, stack[:, :size], codes[8 : 8 + size])
            act(t, size, codes, words, places, states[j], shared)
    failed = 0
    for j in range(end - begin):
        failed += finish(states[j], shared, table[begin + j])
    return failed


@jit
def run_plain(targets: Floats, shared: Tables, row: Floats) -> int:
    """Write the statistics of targets, shape (T, 1), that are 0, 1 or NaN into `row`.

    Returns 1, with NaN in the first column, where they are others or not of the plain kind.
    """
    bars = len(shared.close)
    states = new_states(1, shared.cash)
    wanted = targets.reshape(bars)
    codes = np.zeros(TILE + 8, np.uint8)
    words, places = np.zeros(TILE // 8, np.uint64), np.zeros(TILE // 8 + 1, np.int64)
    row[0] = math.nan
    for t in range(0, bars, TILE):
        size = min(TILE, bars - t)
        if coded(wanted[t : t + size], codes[8 : 8 + size]) > 0:
            return 1
        act(t, size, codes, words, places, states[0], shared)
    failed = 0
    for j in range(len(states)):  # in a loop, so that the array outlives what is read of it
        failed += finish(states[j], shared, row)
    return failed


@step
def coded(wanted: Floats, codes: Bytes) -> int:
    """Write targets as answers of a rule; return whether some are other than 0, 1 and NaN."""
    others = np.uint8(0)
    for i in range(len(wanted)):
        target = wanted[i]
        is_long, is_flat, is_none = target == 1.0, target == 0.0, math.isnan(target)
        codes[i] = is_long * LONG + is_flat * FLAT
        others |= np.uint8(not (is_long | is_flat | is_none))
    return int(others)


@step
def act(
    t: int,
    size: int,
    codes: Bytes,
    words: Words,
    places: Integers,
    state: Records,
    shared: Tables,
) -> None:
    """Act on a tile of answers, which begin at the eighth byte of `codes`."""
    codes[7] = state.code
    state.code = codes[7 + size]
    for k in range(begun(size, codes, words, places)):
        word = words[places[k]]
        while word != _NONE:
            i = 8 * places[k] + lowest(word)
            word &= word - _ONE
            code = codes[8 + i]
            if code == LONG and state.units == 0.0:
                enter(t + i + shared.lag, state, shared)
            elif code == FLAT and state.units != 0.0:
                leave(t + i + shared.lag, state, shared)


@step
def enter(f: int, state: Records, shared: Tables) -> None:
    """Buy with all cash at bar `f`."""
    if f >= len(shared.close):
        return
    rest(f, state)
    row = shared.bars[f]
    cash, price = state.cash, row.buy
    quantity = cash / price / row.divisor
    most = shared.leverage * cash / row.cover
    if not 0.0 < quantity <= most * (1.0 + _NOISE):
        state.failed = 1
        return
    fee = row.buy_fee * quantity
    spent = quantity * price
    after = cash - spent - fee
    add_return((after + quantity * row.close) / cash - 1.0, state)
    state.cash = after
    state.units = quantity
    state.since = f
    state.spent = spent
    state.paid = fee
    state.notional += spent
    state.fees += fee
    state.slippage += abs(price - row.base) * quantity


@step
def leave(x: int, state: Records, shared: Tables) -> None:
    """Sell everything at bar `x`."""
    if x >= len(shared.close):
        return
    before = hold(x, state, shared)
    row = shared.bars[x]
    quantity, price = state.units, row.sell
    fee = row.sell_fee * quantity
    gained = quantity * price
    cash = state.cash + gained - fee
    add_return(cash / before - 1.0, state)
    profit = gained - state.spent - (state.paid + fee)
    end_trip(profit, state)
    state.notional += gained
    state.fees += fee
    state.slippage += abs(price - row.base) * quantity
    state.cash = cash
    state.units = 0.0
    state.since = x


@step
def rest(f: int, state: Records) -> None:
    """Account for the bars before `f` on which nothing was held."""
    if f <= state.since:
        return
    cash = state.cash
    state.worth += cash * (f - state.since)
    if cash >= state.peak:
        rise(cash, state.since, f - 1, state)
    elif cash < state.floor and cash / state.peak - 1.0 < state.depth:
        sink(cash, state.since, state.since, state)


@step
def extremes(f: int, x: int, shared: Tables) -> tuple[float, float]:
    """Return the highest and the lowest close of the bars from `f` to before `x`."""
    first, last = f // BLOCK, (x - 1) // BLOCK
    if first == last:
        high = low = shared.close[f]
        for t in range(f + 1, x):
            value = shared.close[t]
            high = value if value > high else high
            low = value if value < low else low
        return high, low
    high, low = shared.bars[f].high_to_end, shared.bars[f].low_to_end
    for k in range(first + 1, last):
        block = shared.blocks[0, k]
        high = block.high if block.high > high else high
        low = block.low if block.low < low else low
    row = shared.bars[x - 1]
    return max(high, row.high_so_far), min(low, row.low_so_far)


@step
def hold(x: int, state: Records, shared: Tables) -> float:
    """Account for the bars before `x` on which all was held; return the equity of the last."""
    cash, units, f = state.cash, state.units, state.since
    count = x - f
    begin, second, end = shared.bars[f], shared.bars[f + 1], shared.bars[x]
    state.inside += count
    state.worth += cash * count + units * (end.closes - begin.closes)
    state.total += end.gains - second.gains
    state.squares += end.squares - second.squares
    state.below += end.below - second.below
    high, low = bounds(f, x, shared.blocks)
    if cash + units * high < state.peak and cash + units * low > state.floor:
        return cash + units * shared.close[x - 1]  # type: ignore[no-any-return]
    high, low = extremes(f, x, shared)
    if cash + units * high >= state.peak:
        for t in range(f, x):
            look(cash + units * shared.close[t], t, state)
    else:
        worth = cash + units * low
        if worth / state.peak - 1.0 < state.depth:
            sink(worth, f, x - 1, state)
    return cash + units * shared.close[x - 1]  # type: ignore[no-any-return]


@step
def finish(state: Records, shared: Tables, row: Floats) -> int:
    """Account for the last span and write the statistics; return 1 where they are not exact."""
    bars = len(shared.close)
    last = state.cash
    if state.units != 0.0:
        last = hold(bars, state, shared)
    else:
        rest(bars, state)
    scale = Scale(bars, shared.cash, shared.periods)
    return write_row(last, trough(state, shared.close), state, scale, row)
