"""The fill table over arrays: one pass over the bars, one step per phase.

The order of things on a bar is told in docs/fills.md. The scalar rules are in
``workbench.kernels.rules``; here they are only put in order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.kernels import book as b
from workbench.kernels.book import Book, Tape, grown, new_book, new_tape
from workbench.kernels.codes import MARKET, PROFIT, Floats, Market, Quote, Terms, Want
from workbench.kernels.compile import jit
from workbench.kernels.rules import (
    affordable,
    allowance,
    average_after,
    cash_after,
    decided,
    fee_of,
    fill_price,
    is_tradable,
    sized,
    stop_hit,
)

__all__ = ["Simulated", "simulate"]


class Simulated(NamedTuple):
    """What a simulation leaves behind.

    Parameters
    ----------
    equity, cash : ndarray, shape (T,)
        Marked at each close, after its fills.
    units : ndarray, shape (T, N)
        Held at each close, signed.
    fills, orders : ndarray
        The tape; columns as in ``workbench.kernels.book``.
    mark : ndarray, shape (N,)
        Last known prices at the end.
    """

    equity: Floats
    cash: Floats
    units: Floats
    fills: Floats
    orders: Floats
    mark: Floats


class Deal(NamedTuple):
    """A fill about to happen: at `price`, where the undisturbed price is `base`."""

    side: float
    quantity: float
    base: float
    price: float
    is_maker: bool
    both: bool


@jit
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
    bars, n = targets.shape
    book = new_book(cash, n)
    tape = new_tape(n)
    equity = np.empty(bars)
    purse = np.empty(bars)
    units = np.empty((bars, n))
    at_close = terms.at_close > 0.0
    mode = terms.sizing.mode
    has_trail = terms.stops.trail < math.inf
    has_stops = has_trail or terms.stops.loss < math.inf or terms.stops.profit < math.inf
    for t in range(bars):
        if book.count[b.PENDING] > 0 or book.count[b.HELD] > 0:
            tape = grown(tape, book.count, n)
            book.used[:] = 0.0
            if book.count[b.PENDING] > 0 and not at_close:
                fill_pending(t, market.open, market.volume, book, tape, terms)
            if has_stops and book.count[b.HELD] > 0:
                for j in range(n):
                    if book.units[j] != 0.0:
                        watch(t, j, market, book, tape, terms)
        worth = book.account[b.CASH]
        for j in range(n):
            close = market.close[t, j]
            if close == close:
                book.mark[j] = close
            if book.units[j] != 0.0:
                worth += book.units[j] * book.mark[j]
        for j in range(n):
            target = targets[t, j]
            if target == target and (mode > 0.0 or target != book.last[j]):
                tape = grown(tape, book.count, n)
                decide(t, j, target, worth, book, tape, terms)
        if at_close and book.count[b.PENDING] > 0:
            fill_pending(t, market.close, market.volume, book, tape, terms)
            worth = marked(book)
        equity[t] = worth
        purse[t] = book.account[b.CASH]
        units[t] = book.units
    return Simulated(
        equity,
        purse,
        units,
        tape.fills[: book.count[b.FILLS]].copy(),
        tape.orders[: book.count[b.ORDERS]].copy(),
        book.mark,
    )


@jit
def marked(book: Book) -> float:
    """Return equity: cash and what is held at the last known prices, in column order."""
    worth = book.account[b.CASH]
    for j in range(book.units.shape[0]):
        if book.units[j] != 0.0:
            worth += book.units[j] * book.mark[j]
    return worth


@jit
def decide(
    t: int, j: int, target: float, equity: float, book: Book, tape: Tape, terms: Terms
) -> None:
    """Answer a target at the close of bar `t` with an order, or with none (rules 1 to 3)."""
    mark = book.mark[j]
    if not mark > 0.0 or book.kind[j] != MARKET or target == book.locked[j]:
        return
    if terms.sizing.mode > 1.0 and equity > 0.0:
        if abs(book.units[j] * mark / equity - target) <= terms.sizing.drift:
            return
    book.locked[j] = math.nan
    book.last[j] = target
    if book.order[j] >= 0:
        drop(j, b.CANCELED, book, tape)
    delta = decided(target, book.units[j], mark, equity, book.account[b.TRADED], terms)
    if delta == 0.0:
        return
    side = 1.0 if delta > 0.0 else -1.0
    quantity = math.nan if terms.sizing.at_fill > 0.0 else abs(delta)
    book.order[j] = write_order(t, j, side, MARKET, book, tape)
    book.count[b.PENDING] += 1
    row = tape.orders[book.order[j]]
    row[b.O_QUANTITY] = quantity
    row[b.O_TARGET] = target
    book.side[j] = side
    book.goal[j] = target
    book.remaining[j] = quantity


@jit
def write_order(t: int, j: int, side: float, kind: int, book: Book, tape: Tape) -> int:
    """Put a new order on the tape; return its place."""
    place = book.count[b.ORDERS]
    book.count[b.ORDERS] = place + 1
    row = tape.orders[place]
    row[:] = 0.0
    row[b.O_BAR] = t
    row[b.O_SYMBOL] = j
    row[b.O_SIDE] = side
    row[b.O_KIND] = kind
    row[b.O_TARGET] = math.nan
    row[b.O_LEVEL] = math.nan
    row[b.O_STATUS] = b.WORKING
    row[b.O_OWNER] = -1.0
    return int(place)


@jit
def drop(j: int, status: int, book: Book, tape: Tape) -> None:
    """End the pending order of a symbol."""
    tape.orders[book.order[j], b.O_STATUS] = status
    book.order[j] = -1
    book.kind[j] = MARKET
    book.count[b.PENDING] -= 1


@jit
def fill_pending(
    t: int, prices: Floats, volumes: Floats, book: Book, tape: Tape, terms: Terms
) -> None:
    """Fill what is pending at the prices of bar `t`: size all, then sells, then buys."""
    n = prices.shape[1]
    for j in range(n):
        if prices[t, j] == prices[t, j]:
            book.mark[j] = prices[t, j]
    equity = marked(book)
    for j in range(n):
        book.due[j] = 0.0
        if book.order[j] < 0 or not is_tradable(prices[t, j], volumes[t, j], terms.costs):
            continue
        allowed = allowance(volumes[t, j], book.used[j], terms.sizing.lot, terms.costs)
        if book.remaining[j] != book.remaining[j]:
            want = Want(book.goal[j], book.side[j], book.units[j])
            quote = Quote(prices[t, j], volumes[t, j], allowed)
            quantity = sized(want, quote, equity, book.account[b.TRADED], terms)
            tape.orders[book.order[j], b.O_QUANTITY] = quantity
            if quantity == 0.0:
                drop(j, b.CANCELED, book, tape)
                continue
            book.remaining[j] = quantity
        book.due[j] = book.side[j] * min(book.remaining[j], allowed)
        if allowed == 0.0 and terms.costs.expires > 0.0 and book.kind[j] == MARKET:
            drop(j, b.EXPIRED, book, tape)
    for side in (-1.0, 1.0):
        for j in range(n):
            if book.due[j] * side > 0.0:
                fill_due(t, j, Quote(prices[t, j], volumes[t, j], 0.0), book, tape, terms)


@jit
def fill_due(t: int, j: int, quote: Quote, book: Book, tape: Tape, terms: Terms) -> None:
    """Fill what is due of one order, as far as it can be afforded (rules 5 and 6)."""
    quantity, side = abs(book.due[j]), book.side[j]
    row = tape.orders[book.order[j]]
    if book.kind[j] == MARKET and (terms.sizing.at_fill > 0.0 or terms.sizing.trims > 0.0):
        want = Want(book.goal[j], side, book.units[j])
        traded = book.account[b.TRADED]
        most = affordable(want, quantity, quote, marked(book), others(j, book), traded, terms)
        if most < quantity:
            row[b.O_TRIMMED] = book.remaining[j] - most
            if terms.sizing.at_fill > 0.0 and row[b.O_FILLED] == 0.0:
                row[b.O_QUANTITY] = most
            quantity = most
            book.remaining[j] = most
    book.due[j] = 0.0
    if quantity > 0.0:
        price = fill_price(quote, side, quantity, terms.costs)
        execute(t, j, Deal(side, quantity, quote.price, price, False, False), book, tape, terms)
    settle(j, quantity, book, tape, terms)


@jit
def others(j: int, book: Book) -> float:
    """Return the gross exposure beside symbol `j`, after what this bar still takes off it."""
    gross = 0.0
    for k in range(book.units.shape[0]):
        if k != j and book.units[k] != 0.0:
            left = min(abs(book.units[k]), abs(book.units[k] + book.due[k]))
            gross += left * book.mark[k]
    return gross


@jit
def execute(t: int, j: int, deal: Deal, book: Book, tape: Tape, terms: Terms) -> None:
    """Book a fill and write it on the tape."""
    place = book.order[j]
    traded = book.account[b.TRADED]
    fee = fee_of(deal.quantity, deal.price, deal.is_maker, traded, terms.costs)
    book.account[b.CASH] = cash_after(
        book.account[b.CASH], deal.side, deal.quantity, deal.price, fee
    )
    book.account[b.TRADED] = traded + deal.quantity * deal.price
    book.used[j] += deal.quantity
    held = book.units[j]
    after = held + deal.side * deal.quantity
    book.average[j] = average_after(held, book.average[j], deal.side, deal.quantity, deal.price)
    book.units[j] = after
    if held * after <= 0.0:
        book.best[j] = deal.price
        book.owner[j] = place
        book.count[b.HELD] += (1 if after != 0.0 else 0) - (1 if held != 0.0 else 0)
    row = tape.fills[book.count[b.FILLS]]
    book.count[b.FILLS] += 1
    row[b.F_BAR] = t
    row[b.F_SYMBOL] = j
    row[b.F_SIDE] = deal.side
    row[b.F_QUANTITY] = deal.quantity
    row[b.F_PRICE] = deal.price
    row[b.F_FEE] = fee
    row[b.F_SLIPPAGE] = abs(deal.price - deal.base) * deal.quantity
    row[b.F_ORDER] = place
    row[b.F_BOTH] = 1.0 if deal.both else 0.0
    tape.orders[place, b.O_FILLED] += deal.quantity
    tape.orders[place, b.O_PAID] += deal.quantity * deal.price


@jit
def settle(j: int, quantity: float, book: Book, tape: Tape, terms: Terms) -> None:
    """Tell where an order is after an attempt that filled `quantity`, and end it if it is done."""
    row = tape.orders[book.order[j]]
    book.remaining[j] -= quantity
    if book.remaining[j] <= 0.0:
        if row[b.O_FILLED] == 0.0:
            drop(j, b.REJECTED, book, tape)
        elif row[b.O_FILLED] < row[b.O_QUANTITY] * (1.0 - 1e-9):
            drop(j, b.CANCELED, book, tape)
        else:
            drop(j, b.FILLED, book, tape)
    elif terms.costs.expires > 0.0 and book.kind[j] == MARKET:
        drop(j, b.EXPIRED, book, tape)
    elif row[b.O_FILLED] > 0.0:
        row[b.O_STATUS] = b.PARTIAL


@jit
def watch(t: int, j: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Look for a stop inside bar `t`, and fill it (rule 4)."""
    opened, volume = market.open[t, j], market.volume[t, j]
    if book.kind[j] != MARKET or not is_tradable(opened, volume, terms.costs):
        return
    high, low, held = market.high[t, j], market.low[t, j], book.units[j]
    kind, base, level, both = stop_hit(
        held, (opened, high, low), book.average[j], book.best[j], terms.stops, terms.best_first
    )
    if kind == MARKET:
        if held > 0.0:
            book.best[j] = max(book.best[j], high)
        else:
            book.best[j] = min(book.best[j], low)
        return
    if book.order[j] >= 0:
        drop(j, b.CANCELED, book, tape)
    book.locked[j] = book.last[j]
    side = -1.0 if held > 0.0 else 1.0
    owner = book.owner[j]
    place = write_order(int(tape.orders[owner, b.O_BAR]), j, side, kind, book, tape)
    row = tape.orders[place]
    row[b.O_QUANTITY] = abs(held)
    row[b.O_LEVEL] = level
    row[b.O_OWNER] = owner
    book.order[j] = place
    book.kind[j] = kind
    book.side[j] = side
    book.remaining[j] = abs(held)
    book.count[b.PENDING] += 1
    allowed = allowance(volume, book.used[j], terms.sizing.lot, terms.costs)
    quantity = min(abs(held), allowed)
    if quantity > 0.0:
        is_limit = kind == PROFIT
        price = base
        if not is_limit:
            price = fill_price(Quote(base, volume, allowed), side, quantity, terms.costs)
        execute(t, j, Deal(side, quantity, base, price, is_limit, both), book, tape, terms)
    settle(j, quantity, book, tape, terms)
