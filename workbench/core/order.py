"""From what is wanted to what was passed by risk: intents and orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workbench.core.money import ZERO
from workbench.core.signal import Side
from workbench.errors import UsageError

__all__ = ["Intent", "Order", "OrderState", "OrderType", "Protection", "TimeInForce"]


class OrderType(StrEnum):
    """How an order may be filled."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order lives: until canceled, for the session, at once or not at all."""

    GTC = "gtc"
    DAY = "day"
    IOC = "ioc"


class OrderState(StrEnum):
    """Where an order is. The legal transitions are in ``workbench.trading.states``."""

    CREATED = "created"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """Whether the venue may still fill it."""
        return self not in _ENDED


_ENDED = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.REPLACED,
    }
)


@dataclass(frozen=True, slots=True)
class Protection:
    """Stops that travel with an entry, as fractions of its fill price.

    Parameters
    ----------
    loss, profit, trail : Decimal, optional
        ``Decimal("0.05")`` is 5 %; None is "no such stop".
    """

    loss: Decimal | None = None
    profit: Decimal | None = None
    trail: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a strategy or a person wants, before the risk gate.

    Exactly one of `quantity` and `target` is given. A `target` is the wanted signed
    fraction of equity, sized by the venue when it is filled (a notional order).

    Parameters
    ----------
    intent_id : str
        Made from run, bar and symbol (:func:`workbench.core.ids.order_key`), so that the
        same decision can only ever be one order; it is the client order id too.
    symbol : str
    side : Side
        ``buy`` or ``sell``.
    quantity : Decimal, optional
        Units, positive.
    target : Decimal, optional
        Signed fraction of equity.
    reference_price : Decimal, optional
        The price the decision was made at, for the risk gate.
    decided_at : datetime
        Aware, UTC: the label of the bar the decision was made on.
    reduce_only : bool
        Whether it may only bring a position nearer to zero.
    """

    intent_id: str
    run_id: str
    strategy: str
    symbol: str
    side: Side
    decided_at: datetime
    quantity: Decimal | None = None
    target: Decimal | None = None
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    protection: Protection | None = None
    reference_price: Decimal | None = None
    reduce_only: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.quantity is None) == (self.target is None):
            raise UsageError(
                "an intent has either a quantity or a target", intent_id=self.intent_id
            )
        if self.side is Side.FLAT:
            raise UsageError("an intent buys or sells", intent_id=self.intent_id)
        if self.quantity is not None and self.quantity <= 0:
            raise UsageError(
                f"quantity must be positive, not {self.quantity}", intent_id=self.intent_id
            )
        if self.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and self.limit_price is None:
            raise UsageError(f"a {self.type} order needs a limit price", intent_id=self.intent_id)
        if self.type in (OrderType.STOP, OrderType.STOP_LIMIT) and self.stop_price is None:
            raise UsageError(f"a {self.type} order needs a stop price", intent_id=self.intent_id)
        for name in ("limit_price", "stop_price"):
            price = getattr(self, name)
            if price is not None and price <= 0:
                raise UsageError(f"{name} must be positive, not {price}", intent_id=self.intent_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An intent that passed the risk gate, and where it stands.

    Parameters
    ----------
    order_id : str
        The client order id, equal to the intent's id.
    filled : Decimal
        Units filled so far; ``0 <= filled <= quantity`` once the quantity is known.
    average_price : Decimal, optional
        Of the units filled so far.
    venue_order_id : str, optional
        As the venue names it, once it has answered.
    parent_id : str, optional
        The order whose protection this one is.
    reason : str
        Why it was refused, canceled or trimmed; else the intent's reason.
    """

    order_id: str
    run_id: str
    strategy: str
    symbol: str
    side: Side
    type: OrderType
    decided_at: datetime
    quantity: Decimal | None = None
    target: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    protection: Protection | None = None
    reduce_only: bool = False
    state: OrderState = OrderState.CREATED
    filled: Decimal = ZERO
    average_price: Decimal | None = None
    venue_order_id: str | None = None
    parent_id: str | None = None
    reason: str = ""
