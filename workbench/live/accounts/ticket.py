"""What a person asks the desk for, and the answer where it is a no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.core.money import decimal
from workbench.core.order import Intent, Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.errors import RefusedError, UsageError, nearest
from workbench.trading.execution.plan import Plan
from workbench.trading.ledger import Ledger
from workbench.trading.records import Verdicted

__all__ = ["PERSON", "Ticket", "another", "check_same", "outcome"]

PERSON = "desk"
"""The run that orders of people belong to."""

_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
_WITH_LIMIT = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_WITH_STOP = (OrderType.STOP, OrderType.STOP_LIMIT)
_SAME = ("symbol", "side", "quantity", "type", "limit_price", "stop_price", "tif")
Number = Decimal | float | int | str


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as a person or a program writes it; it is read when it becomes an intent.

    Parameters
    ----------
    order_id : str
        The caller's own name for the order: the same one again is the same order,
        whatever happens. One is made where it is empty.
    execution : str
        How it is to be worked in parts, ``twap:minutes=10,slices=5``; at once where it is empty.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> ticket = Ticket("acme/usd", "buy", "10")
    >>> ticket.intent({"ACME/USD": Decimal(99)}, name="o", user="ada", now=at).quantity
    Decimal('10')
    """

    symbol: str
    side: str
    quantity: Number
    type: str = "market"
    limit_price: Number | None = None
    stop_price: Number | None = None
    tif: str = "gtc"
    order_id: str = ""
    execution: str = ""

    def plan(self) -> Plan:
        """Read how it is to be worked in parts.

        Raises
        ------
        UsageError
            It is not said, or not for how long.
        """
        if not self.execution:
            raise another(self.order_id, "execution")
        plan = Plan.parse(self.execution)
        if plan.minutes is None:
            raise UsageError(
                f"{plan.algorithm.name} needs to know for how long: "
                f"{plan.algorithm.name}:minutes=10",
                field="execution",
            )
        return plan

    def intent(
        self, prices: Mapping[str, Decimal], *, name: str, user: str, now: datetime
    ) -> Intent:
        """Read the ticket, as an intent of a person.

        Parameters
        ----------
        prices : mapping of str to Decimal
            The last price of each symbol that is traded.

        Raises
        ------
        UsageError
            A word or a number that makes no order; the nearest known word is offered.
        """
        symbol = str(self.symbol).strip().upper()
        if symbol not in prices:
            raise UsageError(
                f"{self.symbol!r} is not traded here{nearest(symbol, prices)}; "
                f"there are {', '.join(prices)}",
                symbol=self.symbol,
            )
        kind = OrderType(_word(self.type, [one.value for one in _TYPES], "type"))
        return Intent(
            intent_id=name,
            run_id=PERSON,
            strategy=f"manual:{user}",
            symbol=symbol,
            side=Side(_word(self.side, [Side.BUY.value, Side.SELL.value], "side")),
            decided_at=now,
            quantity=_positive(self.quantity, "quantity"),
            type=kind,
            limit_price=_price(self.limit_price, "limit_price", kind, _WITH_LIMIT),
            stop_price=_price(self.stop_price, "stop_price", kind, _WITH_STOP),
            tif=TimeInForce(_word(self.tif, [one.value for one in TimeInForce], "tif")),
            reference_price=prices[symbol],
        )


def check_same(intent: Intent, known: Intent | Order) -> None:
    """Hold that an id which was used before is used for the same order.

    Raises
    ------
    UsageError
        It is another one.
    """
    other = [name for name in _SAME if getattr(intent, name) != getattr(known, name)]
    if other:
        raise another(intent.intent_id, other[0])


def another(order_id: str, what: str) -> UsageError:
    """Return the error that an id was used for an order that differs in something."""
    return UsageError(
        f"order id {order_id!r} was used for another order (its {what} differs); take a new one",
        order_id=order_id,
    )


def outcome(ledger: Ledger, name: str, *, again: bool = False) -> Order:
    """Return what became of an intent as its order; `again` where it was asked before.

    Raises
    ------
    RefusedError
        The gate said no (every reason, and the numbers of the first), or the venue did.
    """
    judged = ledger.intents.get(name)
    if judged is not None and judged.outcome == "refuse":
        raise _refusal(judged, again=again)
    order = ledger.orders[name]
    if order.state is OrderState.REJECTED:
        raise RefusedError(f"the venue refused: {order.reason}", order_id=name)
    return order


def _refusal(judged: Verdicted, *, again: bool) -> RefusedError:
    said = [verdict for verdict in judged.verdicts if verdict.get("outcome") == "refuse"]
    name, reason = judged.intent.intent_id, "; ".join(one.get("reason", "") for one in said)
    if again:
        reason = f"order {name!r} was refused before: {reason}; a new try needs a new id"
    numbers = ("rule", "measured", "limit", "unit")
    facts = {key: said[0][key] for key in numbers if said and key in said[0]}
    return RefusedError(reason, order_id=name, **facts)


def _price(
    price: Number | None, what: str, kind: OrderType, kinds: tuple[OrderType, ...]
) -> Decimal | None:
    if price is None:
        if kind in kinds:
            raise UsageError(f"a {kind} order needs a {what}", field=what)
        return None
    if kind not in kinds:
        raise UsageError(f"a {kind} order has no {what}", field=what)
    return _positive(price, what)


def _word(value: str, known: list[str], what: str) -> str:
    text = str(value).strip().lower().replace("-", "_").replace(" ", "_")
    if text not in known:
        raise UsageError(
            f"{what} must be {' or '.join(known)}, not {str(value)[:40]!r}{nearest(text, known)}",
            field=what,
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
