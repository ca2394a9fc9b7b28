"""What happens to an order: sized, filled as far as it may be, settled, or dropped.

The steps of the fill table that change the book; ``workbench.kernels.simulate`` calls
them in the order of docs/fills.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from workbench.kernels import book as b
from workbench.kernels.book import Book, Tape
from workbench.kernels.codes import LIQUIDATION, MARKET, PROFIT, Floats, Quote, Terms, Want
from workbench.kernels.compile import step
from workbench.kernels.rules import (
    affordable,
    allowance,
    average_after,
    cash_after,
    fee_of,
    fill_price,
    fillable,
    is_too_small,
    is_tradable,
    penalty,
    sized,
)

__all__ = [
    "drop",
    "fill_due",
    "fill_pending",
    "marked",
    "protect",
    "size",
    "write_leg",
    "write_order",
]


class Deal(NamedTuple):
    """A fill about to happen: at `price`, where the undisturbed price is `base`."""

    side: float
    quantity: float
    base: float
    price: float
    is_maker: bool
    both: bool


@step
def marked(book: Book) -> float:
    """Return equity: cash and what is held at the last known prices, in column order."""
    worth = float(book.account[0].cash)
    for j in range(len(book.cells)):
        cell = book.cells[j]
        if cell.units != 0.0:
            worth += cell.units * cell.mark
    return worth


@step
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
    cell.limit = math.nan
    return place  # type: ignore[no-any-return]


@step
def drop(j: int, status: int, book: Book, tape: Tape) -> None:
    """End the pending order of a symbol."""
    cell = book.cells[j]
    tape.orders[cell.order].status = status
    cell.order = -1
    cell.kind = MARKET
    book.account[0].pending -= 1


@step
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
        cell = book.cells[j]
        if cell.order < 0 or not math.isnan(cell.limit):
            continue
        if is_tradable(prices[t, j], volumes[t, j], terms.costs):
            size(j, prices[t, j], volumes[t, j], equity, book, tape, terms)
    for side in (-1.0, 1.0):
        for j in range(n):
            if book.cells[j].due * side > 0.0:
                fill_due(t, j, Quote(prices[t, j], volumes[t, j], 0.0), book, tape, terms)


@step
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
        if is_too_small(want, quantity, price, terms):
            book.account[0].small += 1
            drop(j, b.REJECTED, book, tape)
            return
        cell.remaining = quantity
    cell.due = cell.side * fillable(cell.remaining, allowed)
    if allowed == 0.0 and terms.costs.expires > 0.0 and cell.kind == MARKET:
        drop(j, b.EXPIRED, book, tape)


@step
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
            is_first = terms.sizing.at_fill > 0.0 and row.filled == 0.0
            if is_first and is_too_small(want, most, quote.price, terms):
                book.account[0].small += 1
                most = 0.0
            row.trimmed = cell.remaining - most
            if is_first:
                row.quantity = most
            quantity = most
            cell.remaining = most
    cell.due = 0.0
    if quantity > 0.0:
        price = quote.price
        if math.isnan(cell.limit):
            price = fill_price(quote, side, quantity, terms.costs)
        is_maker = cell.inside > 0.0
        execute(t, j, Deal(side, quantity, quote.price, price, is_maker, False), book, tape, terms)
    settle(j, quantity, book, tape, terms)


@step
def others(j: int, book: Book) -> float:
    """Return the gross exposure beside symbol `j`, after what this bar still takes off it."""
    gross = 0.0
    for k in range(len(book.cells)):
        cell = book.cells[k]
        if k != j and cell.units != 0.0:
            gross += min(abs(cell.units), abs(cell.units + cell.due)) * cell.mark
    return gross


@step
def execute(t: int, j: int, deal: Deal, book: Book, tape: Tape, terms: Terms) -> None:
    """Book a fill and write it on the tape."""
    account, cell = book.account[0], book.cells[j]
    side, quantity, price = deal.side, deal.quantity, deal.price
    fee = fee_of(quantity, price, deal.is_maker, account.traded, terms.costs)
    if cell.kind == LIQUIDATION:
        fee += penalty(quantity, price, terms.costs)
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


@step
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


@step
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


@step
def protect(t: int, j: int, quote: Quote, both: bool, book: Book, tape: Tape, terms: Terms) -> None:
    """Fill a triggered stop at its price, as far as the bar's volume allows (rules 4 and 5)."""
    cell = book.cells[j]
    side = cell.side
    allowed = allowance(quote.volume, cell.used, terms.sizing.lot, terms.costs)
    quantity = fillable(cell.remaining, allowed)
    if quantity > 0.0:
        # A limit is filled at its price or better: as a maker, and with no slippage.
        is_limit = cell.kind == PROFIT
        price = quote.price
        if not is_limit:
            price = fill_price(quote, side, quantity, terms.costs)
        deal = Deal(side, quantity, quote.price, price, is_limit, both)
        execute(t, j, deal, book, tape, terms)
    settle(j, quantity, book, tape, terms)
