"""A first fill that counts for nothing, so that the first that counts does not keep waiting."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from workbench.core.order import Order, OrderType
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["rehearse"]

_AT = datetime(2024, 1, 2, tzinfo=UTC)


def rehearse() -> int:
    """Load what a fill needs of compiled code, which takes a second; return the fills.

    Examples
    --------
    >>> rehearse()
    2
    """
    venue = SimVenue(["X"], 1_000.0, plain_terms(), checks_funds=True)
    venue.on_quote(Quote("X", _AT, 9.99, 10.01))
    for side, type, limit in (
        (Side.BUY, OrderType.MARKET, None),
        (Side.SELL, OrderType.LIMIT, Decimal(9)),
    ):
        order = Order(
            order_id=side.value, run_id="r", strategy="s", symbol="X", side=side, type=type,
            decided_at=_AT, quantity=Decimal(1), limit_price=limit,
        )  # fmt: skip
        venue.submit(order)
        venue.on_quote(Quote("X", _AT, 9.99, 10.01))
    return len(venue.fills())
