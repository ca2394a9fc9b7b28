"""What an algorithm decides from, and what it may decide: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent, Order, OrderState, OrderType, Pending, Slice
from workbench.core.parent import Parent, ParentState
from workbench.core.signal import Side
from workbench.trading.ledger import Ledger
from workbench.trading.parents import Execution, order_of

__all__ = [
    "Action",
    "Child",
    "Finish",
    "Hold",
    "Known",
    "Moment",
    "Place",
    "Progress",
    "Seen",
    "Withdraw",
]


@dataclass(frozen=True, slots=True)
class Seen:
    """The market of a symbol; None is "nobody told".

    Parameters
    ----------
    bid, ask, last : Decimal, optional
    volume : Decimal
        What the market traded since the parent began, as far as we watched.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    volume: Decimal = ZERO

    def near(self, side: Side) -> Decimal | None:
        """Return the price of our own side, else the last one: the bid for a buy."""
        quoted = self.bid if side is Side.BUY else self.ask
        return quoted if quoted is not None else self.last

    def far(self, side: Side) -> Decimal | None:
        """Return the price of the other side, else the last one: the ask for a buy."""
        return self.near(Side.SELL if side is Side.BUY else Side.BUY)

    @property
    def mid(self) -> Decimal | None:
        """The middle of bid and ask, else the last price."""
        if self.bid is None or self.ask is None:
            return self.last
        return MONEY.divide(MONEY.add(self.bid, self.ask), Decimal(2))


@dataclass(frozen=True, slots=True)
class Child:
    """A part of a parent, as the journal has it.

    Parameters
    ----------
    quantity, filled : Decimal
    at : datetime
        When it was decided.
    is_open : bool
        Whether it may still be filled; of unknown fate it may.
    is_leaving : bool
        Whether its end was asked for.
    is_refused : bool
        By the gate or the venue.
    """

    name: str
    slice: Slice
    quantity: Decimal
    filled: Decimal
    at: datetime
    is_open: bool
    is_leaving: bool
    is_refused: bool
    limit_price: Decimal | None = None

    @property
    def committed(self) -> Decimal:
        """Units that it was, or may still be, filled for."""
        return max(self.quantity, self.filled) if self.is_open else self.filled


Known = dict[str, tuple[Order | None, Child]]
"""Parts as they were read, each with the order that it was read from."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a parent is: all of it from the journal, so a restart changes nothing.

    Parameters
    ----------
    children : tuple of Child
        Oldest first.
    since : datetime, optional
        When it was paused or resumed, if it was.
    """

    state: ParentState = ParentState.RUNNING
    children: tuple[Child, ...] = ()
    since: datetime | None = None

    @classmethod
    def of(cls, ledger: Ledger, execution: Execution, known: Known | None = None) -> Progress:
        """Read it out of a ledger.

        Parameters
        ----------
        known : dict, optional
            Parts as they were read before, which is kept up to date: a part whose order is
            still the same object is not read again.
        """
        known, children = {} if known is None else known, []
        for name in execution.children:
            before = known.get(name)
            if before is None or before[0] is not None:  # what was refused stays so
                order = order_of(ledger, name)
                if before is None or before[0] is not order:
                    before = known[name] = order, _child(ledger.intents[name].intent, order)
            children.append(before[1])
        return cls(execution.state, tuple(children), execution.since)

    @property
    def filled(self) -> Decimal:
        """Units filled."""
        return sum((child.filled for child in self.children), ZERO)

    @property
    def committed(self) -> Decimal:
        """Units that were, or may still be, filled."""
        return sum((child.committed for child in self.children), ZERO)

    @property
    def open(self) -> tuple[Child, ...]:
        """The parts that may still be filled."""
        return tuple(child for child in self.children if child.is_open)

    @property
    def refusals(self) -> int:
        """How many of the last parts were refused, one after the other, since it goes on."""
        count = 0
        for child in reversed(self.children):
            if not child.is_refused or (self.since is not None and child.at < self.since):
                break
            count += 1
        return count


def _child(intent: Intent, order: Order | None) -> Child:
    name, at = intent.intent_id, intent.decided_at
    part, asked = intent.slice or Slice(name, 0), intent.quantity or ZERO
    if order is None:
        return Child(name, part, asked, ZERO, at, False, False, True)
    return Child(
        name=name,
        slice=part,
        quantity=asked if order.quantity is None else order.quantity,
        filled=order.filled,
        at=at,
        is_open=order.state.is_open,
        is_leaving=order.pending is Pending.CANCEL,
        is_refused=order.state is OrderState.REJECTED,
        limit_price=order.limit_price,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Send this part."""

    slice: Slice
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Ask for the end of a part."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause the parent: something is wrong that trying again does not mend."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The parent is over."""

    to: ParentState
    reason: str = ""


Action = Place | Withdraw | Hold | Finish


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything an algorithm may know."""

    parent: Parent
    progress: Progress
    market: Seen
    now: datetime

    @property
    def rest(self) -> Decimal:
        """Units that no part stands for."""
        return max(MONEY.subtract(self.parent.quantity, self.progress.committed), ZERO)

    def part(self, number: int) -> Slice | None:
        """Return the next try at a slice; None while it is too soon after one that gave nothing.

        The wait doubles from two seconds on, so that what a venue keeps refusing is asked
        for less and less often.
        """
        tries = [child for child in self.progress.children if child.slice.number == number]
        barren = 0
        for child in reversed(tries):
            if child.filled or child.is_open:
                break
            barren += 1
        if barren and self.now < tries[-1].at + timedelta(seconds=2 ** min(barren, 8)):
            return None
        return Slice(self.parent.algo_id, number, len(tries))

    def following(self) -> Slice | None:
        """Return the slice after the last one, or that one again where it was refused."""
        children = self.progress.children
        if not children:
            return self.part(0)
        last = children[-1]
        return self.part(last.slice.number + (0 if last.is_refused else 1))
