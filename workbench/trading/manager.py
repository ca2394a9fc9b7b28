"""The order manager: drivers that journal first and then talk to a venue.

Both drivers carry out the steps of :class:`~workbench.trading.core.OrderCore`: records
are committed, then effects are carried out, one by one, and each answer is the next
input. :class:`ReplayManager` talks to a simulated venue in the same thread;
:class:`OrderManager` to any :class:`~workbench.core.ports.Broker`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.order import Intent, Order
from workbench.core.ports import Broker, Clock, Update
from workbench.core.position import Position
from workbench.errors import (
    InvariantError,
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)
from workbench.risk.context import Context
from workbench.risk.gate import Judgement
from workbench.risk.halt import HaltLevel
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record
from workbench.trading.steps import Cancel, Effect, LookUp, Replace, Send, Step

__all__ = ["OrderManager", "ReplayManager", "Venue"]

# what an adapter may answer with; anything else is a fault of the adapter, and the order is unknown
_ANSWERS = (RefusedError, UsageError, UnavailableError, OutcomeUnknownError)


class Venue(Protocol):
    """A venue in the same thread: :class:`~workbench.core.ports.Broker` without waiting."""

    def submit(self, order: Order) -> Order:
        """Take an order; return it as acknowledged."""

    def cancel(self, order_id: str) -> None:
        """End an order."""

    def replace(self, order_id: str, new: Order) -> Order:
        """Put an order in the place of another."""

    def open_orders(self) -> Sequence[Order]:
        """Return what may still be filled."""

    def order(self, order_id: str) -> Order | None:
        """Look an order up, ended ones included."""

    def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions, oldest first."""

    def positions(self) -> Sequence[Position]:
        """Return what is held."""

    def account(self) -> Account:
        """Return cash and equity."""


class _Manager:
    """What both drivers share: the core, the journal, and writing before acting."""

    def __init__(self, core: OrderCore, journal: Journal, clock: Clock) -> None:
        self.core = core
        self.journal = journal
        self.clock = clock
        self.is_ready = False
        self._waiting: list[Record] = []
        self._broken: WorkbenchError | None = None

    def open_book(self, cash: Mapping[str, Decimal]) -> None:
        """Begin the book with its cash; a book that is there already is left as it is."""
        if self.core.ledger.is_opened:
            return
        record = Record(Kind.OPENED, {name: format(amount, "f") for name, amount in cash.items()})
        self.core.ledger.apply(record)
        self._waiting.append(record)
        self.flush()

    def note(self, text: str, **facts: str) -> None:
        """Put something to know into the journal."""
        self._waiting.append(Record(Kind.NOTE, {"text": text, **facts}))
        self.flush()

    def flush(self) -> None:
        """Commit what waits to be written.

        Raises
        ------
        UnavailableError
            It could not be written. The state here is then ahead of the journal, so this
            manager does nothing more: open the journal again and recover.
        """
        if self._broken is not None:
            raise InvariantError(
                f"the journal failed before ({self._broken.message}); start again to recover"
            )
        if not self._waiting:
            return
        try:
            self.journal.append(self._waiting, self.core.ledger)
        except WorkbenchError as error:
            self._broken = error
            raise
        self._waiting = []

    def reconcile(self, positions: Sequence[Position], account: Account) -> None:
        """Compare our books with a venue's statement.

        Raises
        ------
        InvariantError
            They differ; the facts hold each difference.
        """
        books = self.core.ledger.books
        found = books.differences(positions, account.cash, account.currency)
        if found:
            raise InvariantError(
                "our books are not what the venue says: " + "; ".join(found), differences=found
            )

    def _require_ready(self) -> None:
        if not self.is_ready:
            raise RefusedError("trading is off until recovery is done")

    def _cut(self, effect: Effect) -> Step:
        return self.core.failed(
            effect, OutcomeUnknownError("the call was cut short"), self.clock.now()
        )


class ReplayManager(_Manager):
    """The synchronous driver.

    Records are grouped: they are committed before anything is sent, and at
    :meth:`~_Manager.flush`, which the caller does at the end of each bar.

    Parameters
    ----------
    core : OrderCore
    journal : Journal
    venue : Venue
    clock : Clock
    """

    def __init__(self, core: OrderCore, journal: Journal, venue: Venue, clock: Clock) -> None:
        super().__init__(core, journal, clock)
        self.venue = venue

    def propose(
        self, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Judge and send an intent; None where it is in the journal already."""
        self._require_ready()
        step, judgement = self.core.propose(intent, context, self.clock.now(), halt)
        self._run(step)
        return judgement

    def cancel(self, order_id: str, reason: str = "") -> None:
        """Ask for an order's end."""
        self._run(self.core.cancel(order_id, self.clock.now(), reason))

    def replace(
        self, order_id: str, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Put an intent in the place of an open order."""
        self._require_ready()
        step, judgement = self.core.replace(order_id, intent, context, self.clock.now(), halt)
        self._run(step)
        return judgement

    def update(self, message: Update) -> None:
        """Take in what the venue tells."""
        self._run(self.core.update(message, self.clock.now()))

    def resolve_unknown(self) -> int:
        """Look up every order of unknown fate once; return how many stay unknown."""
        self._run(self.core.look_up_unknown())
        self.flush()
        return len(self.core.ledger.unknown())

    def recover(self) -> None:
        """Ask the venue about all that is open, adopt the differences, then allow trading.

        Raises
        ------
        InvariantError
            Positions or cash differ even so; trading stays off.
        """
        self._run(self.core.recover(self.clock.now()))
        self._run(self.core.adopt(self.venue.open_orders(), self.clock.now()))
        self.flush()
        self.reconcile(self.venue.positions(), self.venue.account())
        self.is_ready = True

    def _run(self, step: Step) -> None:
        self._waiting.extend(step.records)
        effects = deque(step.effects)
        while effects:
            self.flush()
            effect = effects.popleft()
            after = self._perform(effect)
            self._waiting.extend(after.records)
            effects.extend(after.effects)

    def _perform(self, effect: Effect) -> Step:
        try:
            answer = self._call(effect)
        except _ANSWERS as error:
            return self.core.failed(effect, error, self.clock.now())
        return self.core.answered(effect, answer, self.clock.now())

    def _call(self, effect: Effect) -> Order | Sequence[Fill] | None:
        venue = self.venue
        if isinstance(effect, Send):
            return venue.submit(effect.order)
        if isinstance(effect, Cancel):
            venue.cancel(effect.order_id)
            return None
        if isinstance(effect, Replace):
            return venue.replace(effect.order_id, effect.order)
        if isinstance(effect, LookUp):
            return venue.order(effect.order_id)
        return venue.fills(effect.since)


class OrderManager(_Manager):
    """The asyncio driver: the same steps over a :class:`~workbench.core.ports.Broker`.

    Decisions and journal writes happen between awaits, so two tasks cannot make two orders
    of one intent. A task that is cancelled while it sends leaves its order unknown.

    Parameters
    ----------
    core : OrderCore
    journal : Journal
    broker : Broker
    clock : Clock
    on_change : callable, optional
        Called with each step once it is committed; for publishing, never for deciding.
    """

    def __init__(
        self,
        core: OrderCore,
        journal: Journal,
        broker: Broker,
        clock: Clock,
        on_change: Callable[[Step], None] | None = None,
    ) -> None:
        super().__init__(core, journal, clock)
        self.broker = broker
        self._on_change = on_change or _ignore

    async def propose(
        self, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Judge and send an intent; None where it is in the journal already."""
        self._require_ready()
        step, judgement = self.core.propose(intent, context, self.clock.now(), halt)
        await self._run(step)
        return judgement

    async def cancel(self, order_id: str, reason: str = "") -> None:
        """Ask for an order's end; the outcome comes as an update."""
        await self._run(self.core.cancel(order_id, self.clock.now(), reason))

    async def replace(
        self, order_id: str, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Put an intent in the place of an open order."""
        self._require_ready()
        step, judgement = self.core.replace(order_id, intent, context, self.clock.now(), halt)
        await self._run(step)
        return judgement

    async def update(self, message: Update) -> None:
        """Take in what the venue tells."""
        await self._run(self.core.update(message, self.clock.now()))

    async def resolve_unknown(self) -> int:
        """Look up every order of unknown fate once; return how many stay unknown."""
        await self._run(self.core.look_up_unknown())
        return len(self.core.ledger.unknown())

    async def recover(self) -> None:
        """Ask the venue about all that is open, adopt the differences, then allow trading.

        Raises
        ------
        InvariantError
            Positions or cash differ even so; trading stays off.
        UnavailableError
            The venue cannot be asked; trading stays off.
        """
        await self._run(self.core.recover(self.clock.now()))
        await self._run(self.core.adopt(await self.broker.open_orders(), self.clock.now()))
        self.reconcile(await self.broker.positions(), await self.broker.account())
        self.is_ready = True

    async def _run(self, step: Step) -> None:
        self._commit(step)
        effects = deque(step.effects)
        while effects:
            effect = effects.popleft()
            after = await self._perform(effect)
            self._commit(after)
            effects.extend(after.effects)

    def _commit(self, step: Step) -> None:
        self._waiting.extend(step.records)
        self.flush()
        if step.records or step.alarms:
            self._on_change(step)

    async def _perform(self, effect: Effect) -> Step:
        is_settled = False
        try:
            answer = await self._call(effect)
            is_settled = True
        except _ANSWERS as error:
            is_settled = True
            return self.core.failed(effect, error, self.clock.now())
        finally:
            # a cancelled task or a fault of the adapter: sent or not, nobody can say
            if not is_settled:
                self._commit(self._cut(effect))
        return self.core.answered(effect, answer, self.clock.now())

    def _call(self, effect: Effect) -> Awaitable[Order | Sequence[Fill] | None]:
        broker = self.broker
        if isinstance(effect, Send):
            return broker.submit(effect.order)
        if isinstance(effect, Cancel):
            return broker.cancel(effect.order_id)
        if isinstance(effect, Replace):
            return broker.replace(effect.order_id, effect.order)
        if isinstance(effect, LookUp):
            return broker.order(effect.order_id)
        return broker.fills(effect.since)


def _ignore(step: Step) -> None:
    del step
