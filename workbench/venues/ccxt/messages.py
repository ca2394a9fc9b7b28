"""Orders, executions and holdings as the exchanges tell them, in one form.

The exchanges write numbers as text; they are read as Decimals without a float between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side

__all__ = ["Execution", "Holdings", "Told", "instant", "milliseconds", "number", "table", "tables"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An order as an exchange tells it.

    Parameters
    ----------
    client, venue_id : str
        Its ids; `client` is ``""`` where it has none.
    market : str
        The exchange's name of it.
    side, type : Side, OrderType
    state : OrderState
        One that is not known counts as accepted: the order lives.
    at : datetime
        When it was taken.
    """

    client: str
    venue_id: str
    market: str
    side: Side
    type: OrderType
    state: OrderState
    at: datetime
    quantity: Decimal | None = None
    filled: Decimal = ZERO
    average: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    reason: str = ""

    def order(self, name: str, symbol: str) -> Order:
        """Return it as an order of ours, called `name`."""
        state = self.state
        if state is OrderState.WORKING and self.filled > 0:
            state = OrderState.PARTIALLY_FILLED
        return Order(
            order_id=name,
            run_id=_EXTERNAL,
            strategy=_EXTERNAL,
            symbol=symbol,
            side=self.side,
            type=self.type,
            decided_at=self.at,
            quantity=self.quantity,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            tif=self.tif,
            reduce_only=self.reduce_only,
            state=state,
            filled=self.filled,
            average_price=self.average if self.filled else None,
            venue_order_id=self.venue_id,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An execution as an exchange tells it.

    Parameters
    ----------
    name : str
        Unique at the exchange.
    venue_id : str
        Of the order.
    client : str
        The order's client id, ``""`` where the exchange leaves it out.
    """

    name: str
    venue_id: str
    market: str
    side: Side
    quantity: Decimal
    price: Decimal
    at: datetime
    fee: Decimal = ZERO
    fee_currency: str = ""
    client: str = ""

    def fill(self, order_id: str, symbol: str, venue: str) -> Fill:
        """Return it as a fill of the order that we call `order_id`."""
        return Fill(
            execution_id=self.name,
            order_id=order_id,
            venue=venue,
            symbol=symbol,
            side=self.side,
            quantity=self.quantity,
            price=self.price,
            time=self.at,
            fee=self.fee,
            fee_currency=self.fee_currency,
        )


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account has.

    Parameters
    ----------
    account_id : str
        ``""`` where the exchange does not tell.
    units : dict of str to Decimal
        Of each currency, what rests in orders included; 0 is left out.
    unrealised : Decimal
        What open positions in perpetuals have earned.
    """

    account_id: str = ""
    units: dict[str, Decimal] = field(default_factory=dict)
    unrealised: Decimal = ZERO


def number(value: Any) -> Decimal | None:
    """Read a number that may be missing; 0 is "none", as the exchanges write it.

    Examples
    --------
    >>> number("0.00000000"), number(""), number("1.50")
    (None, None, Decimal('1.50'))
    """
    if value in (None, ""):
        return None
    told = decimal(value)
    return told if told else None


def milliseconds(value: Any) -> datetime:
    """Read a time in milliseconds since 1970.

    Examples
    --------
    >>> milliseconds("1704153600123").isoformat()
    '2024-01-02T00:00:00.123000+00:00'
    """
    return _EPOCH + timedelta(milliseconds=int(value))


def instant(value: Any) -> datetime:
    """Read a time in ISO's form, or in seconds since 1970; what is finer is cut off.

    Examples
    --------
    >>> instant("2024-01-02T00:00:00.1234567Z").microsecond, instant(1704153600.5).microsecond
    (123456, 500000)
    """
    if isinstance(value, int | float):
        whole = MONEY.multiply(decimal(value), Decimal(1_000_000))
        return _EPOCH + timedelta(microseconds=int(whole))
    head, _, rest = str(value).replace("Z", "").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] or "+00:00"
    return datetime.fromisoformat(f"{head}.{digits[:6].ljust(6, '0')}{zone}").astimezone(UTC)


def table(told: Any) -> dict[str, Any]:
    """Return a table; TypeError where it is none."""
    if not isinstance(told, dict):
        raise TypeError("no table")
    return told


def tables(told: Any) -> list[dict[str, Any]]:
    """Return a list of tables; TypeError where it is none."""
    if not isinstance(told, list):
        raise TypeError("no list")
    return [table(row) for row in told]
