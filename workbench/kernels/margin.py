"""Maintenance margin: when equity no longer bears what is held, and what is done then.

Inside a bar the prices of all symbols are taken to go together from the open to the worst one for
what is held, in a straight line. The scalar functions are shared with the simulated venue, as
those of ``workbench.kernels.rules``.
"""

from __future__ import annotations

import math

from workbench.kernels.book import Book, Tape
from workbench.kernels.codes import LIQUIDATION, MARKET, Market, Quote, Terms
from workbench.kernels.compile import rule, step
from workbench.kernels.matching import protect, write_leg
from workbench.kernels.rules import is_tradable

__all__ = ["borne", "call_margin", "called", "called_price", "path"]


@rule
def path(
    units: float, mark: float, entered: float, bar: tuple[float, float, float]
) -> tuple[float, float]:
    """Return where the price of a holding comes from inside a bar, and the worst it goes to.

    Parameters
    ----------
    mark : float
        Last known price, for a bar (open, high, low) that is missing.
    entered : float
        The limit at which it was bought or sold inside the bar; 0 is none.
    """
    opened, high, low = bar
    begin = mark if math.isnan(opened) else opened
    if entered > 0.0:
        begin = entered
    worst = low if units > 0.0 else high
    return begin, begin if math.isnan(worst) else worst


@rule
def borne(units: float, price: float, maintenance: float) -> float:
    """Return what a holding adds to equity beyond the margin it asks for."""
    return units * price - maintenance * (abs(units) * price)


@rule
def called(first: float, last: float) -> float:
    """Return at which share of the path from open to worst margin is called; NaN is never.

    Parameters
    ----------
    first, last : float
        Equity beyond the margin at the open and at the worst prices.
    """
    if first < 0.0:
        return 0.0
    return first / (first - last) if last < 0.0 else math.nan


@rule
def called_price(begin: float, worst: float, share: float) -> float:
    """Return the price there, before slippage."""
    return begin + share * (worst - begin)


@step
def call_margin(t: int, market: Market, book: Book, tape: Tape, terms: Terms) -> None:
    """Liquidate all that is held where bar `t` leaves less equity than the margin."""
    cells, maintenance = book.cells, terms.sizing.maintenance
    first = last = float(book.account[0].cash)
    for j in range(len(cells)):
        cell = cells[j]
        if cell.units != 0.0:
            bar = (market.open[t, j], market.high[t, j], market.low[t, j])
            begin, worst = path(cell.units, cell.mark, cell.inside, bar)
            first += borne(cell.units, begin, maintenance)
            last += borne(cell.units, worst, maintenance)
    share = called(first, last)
    if math.isnan(share):
        return
    for j in range(len(cells)):
        cell = cells[j]
        if cell.units == 0.0 or cell.kind != MARKET:
            continue
        opened, volume = market.open[t, j], market.volume[t, j]
        begin, worst = path(
            cell.units, cell.mark, cell.inside, (opened, market.high[t, j], market.low[t, j])
        )
        write_leg(j, LIQUIDATION, math.nan, book, tape)
        if is_tradable(opened, volume, terms.costs):
            quote = Quote(called_price(begin, worst, share), volume, 0.0)
            protect(t, j, quote, False, book, tape, terms)
