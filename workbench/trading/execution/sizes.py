"""How many units, and at which price: steps, least values and bounds of a parent."""

from __future__ import annotations

import hashlib
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from workbench.core.money import MONEY, ZERO, floor_to
from workbench.core.order import OrderType
from workbench.core.parent import Parent
from workbench.core.signal import Side
from workbench.trading.execution.moment import Moment

__all__ = ["bounded", "chance", "due", "marketable"]


def due(moment: Moment, goal: Decimal, price: Decimal | None = None) -> Decimal:
    """Return how many units to send, so that the parts come to `goal` in all.

    Rounded down to the lot, within the parent's share of what the market traded, and never
    so that the part, or what is left after it, would be below the least value of an order:
    a part that is too small waits for the next, a rest that would be too small goes along.

    Parameters
    ----------
    goal : Decimal
        Units in all; at most the parent's.
    price : Decimal, optional
        What the part would be filled at, for its value; the far side by default.
    """
    parent, have, rest = moment.parent, moment.progress.committed, moment.rest
    most = rest
    if parent.max_participation is not None:
        allowed = MONEY.multiply(parent.max_participation, moment.market.volume)
        most = min(rest, MONEY.subtract(allowed, have))
    units = floor_to(max(min(MONEY.subtract(goal, have), most), ZERO), parent.lot)
    at = price if price is not None else moment.market.far(parent.side)
    if units == 0 or not parent.min_notional:
        return units
    if at is None:
        return ZERO  # its value cannot be told
    left = MONEY.subtract(rest, units)
    if left and MONEY.multiply(left, at) < parent.min_notional:
        units = floor_to(rest, parent.lot) if rest <= most else _leaving_enough(parent, rest, at)
    return units if MONEY.multiply(units, at) >= parent.min_notional else ZERO


def _leaving_enough(parent: Parent, rest: Decimal, price: Decimal) -> Decimal:
    kept = MONEY.divide(parent.min_notional, price)
    return floor_to(max(MONEY.subtract(rest, kept), ZERO), parent.lot)


def bounded(parent: Parent, price: Decimal) -> Decimal:
    """Return a price on the tick, away from crossing, and no worse than the parent's limit.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> parent = Parent(algo_id="p", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...                 quantity=Decimal(1), algorithm="peg", start=at, end=at + timedelta(1),
    ...                 tick=Decimal("0.05"), limit_price=Decimal(100))
    >>> bounded(parent, Decimal("99.98")), bounded(parent, Decimal(101))
    (Decimal('99.95'), Decimal('100'))
    """
    side, limit = parent.side, parent.limit_price
    if limit is not None and (price - limit) * side.sign > 0:
        price = limit
    if not parent.tick:
        return price
    way = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    steps = MONEY.divide(price, parent.tick).to_integral_value(rounding=way)
    on_tick = MONEY.multiply(steps, parent.tick)
    return on_tick if on_tick > 0 else price


def marketable(parent: Parent) -> tuple[OrderType, Decimal | None]:
    """Return the type and limit of a part that is to be filled at once, within the limit."""
    if parent.limit_price is None:
        return OrderType.MARKET, None
    return OrderType.LIMIT, bounded(parent, parent.limit_price)


def chance(parent: Parent, number: int) -> Decimal:
    """Return what looks drawn, from 0 to below 1, and is the same for the same slice.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> parent = Parent(algo_id="p", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...                 quantity=Decimal(1), algorithm="twap", start=at, end=at + timedelta(1))
    >>> chance(parent, 1) == chance(parent, 1) != chance(parent, 2)
    True
    """
    digest = hashlib.sha256(f"{parent.algo_id}|{number}".encode()).digest()
    return MONEY.divide(Decimal(int.from_bytes(digest[:4])), Decimal(2**32))
