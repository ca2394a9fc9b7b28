"""The fill table over arrays: one pass over the bars, one step per phase.

The order of things on a bar is told in docs/fills.md. The scalar rules are in
``workbench.kernels.rules``; here they are only put in order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.kernels import book as b
from workbench.kernels.book import Book, Records, Tape, grown, is_full, new_book, new_tape
from workbench.kernels.carry import KINDS, carry, is_carried
from workbench.kernels.codes import MARKET, Floats, Market, Quote, Terms, Want
from workbench.kernels.compile import jit, plain, step
from workbench.kernels.entries import limit_level
from workbench.kernels.margin import call_margin
from workbench.kernels.matching import drop, fill_pending, marked, protect, write_leg, write_order
from workbench.kernels.resting import guard_entry, work_limits
from workbench.kernels.rules import decided, is_drifted, is_too_small, is_tradable, stop_hit

__all__ = ["Curves", "Simulated", "new_curves", "play", "simulate"]

_FLOWS = len(KINDS)


class Simulated(NamedTuple):
    """What a simulation leaves behind.

    Parameters
    ----------
    equity, cash : ndarray, shape (T,)
        Marked at each close, after its fills.
    units : ndarray, shape (T, N)
        Held at each close, signed.
    fills, orders : ndarray of records
        The tape; see ``workbench.kernels.book``.
    cells : ndarray of records, shape (N,)
        The state of each symbol at the end.
    small : int
        Orders that were not made, or were rejected, for the least notional.
    flows : ndarray, shape (T, 5 + N)
        Money received (negative: paid) for what was held, by kind and by symbol; see
        ``workbench.kernels.carry``. Of length 0 where nothing ever is.
    """

    equity: Floats
    cash: Floats
    units: Floats
    fills: Records
    orders: Records
    cells: Records
    small: int
    flows: Floats


class Curves(NamedTuple):
    """What is written at each bar: equity, cash and units at its close, flows at its start."""

    equity: Floats
    cash: Floats
    units: Floats
    flows: Floats


@jit
def new_curves(market: Market) -> Curves:
    """Return room for a run over `market`."""
    bars, n = market.close.shape
    rows = bars if len(market.events) > 0 else 0
    return Curves(np.empty(bars), np.empty(bars), np.empty((bars, n)), np.empty((rows, _FLOWS + n)))


def simulate(market: Market, targets: Floats, cash: float, terms: Terms) -> Simulated:
    """Run targets through the fill table.

    Parameters
    ----------
    market : Market
        Bars, shape (T, N).
    targets : ndarray, shape (T, N)
        Wanted fraction of equity; NaN keeps what is held.
    cash : float
        To begin with.
    terms : Terms
        Costs, sizing, stops and where orders are filled.
    """
    # Not compiled itself: the whole of `play` would be compiled a second time, into it.
    n = targets.shape[1]
    book = plain(new_book)(cash, n)
    curves = plain(new_curves)(market)
    tape = play(market, targets, book, plain(new_tape)(n), curves, terms)
    fills, orders, small = (int(book.account[name][0]) for name in ("fills", "orders", "small"))
    return Simulated(
        curves.equity,
        curves.cash,
        curves.units,
        tape.fills[:fills].copy(),
        tape.orders[:orders].copy(),
        book.cells,
        small,
        curves.flows,
    )


@jit
def play(
    market: Market, targets: Floats, book: Book, tape: Tape, curves: Curves, terms: Terms
) -> Tape:
    """Run targets from the first bar to the last; return the tape, grown where it had to be.

    All that is written goes into `book`, `tape` and `curves`, so that a sweep can use them again.
    """
    bars, n = targets.shape
    account, cells = book.account, book.cells
    is_busy = terms.at_close > 0.0
    has_carry = is_carried(market)
    mode = terms.sizing.mode
    t = 0
    while t < bars:
        if has_carry:
            carry(t, market, book, tape, curves.flows, terms.costs)
        elif account[0].pending == 0:
            t = skip(t, market, targets, book, curves, terms)
            if t == bars:
                break
        if is_full(tape, book):
            tape = grown(tape, book)
        trade_bar(t, market, book, tape, terms)
        worth = mark_closes(t, market.close, account[0].cash, cells)
        if has_news(t, targets, cells, mode) and (
            mode < 3.0 or is_off(t, targets, worth, cells, terms)
        ):
            if is_full(tape, book):
                tape = grown(tape, book)
            for j in range(n):
                decide(t, j, targets[t, j], worth, book, tape, terms)
        if is_busy and account[0].pending > 0:
            fill_pending(t, market.close, market.volume, book, tape, terms)
            worth = marked(book)
        write_bar(t, worth, account[0].cash, cells, curves)
        t += 1
    return tape


@step
def skip(t: int, market: Market, targets: Floats, book: Book, curves: Curves, terms: Terms) -> int:
    """Go from bar `t`, before which nothing is pending, to one on which something may happen."""
    if terms.sizing.maintenance > 0.0 and book.account[0].held > 0:
        return t
    if targets.shape[1] == 1:
        return glide(t, market, targets, book, curves, terms)
    has_stops = min(terms.stops.loss, terms.stops.profit, terms.stops.trail) < math.inf
    if has_stops and book.account[0].held > 0:
        return t
    return coast(t, market.close, targets, terms.sizing.mode, book, curves)


@step
def glide(t: int, market: Market, targets: Floats, book: Book, curves: Curves, terms: Terms) -> int:
    """Go from bar `t` of one symbol to the next with a new target or a triggered stop.

    What `trade_bar`, `mark_closes` and `write_bar` would do on the bars between, without
    leaving the loop.
    """
    cell, cash, mode = book.cells[0], book.account[0].cash, terms.sizing.mode
    units, mark, best, last = cell.units, cell.mark, cell.best, cell.last
    average, stops = cell.average, terms.stops
    is_held = units != 0.0
    is_stopped = is_held and min(stops.loss, stops.profit, stops.trail) < math.inf
    bars = len(targets)
    while t < bars:
        target = targets[t, 0]
        if not math.isnan(target) and (mode > 0.0 or target != last):
            break
        if is_stopped and is_tradable(market.open[t, 0], market.volume[t, 0], terms.costs):
            high, low = market.high[t, 0], market.low[t, 0]
            bar = (market.open[t, 0], high, low)
            if stop_hit(units, bar, average, best, stops, terms.best_first)[0] != MARKET:
                break
            best = max(best, high) if units > 0.0 else min(best, low)
        price = market.close[t, 0]
        if not math.isnan(price):
            mark = price
        curves.equity[t] = cash + units * mark if is_held else cash
        curves.cash[t] = cash
        curves.units[t, 0] = units
        t += 1
    cell.mark = mark
    cell.best = best
    return t


@step
def coast(t: int, closes: Floats, targets: Floats, mode: float, book: Book, curves: Curves) -> int:
    """Go from bar `t` of several symbols through those on which nothing can happen.

    Returns the first other one. Most bars are such: the loop is kept small for their sake.
    """
    account, cells = book.account, book.cells
    cash = account[0].cash
    while t < len(closes):
        worth = mark_closes(t, closes, cash, cells)
        if has_news(t, targets, cells, mode):
            break
        write_bar(t, worth, cash, cells, curves)
        t += 1
    return t


@step
def write_bar(t: int, worth: float, cash: float, cells: Records, curves: Curves) -> None:
    """Write down what there is at the close of bar `t`."""
    curves.equity[t] = worth
    curves.cash[t] = cash
    for j in range(len(cells)):
        curves.units[t, j] = cells[j].units


@step
def has_news(t: int, targets: Floats, cells: Records, mode: float) -> bool:
    """Tell whether a target of bar `t` asks for a look: any of them, or on change a new one."""
    for j in range(len(cells)):
        target = targets[t, j]
        if not math.isnan(target) and (mode > 0.0 or target != cells[j].last):
            return True
    return False


@step
def is_off(t: int, targets: Floats, equity: float, cells: Records, terms: Terms) -> bool:
    """Tell whether the weight of any symbol that may be traded has drifted off its target."""
    for j in range(len(cells)):
        cell, target = cells[j], targets[t, j]
        if math.isnan(target) or cell.kind != MARKET or target == cell.locked:
            continue
        if is_drifted(target, cell.units, cell.mark, equity, terms):
            return True
    return False


@step
def mark_closes(t: int, closes: Floats, cash: float, cells: Records) -> float:
    """Take the closes of bar `t` as the last known prices; return equity."""
    worth = cash
    for j in range(len(cells)):
        cell = cells[j]
        if not math.isnan(closes[t, j]):
            cell.mark = closes[t, j]
        if cell.units != 0.0:
            worth += cell.units * cell.mark
    return worth


@step
def trade_bar(t: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Do what happens before the close of bar `t`: the open, entries at a limit, stops, margin."""
    for j in range(len(book.cells)):
        book.cells[j].used = 0.0
        book.cells[j].inside = 0.0
    if terms.at_close <= 0.0 and book.account[0].pending > 0:
        fill_pending(t, market.open, market.volume, book, tape, terms)
        if terms.entry.offset < math.inf:
            work_limits(t, market, book, tape, terms)
    work_stops(t, market, book, tape, terms)
    if terms.sizing.maintenance > 0.0 and book.account[0].held > 0:
        call_margin(t, market, book, tape, terms)


@step
def work_stops(t: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Look for stops of what is held inside bar `t`, and fill them."""
    for j in range(len(book.cells)):
        cell = book.cells[j]
        opened, volume = market.open[t, j], market.volume[t, j]
        if cell.units == 0.0 or cell.kind != MARKET:
            continue
        if not is_tradable(opened, volume, terms.costs):
            continue
        if cell.inside > 0.0:
            guard_entry(t, j, market, book, tape, terms)
            continue
        high, low = market.high[t, j], market.low[t, j]
        kind, base, level, both = stop_hit(
            cell.units,
            (opened, high, low),
            cell.average,
            cell.best,
            terms.stops,
            terms.best_first,
        )
        if kind != MARKET:
            write_leg(j, kind, level, book, tape)
            protect(t, j, Quote(base, volume, 0.0), both, book, tape, terms)
        elif cell.units > 0.0:
            cell.best = max(cell.best, high)
        else:
            cell.best = min(cell.best, low)


@step
def decide(
    t: int, j: int, target: float, equity: float, book: Book, tape: Tape, terms: Terms
) -> None:
    """Answer a target at the close of bar `t` with an order, or with none (rules 1 to 3)."""
    cell = book.cells[j]
    mode = terms.sizing.mode
    if math.isnan(target) or (mode == 0.0 and target == cell.last):
        return
    if not cell.mark > 0.0 or cell.kind != MARKET or target == cell.locked:
        return
    cell.locked = math.nan
    cell.last = target
    if mode == 2.0 and not is_drifted(target, cell.units, cell.mark, equity, terms):
        return
    if cell.order >= 0:
        drop(j, b.CANCELED, book, tape)
    delta = decided(target, cell.units, cell.mark, equity, book.account[0].traded, terms)
    if delta == 0.0:
        return
    side = 1.0 if delta > 0.0 else -1.0
    if is_too_small(Want(target, side, cell.units), abs(delta), cell.mark, terms):
        book.account[0].small += 1
        return
    quantity = math.nan if terms.sizing.at_fill > 0.0 else abs(delta)
    cell.goal = target
    place = write_order(j, side, MARKET, quantity, book, tape)
    cell.limit = limit_level(cell.mark, side, cell.units, terms.entry)
    row = tape.orders[place]
    row.bar = t
    row.level = cell.limit
    row.target = target
