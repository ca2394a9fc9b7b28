"""What can be afforded, and how much of a quote is there."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

from workbench.core.order import Order
from workbench.core.signal import Side
from workbench.testing.brokers.alpaca.tickets import Refused
from workbench.venues.sim.venue import SimVenue

__all__ = ["a_part", "afford"]

_AHEAD = 1.03  # a market order is covered at so much above the market


def afford(venue: SimVenue, order: Order, notional: Decimal | None) -> None:
    """Hold that an order is covered by cash, or of coins and parts of shares by what is held.

    Raises
    ------
    Refused
        It is not.
    """
    quantity = float(order.quantity or 0)
    held = venue.state.book.cell(order.symbol).units
    if held * (held + float(order.side.sign) * quantity) < 0:
        raise _too_much(order, abs(held))
    if order.side is Side.SELL:
        is_whole = order.quantity is not None and quantity == int(quantity)
        if quantity > held and not (is_whole and "/" not in order.symbol):
            raise _too_much(order, held)
        return
    price = _price(venue, order) * (1.0 if order.limit_price is not None else _AHEAD)
    need = float(notional) if notional is not None else quantity * price
    reserved = sum(
        slot.remaining * _price(venue, slot.order)
        for slot in venue.state.open.values()
        if slot.side > 0 and not math.isnan(slot.remaining)
    )
    if held >= 0.0 and need > venue.state.book.cash - reserved:
        raise Refused(403, 40310000, "insufficient buying power")


def a_part(venue: SimVenue, symbol: str, random: Random) -> float:
    """Return fewer units than open orders want, so that they are filled in part."""
    wanted = [
        slot.remaining
        for slot in venue.state.open.values()
        if slot.order.symbol == symbol and slot.remaining > 1.0
    ]
    return float(random.randint(1, int(max(wanted)))) if wanted else math.inf


def _too_much(order: Order, held: float) -> Refused:
    said = f"insufficient qty available for order (requested: {order.quantity}, available: {held})"
    return Refused(403, 40310000, said)


def _price(venue: SimVenue, order: Order) -> float:
    if order.limit_price is not None:
        return float(order.limit_price)
    return venue.state.book.cell(order.symbol).mark
