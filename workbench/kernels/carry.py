"""What happens to a holding between two closes: splits, dividends, funding, borrow, interest.

The scalar functions are shared with the simulated venue, as those of
``workbench.kernels.rules``. Amounts are what the account receives; negative is paid.
"""

from __future__ import annotations

import math

from workbench.kernels.book import Book, Tape
from workbench.kernels.codes import DIVIDEND, FUNDING, SPLIT, YEARS, CostCode, Floats, Market
from workbench.kernels.compile import rule, step

__all__ = ["KINDS", "borrowed", "carry", "dividends", "funded", "interest", "is_carried"]

KINDS = ("margin", "cash", "borrow", "funding", "dividend")
"""The first columns of flows; a column per symbol follows."""

_MARGIN, _CASH, _BORROW, _FUNDING, _DIVIDEND = 0, 1, 2, 3, 4
_FIRST = 5


@step
def is_carried(market: Market) -> bool:
    """Tell whether bars carry anything; without it nothing here is ever called."""
    return len(market.events) > 0


@rule
def interest(cash: float, years: float, costs: CostCode) -> float:
    """Return the interest on an amount of cash."""
    rate = costs.margin if cash < 0.0 else costs.credit
    return cash * rate * years


@rule
def borrowed(units: float, mark: float, years: float, costs: CostCode) -> float:
    """Return the fee for what is short."""
    if units < 0.0:
        return units * mark * costs.borrow * years
    return 0.0


@rule
def funded(units: float, price: float, rate: float) -> float:
    """Return the funding of a perpetual: longs pay a positive rate to shorts."""
    return -units * price * rate


@rule
def dividends(units: float, dividend: float) -> float:
    """Return what a holding receives, or a short has to pay."""
    return units * dividend


@step
def carry(t: int, market: Market, book: Book, tape: Tape, flows: Floats, costs: CostCode) -> None:
    """Book what is due before the open of bar `t`, and write it into `flows`."""
    account = book.account[0]
    events = market.events
    for k in range(flows.shape[1]):
        flows[t, k] = 0.0
    years = events[t, 0, YEARS] if t > 0 else 0.0
    amount = interest(account.cash, years, costs)
    flows[t, _MARGIN if account.cash < 0.0 else _CASH] = amount
    account.cash += amount
    for j in range(len(book.cells)):
        cell = book.cells[j]
        ratio = events[t, j, SPLIT]
        if ratio != 1.0:
            split(j, ratio, book, tape)
        if cell.units == 0.0:
            continue
        opened = market.open[t, j]
        price = cell.mark if math.isnan(opened) else opened
        paid = dividends(cell.units, events[t, j, DIVIDEND])
        due = funded(cell.units, price, events[t, j, FUNDING])
        fee = borrowed(cell.units, cell.mark, years, costs)
        account.cash += paid
        account.cash += due
        account.cash += fee
        flows[t, _DIVIDEND] += paid
        flows[t, _FUNDING] += due
        flows[t, _BORROW] += fee
        flows[t, _FIRST + j] = paid + due + fee


@step
def split(j: int, ratio: float, book: Book, tape: Tape) -> None:
    """Multiply the units of a symbol and divide its prices, those of its order included."""
    cell = book.cells[j]
    cell.units *= ratio
    cell.mark /= ratio
    cell.average /= ratio
    cell.best /= ratio
    if cell.order >= 0:
        row = tape.orders[cell.order]
        row.level /= ratio
        cell.limit /= ratio
        if not math.isnan(cell.remaining):
            cell.remaining *= ratio
            row.quantity = row.filled + cell.remaining
