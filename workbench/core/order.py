"""From what is wanted to what was passed by risk: intents and orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workbench.core.ids import child_id
from workbench.core.money import MONEY, ZERO
from workbench.core.signal import Side
from workbench.errors import UsageError

__all__ = [
    "Intent",
    "Order",
    "OrderState",
    "OrderType",
    "Pending",
    "Protection",
    "Slice",
    "TimeInForce",
]


class OrderType(StrEnum):
    """How an order may be filled."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order lives.

    Until canceled; for the session; at once, whole or in part; at once and whole; in the
    opening auction; in the closing auction.
    """

    GTC = "gtc"
    DAY = "day"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


class OrderState(StrEnum):
    """Where an order is. The legal transitions are in ``workbench.trading.states``.

    Attributes
    ----------
    is_open : bool
        Whether the venue may still fill it.
    """

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

    is_open: bool

    def __init__(self, word: str) -> None:
        self.is_open = word not in {"filled", "canceled", "expired", "rejected", "replaced"}


class Pending(StrEnum):
    """What was asked of the venue and is not answered: it stands beside the state."""

    CANCEL = "cancel"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Protection:
    """Stops that travel with an entry: fractions of its fill price, or prices.

    With an order that may only reduce a position the stops do not follow the order, they
    stand beside it: what is filled first ends the others ("one cancels the other").

    Parameters
    ----------
    loss, profit, trail : Decimal, optional
        ``Decimal("0.05")`` is 5 %; None is "no such stop".
    loss_price, profit_price : Decimal, optional
        The same as prices. A venue takes fractions or prices; its record of capabilities
        tells which, and :meth:`at` turns the one into the other.
    loss_limit : Decimal, optional
        What the stop at `loss_price` may be filled at, at worst; without it, at any price.

    Examples
    --------
    >>> Protection(loss=Decimal("0.05")).names
    frozenset({'loss'})
    """

    loss: Decimal | None = None
    profit: Decimal | None = None
    trail: Decimal | None = None
    loss_price: Decimal | None = None
    profit_price: Decimal | None = None
    loss_limit: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("loss_price", "profit_price", "loss_limit"):
            price = getattr(self, name)
            if price is not None and price <= 0:
                raise UsageError(f"{name} must be positive, not {price}", field=name)
        if self.loss_limit is not None and self.loss_price is None:
            raise UsageError("a loss_limit needs a loss_price", field="loss_limit")
        for name in ("loss", "profit"):
            if getattr(self, name) is not None and getattr(self, f"{name}_price") is not None:
                raise UsageError(f"{name} is a fraction or a price, not both", field=name)

    @property
    def names(self) -> frozenset[str]:
        """Which stops there are, by the names of their fields."""
        return frozenset(name for name in _LEGS if getattr(self, name) is not None)

    def at(self, price: Decimal, side: Side) -> Protection:
        """Return the stops as prices, for an entry at `price`; a trail stays a fraction.

        Parameters
        ----------
        price : Decimal
            Where the entry is expected to be filled: its limit, or the last price.
        side : Side
            Of the entry.

        Examples
        --------
        >>> told = Protection(loss=Decimal("0.05")).at(Decimal(100), Side.BUY)
        >>> told.loss, told.loss_price
        (None, Decimal('95.00'))
        """
        one, sign = Decimal(1), side.sign
        stop, goal = self.loss_price, self.profit_price
        if self.loss is not None:
            stop = MONEY.multiply(price, one - sign * self.loss)
        if self.profit is not None:
            goal = MONEY.multiply(price, one + sign * self.profit)
        return replace(self, loss=None, profit=None, loss_price=stop, profit_price=goal)


_LEGS = ("loss", "profit", "trail", "loss_price", "profit_price", "loss_limit")


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a larger order an intent is.

    Parameters
    ----------
    algo_id : str
        Of the :class:`~workbench.core.parent.Parent`.
    number : int
        Which slice, from 0.
    attempt : int
        Which try at that slice, from 0.

    Examples
    --------
    >>> Slice("twap-7", 3).intent_id
    'twap-7-3-0'
    """

    algo_id: str
    number: int
    attempt: int = 0

    @property
    def intent_id(self) -> str:
        """The only id that this part can have."""
        return child_id(self.algo_id, self.number, self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a strategy or a person wants, before the risk gate.

    Exactly one of `quantity`, `target` and `notional` is given; the last two are sized by
    the venue when it fills them.

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
        Wanted exposure as a signed fraction of equity.
    notional : Decimal, optional
        Money to buy or sell for, positive.
    reference_price : Decimal, optional
        The price the decision was made at, for the risk gate.
    decided_at : datetime
        Aware, UTC: the label of the bar the decision was made on.
    reduce_only : bool
        Whether it may only bring a position nearer to zero.
    extended_hours : bool
        Whether it may also be filled before and after the session.
    slice : Slice, optional
        Which part of a larger order it is; its id is then the slice's.
    post_only : bool
        Whether a limit order may only rest: one that would be filled at once ends instead.
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
    extended_hours: bool = False
    notional: Decimal | None = None
    reason: str = ""
    slice: Slice | None = None
    post_only: bool = False

    def __post_init__(self) -> None:
        if (self.quantity, self.target, self.notional).count(None) != 2:
            raise UsageError(
                "an intent has either a quantity, a target or a notional", intent_id=self.intent_id
            )
        if self.side is Side.FLAT:
            raise UsageError("an intent buys or sells", intent_id=self.intent_id)
        if self.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and self.limit_price is None:
            raise UsageError(f"a {self.type} order needs a limit price", intent_id=self.intent_id)
        if self.type in (OrderType.STOP, OrderType.STOP_LIMIT) and self.stop_price is None:
            raise UsageError(f"a {self.type} order needs a stop price", intent_id=self.intent_id)
        if self.post_only and not _may_rest(self):
            raise UsageError(
                "post_only is of limit orders that live on: not of other types, nor of ioc and fok",
                intent_id=self.intent_id,
            )
        sizes = (self.quantity, self.notional, self.limit_price, self.stop_price)
        for number, value in enumerate(sizes):
            if value is not None and value <= 0:
                name = ("quantity", "notional", "limit_price", "stop_price")[number]
                raise UsageError(f"{name} must be positive, not {value}", intent_id=self.intent_id)
        if self.slice is not None and self.intent_id != self.slice.intent_id:
            raise UsageError("the id of a slice is made from it", intent_id=self.intent_id)


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
    pending : Pending, optional
        What was asked and is not answered. It shows in the state once the venue has
        acknowledged the order; of an order of unknown fate it is remembered.
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
    extended_hours: bool = False
    notional: Decimal | None = None
    state: OrderState = OrderState.CREATED
    pending: Pending | None = None
    filled: Decimal = ZERO
    average_price: Decimal | None = None
    venue_order_id: str | None = None
    parent_id: str | None = None
    reason: str = ""
    post_only: bool = False


def _may_rest(order: Intent) -> bool:
    return order.type is OrderType.LIMIT and order.tif not in (TimeInForce.IOC, TimeInForce.FOK)
