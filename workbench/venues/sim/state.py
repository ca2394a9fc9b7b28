"""What the simulated venue knows: orders, account, executions, and what it has to tell."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from workbench.core.evolved import evolved
from workbench.core.fill import Fill
from workbench.core.frozen import maker
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType, Protection
from workbench.core.ports import Update
from workbench.core.posting import Posting
from workbench.kernels.called import fee_of, penalty
from workbench.kernels.codes import LIQUIDATION, LOSS, MARKET, PROFIT, TRAIL, StopCode, Terms
from workbench.venues.sim.floats import FloatBook
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.statement import Statement

__all__ = ["VENUE", "Deal", "Slot", "VenueState", "stop_code"]

VENUE = "sim"
_Fill = maker(Fill)


class Deal(NamedTuple):
    """A fill about to happen: at `price`, where the undisturbed price is `base`."""

    quantity: float
    base: float
    price: float
    is_maker: bool
    time: datetime
    both: bool = False


@dataclass(slots=True)
class Slot:
    """An order at the venue, in the kernel's numbers.

    Parameters
    ----------
    kind : int
        ``MARKET`` for what was sent; the triggered protective leg otherwise.
    quantity, remaining : float
        NaN until the order is sized.
    trimmed : float
        Units that could not be afforded.
    best : float
        Most favourable price since a trailing stop was accepted.
    age : int
        Bars it has rested.
    has_rested : bool
        Whether the market has been seen since it came, and did not fill it.
    """

    order: Order
    kind: int = MARKET
    quantity: float = math.nan
    remaining: float = math.nan
    filled: float = 0.0
    trimmed: float = 0.0
    is_triggered: bool = False
    best: float = math.nan
    day: datetime | None = None
    age: int = 0
    has_rested: bool = False

    @property
    def side(self) -> float:
        """+1 for a buy, -1 for a sell."""
        return float(self.order.side.sign)

    @property
    def rests(self) -> bool:
        """Whether it waits for a price; a market order and a triggered leg wait for a bar."""
        return self.kind == MARKET and self.order.type is not OrderType.MARKET


@dataclass
class VenueState:
    """The venue's side of the account.

    Parameters
    ----------
    terms : Terms
        Costs, sizing and where orders are filled.
    book : FloatBook
        Sizes orders.
    statement : Statement
        What the venue reports.
    memory : Memory, optional
        Keeps all of it through a restart.
    openers : dict
        Per symbol that is held the order that opened the position.
    path_dependent : set of str
        The executions that the order of prices inside a bar decided.
    small : int
        Orders rejected for the least notional.
    inside : dict
        Per symbol the limit an entry was filled at inside this bar, and its execution's id.
    postings : int
        How many entries beside fills there are.
    """

    terms: Terms
    book: FloatBook
    statement: Statement
    memory: Memory | None = None
    slots: dict[str, Slot] = field(default_factory=dict)
    open: dict[str, Slot] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    outbox: deque[Update] = field(default_factory=deque)
    stops: dict[str, tuple[StopCode, Order]] = field(default_factory=dict)
    openers: dict[str, Order] = field(default_factory=dict)
    path_dependent: set[str] = field(default_factory=set)
    small: int = 0
    inside: dict[str, tuple[float, str]] = field(default_factory=dict)
    postings: int = 0

    @property
    def may_call(self) -> bool:
        """Whether there is a holding that margin may be called for."""
        return self.terms.sizing.maintenance > 0.0 and bool(self.openers)

    @property
    def next_execution(self) -> str:
        """The id the next execution will have."""
        return f"{VENUE}-{len(self.fills) + 1}"

    def accept(self, order: Order, kind: int = MARKET) -> Slot:
        """Take an order in; it has passed the checks."""
        quantity = math.nan if order.quantity is None else float(order.quantity)
        state = OrderState.ACCEPTED
        if kind == MARKET and order.type is not OrderType.MARKET:
            state = OrderState.WORKING
        number = f"V{len(self.slots) + 1}"
        order = evolved(order, {"state": state, "filled": ZERO, "venue_order_id": number})
        slot = Slot(order, kind, quantity, quantity, best=self.book.cell(order.symbol).mark)
        self.slots[order.order_id] = self.open[order.order_id] = slot
        self._remember(slot)
        return slot

    def size(self, slot: Slot, quantity: float) -> None:
        """Fix the quantity of an order that was sized where it is filled."""
        slot.quantity = slot.remaining = quantity
        slot.order = evolved(slot.order, {"quantity": decimal(quantity, "quantity")})
        self.tell(slot)

    def trim(self, slot: Slot, quantity: float) -> None:
        """Lower an order to what can be afforded."""
        slot.trimmed = slot.remaining - quantity
        if slot.order.target is not None and slot.filled == 0.0:
            slot.quantity = quantity
            slot.order = evolved(slot.order, {"quantity": decimal(quantity, "quantity")})
            self.tell(slot)
        slot.remaining = quantity

    def finish(self, slot: Slot, state: OrderState, reason: str = "") -> None:
        """End an order."""
        slot.order = evolved(slot.order, {"state": state, "reason": reason or slot.order.reason})
        self.open.pop(slot.order.order_id, None)
        self.tell(slot)

    def tell(self, slot: Slot) -> None:
        """Put an order's state among the updates."""
        self._remember(slot)
        self.outbox.append(slot.order)

    def execute(self, slot: Slot, deal: Deal) -> None:
        """Book a fill and tell of it."""
        order, terms = slot.order, self.terms
        fee = fee_of(deal.quantity, deal.price, deal.is_maker, self.book.traded, terms.costs)
        if slot.kind == LIQUIDATION:
            fee += penalty(deal.quantity, deal.price, terms.costs)
        is_new = self.book.trade(order.symbol, slot.side, deal.quantity, deal.price, fee)
        slot.filled += deal.quantity
        fill = _Fill(
            execution_id=self.next_execution,
            order_id=order.order_id,
            venue=VENUE,
            symbol=order.symbol,
            side=order.side,
            quantity=decimal(deal.quantity, "quantity"),
            price=decimal(deal.price, "price"),
            fee=decimal(fee, "fee"),
            slippage=decimal(abs(deal.price - deal.base) * deal.quantity, "slippage"),
            time=deal.time,
        )
        if deal.both:
            self.path_dependent.add(fill.execution_id)
        self._count(slot, fill)
        self._guard(slot, is_new)
        if self.memory is not None:
            self.memory.write("fill", fill)
        self.outbox.append(fill)
        self._remember(slot)

    def post(self, posting: Posting) -> None:
        """Book an entry that is no execution, and tell of it."""
        self.postings += 1
        self.book.post(posting)
        self.statement.post(posting)
        self.outbox.append(posting)

    def restore(self, orders: Iterable[Order], fills: Iterable[Fill]) -> None:
        """Go on from what the memory holds."""
        for order in orders:
            quantity = math.nan if order.quantity is None else float(order.quantity)
            kind = MARKET if order.parent_id is None else _LEGS[order.type]
            plain = evolved(order, {"filled": ZERO, "average_price": None})
            slot = Slot(plain, kind, quantity, quantity, has_rested=True)
            self.slots[order.order_id] = slot
            if order.state.is_open:
                self.open[order.order_id] = slot
        for fill in fills:
            slot = self.slots[fill.order_id]
            is_new = self.book.trade(
                fill.symbol,
                slot.side,
                float(fill.quantity),
                float(fill.price),
                float(fill.fee),
            )
            self.book.cell(fill.symbol).mark = float(fill.price)
            slot.filled += float(fill.quantity)
            slot.remaining -= float(fill.quantity)
            self._count(slot, fill)
            self._guard(slot, is_new)
            self._end_if_full(slot)

    def _end_if_full(self, slot: Slot) -> None:
        # a stop between the execution and the note of its end leaves a full order open
        if slot.remaining <= 0.0 and slot.order.state.is_open:
            slot.order = evolved(slot.order, {"state": OrderState.FILLED})
            self.open.pop(slot.order.order_id, None)

    def _count(self, slot: Slot, fill: Fill) -> None:
        self.fills.append(fill)
        self.statement.apply(fill)
        order = slot.order
        filled = MONEY.add(order.filled, fill.quantity)
        paid = MONEY.multiply(order.filled, order.average_price or ZERO)
        cost = MONEY.add(paid, MONEY.multiply(fill.quantity, fill.price))
        state = OrderState.PARTIALLY_FILLED if order.state.is_open else order.state
        average = MONEY.divide(cost, filled)
        slot.order = evolved(order, {"filled": filled, "average_price": average, "state": state})

    def _guard(self, slot: Slot, is_new: bool) -> None:
        symbol = slot.order.symbol
        if self.book.cell(symbol).units == 0.0:
            self.stops.pop(symbol, None)
            self.openers.pop(symbol, None)
            return
        if is_new:
            self.openers[symbol] = slot.order
        if is_new or slot.order.protection is not None:
            code = stop_code(slot.order.protection)
            if code is None:
                self.stops.pop(symbol, None)
            else:
                owner = slot.order if is_new or symbol not in self.stops else self.stops[symbol][1]
                self.stops[symbol] = (code, owner)

    def _remember(self, slot: Slot) -> None:
        if self.memory is not None:
            self.memory.write("order", slot.order)


_LEGS = {
    OrderType.STOP: LOSS,
    OrderType.LIMIT: PROFIT,
    OrderType.TRAILING_STOP: TRAIL,
    OrderType.MARKET: LIQUIDATION,
}


def stop_code(protection: Protection | None) -> StopCode | None:
    """Return protection as the kernels read it; None where there is none.

    Examples
    --------
    >>> from decimal import Decimal
    >>> stop_code(Protection(loss=Decimal("0.05")))
    StopCode(loss=0.05, profit=inf, trail=inf)
    """
    if protection is None:
        return None
    values = (protection.loss, protection.profit, protection.trail)
    if all(value is None for value in values):
        return None
    return StopCode(*(math.inf if value is None else float(value) for value in values))
