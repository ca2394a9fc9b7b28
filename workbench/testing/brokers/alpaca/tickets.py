"""What Alpaca takes as an order, and its words for what it does not take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from workbench.core.money import ZERO, decimal
from workbench.core.order import Order, OrderType, Protection, TimeInForce
from workbench.core.signal import Side
from workbench.errors import UsageError

__all__ = ["Refused", "Ticket", "read_ticket"]

_HUNDRED = Decimal(100)
_PRICES = ("limit_price", "stop_price")
_MEMBERS = (*_PRICES, "trail_percent", "qty", "notional")
_CLASSES = ("", "simple", "bracket", "oco", "oto")


class Refused(Exception):
    """What the venue says instead of taking an order."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message}


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as the venue has read it.

    Parameters
    ----------
    order : Order
        Without a quantity where it is of an amount.
    notional : Decimal or None
    order_class : str
        ``""``, ``"bracket"``, ``"oco"`` or ``"oto"``.
    goal, stop, stop_limit : Decimal or None
        Prices of its legs.
    """

    order: Order
    notional: Decimal | None
    order_class: str
    goal: Decimal | None
    stop: Decimal | None
    stop_limit: Decimal | None


def read_ticket(body: Mapping[str, Any], *, is_crypto: bool) -> Ticket:
    """Read the body of a request to send an order.

    Raises
    ------
    Refused
        The venue does not take it.
    """
    kind, tif = _word(OrderType, body, "type"), _word(TimeInForce, body, "time_in_force")
    side = _word(Side, body, "side")
    numbers = {name: _number(body, name) for name in _MEMBERS}
    order_class = str(body.get("order_class") or "")
    if order_class not in _CLASSES:
        raise _invalid(f"invalid order_class {order_class}")
    goal = _number(body.get("take_profit") or {}, "limit_price")
    stop = _number(body.get("stop_loss") or {}, "stop_price")
    stop_limit = _number(body.get("stop_loss") or {}, "limit_price")
    limit = goal if order_class == "oco" else numbers["limit_price"]
    _check_sizes(numbers, is_crypto)
    _check_kind(kind, limit, numbers)
    if not is_crypto:
        _check_pennies({**numbers, "take_profit.limit_price": goal, "stop_loss.stop_price": stop})
    _check_fraction(numbers, tif, is_crypto)
    if body.get("extended_hours") and (kind is not OrderType.LIMIT or tif is not TimeInForce.DAY):
        raise _invalid("extended hours order must be DAY limit orders")
    _check_class(order_class, goal, stop)
    trail = numbers["trail_percent"]
    order = Order(
        order_id=str(body.get("client_order_id") or ""),
        run_id="venue",
        strategy="venue",
        symbol=str(body["symbol"]),
        side=side,
        type=kind,
        decided_at=datetime.now(UTC),
        quantity=numbers["qty"],
        limit_price=limit,
        stop_price=numbers["stop_price"],
        tif=tif,
        protection=Protection(trail=trail / _HUNDRED) if trail else None,
        extended_hours=bool(body.get("extended_hours")),
    )
    is_classed = order_class not in ("", "simple")
    return Ticket(
        order, numbers["notional"], order_class if is_classed else "", goal, stop, stop_limit
    )


def _check_sizes(numbers: Mapping[str, Decimal | None], is_crypto: bool) -> None:
    qty, notional = numbers["qty"], numbers["notional"]
    if (qty is None) == (notional is None):
        raise Refused(422, 40010001, "qty or notional is required")
    if (qty if qty is not None else notional or ZERO) <= 0:
        raise _invalid("qty must be > 0")
    if notional is not None and notional < 1:
        raise Refused(403, 40310000, "cost basis must be >= minimal amount of order 1")
    if is_crypto and qty is not None and qty < Decimal("0.000000001"):
        raise _invalid("qty is too small")


def _check_kind(
    kind: OrderType, limit: Decimal | None, numbers: Mapping[str, Decimal | None]
) -> None:
    if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) and limit is None:
        raise _invalid("limit orders require a limit price")
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT) and numbers["stop_price"] is None:
        raise _invalid("stop orders require a stop price")
    if kind is OrderType.TRAILING_STOP and numbers["trail_percent"] is None:
        raise _invalid("trailing stop orders must specify one of trail_percent or trail_price")


def _check_pennies(numbers: Mapping[str, Decimal | None]) -> None:
    for name, price in numbers.items():
        if price is None or not name.endswith("price"):
            continue
        places = 2 if price >= 1 else 4
        if price != round(price, places):
            raise _invalid(
                f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing "
                "criteria"
            )


def _check_fraction(
    numbers: Mapping[str, Decimal | None], tif: TimeInForce, is_crypto: bool
) -> None:
    qty = numbers["qty"]
    is_whole = qty is not None and qty == qty.to_integral_value()
    if not is_crypto and not is_whole and tif is not TimeInForce.DAY:
        raise _invalid("fractional orders must be DAY orders")


def _check_class(order_class: str, goal: Decimal | None, stop: Decimal | None) -> None:
    if order_class == "bracket" and (goal is None or stop is None):
        raise _invalid("bracket orders require take_profit.limit_price and stop_loss.stop_price")
    if order_class == "oco" and (goal is None or stop is None):
        raise _invalid("oco orders require take_profit.limit_price and stop_loss.stop_price")
    if order_class == "oto" and (goal is None) == (stop is None):
        raise _invalid("oto orders require one of take_profit and stop_loss")


def _invalid(message: str) -> Refused:
    return Refused(422, 42210000, message)


def _word(kind: Any, body: Mapping[str, Any], name: str) -> Any:
    try:
        return kind(body.get(name))
    except ValueError:
        raise _invalid(f"invalid {name} {body.get(name)!r}") from None


def _number(body: Mapping[str, Any], name: str) -> Decimal | None:
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        return decimal(value, name)
    except UsageError:
        raise _invalid(f"invalid {name} {value!r}") from None
