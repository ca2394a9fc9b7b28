"""The state that the journal's entries add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState
from workbench.core.position import Position
from workbench.core.posting import Posting, PostingKind
from workbench.errors import InvariantError
from workbench.trading.books import Books
from workbench.trading.records import Kind, Record, Verdicted
from workbench.trading.states import OrderEvent, apply

__all__ = ["Ledger"]


@dataclass
class Ledger:
    """Intents, orders, fills and books of one account, folded from records.

    Parameters
    ----------
    intents : dict of str to Verdicted
    orders : dict of str to Order
    fills : dict of (venue, execution_id) to Fill
    postings : dict of (venue, posting_id) to Posting
        What venues booked beside them.
    books : Books
    updated : dict of str to datetime
        When each order last changed.
    open : set of str
        The orders that may still be filled.
    """

    intents: dict[str, Verdicted] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: dict[tuple[str, str], Fill] = field(default_factory=dict)
    postings: dict[tuple[str, str], Posting] = field(default_factory=dict)
    books: Books = field(default_factory=Books)
    updated: dict[str, datetime] = field(default_factory=dict)
    open: dict[str, None] = field(default_factory=dict)
    is_opened: bool = False
    _splits: list[tuple[int, Posting]] = field(default_factory=list)

    @classmethod
    def fold(cls, records: Iterable[Record]) -> Ledger:
        """Return the state after `records`."""
        ledger = cls()
        for record in records:
            ledger.apply(record)
        return ledger

    def apply(self, record: Record) -> None:
        """Take one record in.

        Raises
        ------
        InvariantError
            It contradicts what is there: a second order of the same id, a fill counted
            already, an illegal transition.
        """
        taker: dict[Kind, Callable[[Any], None]] = {
            Kind.OPENED: self._opened,
            Kind.INTENT: self._intent,
            Kind.ORDER: self._order,
            Kind.EVENT: self._event,
            Kind.FILL: self._event,
            Kind.POSTING: self._posting,
            Kind.NOTE: lambda _: None,
        }
        taker[record.kind](record.value)

    def open_orders(self) -> list[Order]:
        """Return the orders that may still be filled, unknown ones included, oldest first."""
        return [self.orders[order_id] for order_id in self.open]

    def unknown(self) -> list[Order]:
        """Return the orders whose fate is not known."""
        return [order for order in self.open_orders() if order.state is OrderState.UNKNOWN]

    def reserved(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return the units that open orders may still buy and sell, unknown ones included.

        Orders that the venue sizes count nothing here until it has sized them.
        """
        buys = sells = ZERO
        for order in self.open_orders():
            if order.symbol != symbol or order.quantity is None or order.parent_id is not None:
                continue
            rest = MONEY.subtract(order.quantity, order.filled)
            if order.side.sign > 0:
                buys = MONEY.add(buys, rest)
            else:
                sells = MONEY.add(sells, rest)
        return buys, sells

    def check(self) -> None:
        """Hold what must always hold between orders, fills and books.

        Raises
        ------
        InvariantError
            Fills do not add up to an order's filled units, or to a position.
        """
        sums: dict[str, Decimal] = dict.fromkeys(self.orders, ZERO)
        held: dict[str, Decimal] = {}
        splits: dict[int, list[Posting]] = {}
        for number, posting in self._splits:
            splits.setdefault(number, []).append(posting)
        for number, fill in enumerate(self.fills.values()):
            _divide(held, splits.get(number, ()))
            sums[fill.order_id] = MONEY.add(sums[fill.order_id], fill.quantity)
            delta = MONEY.multiply(fill.quantity, fill.side.sign)
            held[fill.symbol] = MONEY.add(held.get(fill.symbol, ZERO), delta)
        _divide(held, splits.get(len(self.fills), ()))
        for order_id, total in sums.items():
            if self.orders[order_id].filled != total:
                raise InvariantError(
                    f"order {order_id} says {self.orders[order_id].filled} filled, "
                    f"its fills {total}",
                    order_id=order_id,
                )
        for symbol, total in held.items():
            if self.books.position(symbol).quantity != total:
                raise InvariantError(f"the fills of {symbol} do not add up to its position")

    def _opened(self, cash: dict[str, str]) -> None:
        if self.is_opened:
            raise InvariantError("a book is opened once")
        self.is_opened = True
        for currency, amount in cash.items():
            self.books.deposit(currency, Decimal(amount))

    def _intent(self, judged: Verdicted) -> None:
        name = judged.intent.intent_id
        if name in self.intents:
            raise InvariantError(f"intent {name} is in the journal already", intent_id=name)
        self.intents[name] = judged

    def _order(self, order: Order) -> None:
        if order.order_id in self.orders:
            raise InvariantError(
                f"order {order.order_id} is in the journal already", order_id=order.order_id
            )
        self._keep(order, order.decided_at)

    def _event(self, event: OrderEvent) -> None:
        if event.order_id not in self.orders:
            raise InvariantError(f"an event of an order that is not there: {event.order_id}")
        after = apply(self.orders[event.order_id], event)
        if event.fill is not None:
            key = (event.fill.venue, event.fill.execution_id)
            if key in self.fills:
                raise InvariantError(f"fill {key[1]} of {key[0]} would be counted twice")
            self.fills[key] = event.fill
            self.books.apply(event.fill)
        self._keep(after, event.time)

    def _posting(self, posting: Posting) -> None:
        key = (posting.venue, posting.posting_id)
        if key in self.postings:
            raise InvariantError(f"posting {key[1]} of {key[0]} would be counted twice")
        self.postings[key] = posting
        if posting.kind is PostingKind.SPLIT:
            self._splits.append((len(self.fills), posting))
        self.books.post(posting)

    def _keep(self, order: Order, at: datetime) -> None:
        self.orders[order.order_id] = order
        self.updated[order.order_id] = at
        if order.state.is_open:
            self.open[order.order_id] = None
        else:
            self.open.pop(order.order_id, None)


def _divide(held: dict[str, Decimal], splits: Iterable[Posting]) -> None:
    for posting in splits:
        before = Position(posting.symbol, held.get(posting.symbol, ZERO))
        held[posting.symbol] = before.split(posting).quantity
