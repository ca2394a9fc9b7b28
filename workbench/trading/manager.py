"""The order manager: drivers that journal first and then talk to a venue.

Both drivers carry out the steps of :class:`~workbench.trading.core.OrderCore`: records
are committed, then effects are carried out, one by one, and each answer is the next
input. :class:`ReplayManager` talks to a simulated venue in the same thread;
:class:`OrderManager` to any :class:`~workbench.core.ports.Broker`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from workbench.core.fill import Fill
from workbench.core.order import Intent, Order
from workbench.core.ports import Broker, Clock, Update
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
from workbench.trading.adjust import Adjustment
from workbench.trading.books import Difference
from workbench.trading.core import OrderCore
from workbench.trading.driver import Driver, Venue
from workbench.trading.journal import Journal
from workbench.trading.records import Record
from workbench.trading.steps import Cancel, Effect, LookUp, Replace, Send, Step

_log = logging.getLogger(__name__)

__all__ = ["OrderManager", "ReplayManager", "Venue"]

# what an adapter may answer with; anything else is a fault of the adapter, and the order is unknown
_ANSWERS = (RefusedError, UsageError, UnavailableError, OutcomeUnknownError)


class ReplayManager(Driver):
    """The synchronous driver.

    Records are grouped: they are committed before anything is sent, and at :meth:`flush`.

    Parameters
    ----------
    core : OrderCore
    journal : Journal
    venue : Venue
    clock : Clock
    page : int
        How many records may wait to be committed together, by default none. More is for a
        venue that is gone when this process is: no order of it could outlive its record.
    """

    def __init__(
        self, core: OrderCore, journal: Journal, venue: Venue, clock: Clock, *, page: int = 0
    ) -> None:
        super().__init__(core, journal, clock)
        self.venue = venue
        self._page = page

    def propose(
        self, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Judge and send an intent; None where it is in the journal already."""
        self._require_ready()
        step, judgement = self._decided(self.core.propose, intent, context, self.clock.now(), halt)
        self._run(step)
        return judgement

    def cancel(self, order_id: str, reason: str = "") -> None:
        """Ask for an order's end; it is asked for even where the journal takes nothing."""
        step = self._decided(self.core.cancel, order_id, self.clock.now(), reason)
        try:
            self._run(step)
        except (InvariantError, UnavailableError):
            if not self.failure or not step.effects:
                raise
            self.venue.cancel(order_id)

    def replace(
        self, order_id: str, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Put an intent in the place of an open order."""
        self._require_ready()
        step, judgement = self._decided(
            self.core.replace, order_id, intent, context, self.clock.now(), halt
        )
        self._run(step)
        return judgement

    def update(self, message: Update) -> None:
        """Take in what the venue tells."""
        self._run(self._decided(self.core.update, message, self.clock.now()))

    def resolve_unknown(self) -> int:
        """Look up every order of unknown fate once; return how many stay unknown."""
        self._run(self._decided(self.core.look_up_unknown, self.clock.now()))
        self.flush()
        return len(self.core.ledger.unknown())

    def recover(self) -> None:
        """Ask the venue about all that is open, adopt the differences, then allow trading.

        Raises
        ------
        InvariantError
            Positions or cash differ even so; trading stays off.
        """
        self._run(self._decided(self.core.recover, self.clock.now()))
        found = self.venue.open_orders()
        self._run(self._decided(self.core.adopt, found, self.clock.now(), is_start=True))
        self.flush()
        self.reconcile(self.venue.positions(), self.venue.account())
        self.is_ready = True

    def flush(self) -> None:
        """Commit what waits to be written.

        Raises
        ------
        UnavailableError
            It could not be written. The state here is then ahead of the journal, so this
            manager sends nothing more: open the journal again and recover.
        InvariantError
            That has happened before.
        """
        self._scribe.write()

    def _run(self, step: Step) -> None:
        self._scribe.put(step.records)
        effects = deque(step.effects)
        while effects:
            if self._scribe.waiting > self._page:
                self.flush()
            self._scribe.require_sound()
            effect = effects.popleft()
            after = self._perform(effect)
            self._scribe.put(after.records)
            effects.extend(after.effects)

    def _perform(self, effect: Effect) -> Step:
        try:
            answer = self._call(effect)
        except _ANSWERS as error:
            return self._decided(self.core.failed, effect, error, self.clock.now())
        return self._decided(self.core.answered, effect, answer, self.clock.now())

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


class OrderManager(Driver):
    """The asyncio driver: the same steps over a :class:`~workbench.core.ports.Broker`.

    Decisions happen between awaits, so two tasks cannot make two orders of one intent; what
    several decide at once shares one write of the journal. Who asked may go away: what was
    begun is carried to its end, or to `drain`, which leaves unknown what does not end.

    Parameters
    ----------
    core : OrderCore
    journal : Journal
    broker : Broker
    clock : Clock
    on_change : callable, optional
        Called with each step once it is committed; for publishing, never for deciding.

    Attributes
    ----------
    refused_key : str
        What the venue said when it no longer let our key in.
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
        self.cash_places = broker.capabilities.cash_places
        self.refused_key = ""
        self._on_change = on_change or _ignore
        self._tasks: set[asyncio.Task[None]] = set()

    async def propose(
        self, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Judge and send an intent; None where it is in the journal already."""
        self._require_ready()
        step, judgement = self._decided(self.core.propose, intent, context, self.clock.now(), halt)
        await self._run(step)
        return judgement

    async def cancel(self, order_id: str, reason: str = "") -> None:
        """Ask for an order's end; the outcome comes as an update.

        It is asked for even where the journal takes nothing more: no risk comes of it.
        """
        step = self._decided(self.core.cancel, order_id, self.clock.now(), reason)
        try:
            await self._run(step)
        except (InvariantError, UnavailableError):
            if not self.failure or not step.effects:
                raise
            await self.broker.cancel(order_id)

    async def replace(
        self, order_id: str, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN
    ) -> Judgement | None:
        """Put an intent in the place of an open order."""
        self._require_ready()
        step, judgement = self._decided(
            self.core.replace, order_id, intent, context, self.clock.now(), halt
        )
        await self._run(step)
        return judgement

    async def update(self, message: Update) -> None:
        """Take in what the venue tells."""
        await self._run(self._decided(self.core.update, message, self.clock.now()))

    async def resolve_unknown(self) -> int:
        """Look up every order of unknown fate once; return how many stay unknown."""
        await self._run(self._decided(self.core.look_up_unknown, self.clock.now()))
        return len(self.core.ledger.unknown())

    async def in_flight(self, most: int | None = None) -> None:
        """Ask again for what is due of all that waits for an answer; for `most` orders at most."""
        await self._run(self._decided(self.core.in_flight, self.clock.now(), most))

    async def pull(self, since: datetime | None = None) -> None:
        """Fetch the executions since the cursor, or since an instant before it."""
        await self._run(self._decided(self.core.pull, self.clock.now(), since))

    async def ask_open(self, *, is_start: bool = False) -> None:
        """Ask for the open orders, and take strangers in; an error is no empty list."""
        found, now = await self.broker.open_orders(), self.clock.now()
        await self._run(self._decided(self.core.adopt, found, now, is_start=is_start))

    async def differences(self) -> list[Difference]:
        """Fetch executions, positions and cash, and return what differs."""
        await self.pull()
        positions, account = await self.broker.positions(), await self.broker.account()
        return self.compare(positions, account)

    async def adjust(self, adjustment: Adjustment) -> None:
        """Take a difference over that a person stands for."""
        await self._run(self._decided(self.core.adjust, adjustment, self.clock.now()))

    async def release(self, symbol: str, actor: str, reason: str) -> None:
        """Let a symbol trade again that the order path has stopped itself."""
        await self._run(self._decided(self.core.release, symbol, actor, reason))

    async def recover(self) -> None:
        """Ask the venue about all that is open, adopt the differences, then allow trading.

        Raises
        ------
        InvariantError
            Positions or cash differ even so; trading stays off.
        UnavailableError
            The venue cannot be asked; trading stays off.
        """
        await self._run(self._decided(self.core.recover, self.clock.now()))
        await self.ask_open(is_start=True)
        self.reconcile(await self.broker.positions(), await self.broker.account())
        self.is_ready = True

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way: all that has happened is in the journal, and told."""
        return not self._tasks

    async def flush(self) -> None:
        """Return once all that has happened so far is on the disk; errors as `Scribe.written`."""
        await self._scribe.written()

    async def drain(self, seconds: float = 5.0) -> None:
        """Let what is under way come to its end; what takes longer is left unknown."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(WorkbenchError):  # told by `failure`
            await self.flush()
        self._scribe.close()

    def _put(self, *records: Record) -> None:
        if _is_in_loop():
            self._scribe.put(records)
            self._begin(self._scribe.written())
        else:
            super()._put(*records)

    async def _run(self, step: Step) -> None:
        # put now, as it was applied now: by the time a task begins, another may have been
        self._scribe.put(step.records)
        # a task of its own: who asked may go away, what was begun goes on
        await asyncio.shield(self._begin(self._carry_out(step)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # told to who waits, if anyone does; the rest is in `failure`
            _log.debug("a step of the order path failed: %r", task.exception())

    async def _carry_out(self, step: Step) -> None:
        effects = deque(step.effects)
        await self._commit(step)
        while effects:
            effect = effects.popleft()
            after = await self._perform(effect)
            self._scribe.put(after.records)
            await self._commit(after)
            effects.extend(after.effects)

    async def _commit(self, step: Step) -> None:
        await self._scribe.written()
        if step.records or step.alarms:
            self._on_change(step)

    async def _perform(self, effect: Effect) -> Step:
        is_settled = False
        try:
            answer = await self._call(effect)
            is_settled = True
        except _ANSWERS as error:
            is_settled = True
            if error.facts.get("key_refused"):
                self.refused_key = error.message
            return self._decided(self.core.failed, effect, error, self.clock.now())
        finally:
            # a cancelled task or a fault of the adapter: sent or not, nobody can say
            if not is_settled:
                cut = self._cut(effect)
                self._scribe.put(cut.records)
                await self._commit(cut)
        return self._decided(self.core.answered, effect, answer, self.clock.now())

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


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _ignore(step: Step) -> None:
    del step
