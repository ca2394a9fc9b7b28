"""The desk: a paper account that trades while the web server runs.

An invented market moves by the clock, tickets go through the risk gate and the order
manager into the journal and then to the simulated venue, and fills come back as the
venue's updates. Everything is published on the bus; positions, cash, open orders and the
kill switch survive a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.bus.memory import MemoryBus
from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.core.money import ZERO, decimal
from workbench.core.order import Order, OrderState
from workbench.core.ports import Bus, Update
from workbench.costs.costs import Costs
from workbench.errors import InvariantError, RefusedError, UnavailableError, UsageError, nearest
from workbench.live.day import DayStart
from workbench.live.feed import SyntheticFeed
from workbench.live.halting import closing_intent, what_a_halt_asks
from workbench.live.market import Market
from workbench.live.news import News
from workbench.live.rehearsal import rehearse
from workbench.live.ticket import Ticket, check_same, outcome
from workbench.live.view import Holding, Log, Snapshot
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.risk.halt import Halt, KillSwitch
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import OrderManager
from workbench.trading.steps import Step
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Desk"]

_BOOK = "desk"
_LEVERAGE = 2.0
_PATIENCE = 1.0


class Desk:
    """The paper desk of a workspace; one process at a time may run it.

    It lives in one event loop; other threads may ask for `symbols` and `bars` only.

    Parameters
    ----------
    settings : Settings
        Database, data folder and risk limits.
    bus : Bus, optional
        Gets ``orders``, ``positions``, ``quotes:SYMBOL`` and ``system``.
    feed : SyntheticFeed, optional
        The market, to share one; the desk closes only one that it made itself.
    cash : float
        Of a new account.
    tick : float
        Seconds between two looks at the market.
    costs : wb.Costs, optional
        Of the venue; free of charge by default.
    faults : Faults, optional
        What goes wrong between desk and venue; nothing by default.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from workbench.config import load_settings
    >>> async def session(folder):
    ...     async with Desk(load_settings(folder), tick=0.01) as desk:
    ...         order = await desk.submit(Ticket("ACME/USD", "buy", 10), user="ada")
    ...         while desk.order(order.order_id).state.is_open:
    ...             await asyncio.sleep(0.01)
    ...         return desk.snapshot().holdings[0].quantity
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(session(folder))
    Decimal('10.0')
    """

    def __init__(
        self,
        settings: Settings,
        bus: Bus | None = None,
        *,
        feed: SyntheticFeed | None = None,
        cash: float = 1_000_000,
        tick: float = 1.0,
        costs: Costs | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.settings = settings
        self.bus: Bus = bus or MemoryBus()
        self.clock = WallClock()
        self.failure = ""
        self._given_feed = feed
        self._cash, self._tick = cash, tick
        self._costs, self._faults = costs, faults
        self._log: tuple[int, Log] = (-1, Log())
        self._tasks: list[asyncio.Task[None]] = []
        self._opened: ExitStack | None = None
        self._is_running = False
        self._names = 0

    # open and closed --------------------------------------------------------------------

    def open(self) -> None:
        """Take the books and the venue's account; nothing moves before `start`.

        Raises
        ------
        UsageError
            Another process runs the desk of this workspace.
        """
        with ExitStack() as stack:
            database = open_database(self.settings)
            stack.callback(database.close)
            self._journal = Journal(database, _BOOK, self.clock)
            stack.callback(self._journal.close)
            self.kill_switch = KillSwitch(database, _BOOK, self.clock)
            self._memory = Memory(self.settings.folder("desk") / "venue.jsonl")
            stack.callback(self._memory.close)
            feed = self._given_feed
            if feed is None:
                feed = SyntheticFeed(self.clock.now())
                stack.callback(feed.close)
            self._connect(feed)
            self._opened = stack.pop_all()

    async def start(self) -> None:
        """Recover, and let the market move; opens the desk where that was not done.

        Where recovery finds books and venue apart, the desk runs with trading off, and
        ``failure`` says why.
        """
        if self._opened is None:
            await asyncio.to_thread(self.open)
        try:
            await asyncio.to_thread(rehearse)
            updates = self._broker.updates()
            self._is_running = True
            await self._move()
            await self._recover()
            self._begin_day(DayStart.of(self._journal, self._equity(), self.clock.now()))
            self._tasks = [
                self._watched(self._run_market(), "market"),
                self._watched(self._run_updates(updates), "updates"),
                self._watched(self._run_housekeeping(), "housekeeping"),
            ]
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop, leaving open orders with the venue; harmless when stopped already."""
        self._is_running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self.close()

    def close(self) -> None:
        """Give the books back; of a desk that runs, `stop` does it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            self._manager.is_ready = False
            opened.close()

    async def __aenter__(self) -> Desk:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    # what is done -----------------------------------------------------------------------

    async def submit(self, ticket: Ticket, user: str) -> Order:
        """Send an order; return it as it stands after the venue's answer.

        Parameters
        ----------
        user : str
            Who asks, for the journal.

        Raises
        ------
        UsageError
            The ticket makes no order, or its ``order_id`` was used for another one.
        RefusedError
            The risk gate (``rule``, ``measured`` and ``limit`` say why) or the venue said
            no, now or when the same ``order_id`` was sent before.
        """
        self._require_running()
        now = self.clock.now()
        name = ticket.order_id or self._name("desk")
        intent = ticket.intent(self._market.traded(), name=name, user=user, now=now)
        ledger = self._manager.core.ledger
        judged = ledger.intents.get(name)
        known = judged.intent if judged is not None else ledger.orders.get(name)
        if known is not None:
            check_same(intent, known)
        else:
            await self._manager.propose(intent, self._context(), self.kill_switch.reload())
        return outcome(ledger, name, again=known is not None)

    async def cancel(self, order_id: str, user: str) -> Order:
        """Ask for an order's end; return it as it then stands, ended where the venue is quick.

        Raises
        ------
        UsageError
            There is no such order.
        """
        self._require_running()
        self.order(order_id)
        await self._manager.cancel(order_id, f"canceled by {user}")
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while self.order(order_id).state is OrderState.PENDING_CANCEL:
                    await self._news.more()
        return self.order(order_id)

    async def halt(self, level: str, reason: str = "", *, user: str) -> Halt:
        """Raise or lower the kill switch; it is stored first, then acted upon until proven.

        Raises
        ------
        UsageError
            No such level, or a lowering without a reason.
        """
        self.kill_switch.set(level, actor=user, reason=reason)
        halt = self.kill_switch.halt
        text = f"{halt.level.value}: {reason or 'no reason given'}"
        self._news.say("halt", text, halt=halt.level.value, actor=user)
        if self._is_running:
            await self._enforce_halt()
        return halt

    # what is there ----------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """What can be traded."""
        return self._market.feed.symbols

    def order(self, order_id: str) -> Order:
        """Return an order as the journal has it.

        Raises
        ------
        UsageError
            There is none of that id.
        """
        orders = self._manager.core.ledger.orders
        if order_id not in orders:
            raise UsageError(f"no order {order_id[:64]!r}{nearest(order_id, orders)}", missing=True)
        return orders[order_id]

    def bars(self, symbol: str, seconds: int = 15, count: int = 240) -> pd.DataFrame:
        """Return the last bars of a symbol, as `SyntheticFeed.bars`."""
        return self._market.feed.bars(symbol, self.clock.now(), seconds, count)

    def snapshot(self) -> Snapshot:
        """Return the state of the desk; it does not change with the desk."""
        ledger = self._manager.core.ledger
        if self._log[0] != self._news.count:
            self._log = (self._news.count, Log.of(ledger))
        market, held = self._market, sorted(ledger.books.positions.items())
        return Snapshot(
            time=self.clock.now(),
            changes=self._news.count,
            source=market.feed.source,
            venue=self._broker.name,
            is_ready=self._manager.is_ready and not self.failure,
            failure=self.failure,
            halt=self.kill_switch.halt,
            quotes=dict(market.quotes),
            holdings=tuple(Holding.of(one, market.prices[symbol]) for symbol, one in held),
            cash=ledger.books.cash.get("USD", ZERO),
            equity=self._equity(),
            day_start=self._day.equity,
            log=self._log[1],
        )

    # inside -----------------------------------------------------------------------------

    def _connect(self, feed: SyntheticFeed) -> None:
        self._venue = SimVenue(
            feed.symbols, self._cash, plain_terms(self._costs, leverage=_LEVERAGE),
            memory=self._memory, checks_funds=True, account_id=_BOOK,
        )  # fmt: skip
        self._broker = SimBroker(self._venue, self._faults)
        core = OrderCore(Gate.of(self.settings.risk), self._journal.load())
        self._manager = OrderManager(core, self._journal, self._broker, self.clock, self._publish)
        self._market = Market(feed, self._venue.state.book, self.clock)
        self._news = News(self.bus, self.clock, self._market.prices)
        self._manager.open_book({"USD": self._memory.open_account(decimal(self._cash, "cash"))})
        self._day = DayStart.of(self._journal, self._equity(), self.clock.now())

    async def _recover(self) -> None:
        try:
            await self._manager.recover()
        except (InvariantError, UnavailableError) as error:
            self._fail(error.message)

    def _require_running(self) -> None:
        if not self._is_running or self.failure:
            raise RefusedError(f"the desk is not trading: {self.failure or 'it is stopped'}")

    def _name(self, word: str) -> str:
        self._names += 1
        return f"{word}-{self.clock.now():%Y%m%dT%H%M%S%f}-{self._names}"

    async def _move(self) -> None:
        for quote in self._market.look():
            self._broker.on_quote(quote)
            self._news.quote(quote, self._market.feed.source)
            await asyncio.sleep(0)  # a fill waits for the disk; let others in between

    async def _run_market(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            await self._move()

    async def _run_updates(self, updates: AsyncIterator[Update]) -> None:
        async for update in updates:
            await self._manager.update(update)
            await asyncio.sleep(0)

    async def _run_housekeeping(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            day = self._day.on(self.clock.now(), self._equity())
            if day != self._day:
                self._begin_day(day)
            await self._manager.resolve_unknown()
            self.kill_switch.reload()
            await self._enforce_halt()

    async def _enforce_halt(self) -> None:
        if not self._manager.is_ready:
            return
        level = self.kill_switch.level
        step = what_a_halt_asks(self._manager.core.ledger, level)
        for order_id in step.cancels:
            await self._manager.cancel(order_id, "trading was halted")
        for symbol, quantity in step.closes:
            intent = closing_intent(self._name("flat"), symbol, quantity, self.clock.now())
            await self._manager.propose(intent, self._context(), level)

    def _begin_day(self, day: DayStart) -> None:
        self._day = day
        self._manager.note("day", **day.note())

    def _equity(self) -> Decimal:
        return self._manager.core.ledger.books.equity(self._market.prices)

    def _context(self) -> Context:
        ledger = self._manager.core.ledger
        return Context(
            equity=self._equity(),
            day_start_equity=self._day.equity,
            prices=self._market.prices,
            positions={s: p.quantity for s, p in ledger.books.positions.items()},
            reserved={o.symbol: ledger.reserved(o.symbol) for o in ledger.open_orders()},
        )

    def _publish(self, step: Step) -> None:
        self._news.step(step, self._manager.core.ledger)

    def _fail(self, why: str) -> None:
        self.failure = why
        self._manager.is_ready = False
        self._news.say("failure", f"trading is off: {why}")

    def _watched(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"desk {name}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        # nothing of the desk ends by itself: whatever it was, trading stops until a restart
        if task.cancelled() or not self._is_running:
            return
        self._fail(f"{task.get_name()} ended: {task.exception()!r}")
