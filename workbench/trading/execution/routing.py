"""Which venue gets how much of an order, by what each asks all told; a pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.core.capabilities import Capabilities
from workbench.core.money import MONEY, ZERO, floor_to
from workbench.core.order import OrderType
from workbench.core.signal import Side
from workbench.errors import UsageError

__all__ = ["Leg", "Offer", "Routing", "route"]

Levels = tuple[tuple[Decimal, Decimal], ...]
_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a venue offers of a symbol, and on which terms.

    Parameters
    ----------
    venue : str
    levels : tuple of (Decimal, Decimal)
        Price and units on the other side of its book, best first; a quote is one level.
    fee_bps, fee_per_unit : Decimal
        What it takes for taking: of the money, and of each unit.
    lot, min_notional : Decimal
        See `Instrument`.
    most : Decimal, optional
        Units that can be traded there at most: what is held for a sale, what the cash
        there pays for.
    capabilities : Capabilities, optional
        Of the venue; it must take limit orders.
    closed : str
        Why nothing may be sent there now; ``""`` where it may.
    """

    venue: str
    levels: Levels
    fee_bps: Decimal = ZERO
    fee_per_unit: Decimal = ZERO
    lot: Decimal = ZERO
    min_notional: Decimal = ZERO
    most: Decimal | None = None
    capabilities: Capabilities | None = None
    closed: str = ""

    def all_told(self, price: Decimal, side: Side) -> Decimal:
        """Return what a unit costs at a price with its fee, or brings without it."""
        fee = MONEY.add(MONEY.divide(MONEY.multiply(price, self.fee_bps), _BPS), self.fee_per_unit)
        return MONEY.add(price, MONEY.multiply(fee, side.sign))


@dataclass(frozen=True, slots=True)
class Leg:
    """What one venue gets.

    Parameters
    ----------
    limit_price : Decimal
        The worst price that was counted on.
    average_price : Decimal
        What is expected, without fees.
    fees : Decimal
        What is expected.
    """

    venue: str
    quantity: Decimal
    limit_price: Decimal
    average_price: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class Routing:
    """How an order is split, and why so.

    Parameters
    ----------
    legs : tuple of Leg
        In the order of the offers.
    rest : Decimal
        Units that nobody takes within the limit.
    reasons : dict of str to str
        Per venue, why it gets what it gets.
    """

    legs: tuple[Leg, ...]
    rest: Decimal
    reasons: dict[str, str] = field(default_factory=dict)


def route(
    side: Side, quantity: Decimal, offers: Sequence[Offer], limit_price: Decimal | None = None
) -> Routing:
    """Split an order over venues so that it costs the least, fees included.

    The cheapest units are taken first, whoever offers them. A venue that would get less
    than its least order gets nothing, and what is left by its lot goes to the next.

    Parameters
    ----------
    side : Side
    quantity : Decimal
        Units, positive.
    offers : sequence of Offer
        One per venue; of equal prices the first is preferred.
    limit_price : Decimal, optional
        No unit is bought above it, or sold below it, fees not counted.

    Raises
    ------
    UsageError
        The quantity is not positive, or two offers are of one venue.

    Examples
    --------
    >>> cheap = Offer(venue="a", levels=((Decimal(100), Decimal(5)),), fee_bps=Decimal(30))
    >>> near = Offer(venue="b", levels=((Decimal("100.1"), Decimal(8)),))
    >>> split = route(Side.BUY, Decimal(10), [cheap, near])
    >>> [(leg.venue, int(leg.quantity)) for leg in split.legs]
    [('a', 2), ('b', 8)]
    """
    if quantity <= 0 or side is Side.FLAT:
        raise UsageError(f"what is routed is bought or sold, and positive, not {quantity}")
    if len({offer.venue for offer in offers}) < len(offers):
        raise UsageError("each venue makes one offer")
    reasons = {offer.venue: _unfit(offer) for offer in offers}
    usable = [offer for offer in offers if not reasons[offer.venue]]
    while True:
        taken, rest = _cheapest(side, quantity, usable, limit_price)
        legs = [_leg(side, offer, taken[offer.venue]) for offer in usable if taken[offer.venue]]
        small = _too_small(usable, legs)
        if small is None:
            break
        usable = [offer for offer in usable if offer.venue != small.venue]
        reasons[small.venue] = f"{small.quantity} would be below its least order"
    told = {leg.venue: leg for leg in legs}
    for offer in usable:
        reasons[offer.venue] = _reason(side, offer, told.get(offer.venue), limit_price)
    return Routing(tuple(legs), rest, reasons)


def _unfit(offer: Offer) -> str:
    if offer.closed:
        return offer.closed
    if offer.capabilities is not None and OrderType.LIMIT not in offer.capabilities.types:
        return "it takes no limit orders"
    return "" if offer.levels else "it offers nothing"


def _cheapest(
    side: Side, quantity: Decimal, offers: Sequence[Offer], limit: Decimal | None
) -> tuple[dict[str, Decimal], Decimal]:
    """Return the units per venue, best price all told first, and what nobody takes."""
    taken = {offer.venue: ZERO for offer in offers}
    depth = dict(taken)
    steps = [
        (offer.all_told(price, side) * side.sign, place, price, units, offer)
        for place, offer in enumerate(offers)
        for price, units in offer.levels
        if limit is None or (price - limit) * side.sign <= 0
    ]
    rest = quantity
    for _, _, _, units, offer in sorted(steps, key=_by_price):
        name = offer.venue
        depth[name] = MONEY.add(depth[name], units)
        room = depth[name] if offer.most is None else min(depth[name], offer.most)
        more = floor_to(min(MONEY.subtract(room, taken[name]), rest), offer.lot)
        if more > 0:
            taken[name] = MONEY.add(taken[name], more)
            rest = MONEY.subtract(rest, more)
    return taken, rest


def _by_price(step: tuple[Decimal, int, Decimal, Decimal, Offer]) -> tuple[Decimal, int]:
    return step[:2]


def _leg(side: Side, offer: Offer, quantity: Decimal) -> Leg:
    left, paid, told, worst = quantity, ZERO, ZERO, ZERO
    for price, units in offer.levels:
        part = min(left, units)
        if part <= 0:
            break
        paid = MONEY.add(paid, MONEY.multiply(part, price))
        told = MONEY.add(told, MONEY.multiply(part, offer.all_told(price, side)))
        left, worst = MONEY.subtract(left, part), price
    fees = MONEY.multiply(MONEY.subtract(told, paid), side.sign)
    return Leg(offer.venue, quantity, worst, MONEY.divide(paid, quantity), fees)


def _too_small(offers: Sequence[Offer], legs: Sequence[Leg]) -> Leg | None:
    """Return the smallest leg that its venue would refuse."""
    least: Mapping[str, Decimal] = {offer.venue: offer.min_notional for offer in offers}
    small = [
        leg for leg in legs if MONEY.multiply(leg.quantity, leg.average_price) < least[leg.venue]
    ]
    return min(small, key=lambda leg: leg.quantity * leg.average_price, default=None)


def _reason(side: Side, offer: Offer, leg: Leg | None, limit: Decimal | None) -> str:
    best = offer.levels[0][0]
    if leg is None and limit is not None and (best - limit) * side.sign > 0:
        return f"its best price of {best} is beyond the limit"
    if leg is None:
        return f"at {offer.all_told(best, side):.8g} all told others are better"
    told = offer.all_told(leg.average_price, side)
    return f"{leg.quantity} at {leg.average_price:.8g}, {told:.8g} all told"
