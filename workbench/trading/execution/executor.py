"""Works parents through the order path: reads the journal, decides, proposes, withdraws.

Nothing is remembered that the journal does not hold, so a restart goes on where it was:
a part that was written is not made again, and one of unknown fate counts whole until it
is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.money import MONEY
from workbench.core.order import Intent
from workbench.core.parent import Parent, ParentEvent, ParentState
from workbench.errors import RefusedError, UsageError, WorkbenchError, nearest
from workbench.risk.gate import Judgement
from workbench.trading.driver import Driver
from workbench.trading.execution.algorithm import Algorithm, read
from workbench.trading.execution.decide import decide, intent_of
from workbench.trading.execution.moment import (
    Action,
    Finish,
    Hold,
    Known,
    Place,
    Progress,
    Seen,
)
from workbench.trading.execution.tape import Tape
from workbench.trading.manager import OrderManager, ReplayManager
from workbench.trading.parents import Execution, committed
from workbench.trading.records import Kind, Record

__all__ = ["Executor", "ReplayExecutor"]

_PATIENCE = timedelta(seconds=20)  # after which a withdrawal that led to nothing is asked again


class _Executing:
    """What both executors share: everything but how something is sent.

    Attributes
    ----------
    on_change : callable
        Told of each parent that begins or changes its state; for showing and learning.
    may_place : callable
        Whether a part of a parent may be sent now; while it may not nothing is refused either.
    """

    def __init__(self, driver: Driver, tape: Tape) -> None:
        self._driver, self.tape = driver, tape
        self._algorithms: dict[str, Algorithm] = {}
        self._before: dict[str, Decimal] = {}  # volume of a symbol when a parent began
        self._asked: dict[str, datetime] = {}
        self._known: dict[str, Known] = {}
        self.on_change: Callable[[Execution], None] = _ignore
        self.may_place: Callable[[Parent], bool] = _always

    @property
    def executions(self) -> dict[str, Execution]:
        """Every parent of the book, by its id."""
        return self._driver.core.ledger.executions

    def execution(self, algo_id: str) -> Execution:
        """Return a parent and where it is.

        Raises
        ------
        UsageError
            There is none of that id.
        """
        if algo_id not in self.executions:
            raise UsageError(
                f"no parent {algo_id[:64]!r}{nearest(algo_id, self.executions)}", missing=True
            )
        return self.executions[algo_id]

    def progress(self, algo_id: str) -> Progress:
        """Return how far a parent is."""
        return Progress.of(self._driver.core.ledger, self.execution(algo_id))

    def _begin(self, parent: Parent) -> bool:
        known = self.executions.get(parent.algo_id)
        if known is not None:
            if known.parent != parent:
                raise UsageError(f"{parent.algo_id} is another parent already")
            return False
        if parent.algo_id in self._driver.core.ledger.retired:
            raise UsageError(f"{parent.algo_id} is over already", algo_id=parent.algo_id)
        if not self._driver.is_ready:
            raise RefusedError("trading is off until recovery is done")
        read(parent.algorithm, parent.settings)
        self._driver.enter(Record(Kind.PARENT, parent, parent.algo_id))
        self.on_change(self.executions[parent.algo_id])
        return True

    def _move(self, algo_id: str, to: ParentState, reason: str) -> None:
        execution = self.execution(algo_id)
        if execution.state is to:
            return
        if not execution.can_go(to):
            raise RefusedError(
                f"{algo_id} is {execution.state} and cannot be {to}", algo_id=algo_id
            )
        event = ParentEvent(algo_id=algo_id, to=to, time=self._driver.clock.now(), reason=reason)
        self._driver.enter(Record(Kind.PARENT_EVENT, event, algo_id))
        self.on_change(execution)

    def _due(self, algo_id: str) -> Iterator[Action]:
        """Yield what is due of a parent, withdrawals that wait for an answer left out."""
        execution, now = self.execution(algo_id), self._driver.clock.now()
        parent = execution.parent
        try:
            algorithm = self._algorithm(parent)
        except UsageError as error:  # of another version: what is open of it is withdrawn
            algorithm = None
            if execution.state is ParentState.RUNNING:
                yield Hold(error.message)
                return
        known = self._known.setdefault(algo_id, {})
        progress = Progress.of(self._driver.core.ledger, execution, known)
        for action in decide(parent, progress, self._seen(parent), now, algorithm):
            if isinstance(action, Place) and not self.may_place(parent):
                continue
            if not isinstance(action, Place | Hold | Finish):
                if now < self._asked.get(action.order_id, now - _PATIENCE) + _PATIENCE:
                    continue
                self._asked[action.order_id] = now
            yield action

    def _algorithm(self, parent: Parent) -> Algorithm:
        if parent.algo_id not in self._algorithms:
            self._algorithms[parent.algo_id] = read(parent.algorithm, parent.settings)
        return self._algorithms[parent.algo_id]

    def _seen(self, parent: Parent) -> Seen:
        seen, name = self.tape.seen(parent.symbol), parent.algo_id
        if name not in self._before:
            if self._driver.clock.now() < parent.start:
                return replace(seen, volume=seen.volume * 0)
            self._before[name] = MONEY.subtract(seen.volume, self._watched(parent))
        return replace(seen, volume=MONEY.subtract(seen.volume, self._before[name]))

    def _watched(self, parent: Parent) -> Decimal:
        """Return the volume that must have been, for what there is already after a restart."""
        have = committed(self._driver.core.ledger, self.execution(parent.algo_id))
        algorithm = self._algorithms.get(parent.algo_id)
        rates = (parent.max_participation, None if algorithm is None else algorithm.rate)
        given = [rate for rate in rates if rate is not None]
        return MONEY.divide(have, max(given)) if given else have

    def _working(self) -> list[str]:
        if not self._driver.is_ready:
            return []
        return [
            name
            for name, one in self.executions.items()
            if not (one.state.is_over or _is_elsewhere(one.parent))
        ]

    def _intent(self, algo_id: str, place: Place) -> Intent:
        parent = self.execution(algo_id).parent
        return intent_of(parent, place, self.tape.seen(parent.symbol), self._driver.clock.now())

    def _enter(self, algo_id: str, action: Hold | Finish) -> None:
        to = action.to if isinstance(action, Finish) else ParentState.PAUSED
        self._move(algo_id, to, action.reason)
        if to.is_over:
            for memory in (self._algorithms, self._before, self._known):
                memory.pop(algo_id, None)


class ReplayExecutor(_Executing):
    """Works parents over a :class:`~workbench.trading.manager.ReplayManager`.

    Parameters
    ----------
    manager : ReplayManager
    tape : Tape
    propose : callable
        Takes an intent to the gate: ``manager.propose`` with a context.
    """

    def __init__(
        self,
        manager: ReplayManager,
        tape: Tape,
        propose: Callable[[Intent], Judgement | None],
    ) -> None:
        super().__init__(manager, tape)
        self._manager, self._propose = manager, propose

    def start(self, parent: Parent) -> None:
        """Write a parent to the journal; the same one again is the one that is there.

        Raises
        ------
        UsageError
            There is another of that id, or its algorithm is not known.
        RefusedError
            Trading is off.
        """
        self._begin(parent)

    def pause(self, algo_id: str, reason: str = "") -> None:
        """Withdraw what is open and send nothing more until it is resumed."""
        self._move(algo_id, ParentState.PAUSED, reason)

    def resume(self, algo_id: str, reason: str = "") -> None:
        """Let a paused parent go on; what was missed is due at once, within its bounds."""
        self._move(algo_id, ParentState.RUNNING, reason)

    def cancel(self, algo_id: str, reason: str = "") -> None:
        """Withdraw a parent: it is over once nothing of it is open."""
        self._move(algo_id, ParentState.CANCELING, reason)

    def look(self) -> int:
        """Do what is due of every parent; to be called after each event and each second.

        Returns
        -------
        int
            How many things were done.
        """
        count = 0
        for name in self._working():
            for action in self._due(name):
                count += 1
                self._do(name, action)
        return count

    def _do(self, name: str, action: Action) -> None:
        if isinstance(action, Place):
            self._propose(self._intent(name, action))
        elif isinstance(action, Hold | Finish):
            self._enter(name, action)
        else:
            self._manager.cancel(action.order_id, action.reason)


class Executor(_Executing):
    """Works parents over a :class:`~workbench.trading.manager.OrderManager`.

    Parameters
    ----------
    manager : OrderManager
    tape : Tape
        Whoever reads the feed puts its events in.
    propose : callable
        Takes an intent to the gate: ``TradingAccount.propose``.
    """

    def __init__(
        self,
        manager: OrderManager,
        tape: Tape,
        propose: Callable[[Intent], Awaitable[Judgement | None]],
    ) -> None:
        super().__init__(manager, tape)
        self._manager, self._propose = manager, propose
        self._busy: set[str] = set()

    async def start(self, parent: Parent) -> None:
        """Write a parent to the journal, durably; see `ReplayExecutor.start`."""
        self._begin(parent)
        await self._manager.flush()

    async def pause(self, algo_id: str, reason: str = "") -> None:
        """Withdraw what is open and send nothing more until it is resumed."""
        await self._change(algo_id, ParentState.PAUSED, reason)

    async def resume(self, algo_id: str, reason: str = "") -> None:
        """Let a paused parent go on; what was missed is due at once, within its bounds."""
        await self._change(algo_id, ParentState.RUNNING, reason)

    async def cancel(self, algo_id: str, reason: str = "") -> None:
        """Withdraw a parent: it is over once nothing of it is open."""
        await self._change(algo_id, ParentState.CANCELING, reason)

    async def finish(self, algo_id: str, to: ParentState, reason: str) -> None:
        """Say that a parent whose parts are worked elsewhere is over."""
        self._move(algo_id, to, reason)
        await self._manager.flush()

    async def look(self) -> int:
        """Do what is due of every parent, side by side; return how many things were done."""
        return sum(await asyncio.gather(*(self._work(name) for name in self._working())))

    async def run(self, tick: float = 1.0) -> None:
        """Look again and again, until it is cancelled; a slow answer holds up its parent only."""
        under_way: set[asyncio.Task[int]] = set()
        try:
            while True:
                for name in self._working():
                    if name not in self._busy:
                        under_way.add(asyncio.create_task(self._work(name)))
                await asyncio.sleep(tick)
                done = {task for task in under_way if task.done()}
                under_way -= done
                for task in done:
                    task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _change(self, algo_id: str, to: ParentState, reason: str) -> None:
        self._move(algo_id, to, reason)
        await self._manager.flush()
        if algo_id in self._working():
            await self._work(algo_id)

    async def _work(self, name: str) -> int:
        if name in self._busy:
            return 0
        self._busy.add(name)
        count = 0
        try:
            for action in self._due(name):
                count += 1
                await self._do(name, action)
        except RefusedError as error:
            if self._driver.is_ready:  # else trading was switched off meanwhile: it goes on later
                self._stumble(name, error)
        except UsageError as error:  # it alone is paused
            self._stumble(name, error)
        finally:
            self._busy.discard(name)
        return count

    def _stumble(self, name: str, error: WorkbenchError) -> None:
        if self.execution(name).can_go(ParentState.PAUSED):
            self._move(name, ParentState.PAUSED, error.message)

    async def _do(self, name: str, action: Action) -> None:
        if isinstance(action, Place):
            await self._propose(self._intent(name, action))
        elif isinstance(action, Hold | Finish):
            self._enter(name, action)
        else:
            await self._manager.cancel(action.order_id, action.reason)


def _is_elsewhere(parent: Parent) -> bool:
    return Algorithm.known.get(parent.algorithm, Algorithm).works_elsewhere


def _ignore(execution: Execution) -> None:
    del execution


def _always(parent: Parent) -> bool:
    del parent
    return True
