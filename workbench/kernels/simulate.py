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
    fills, orders : ndarray of records
        The tape; see ``workbench.kernels.book``.
    cells : ndarray of records, shape (N,)
        The state of each symbol at the end.
    """

    equity: Floats
    cash: Floats
    units: Floats
    fills: Records
    orders: Records
    cells: Records


class Curves(NamedTuple):
    """What is written at each close: equity, cash, units."""

    equity: Floats
    cash: Floats
    units: Floats


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
    book, tape = new_book(cash, n), new_tape(n)
    curves = Curves(np.empty(bars), np.empty(bars), np.empty((bars, n)))
    account, cells = book.account, book.cells
    is_busy = terms.at_close > 0.0
    has_stops = min(terms.stops.loss, terms.stops.profit, terms.stops.trail) < math.inf
    mode = terms.sizing.mode
    t = 0
    while t < bars:
        if not is_busy and account[0].pending == 0 and not (has_stops and account[0].held > 0):
            t = coast(t, market.close, targets, mode, book, curves)
            if t == bars:
                break
        if is_full(tape, book):
            tape = grown(tape, book)
        trade_bar(t, market, book, tape, terms)
        worth = mark_closes(t, market.close, account[0].cash, cells)
        if has_news(t, targets, cells, mode):
            if is_full(tape, book):
                tape = grown(tape, book)
            for j in range(n):
                decide(t, j, targets[t, j], worth, book, tape, terms)
        if is_busy and account[0].pending > 0:
            fill_pending(t, market.close, market.volume, book, tape, terms)
            worth = marked(book)
        write_bar(t, worth, account[0].cash, cells, curves)
        t += 1
    fills, orders = account[0].fills, account[0].orders
    return Simulated(
        curves.equity,
        curves.cash,
        curves.units,
        tape.fills[:fills].copy(),
        tape.orders[:orders].copy(),
        cells,
    )


@jit
def coast(t: int, closes: Floats, targets: Floats, mode: float, book: Book, curves: Curves) -> int:
    """Go from bar `t` through those on which nothing can happen; return the first other one.

    Most bars are such: the loop is kept small for their sake.
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


@jit
def write_bar(t: int, worth: float, cash: float, cells: Records, curves: Curves) -> None:
    """Write down what there is at the close of bar `t`."""
    curves.equity[t] = worth
    curves.cash[t] = cash
    for j in range(len(cells)):
        curves.units[t, j] = cells[j].units


@jit
def has_news(t: int, targets: Floats, cells: Records, mode: float) -> bool:
    """Tell whether a target of bar `t` asks for a look: any of them, or on change a new one."""
    for j in range(len(cells)):
        target = targets[t, j]
        if not math.isnan(target) and (mode > 0.0 or target != cells[j].last):
            return True
    return False


@jit
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


@jit
def marked(book: Book) -> float:
    """Return equity: cash and what is held at the last known prices, in column order."""
    worth = float(book.account[0].cash)
    for j in range(len(book.cells)):
        cell = book.cells[j]
        if cell.units != 0.0:
            worth += cell.units * cell.mark
    return worth


@jit
def trade_bar(t: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Do what happens before the close of bar `t`: the open, then the stops."""
    for j in range(len(book.cells)):
        book.cells[j].used = 0.0
    if terms.at_close <= 0.0 and book.account[0].pending > 0:
        fill_pending(t, market.open, market.volume, book, tape, terms)
    for j in range(len(book.cells)):
        cell = book.cells[j]
        opened, volume = market.open[t, j], market.volume[t, j]
        if cell.units == 0.0 or cell.kind != MARKET:
            continue
        if not is_tradable(opened, volume, terms.costs):
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


@jit
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
    is_near = abs(cell.units * cell.mark - target * equity) <= terms.sizing.drift * equity
    if mode > 1.0 and is_near:
        return
    if cell.order >= 0:
        drop(j, b.CANCELED, book, tape)
    delta = decided(target, cell.units, cell.mark, equity, book.account[0].traded, terms)
    if delta == 0.0:
        return
    side = 1.0 if delta > 0.0 else -1.0
    quantity = math.nan if terms.sizing.at_fill > 0.0 else abs(delta)
    cell.goal = target
    place = write_order(j, side, MARKET, quantity, book, tape)
    row = tape.orders[place]
    row.bar = t
    row.target = target


@jit
def write_order(j: int, side: float, kind: int, quantity: float, book: Book, tape: Tape) -> int:
    """Put a new order on the tape and make it the pending one; return its place."""
    account, cell = book.account[0], book.cells[j]
    place = account.orders
    account.orders += 1
    account.pending += 1
    row = tape.orders[place]
    row.symbol = j
    row.side = side
    row.kind = kind
    row.quantity = quantity
    row.target = math.nan
    row.level = math.nan
    row.status = b.WORKING
    row.filled = 0.0
    row.paid = 0.0
    row.owner = -1
    row.trimmed = 0.0
    cell.order = place
    cell.kind = kind
    cell.side = side
    cell.remaining = quantity
    return place  # type: ignore[no-any-return]


@jit
def drop(j: int, status: int, book: Book, tape: Tape) -> None:
    """End the pending order of a symbol."""
    cell = book.cells[j]
    tape.orders[cell.order].status = status
    cell.order = -1
    cell.kind = MARKET
    book.account[0].pending -= 1


@jit
def fill_pending(
    t: int, prices: Floats, volumes: Floats, book: Book, tape: Tape, terms: Terms
) -> None:
    """Fill what is pending at the prices of bar `t`: size all, then sells, then buys."""
    n = len(book.cells)
    for j in range(n):
        if not math.isnan(prices[t, j]):
            book.cells[j].mark = prices[t, j]
    equity = marked(book)
    for j in range(n):
        book.cells[j].due = 0.0
        if book.cells[j].order >= 0 and is_tradable(prices[t, j], volumes[t, j], terms.costs):
            size(j, prices[t, j], volumes[t, j], equity, book, tape, terms)
    for side in (-1.0, 1.0):
        for j in range(n):
            if book.cells[j].due * side > 0.0:
                fill_due(t, j, Quote(prices[t, j], volumes[t, j], 0.0), book, tape, terms)


@jit
def size(
    j: int, price: float, volume: float, equity: float, book: Book, tape: Tape, terms: Terms
) -> None:
    """Fix an order's quantity at its first attempt, and what of it is due on this bar."""
    cell = book.cells[j]
    allowed = allowance(volume, cell.used, terms.sizing.lot, terms.costs)
    if math.isnan(cell.remaining):
        want = Want(cell.goal, cell.side, cell.units)
        quote = Quote(price, volume, allowed)
        quantity = sized(want, quote, equity, book.account[0].traded, terms)
        tape.orders[cell.order].quantity = quantity
        if quantity == 0.0:
            drop(j, b.CANCELED, book, tape)
            return
        cell.remaining = quantity
    cell.due = cell.side * min(cell.remaining, allowed)
    if allowed == 0.0 and terms.costs.expires > 0.0 and cell.kind == MARKET:
        drop(j, b.EXPIRED, book, tape)


@jit
def fill_due(t: int, j: int, quote: Quote, book: Book, tape: Tape, terms: Terms) -> None:
    """Fill what is due of one order, as far as it can be afforded (rules 5 and 6)."""
    cell = book.cells[j]
    quantity, side = abs(cell.due), cell.side
    if cell.kind == MARKET and (terms.sizing.at_fill > 0.0 or terms.sizing.trims > 0.0):
        want = Want(cell.goal, side, cell.units)
        traded = book.account[0].traded
        most = affordable(want, quantity, quote, marked(book), others(j, book), traded, terms)
        if most < quantity:
            row = tape.orders[cell.order]
            row.trimmed = cell.remaining - most
            if terms.sizing.at_fill > 0.0 and row.filled == 0.0:
                row.quantity = most
            quantity = most
            cell.remaining = most
    cell.due = 0.0
    if quantity > 0.0:
        price = fill_price(quote, side, quantity, terms.costs)
        execute(t, j, Deal(side, quantity, quote.price, price, False, False), book, tape, terms)
    settle(j, quantity, book, tape, terms)


@jit
def others(j: int, book: Book) -> float:
    """Return the gross exposure beside symbol `j`, after what this bar still takes off it."""
    gross = 0.0
    for k in range(len(book.cells)):
        cell = book.cells[k]
        if k != j and cell.units != 0.0:
            gross += min(abs(cell.units), abs(cell.units + cell.due)) * cell.mark
    return gross


@jit
def execute(t: int, j: int, deal: Deal, book: Book, tape: Tape, terms: Terms) -> None:
    """Book a fill and write it on the tape."""
    account, cell = book.account[0], book.cells[j]
    side, quantity, price = deal.side, deal.quantity, deal.price
    fee = fee_of(quantity, price, deal.is_maker, account.traded, terms.costs)
    account.cash = cash_after(account.cash, side, quantity, price, fee)
    account.traded += quantity * price
    cell.used += quantity
    held = cell.units
    after = held + side * quantity
    cell.average = average_after(held, cell.average, side, quantity, price)
    cell.units = after
    if held * after <= 0.0:
        cell.best = price
        cell.owner = cell.order
        account.held += (1 if after != 0.0 else 0) - (1 if held != 0.0 else 0)
    row = tape.fills[account.fills]
    account.fills += 1
    row.bar = t
    row.symbol = j
    row.side = side
    row.quantity = quantity
    row.price = price
    row.fee = fee
    row.slippage = abs(price - deal.base) * quantity
    row.order = cell.order
    row.both = 1 if deal.both else 0
    order = tape.orders[cell.order]
    order.filled += quantity
    order.paid += quantity * price


@jit
def settle(j: int, quantity: float, book: Book, tape: Tape, terms: Terms) -> None:
    """Tell where an order is after an attempt that filled `quantity`, and end it if it is done."""
    cell = book.cells[j]
    row = tape.orders[cell.order]
    cell.remaining -= quantity
    if cell.remaining <= 0.0:
        if row.filled == 0.0:
            drop(j, b.REJECTED, book, tape)
        elif row.filled < row.quantity * (1.0 - 1e-9):
            drop(j, b.CANCELED, book, tape)
        else:
            drop(j, b.FILLED, book, tape)
    elif terms.costs.expires > 0.0 and cell.kind == MARKET:
        drop(j, b.EXPIRED, book, tape)
    elif row.filled > 0.0:
        row.status = b.PARTIAL


@jit
def write_leg(j: int, kind: int, level: float, book: Book, tape: Tape) -> None:
    """Put a triggered stop in the place of what was pending."""
    cell = book.cells[j]
    if cell.order >= 0:
        drop(j, b.CANCELED, book, tape)
    cell.locked = cell.last
    side = -1.0 if cell.units > 0.0 else 1.0
    place = write_order(j, side, kind, abs(cell.units), book, tape)
    row = tape.orders[place]
    row.bar = tape.orders[cell.owner].bar
    row.level = level
    row.owner = cell.owner


@jit
def protect(t: int, j: int, quote: Quote, both: bool, book: Book, tape: Tape, terms: Terms) -> None:
    """Fill a triggered stop at its price, as far as the bar's volume allows (rules 4 and 5)."""
    cell = book.cells[j]
    side = cell.side
    allowed = allowance(quote.volume, cell.used, terms.sizing.lot, terms.costs)
    quantity = min(cell.remaining, allowed)
    if quantity > 0.0:
        # A limit is filled at its price or better: as a maker, and with no slippage.
        is_limit = cell.kind == PROFIT
        price = quote.price
        if not is_limit:
            price = fill_price(quote, side, quantity, terms.costs)
        deal = Deal(side, quantity, quote.price, price, is_limit, both)
        execute(t, j, deal, book, tape, terms)
    settle(j, quantity, book, tape, terms)
