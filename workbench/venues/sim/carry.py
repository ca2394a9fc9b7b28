"""What the simulated venue books before a bar: splits, dividends, funding, borrow, interest.

The arithmetic and its order are those of :mod:`workbench.kernels.carry`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from workbench.core.money import decimal
from workbench.core.posting import Posting, PostingKind
from workbench.kernels.carry import borrowed, dividends, funded, interest
from workbench.venues.sim.floats import Cell
from workbench.venues.sim.state import VENUE, Slot, VenueState

__all__ = ["Due", "accrue"]


class Due(NamedTuple):
    """What is due of a symbol: funding rate and price, dividend per unit, split ratio."""

    price: float
    funding: float
    dividend: float
    split: float


def accrue(state: VenueState, due: Mapping[str, Due], years: float, time: datetime) -> None:
    """Book what is due before the open of the bar labelled `time`, and tell of it."""
    book, costs = state.book, state.terms.costs
    kind = PostingKind.MARGIN if book.cash < 0.0 else PostingKind.CASH
    _post(state, kind, "", interest(book.cash, years, costs), time)
    for symbol, cell in book.cells.items():
        here = due.get(symbol)
        if here is None:
            continue
        if here.split != 1.0:
            _split(state, symbol, here.split, time)
        if cell.units == 0.0:
            continue
        price = cell.mark if math.isnan(here.price) else here.price
        for kind, amount in (
            (PostingKind.DIVIDEND, dividends(cell.units, here.dividend)),
            (PostingKind.FUNDING, funded(cell.units, price, here.funding)),
            (PostingKind.BORROW, borrowed(cell.units, cell.mark, years, costs)),
        ):
            _post(state, kind, symbol, amount, time)


def _post(state: VenueState, kind: PostingKind, symbol: str, amount: float, at: datetime) -> None:
    if amount == 0.0:
        return
    state.post(
        Posting(
            posting_id=f"{VENUE}-P{state.postings + 1}",
            venue=VENUE,
            kind=kind,
            time=at,
            symbol=symbol,
            amount=decimal(amount, "amount"),
        )
    )


def _split(state: VenueState, symbol: str, ratio: float, time: datetime) -> None:
    cell: Cell = state.book.cell(symbol)
    state.post(
        Posting(
            posting_id=f"{VENUE}-P{state.postings + 1}",
            venue=VENUE,
            kind=PostingKind.SPLIT,
            time=time,
            symbol=symbol,
            ratio=decimal(ratio, "ratio"),
            quantity=decimal(cell.units * ratio, "quantity"),
        )
    )
    for slot in state.open.values():
        if slot.order.symbol == symbol:
            _rescale(state, slot, ratio)


def _rescale(state: VenueState, slot: Slot, ratio: float) -> None:
    """Carry an order through a split: its rest in new units, its prices per new unit."""
    order = slot.order
    if not math.isnan(slot.remaining):
        slot.remaining *= ratio
        slot.quantity = slot.filled + slot.remaining
        order = replace(order, quantity=decimal(slot.quantity, "quantity"))
    slot.best /= ratio
    if order.limit_price is not None:
        limit = decimal(float(order.limit_price) / ratio, "limit")
        order = replace(order, limit_price=limit)
    if order.stop_price is not None:
        order = replace(order, stop_price=decimal(float(order.stop_price) / ratio, "stop"))
    if order != slot.order:
        slot.order = order
        state.tell(slot)
