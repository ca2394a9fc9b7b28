"""The state that the journal's entries add up to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState
from workbench.core.parent import Parent, ParentEvent
from workbench.core.posting import Posting, PostingKind
from workbench.errors import InvariantError
from workbench.trading.books import Books
from workbench.trading.counting import is_synthetic
from workbench.trading.kept import Kept, Settled
from workbench.trading.lots import Lots
from workbench.trading.parents import Execution
from workbench.trading.records import Kind, Record, Verdicted
from workbench.trading.shares import Shares
from workbench.trading.states import OrderEvent, Step, apply

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
    shares : Shares
        The same by strategy.
    updated : dict of str to datetime
        When each order last changed.
    open : dict of str to None
        The orders that may still be filled, oldest first.
    quarantined : dict of str to datetime
        Orders of unknown fate that were put before a person, and when.
    halted : dict of str to str
        Symbols that the order path has stopped itself, and why.
    successors, replaces : dict of str to str
        What was to take the place of an order, and the same the other way round.
    synthetic : dict of str to dict of (venue, execution_id) to None
        Per order the executions that were derived from totals and are not taken back.
    superseded : dict of (venue, execution_id) to str
        Executions that were taken back, and the entry that did it.
    cursors : dict of (venue, stream) to str
        How far the venues' streams were read.
    executions : dict of str to Execution
        Parents by their ids, with the parts that there are of them.
    retired : dict of str to None
        Ids of parents that are over and in memory no more.
    settled : Settled
        What the fills add up to that are in memory no more.
    doubtful : dict of str to None
        Open orders of unknown fate, and those of which something was asked; derived.
    lots : Lots, optional
        The holdings by lots, where somebody wants them: kept up to date from then on.
    find_derived : callable, optional
        Gives what `synthetic` said of an order that is in memory no more.
    """

    intents: Kept[str, Verdicted] = field(default_factory=Kept)
    orders: Kept[str, Order] = field(default_factory=Kept)
    fills: Kept[tuple[str, str], Fill] = field(default_factory=Kept)
    postings: dict[tuple[str, str], Posting] = field(default_factory=dict)
    books: Books = field(default_factory=Books)
    shares: Shares = field(default_factory=Shares)
    updated: dict[str, datetime] = field(default_factory=dict)
    open: dict[str, None] = field(default_factory=dict)
    cursors: dict[tuple[str, str], str] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    retired: dict[str, None] = field(default_factory=dict)
    settled: Settled = field(default_factory=Settled)
    quarantined: dict[str, datetime] = field(default_factory=dict)
    halted: dict[str, str] = field(default_factory=dict)
    successors: dict[str, str] = field(default_factory=dict)
    replaces: dict[str, str] = field(default_factory=dict)
    synthetic: dict[str, dict[tuple[str, str], None]] = field(default_factory=dict)
    superseded: dict[tuple[str, str], str] = field(default_factory=dict)
    is_opened: bool = False
    _splits: list[tuple[int, Posting]] = field(default_factory=list)
    doubtful: dict[str, None] = field(default_factory=dict, init=False)
    lots: Lots | None = field(default=None, init=False, compare=False)
    find_derived: Callable[[str], dict[tuple[str, str], None]] | None = field(
        default=None, init=False, compare=False
    )
    _reserved: dict[str, tuple[Decimal, Decimal]] = field(
        default_factory=dict, init=False, compare=False
    )

    def __post_init__(self) -> None:
        for order in self.open_orders():
            _reserve(self._reserved, order, _rest(order))
            if order.state is OrderState.UNKNOWN or order.pending is not None:
                self.doubtful[order.order_id] = None

    @classmethod
    def fold(cls, records: Iterable[Record]) -> Ledger:
        """Return the state after `records`."""
        ledger = cls()
        for record in records:
            ledger.apply(record)
        return ledger

    def apply(self, record: Record, after: Order | None = None) -> None:
        """Take one record in.

        Parameters
        ----------
        record : Record
        after : Order, optional
            The order after it, from :func:`workbench.trading.states.news`, where who calls
            has asked that before: of an event it is not worked out again.

        Raises
        ------
        InvariantError
            It contradicts what is there: a second order of the same id, a fill counted
            already, an illegal transition.
        """
        if after is not None:
            self._event(record.value, after)
        else:
            _TAKERS[record.kind](self, record.value)

    def open_orders(self) -> list[Order]:
        """Return the orders that may still be filled, unknown ones included, oldest first."""
        return [self.orders[order_id] for order_id in self.open]

    def unknown(self) -> list[Order]:
        """Return the orders whose fate is not known."""
        doubtful = (self.orders[order_id] for order_id in self.doubtful)
        return [order for order in doubtful if order.state is OrderState.UNKNOWN]

    def is_reduce_only(self, symbol: str) -> bool:
        """Whether a symbol may only be reduced: an order of it is in quarantine."""
        return any(self.orders[order_id].symbol == symbol for order_id in self.quarantined)

    def reserved(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return the units that open orders may still buy and sell, unknown ones included.

        Orders that the venue sizes count nothing here until it has sized them.
        """
        return self._reserved.get(symbol, (ZERO, ZERO))

    def derived(self, order_id: str) -> dict[tuple[str, str], None]:
        """Return an order's executions that were derived from totals, in memory or not."""
        if order_id in self.synthetic or order_id in self.updated or self.find_derived is None:
            return self.synthetic.get(order_id, {})
        return self.find_derived(order_id)

    def check(self) -> None:
        """Hold what must always hold between orders, fills and books.

        Raises
        ------
        InvariantError
            Fills do not add up to an order's filled units, or to a position; strategies do
            not add up to the account; or what is reserved is not what open orders may still
            trade.
        """
        settled = self.settled.after(self.fills.values(), self._splits)
        for order_id in self.updated:
            total = settled.filled.get(order_id, ZERO)
            if self.orders[order_id].filled != total:
                raise InvariantError(
                    f"order {order_id} says {self.orders[order_id].filled} filled, "
                    f"its fills {total}",
                    order_id=order_id,
                )
        for symbol, total in settled.held.items():
            if self.books.position(symbol).quantity != total:
                raise InvariantError(f"the fills of {symbol} do not add up to its position")
        self.shares.check(self.books)
        reserved: dict[str, tuple[Decimal, Decimal]] = {}
        for order in self.open_orders():
            _reserve(reserved, order, _rest(order))
        for symbol in reserved.keys() | self._reserved.keys():
            if self.reserved(symbol) != reserved.get(symbol, (ZERO, ZERO)):
                raise InvariantError(f"what is reserved of {symbol} is not what open orders need")

    def forget(self, keep: int, but: Collection[str] = ()) -> None:
        """Let go of the oldest fills, ended orders and their intents; an archive has to know them.

        Parameters
        ----------
        keep : int
            How many of the newest stay, of each.
        but : collection of str
            Orders that stay as well.

        Raises
        ------
        InvariantError
            As in :meth:`check`, which comes first: what is let go is checked no more.
        """
        self.check()
        count = max(len(self.fills) - keep, 0)
        leaving = list(self.fills)[:count]
        gone = [posting for posting in self._splits if posting[0] <= self.settled.count + count]
        self.settled = self.settled.after((self.fills.pop(key) for key in leaving), gone)
        self._splits = self._splits[len(gone) :]
        stay = {*but, *self.open, *self._parts()}
        ended = [order_id for order_id in self.orders if order_id not in stay]
        for order_id in ended[: max(len(ended) - keep, 0)]:
            del self.orders[order_id], self.updated[order_id]
            self.synthetic.pop(order_id, None)
            self.successors.pop(order_id, None)
            self.replaces.pop(order_id, None)
        judged = [name for name in self.intents if name not in stay and name not in self.updated]
        for name in judged[: max(len(judged) - keep, 0)]:
            del self.intents[name]
        over = [name for name, one in self.executions.items() if one.state.is_over]
        for name in over[: max(len(over) - keep, 0)]:
            del self.executions[name]
            self.retired[name] = None
        of_these = self.settled.filled
        self.settled.filled = {name: of_these[name] for name in self.updated if name in of_these}

    def _opened(self, cash: dict[str, str]) -> None:
        if self.is_opened:
            raise InvariantError("a book is opened once")
        self.is_opened = True
        for currency, amount in cash.items():
            self.books.deposit(currency, Decimal(amount))
            self.shares.deposit(currency, Decimal(amount))

    def _intent(self, judged: Verdicted) -> None:
        name = judged.intent.intent_id
        if name in self.intents:
            raise InvariantError(f"intent {name} is in the journal already", intent_id=name)
        self.intents[name] = judged
        part = judged.intent.slice
        if part is not None and part.algo_id in self.executions:
            self.executions[part.algo_id].children[name] = None

    def _parent(self, parent: Parent) -> None:
        if parent.algo_id in self.executions or parent.algo_id in self.retired:
            raise InvariantError(f"parent {parent.algo_id} is in the journal already")
        self.executions[parent.algo_id] = Execution(parent)

    def _parent_event(self, event: ParentEvent) -> None:
        if event.algo_id not in self.executions:
            raise InvariantError(f"an event of a parent that is not there: {event.algo_id}")
        self.executions[event.algo_id].apply(event)

    def _parts(self) -> Iterator[str]:
        """Yield the parts of parents that are not over: what is left is told from them."""
        for execution in self.executions.values():
            if not execution.state.is_over:
                yield from execution.children

    def _order(self, order: Order) -> None:
        if order.order_id in self.orders:
            raise InvariantError(
                f"order {order.order_id} is in the journal already", order_id=order.order_id
            )
        self._keep(order, order.decided_at)

    def _event(self, event: OrderEvent, after: Order | None = None) -> None:
        name = event.order_id
        before = self.orders.get(name)
        if before is None:
            raise InvariantError(f"an event of an order that is not there: {name}")
        if name not in self.updated:
            self._come_back(before)
        if after is None:
            after = apply(before, event)
        if event.fill is not None:
            self._count(event.fill, before.strategy)
        elif event.other is not None:
            self.successors[name] = event.other
            self.replaces[event.other] = name
        elif event.step is Step.QUARANTINED:
            self.quarantined[name] = event.time
        self._keep(after, event.time, before)

    def _count(self, fill: Fill, strategy: str) -> None:
        key = (fill.venue, fill.execution_id)
        if key in self.fills:
            raise InvariantError(f"fill {key[1]} of {key[0]} would be counted twice")
        if fill.reverses is not None:
            before = (fill.venue, fill.reverses)
            if before not in self.fills or before in self.superseded:
                raise InvariantError(f"fill {before[1]} of {before[0]} cannot be taken back")
            self.superseded[before] = fill.execution_id
            if fill.order_id in self.synthetic:
                self.synthetic[fill.order_id].pop(before, None)
        elif is_synthetic(fill):
            self.synthetic.setdefault(fill.order_id, {})[key] = None
        self.fills[key] = fill
        self.books.apply(fill)
        self.shares.apply(strategy, fill)
        if self.lots is not None:
            self.lots.apply(fill)

    def _posting(self, posting: Posting) -> None:
        key = (posting.venue, posting.posting_id)
        if key in self.postings:
            raise InvariantError(f"posting {key[1]} of {key[0]} would be counted twice")
        self.postings[key] = posting
        if posting.kind is PostingKind.SPLIT:
            self._splits.append((self.settled.count + len(self.fills), posting))
        self.books.post(posting)
        self.shares.post(posting, self.books.position(posting.symbol).quantity)
        if self.lots is not None:
            self.lots.post(posting)

    def _come_back(self, order: Order) -> None:
        parts = self.derived(order.order_id)
        if parts:
            self.synthetic[order.order_id] = dict(parts)
        here = (
            fill.quantity if fill.reverses is None else MONEY.minus(fill.quantity)
            for fill in self.fills.values()
            if fill.order_id == order.order_id
        )  # fmt: skip
        self.settled.filled[order.order_id] = MONEY.subtract(order.filled, sum(here, ZERO))

    def _cursor(self, read: dict[str, str]) -> None:
        self.cursors[read["venue"], read["stream"]] = read["value"]

    def _halt(self, value: dict[str, str]) -> None:
        if value["level"] == "run":
            self.halted.pop(value["symbol"], None)
        else:
            self.halted[value["symbol"]] = value["reason"]

    def _keep(self, order: Order, at: datetime, before: Order | None = None) -> None:
        name, state = order.order_id, order.state
        self.orders[name] = order
        self.updated[name] = at
        if before is None or name not in self.open:
            if state.is_open:
                self.open[name] = None
                _reserve(self._reserved, order, _rest(order))
        elif not state.is_open:
            del self.open[name]
            _reserve(self._reserved, before, MONEY.minus(_rest(before)))
        elif order.filled is not before.filled or order.quantity is not before.quantity:
            _reserve(self._reserved, order, MONEY.subtract(_rest(order), _rest(before)))
        if state is OrderState.UNKNOWN or (order.pending is not None and state.is_open):
            self.doubtful[name] = None
        elif name in self.doubtful:
            del self.doubtful[name]
        if self.quarantined and state is not OrderState.UNKNOWN:
            self.quarantined.pop(name, None)


_TAKERS: dict[Kind, Callable[[Ledger, Any], None]] = {
    Kind.OPENED: Ledger._opened,
    Kind.INTENT: Ledger._intent,
    Kind.ORDER: Ledger._order,
    Kind.EVENT: Ledger._event,
    Kind.FILL: Ledger._event,
    Kind.POSTING: Ledger._posting,
    Kind.CURSOR: Ledger._cursor,
    Kind.HALT: Ledger._halt,
    Kind.PARENT: Ledger._parent,
    Kind.PARENT_EVENT: Ledger._parent_event,
    Kind.SNAPSHOT: lambda _ledger, _value: None,
    Kind.NOTE: lambda _ledger, _value: None,
}


def _rest(order: Order) -> Decimal:
    """Return what an open order may still trade; of one that protects another, nothing."""
    if order.quantity is None or order.parent_id is not None:
        return ZERO
    # filled for more than it was: what is too much frees nothing for others
    return max(MONEY.subtract(order.quantity, order.filled), ZERO)


def _reserve(reserved: dict[str, tuple[Decimal, Decimal]], order: Order, more: Decimal) -> None:
    """Reserve more units for an order, or fewer."""
    if not more:
        return
    buys, sells = reserved.get(order.symbol, (ZERO, ZERO))
    if order.side.sign > 0:
        reserved[order.symbol] = (MONEY.add(buys, more), sells)
    else:
        reserved[order.symbol] = (buys, MONEY.add(sells, more))
