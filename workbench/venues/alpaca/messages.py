"""Orders, executions and holdings between our words and Alpaca's.

Numbers are sent and read as text, so that no float stands between two Decimals.

An execution is named by its order and the units filled with it in all, e.g. ``"…:12.5"``.
The stream names executions by an id that the list of activities does not repeat (its own
ids have another form), and some messages have none; the cumulative units are told by both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.money import MONEY, decimal
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.position import Position
from workbench.core.signal import Side

__all__ = [
    "Names",
    "account_of",
    "activity_fill",
    "amended",
    "execution_id",
    "instant",
    "order_of",
    "pair",
    "position_of",
    "request_of",
    "rows",
    "states",
]

_EXTERNAL = "external"
_QUOTES = ("USDT", "USDC", "USD", "BTC")
_HUNDRED = Decimal(100)
_TYPES = {kind.value: kind for kind in OrderType}

states: dict[str, OrderState] = {
    "accepted": OrderState.ACCEPTED,
    "pending_new": OrderState.ACCEPTED,
    "accepted_for_bidding": OrderState.ACCEPTED,
    "pending_review": OrderState.ACCEPTED,
    "held": OrderState.ACCEPTED,
    "new": OrderState.WORKING,
    "partially_filled": OrderState.PARTIALLY_FILLED,
    "pending_cancel": OrderState.PENDING_CANCEL,
    "pending_replace": OrderState.PENDING_REPLACE,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    "replaced": OrderState.REPLACED,
    # nothing happens for now, and the order is not over
    "done_for_day": OrderState.ACCEPTED,
    "stopped": OrderState.ACCEPTED,
    "suspended": OrderState.ACCEPTED,
    "calculated": OrderState.ACCEPTED,
}
"""Statuses as states; one that is not here is taken for an order that still lives."""


@dataclass
class Names:
    """Which of the venue's orders are called what by us.

    The venue makes the client ids of attached stops itself; we name them after the order
    they protect.
    """

    ours: dict[str, str] = field(default_factory=dict)  # venue's id to ours
    theirs: dict[str, str] = field(default_factory=dict)  # and back
    parents: dict[str, str] = field(default_factory=dict)  # our id of a leg to that of its order
    sent: set[str] = field(default_factory=set)  # by us, whatever became of it

    def learn(self, told: Mapping[str, Any]) -> str:
        """Note an order and its legs; return our name of it."""
        known = self.ours.setdefault(str(told["id"]), str(told["client_order_id"]))
        self.theirs[known] = str(told["id"])
        for leg in told.get("legs") or ():
            name = f"{known}-{'profit' if leg['type'] == 'limit' else 'loss'}"
            self.ours[str(leg["id"])] = name
            self.theirs[name] = str(leg["id"])
            self.parents[name] = known
        return known

    def is_lone_leg(self, told: Mapping[str, Any]) -> bool:
        """Tell whether it may be a leg of an order that is not known here."""
        is_known = str(told["id"]) in self.ours or told.get("client_order_id") in self.sent
        return bool(told.get("order_class")) and not is_known


def request_of(order: Order) -> dict[str, Any]:
    """Return the body that sends an order; it is on the venue's steps."""
    body: dict[str, Any] = {
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": order.tif.value,
        "client_order_id": order.order_id,
    }
    guard = order.protection
    sizes = {"qty": order.quantity, "notional": order.notional}
    prices = {"limit_price": order.limit_price, "stop_price": order.stop_price}
    body |= {name: _text(value) for name, value in {**sizes, **prices}.items() if value is not None}
    if order.extended_hours:
        body["extended_hours"] = True
    if guard is None:
        return body
    if order.type is OrderType.TRAILING_STOP and guard.trail is not None:
        body["trail_percent"] = _text(MONEY.multiply(guard.trail, _HUNDRED).normalize())
        return body
    goal = order.limit_price if order.reduce_only else guard.profit_price
    body["order_class"] = "oto" if goal is None or guard.loss_price is None else "bracket"
    if order.reduce_only:
        body["order_class"] = "oco"
        del body["limit_price"]
    if goal is not None:
        body["take_profit"] = {"limit_price": _text(goal)}
    if guard.loss_price is not None:
        body["stop_loss"] = {"stop_price": _text(guard.loss_price)}
        if guard.loss_limit is not None:
            body["stop_loss"]["limit_price"] = _text(guard.loss_limit)
    return body


def amended(new: Order) -> dict[str, Any]:
    """Return the body that puts an order in the place of another."""
    body: dict[str, Any] = {"client_order_id": new.order_id, "time_in_force": new.tif.value}
    prices = {"limit_price": new.limit_price, "stop_price": new.stop_price, "qty": new.quantity}
    body |= {name: _text(value) for name, value in prices.items() if value is not None}
    if new.type is OrderType.TRAILING_STOP and new.protection and new.protection.trail:
        body["trail"] = _text(MONEY.multiply(new.protection.trail, _HUNDRED).normalize())
    return body


def order_of(told: Mapping[str, Any], names: Names) -> Order:
    """Read an order.

    Raises
    ------
    KeyError, TypeError, ValueError, UsageError
        It is none.
    """
    name = names.learn(told)
    state = states.get(told["status"], OrderState.ACCEPTED)
    filled = decimal(told.get("filled_qty") or 0)
    quantity = _number(told.get("qty"))
    if quantity is None and state is OrderState.FILLED:
        quantity = filled
    is_known = told["status"] in states
    return Order(
        order_id=name,
        run_id=_EXTERNAL,
        strategy=_EXTERNAL,
        symbol=pair(str(told["symbol"]), str(told.get("asset_class", ""))),
        side=Side(told["side"]),
        type=_TYPES.get(str(told.get("type") or told["order_type"]), OrderType.MARKET),
        decided_at=instant(told.get("submitted_at") or told["created_at"]),
        quantity=quantity,
        notional=_number(told.get("notional")),
        limit_price=_number(told.get("limit_price")),
        stop_price=_number(told.get("stop_price")),
        extended_hours=bool(told.get("extended_hours")),
        state=state,
        filled=filled,
        average_price=_number(told.get("filled_avg_price")) if filled else None,
        venue_order_id=str(told["id"]),
        parent_id=names.parents.get(name),
        reason=_reason(told, is_known),
    )


def activity_fill(told: Mapping[str, Any], order_id: str, venue: str) -> Fill:
    """Read an entry of the list of executions, of the order that we call `order_id`."""
    return Fill(
        execution_id=execution_id(str(told["order_id"]), decimal(told["cum_qty"])),
        order_id=order_id,
        venue=venue,
        symbol=pair(str(told["symbol"]), ""),
        side=Side.BUY if told["side"] == "buy" else Side.SELL,
        quantity=decimal(told["qty"]),
        price=decimal(told["price"]),
        time=instant(told["transaction_time"]),
    )


def execution_id(venue_order_id: str, cumulative: Decimal) -> str:
    """Name an execution by what is filled of its order with it.

    Examples
    --------
    >>> execution_id("7f", Decimal("12.50"))
    '7f:12.5'
    """
    return f"{venue_order_id}:{cumulative.normalize():f}"


def position_of(told: Mapping[str, Any]) -> Position:
    """Read a holding."""
    quantity = decimal(told["qty"])
    if told.get("side") == "short":
        quantity = -abs(quantity)
    return Position(
        pair(str(told["symbol"]), str(told.get("asset_class", ""))),
        quantity,
        decimal(told["avg_entry_price"]),
    )


def account_of(told: Mapping[str, Any], *, is_paper: bool) -> Account:
    """Read the account."""
    return Account(
        str(told["account_number"]),
        decimal(told["cash"]),
        decimal(told["equity"]),
        str(told.get("currency") or "USD"),
        is_paper,
        _margin_rate(told.get("multiplier")),
    )


def pair(symbol: str, asset_class: str) -> str:
    """Return a symbol as orders name it; holdings of crypto come without the slash.

    Examples
    --------
    >>> pair("BTCUSD", "crypto"), pair("AAPL", "us_equity")
    ('BTC/USD', 'AAPL')
    """
    if asset_class != "crypto" or "/" in symbol:
        return symbol
    quote = next((q for q in _QUOTES if symbol.endswith(q) and symbol != q), "")
    return f"{symbol.removesuffix(quote)}/{quote}" if quote else symbol


def instant(value: Any) -> datetime:
    """Read a time; ValueError where it is none. Nanoseconds are cut to microseconds."""
    text = str(value).replace("Z", "+00:00")
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if dot:
        head = f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    time = datetime.fromisoformat(head)
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return time.astimezone(UTC)


def rows(told: object) -> Iterable[Mapping[str, Any]]:
    """Return a list of tables; TypeError where it is none."""
    if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
        raise TypeError("no list of tables")
    return told


def _margin_rate(multiplier: Any) -> Decimal:
    """Return the part that is our own, of an account that may buy a multiple of its equity."""
    times = decimal(multiplier or 1)
    return MONEY.divide(Decimal(1), times) if times > 1 else Decimal(1)


def _reason(told: Mapping[str, Any], is_known: bool) -> str:
    if not is_known:
        return f"unknown status {str(told['status'])[:40]!r}"
    return str(told.get("reject_reason") or "")


def _number(value: Any) -> Decimal | None:
    return None if value in (None, "") else decimal(value)


def _text(value: Decimal) -> str:
    return format(value, "f")
