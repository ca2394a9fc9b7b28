"""An order with some fields changed, made quickly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.core.frozen import maker
from workbench.core.order import Order

__all__ = ["evolved"]

_Draft = maker(Order)


def evolved(order: Order, changes: Mapping[str, Any]) -> Order:
    """Return a copy of an order with some fields changed.

    What ``dataclasses.replace`` does, in a tenth of the time: it is what the order path
    does most.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from workbench.core.order import OrderType
    >>> from workbench.core.signal import Side
    >>> order = Order(order_id="o", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...               type=OrderType.MARKET, decided_at=datetime(2024, 1, 2, tzinfo=UTC))
    >>> evolved(order, {"reason": "why not"}).reason, order.reason
    ('why not', '')
    """
    copy = _drafted(order)
    for name, value in changes.items():
        setattr(copy, name, value)
    copy.__class__ = Order
    found: Order = copy
    return found


def _drafted(order: Order) -> Any:
    """Return a copy that may still be written to; a loop over the fields takes thrice as long."""
    copy: Any = object.__new__(_Draft)
    copy.order_id = order.order_id
    copy.run_id = order.run_id
    copy.strategy = order.strategy
    copy.symbol = order.symbol
    copy.side = order.side
    copy.type = order.type
    copy.decided_at = order.decided_at
    copy.quantity = order.quantity
    copy.target = order.target
    copy.limit_price = order.limit_price
    copy.stop_price = order.stop_price
    copy.tif = order.tif
    copy.protection = order.protection
    copy.reduce_only = order.reduce_only
    copy.extended_hours = order.extended_hours
    copy.notional = order.notional
    copy.state = order.state
    copy.pending = order.pending
    copy.filled = order.filled
    copy.average_price = order.average_price
    copy.venue_order_id = order.venue_order_id
    copy.parent_id = order.parent_id
    copy.reason = order.reason
    copy.post_only = order.post_only
    return copy
