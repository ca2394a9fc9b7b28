"""The live engine: feed, bars, strategies, sizing, gate, manager; one per account.

::

    feed ─▶ Market (sound, fresh) ─▶ Line (whole rows, no gaps) ─▶ LiveRun (targets)
         ─▶ Pilot (decisions, intents) ─▶ gate ─▶ OrderManager ─▶ venue ─▶ journal ─▶ books

Waiting is done at the edge: for events of a feed, for a venue's answer, for the updates it
tells. What lies between is synchronous, and is the code of ``wb.replay``. A start is a
recovery: journal, venue, warm-up, and only then a decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack
from typing import Any

from workbench.config import Settings
from workbench.core.clock import EventClock, WallClock
from workbench.core.parent import Parent
from workbench.core.ports import Bus, Clock, Update
from workbench.errors import UnavailableError, UsageError, nearest
from workbench.live.accounts.account import TradingAccount
from workbench.live.accounts.connected import Opener
from workbench.live.accounts.opening import meet
from workbench.live.accounts.ticket import PERSON
from workbench.live.decisions.deployment import Deployment, check_beside
from workbench.live.market.prices import Market
from workbench.live.market.recorder import Recorder
from workbench.live.runs.aftermath import leave
from workbench.live.runs.dispatch import Dispatch
from workbench.live.runs.line import Line
from workbench.live.runs.live_run import LiveRun
from workbench.live.runs.rehearsal import rehearse
from workbench.live.runs.strategies import record_of
from workbench.risk.context import Mode
from workbench.trading.parents import Execution
from workbench.venues.sim.broker import SimBroker

__all__ = ["Engine"]


class Engine:
    """Trades any number of strategies on one account.

    Parameters
    ----------
    settings : Settings
    opener : callable
        Connects to the venue, see `workbench.live.accounts.brokers.opener`.
    account : str
        The name of the book.
    bus : Bus, optional
        Gets ``orders positions quotes:SYMBOL signals:NAME system``.
    clock : Clock, optional
        An `EventClock` goes with the events of the feeds: each is then dealt with to its end
        before the next, and the same events give the same orders.
    tick : float
        Seconds between two looks at halts, unknown orders and the day.
    venue : str
        As it was chosen, for the record.
    mode : {"paper", "live"}
        What kind of account is meant.

    Attributes
    ----------
    runs : dict of str to LiveRun
        By name.
    on_event : list of callable
        Each is given every sound event before it is acted upon.
    """

    def __init__(  # noqa: PLR0913 - an account and what it stands on
        self,
        settings: Settings,
        opener: Opener,
        *,
        account: str = "desk",
        bus: Bus | None = None,
        clock: Clock | None = None,
        tick: float = 1.0,
        venue: str = "sim",
        mode: Mode = "paper",
    ) -> None:
        self.clock: Clock = clock or WallClock()
        self.account = TradingAccount(settings, account, self.clock, bus, mode)
        self.account.listeners.append(self._learn)
        self.venue = venue
        self.runs: dict[str, LiveRun] = {}
        self._dispatch = Dispatch(self.account, self.runs.values, self._end_event)
        self.lines, self.on_event = self._dispatch.lines, self._dispatch.on_event
        self._opener, self._tick = opener, tick
        self._is_serial = isinstance(self.clock, EventClock)
        self._coming: list[Deployment] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._opened: ExitStack | None = None
        self._recorder: Recorder | None = None

    # open and closed --------------------------------------------------------------------

    def open(self) -> None:
        """Take the books and connect to the venue; nothing is asked or sent before `start`.

        Raises
        ------
        UsageError
            Another process trades on this database, or the venue cannot be had.
        """
        with ExitStack() as stack:
            self.account.open(stack)
            self._connected = self._opener(stack)
            broker = self._connected.broker
            self._dispatch.sim = broker if isinstance(broker, SimBroker) else None
            self.account.connect(broker, Market(self._connected.prices))
            executing = self.account.executing
            executing.is_tended = self._is_tended
            executing.listeners.append(self._learn_parent)
            self.on_event.append(executing.take)
            if self._connected.opening is not None:
                self.account.begin({"USD": self._connected.opening})
            self._opened = stack.pop_all()

    async def start(self) -> None:
        """Recover and reconcile; opens the engine where that was not done.

        Where books and venue are apart, or the venue does not answer, trading stays off, and
        ``account.failure`` says why.
        """
        if self._opened is None:
            await asyncio.to_thread(self.open)
        account = self.account
        try:
            await asyncio.to_thread(rehearse)
            updates = account.broker.updates()
            account.is_running = True
            for quote in account.market.quotes.values():
                self._dispatch.price(quote, "synthetic")
            await account.reconciling.start(self._recover)
            account.begin_day()
            self._tasks = [self._watched(self._run_updates(updates), "updates")]
            if not self._is_serial:
                self._tasks.append(self._watched(self._run_housekeeping(), "housekeeping"))
                self._tasks.append(self._watched(self._run_reconciling(), "reconciliation"))
                self._tasks.append(self._watched(self._run_rows(), "rows"))
                self._tasks.append(self._watched(self._run_journal(), "journal"))
                work = account.executing.run(self._tick)
                self._tasks.append(self._watched(work, "execution"))
        except BaseException:
            await self.stop()
            raise

    async def _recover(self) -> None:
        await meet(self.account)
        await self.account.manager.recover()

    async def stop(self) -> None:
        """Stop, leaving open orders with the venue; harmless when stopped already."""
        self.account.is_running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        try:
            for run in self.runs.values():
                run.close()
            if self._opened is not None:
                await self.account.manager.drain()
                self._leave()
            for line in self.lines:
                await line.feed.close()
        finally:  # whatever breaks off, the books are given back
            self.close()

    def close(self) -> None:
        """Give the books back; of an engine that runs, `stop` does it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            self.account.manager.is_ready = False
            opened.close()

    async def __aenter__(self) -> Engine:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    # strategies -------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the account is ours."""
        return self._opened is not None

    async def run(self, deployment: Deployment, line: Line) -> LiveRun:
        """Put a strategy to work on the bars of a line: warm it up, then let it decide.

        The same deployment again goes on as the run it was.

        Raises
        ------
        UsageError
            The name is taken, or account and venue cannot do what it asks for.
        WorkbenchError
            The history to warm up on cannot be had.
        """
        others = [one.deployment for one in self.runs.values() if one.record.state != "ended"]
        others += self._coming
        check_beside(deployment, others, self.account.broker.capabilities.sizes_targets)
        line.check(deployment)
        self._coming.append(deployment)  # while it warms up others may come, and have its place
        try:
            run = await self._warmed_up(deployment, line)
        finally:
            self._coming.remove(deployment)
        line.runs.append(run)
        line.settle = self._dispatch.settle_venue
        run.save()
        self._tasks.append(self._watched(run.work(), f"strategy {run.name}"))
        return run

    async def _warmed_up(self, deployment: Deployment, line: Line) -> LiveRun:
        await line.warm_up(max(3 * deployment.strategy.warmup, 100), self.clock.now())
        account = self.account
        record = record_of(
            account.database, account.name, self.venue, deployment, account.equity(),
            self.clock.now(),
        )  # fmt: skip
        before = self.runs.get(deployment.title)
        # in its place at once: what is filled while it warms up is of its books as well
        run = self.runs[deployment.title] = LiveRun(deployment, record, account, line)
        try:
            await run.warm_up()
            if not account.is_running:
                raise UnavailableError(f"{account.name} was stopped before {run.name} began")
        except BaseException:
            run.close()
            del self.runs[run.name]
            if before is not None:
                self.runs[run.name] = before
            raise
        return run

    def listen(self, line: Line) -> None:
        """Begin to read a line's feed."""
        self._dispatch.add(line)
        self._tasks.append(self._watched(self._dispatch.read(line), f"feed {line.feed.name}"))

    def pause(self, name: str, reason: str, user: str) -> None:
        """Let a strategy decide no more until it is resumed; its orders stay as they are."""
        self._move(name, "paused", reason or "paused", user)

    def resume(self, name: str, user: str, reason: str = "") -> None:
        """Let a paused strategy decide again, from the next bar on."""
        self._move(name, "running", reason or "resumed", user)

    async def end(self, name: str, user: str, reason: str = "", *, cancels: bool = True) -> None:
        """End a strategy's run for good; `cancels` says what becomes of its open orders."""
        run = self._move(name, "ended", reason or "ended", user)
        if cancels:
            await run.cancel_orders(f"{name} was ended by {user}")

    async def finished(self) -> None:
        """Wait until all feeds are over and all that they told is dealt with."""
        while not all(line.is_over for line in self.lines) and not self.account.failure:
            await asyncio.sleep(0.01)
        await self._dispatch.settle()

    def record(self, recorder: Recorder) -> None:
        """Keep what is acted upon from now on; the runs are saved at the end then."""
        self._recorder = recorder
        self.on_event.append(recorder.write)

    def _leave(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        recorder.close()
        for run in self.runs.values():
            leave(run)

    # inside: the account ---------------------------------------------------------------

    async def _run_updates(self, updates: AsyncIterator[Update]) -> None:
        async for update in updates:
            await self.account.manager.update(update)
            await asyncio.sleep(0)

    async def _run_housekeeping(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            await self._keep_house()

    async def _run_rows(self) -> None:
        # beside the housekeeping: a history that does not answer must not hold up a halt
        while True:
            await asyncio.sleep(self._tick)
            await asyncio.gather(*(self._dispatch.end_rows(line) for line in self.lines))

    async def _run_journal(self) -> None:
        """See that the journal is whole, once, and then that it stays ours."""
        journal = self.account.journal
        await asyncio.to_thread(journal.scan)
        while True:
            await asyncio.sleep(self._tick)
            await asyncio.to_thread(journal.check)

    async def _run_reconciling(self) -> None:
        # beside the housekeeping: a venue that does not answer must not hold up a halt
        while True:
            await asyncio.sleep(self._tick)
            await self.account.reconciling.look()

    async def _end_event(self) -> None:
        await self._keep_house()
        await self.account.executing.catch_up(self._dispatch.settle)
        await self.account.reconciling.look()

    async def _keep_house(self) -> None:
        self.account.look_at_the_day()
        await self.account.enforce_halt()
        await self._dispatch.close_sessions()

    def _learn(self, step: Any) -> None:
        for run in self.runs.values():
            run.learn(step)

    def _learn_parent(self, execution: Execution) -> None:
        for run in self.runs.values():
            run.learn_parent(execution)

    def _is_tended(self, parent: Parent) -> bool:
        """Whether a person or a strategy that is at work stands behind a parent."""
        if parent.run_id == PERSON:
            return True
        at_work = (one.record for one in self.runs.values())
        return any(one.run_id == parent.run_id and one.state != "ended" for one in at_work)

    # inside: strategies -----------------------------------------------------------------

    def _named(self, name: str) -> LiveRun:
        if name not in self.runs:
            raise UsageError(
                f"no strategy {name!r} is at work{nearest(name, self.runs)}", missing=True
            )
        return self.runs[name]

    def _move(self, name: str, to: str, reason: str, user: str) -> LiveRun:
        run = self._named(name)
        before = run.record.state
        if before == "ended":
            raise UsageError(f"{name} has ended; put it to work anew")
        self.account.audit(f"strategy:{self.account.name}:{name}", user, reason, (before, to))
        run.set_state(to, f"{reason} ({user})")
        return run

    def _watched(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{self.account.name} {name}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        # nothing of an engine ends by itself: whatever it was, trading stops until a restart
        if not self.account.is_running:
            return
        why = "it was canceled" if task.cancelled() else repr(task.exception())
        self.account.fail(f"{task.get_name()} ended: {why}")
