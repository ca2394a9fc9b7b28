"""Where an order may go from where it is: one table, one pure step.

``apply(order, event)`` gives the order after an event and raises where the table does
not allow it. Venues repeat themselves and answer out of order, so whoever feeds events
asks :func:`is_news` first; what is no news is dropped, never forced.

A fill always counts, whatever the state: after a cancel it is late, on a rejected order
it says that the venue contradicts itself, and in both cases the units are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workbench.core.fill import Fill
from workbench.core.money import MONEY
from workbench.core.order import Order, OrderState, OrderType
from workbench.errors import InvariantError

__all__ = [
    "TRANSITIONS",
    "OrderEvent",
    "Step",
    "apply",
    "is_legal",
    "is_news",
    "stranger",
    "target_state",
]

S = OrderState

# What a state may become. A state that names itself takes fills and stays.
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    S.CREATED: frozenset(
        {S.CREATED, S.SUBMITTED, S.UNKNOWN, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REJECTED}
    ),
    S.SUBMITTED: frozenset(
        {S.SUBMITTED, S.UNKNOWN, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    # left by evidence only: an answer of the venue, a fill, or proven absence
    S.UNKNOWN: frozenset(
        {S.UNKNOWN, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    S.ACCEPTED: frozenset(
        {S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE}
        | {S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    S.WORKING: frozenset(
        {S.WORKING, S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE}
        | {S.CANCELED, S.EXPIRED, S.REPLACED}
    ),
    S.PARTIALLY_FILLED: frozenset(
        {S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE}
        | {S.CANCELED, S.EXPIRED, S.REPLACED}
    ),
    S.PENDING_CANCEL: frozenset(
        {S.PENDING_CANCEL, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REPLACED}
    ),
    S.PENDING_REPLACE: frozenset(
        {S.PENDING_REPLACE, S.PENDING_CANCEL, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REPLACED}
    ),
    S.CANCELED: frozenset({S.CANCELED, S.FILLED}),
    S.EXPIRED: frozenset({S.EXPIRED, S.FILLED}),
    S.REPLACED: frozenset({S.REPLACED, S.FILLED}),
    S.FILLED: frozenset({S.FILLED}),
    S.REJECTED: frozenset({S.REJECTED}),
}

_ENDED = frozenset(state for state in S if not state.is_open)
# a fill leaves these as they are until it completes the order
_STAY = _ENDED | {S.PENDING_CANCEL, S.PENDING_REPLACE}


class Step(StrEnum):
    """What can happen to an order."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    WORKING = "working"
    FILL = "fill"
    CANCEL_ASKED = "cancel_asked"
    CANCEL_REFUSED = "cancel_refused"
    REPLACE_ASKED = "replace_asked"
    REPLACE_REFUSED = "replace_refused"
    FILLED = "filled"  # the venue says that nothing more will come; fills say how much came
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


_PLAIN = {step: S(step.value) for step in Step if step.value in {s.value for s in S}}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One thing that happened to one order.

    Parameters
    ----------
    step : Step
        What happened.
    time : datetime
        When we learned of it; aware, UTC.
    fill : Fill, optional
        With ``Step.FILL`` and only then.
    quantity : Decimal, optional
        The units, where the venue sized the order.
    limit_price, stop_price : Decimal, optional
        Where the venue moved them to: a trailing stop, or both by a split.
    """

    step: Step
    order_id: str
    time: datetime
    fill: Fill | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    venue_order_id: str | None = None
    reason: str = ""


def is_legal(before: OrderState, after: OrderState) -> bool:
    """Whether the table allows the step.

    Examples
    --------
    >>> is_legal(OrderState.WORKING, OrderState.REJECTED)
    False
    """
    return after in TRANSITIONS[before]


def target_state(order: Order, event: OrderEvent) -> OrderState:
    """Return the state `event` leads to; it may not be legal."""
    if event.step is Step.FILL:
        return _after_fill(order, event)
    if event.step in (Step.ACCEPTED, Step.WORKING):
        return _acknowledged(order, event)
    if event.step in _PLAIN:
        return _PLAIN[event.step]
    if event.step in (Step.CANCEL_REFUSED, Step.REPLACE_REFUSED):
        return S.PARTIALLY_FILLED if order.filled else S.WORKING
    # asked before the venue has acknowledged: the request goes out, the state says what we know
    if order.state in (S.CREATED, S.SUBMITTED, S.UNKNOWN):
        return order.state
    return S.PENDING_CANCEL if event.step is Step.CANCEL_ASKED else S.PENDING_REPLACE


def is_news(order: Order, event: OrderEvent) -> bool:
    """Whether `event` is legal and changes anything; a fill always does.

    Sorting out repeated fills is the ledger's business: it knows the execution ids.
    """
    if event.step is Step.FILL:
        return True
    after = target_state(order, event)
    if not is_legal(order.state, after):
        return False
    return after is not order.state or _facts(order, event) != order


def apply(order: Order, event: OrderEvent) -> Order:
    """Return the order after `event`.

    Raises
    ------
    InvariantError
        The table of transitions does not allow it, or the fill is of another symbol or
        side.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.core.order import OrderType
    >>> from workbench.core.signal import Side
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> order = Order(order_id="o", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...               type=OrderType.MARKET, decided_at=at, quantity=Decimal(2))
    >>> apply(order, OrderEvent(step=Step.SUBMITTED, order_id="o", time=at)).state.value
    'submitted'
    """
    after = target_state(order, event)
    if not is_legal(order.state, after):
        raise InvariantError(
            f"order {order.order_id} cannot go from {order.state} to {after} ({event.step})",
            order_id=order.order_id,
            before=order.state.value,
            after=after.value,
        )
    changed = _facts(order, event)
    if event.fill is not None:
        changed = _filled(changed, event.fill)
    return replace(changed, state=after)


def _acknowledged(order: Order, event: OrderEvent) -> OrderState:
    if order.state in (S.PENDING_CANCEL, S.PENDING_REPLACE):
        return order.state  # said before the venue saw our request: what was asked stays asked
    if order.filled and order.state.is_open:
        return S.PARTIALLY_FILLED
    return _PLAIN[event.step]


def _after_fill(order: Order, event: OrderEvent) -> OrderState:
    if event.fill is None:
        raise InvariantError(f"a fill event of {order.order_id} without its fill")
    if order.state is S.REJECTED:
        return S.REJECTED
    size = event.quantity if event.quantity is not None else order.quantity
    filled = MONEY.add(order.filled, event.fill.quantity)
    if size is not None and filled >= size:
        return S.FILLED
    return order.state if order.state in _STAY else S.PARTIALLY_FILLED


def _facts(order: Order, event: OrderEvent) -> Order:
    return replace(
        order,
        quantity=order.quantity if event.quantity is None else event.quantity,
        limit_price=order.limit_price if event.limit_price is None else event.limit_price,
        stop_price=order.stop_price if event.stop_price is None else event.stop_price,
        venue_order_id=event.venue_order_id or order.venue_order_id,
        reason=event.reason or order.reason,
    )


def _filled(order: Order, fill: Fill) -> Order:
    if (fill.symbol, fill.side) != (order.symbol, order.side):
        raise InvariantError(
            f"fill {fill.execution_id} is a {fill.side} of {fill.symbol}, but its order "
            f"{order.order_id} is a {order.side} of {order.symbol}",
            order_id=order.order_id,
            execution_id=fill.execution_id,
        )
    filled = MONEY.add(order.filled, fill.quantity)
    paid = MONEY.multiply(order.filled, order.average_price or 0)
    cost = MONEY.add(paid, MONEY.multiply(fill.quantity, fill.price))
    return replace(order, filled=filled, average_price=MONEY.divide(cost, filled))


def stranger(fill: Fill) -> Order:
    """Return the order a fill of which we know no order must have had."""
    return Order(
        order_id=fill.order_id,
        run_id="external",
        strategy="external",
        symbol=fill.symbol,
        side=fill.side,
        type=OrderType.MARKET,
        decided_at=fill.time,
    )
