"""What a person asks the desk for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.core.money import decimal
from workbench.core.order import Intent, OrderType
from workbench.core.signal import Side
from workbench.errors import UsageError, nearest

__all__ = ["Ticket"]

_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
Number = Decimal | float | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order ticket, checked.

    Raises
    ------
    UsageError
        A word or a number that makes no order; the nearest known word is offered.

    Examples
    --------
    >>> Ticket.of(["AAPL"], symbol="aapl", side="buy", quantity="10").quantity
    Decimal('10')
    """

    symbol: str
    side: Side
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None

    @classmethod
    def of(
        cls,
        symbols: Collection[str],
        *,
        symbol: str,
        side: str,
        quantity: Number,
        type: str = "market",
        limit_price: Number | None = None,
        stop_price: Number | None = None,
    ) -> Ticket:
        """Read a ticket for one of `symbols`."""
        name = str(symbol).strip().upper()
        if name not in symbols:
            raise UsageError(
                f"{symbol!r} is not traded here{nearest(name, symbols)}; "
                f"there are {', '.join(symbols)}",
                symbol=symbol,
            )
        way = _word(side, [Side.BUY.value, Side.SELL.value], "side")
        kind = OrderType(_word(type, [t.value for t in _TYPES], "type"))
        prices = {}
        for what, price, kinds in (
            ("limit_price", limit_price, (OrderType.LIMIT, OrderType.STOP_LIMIT)),
            ("stop_price", stop_price, (OrderType.STOP, OrderType.STOP_LIMIT)),
        ):
            if price is not None and kind not in kinds:
                raise UsageError(f"a {kind} order has no {what}", field=what)
            if price is None and kind in kinds:
                raise UsageError(f"a {kind} order needs a {what}", field=what)
            prices[what] = None if price is None else _positive(price, what)
        units = _positive(quantity, "quantity")
        return cls(symbol=name, side=Side(way), quantity=units, type=kind, **prices)

    def intent(self, name: str, user: str, now: datetime, price: Decimal | None) -> Intent:
        """Return the ticket as an intent of a person."""
        return Intent(
            intent_id=name,
            run_id="desk",
            strategy=f"ticket:{user}",
            symbol=self.symbol,
            side=self.side,
            decided_at=now,
            quantity=self.quantity,
            type=self.type,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            reference_price=price,
        )


def _word(value: str, known: list[str], what: str) -> str:
    text = str(value).strip().lower().replace("-", "_").replace(" ", "_")
    if text not in known:
        raise UsageError(
            f"{what} must be {' or '.join(known)}, not {value!r}{nearest(text, known)}", field=what
        )
    return text


def _positive(value: Number, what: str) -> Decimal:
    number = decimal(value, what)
    if number <= 0:
        raise UsageError(f"{what} must be positive, not {value}", field=what)
    exponent = number.as_tuple().exponent
    if number >= 10**12 or (isinstance(exponent, int) and exponent < -12):
        raise UsageError(f"{what} has too many digits: {value}", field=what)
    return number
