"""What happens to an entry that rests at a limit, and to the position on the bar it was filled."""

from __future__ import annotations

import math

from workbench.kernels import book as b
from workbench.kernels.book import Book, Tape
from workbench.kernels.codes import MARKET, Market, Quote, Terms
from workbench.kernels.compile import step
from workbench.kernels.entries import entry_hit, is_stopped_first, limit_price
from workbench.kernels.matching import drop, fill_due, marked, protect, size, write_leg
from workbench.kernels.rules import is_tradable

__all__ = ["guard_entry", "work_limits"]


@step
def work_limits(t: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Fill entries that rest, in the order of the columns (rule 9)."""
    for j in range(len(book.cells)):
        if book.cells[j].order >= 0 and not math.isnan(book.cells[j].limit):
            enter(t, j, market, book, tape, terms)


@step
def enter(t: int, j: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Fill an entry that rests at its limit as far as bar `t` lets it; end it when it is due."""
    cell = book.cells[j]
    opened, volume = market.open[t, j], market.volume[t, j]
    bar = (opened, market.high[t, j], market.low[t, j])
    price = math.nan
    if is_tradable(opened, volume, terms.costs):
        price = limit_price(cell.side, cell.limit, bar, terms.entry)
    if not math.isnan(price) and cell.units != 0.0:
        stops = terms.stops
        if is_stopped_first(cell.units, cell.limit, bar, cell.average, cell.best, stops):
            price = math.nan
    if not math.isnan(price):
        size(j, price, volume, marked(book), book, tape, terms)
        if cell.order >= 0 and cell.due != 0.0:
            # What was marketable at the open already takes; what rested there makes.
            cell.inside = 0.0 if price == opened else price
            fill_due(t, j, Quote(price, volume, 0.0), book, tape, terms)
            if cell.used == 0.0:
                cell.inside = 0.0
    if cell.order >= 0 and t - tape.orders[cell.order].bar >= terms.entry.good_for:
        drop(j, b.EXPIRED, book, tape)


@step
def flag(t: int, j: int, book: Book, tape: Tape) -> None:
    """Mark the last fill of a symbol on bar `t` as decided by the path inside the bar."""
    k = book.account[0].fills - 1
    while k >= 0 and tape.fills[k].symbol != j:
        k -= 1
    if k >= 0 and tape.fills[k].bar == t:
        tape.fills[k].both = 1


@step
def guard_entry(t: int, j: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Look for stops on the bar in which an entry was filled at its limit."""
    cell = book.cells[j]
    close = market.close[t, j]
    bar = (cell.inside, market.high[t, j], market.low[t, j], close)
    kind, base, level, both = entry_hit(
        cell.units, bar, cell.average, cell.best, terms.stops, terms.best_first
    )
    if both:
        flag(t, j, book, tape)
    if kind != MARKET:
        write_leg(j, kind, level, book, tape)
        protect(t, j, Quote(base, market.volume[t, j], 0.0), both, book, tape, terms)
    elif cell.units > 0.0:
        cell.best = max(cell.best, close)
    else:
        cell.best = min(cell.best, close)
