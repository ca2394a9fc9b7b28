"""Where an order may go from where it is: one table, one pure step.

``apply(order, event)`` gives the order after an event and raises where the table does
not allow it. Venues repeat themselves and answer out of order, so whoever feeds events
asks :func:`is_news` first; what is no news is dropped, never forced.

What was asked of the venue and is not answered, a cancel or a replacement, stands beside
the state (:class:`~workbench.core.order.Pending`): fills arrive in between, and an order
whose fate is unknown keeps what was asked of it. In the state it shows from the
acknowledgement on, as ``pending_cancel`` and ``pending_replace``.

A fill always counts, whatever the state: after a cancel it is late, on a rejected order
it says that the venue contradicts itself, and in both cases the units are ours. A
reversed fill (a bust) takes units back and leaves the state as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from workbench.core.evolved import evolved
from workbench.core.fill import Fill
from workbench.core.money import MONEY
from workbench.core.order import Order, OrderState, OrderType, Pending
from workbench.errors import InvariantError

__all__ = [
    "TRANSITIONS",
    "OrderEvent",
    "Step",
    "apply",
    "is_legal",
    "is_news",
    "news",
    "stranger",
    "target_state",
]

S = OrderState

# What a state may become. A state that names itself takes fills and stays.
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    S.CREATED: frozenset(
        {S.CREATED, S.SUBMITTED, S.UNKNOWN, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.PENDING_CANCEL, S.PENDING_REPLACE, S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    S.SUBMITTED: frozenset(
        {S.SUBMITTED, S.UNKNOWN, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.PENDING_CANCEL, S.PENDING_REPLACE, S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    # left by evidence only: an answer of the venue, a fill, or proven absence
    S.UNKNOWN: frozenset(
        {S.UNKNOWN, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.PENDING_CANCEL, S.PENDING_REPLACE, S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
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
    # what is pending may hide an order that is acknowledged only, which may still be refused
    S.PENDING_CANCEL: frozenset(
        {S.PENDING_CANCEL, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    S.PENDING_REPLACE: frozenset(
        {S.PENDING_REPLACE, S.PENDING_CANCEL, S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.FILLED}
        | {S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED}
    ),
    S.CANCELED: frozenset({S.CANCELED, S.FILLED}),
    S.EXPIRED: frozenset({S.EXPIRED, S.FILLED}),
    S.REPLACED: frozenset({S.REPLACED, S.FILLED}),
    S.FILLED: frozenset({S.FILLED}),
    S.REJECTED: frozenset({S.REJECTED}),
}

_ENDED = frozenset(state for state in S if not state.is_open)
_UNSEEN = frozenset({S.CREATED, S.SUBMITTED, S.UNKNOWN})
_SHOWN = {Pending.CANCEL: S.PENDING_CANCEL, Pending.REPLACE: S.PENDING_REPLACE}


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
    QUARANTINED = "quarantined"  # nobody could be asked for so long that a person has to


_PLAIN = {step: S(step.value) for step in Step if step.value in {s.value for s in S}}
_REFUSED = {Step.CANCEL_REFUSED: Pending.CANCEL, Step.REPLACE_REFUSED: Pending.REPLACE}
_ASKED = {Step.CANCEL_ASKED: Pending.CANCEL, Step.REPLACE_ASKED: Pending.REPLACE}


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
    other : str, optional
        With ``Step.REPLACE_ASKED`` the order that takes its place.
    """

    step: Step
    order_id: str
    time: datetime
    fill: Fill | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    venue_order_id: str | None = None
    other: str | None = None
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
    return _target(order, event)[0]


def is_news(order: Order, event: OrderEvent) -> bool:
    """Whether `event` is legal and changes anything; a fill always does.

    Sorting out repeated fills is the ledger's business: it knows the execution ids.
    """
    if event.step is Step.FILL:
        return True
    state, pending = _target(order, event)
    if state not in TRANSITIONS[order.state]:
        return False
    return state is not order.state or pending is not order.pending or bool(_facts(order, event))


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
    state, pending = _target(order, event)
    if state not in TRANSITIONS[order.state]:
        raise InvariantError(
            f"order {order.order_id} cannot go from {order.state} to {state} ({event.step})",
            order_id=order.order_id,
            before=order.state.value,
            after=state.value,
        )
    return _changed(order, event, state, pending, _facts(order, event))


def news(order: Order, event: OrderEvent) -> Order | None:
    """Return the order after `event`, None where it is no news (:func:`is_news`)."""
    state, pending = _target(order, event)
    if state not in TRANSITIONS[order.state]:
        return None
    facts = _facts(order, event)
    if state is order.state and pending is order.pending and not facts and event.fill is None:
        return None
    return _changed(order, event, state, pending, facts)


def _changed(
    order: Order,
    event: OrderEvent,
    state: OrderState,
    pending: Pending | None,
    changes: dict[str, Any],
) -> Order:
    changes["state"], changes["pending"] = state, pending
    if event.fill is not None:
        _count(order, event.fill, changes)
    return evolved(order, changes)


def _target(order: Order, event: OrderEvent) -> tuple[OrderState, Pending | None]:
    """Return the state as it is shown, and what is pending beside it."""
    step = event.step
    if step is Step.FILL:
        return _after_fill(order, event)
    if step in _PLAIN:
        return _after_word(order, _PLAIN[step])
    if step in _ASKED and order.state not in _ENDED:
        # who wants an end does not want another price
        pending = Pending.CANCEL if order.pending is Pending.CANCEL else _ASKED[step]
        return (order.state if order.state in _UNSEEN else _SHOWN[pending]), pending
    if order.pending is not None and order.pending is _REFUSED.get(step):
        return (order.state if order.state in _UNSEEN else _bare(order)), None
    return order.state, order.pending


def _after_word(order: Order, state: OrderState) -> tuple[OrderState, Pending | None]:
    """Return what an order is after its state was told in one word."""
    if state in _ENDED:
        return state, None
    if state in _UNSEEN:
        return state, order.pending
    if order.pending is not None:
        return _SHOWN[order.pending], order.pending
    return (S.PARTIALLY_FILLED if order.filled and order.state not in _ENDED else state), None


def _bare(order: Order) -> OrderState:
    """Return what an acknowledged order is with nothing pending."""
    return S.PARTIALLY_FILLED if order.filled else S.WORKING


def _after_fill(order: Order, event: OrderEvent) -> tuple[OrderState, Pending | None]:
    fill = event.fill
    if fill is None:
        raise InvariantError(f"a fill event of {order.order_id} without its fill")
    if order.state is S.REJECTED or fill.reverses is not None:
        return order.state, order.pending
    size = event.quantity if event.quantity is not None else order.quantity
    if size is not None and MONEY.add(order.filled, fill.quantity) >= size:
        return S.FILLED, None
    if order.state in _ENDED:
        return order.state, None
    if order.pending is not None:
        return _SHOWN[order.pending], order.pending
    return S.PARTIALLY_FILLED, None


def _facts(order: Order, event: OrderEvent) -> dict[str, Any]:
    """Return what the event says about the order beside its state, where that is new."""
    new: dict[str, Any] = {}
    if event.venue_order_id and event.venue_order_id != order.venue_order_id:
        new["venue_order_id"] = event.venue_order_id
    if event.reason and event.reason != order.reason:
        new["reason"] = event.reason
    if event.quantity is not None and event.quantity != order.quantity:
        new["quantity"] = event.quantity
    if event.limit_price is not None and event.limit_price != order.limit_price:
        new["limit_price"] = event.limit_price
    if event.stop_price is not None and event.stop_price != order.stop_price:
        new["stop_price"] = event.stop_price
    return new


def _count(order: Order, fill: Fill, changes: dict[str, Any]) -> None:
    """Count a fill, or take one back, in the units filled and in what they cost on average."""
    reverses = fill.reverses is not None
    if fill.symbol != order.symbol or (fill.side is order.side) is reverses:
        raise InvariantError(
            f"fill {fill.execution_id} is a {fill.side} of {fill.symbol}, but its order "
            f"{order.order_id} is a {order.side} of {order.symbol}",
            order_id=order.order_id,
            execution_id=fill.execution_id,
        )
    paid = MONEY.multiply(order.filled, order.average_price or 0)
    part = MONEY.multiply(fill.quantity, fill.price)
    if reverses:
        filled, cost = MONEY.subtract(order.filled, fill.quantity), MONEY.subtract(paid, part)
    else:
        filled, cost = MONEY.add(order.filled, fill.quantity), MONEY.add(paid, part)
    changes["filled"] = filled
    changes["average_price"] = MONEY.divide(cost, filled) if filled else None


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
