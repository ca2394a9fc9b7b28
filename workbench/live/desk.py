"""The desk: a paper account that trades while the web server runs.

A synthetic market moves, tickets go through the risk gate and the order manager into the
journal and then to the simulated venue, and fills come back as the venue's updates.
Everything is published on the bus; positions, cash, open orders and the kill switch
survive a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from workbench.bus.memory import MemoryBus
from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.core.money import decimal
from workbench.core.order import Intent, Order
from workbench.core.ports import Bus
from workbench.core.quote import Quote
from workbench.costs.costs import Costs
from workbench.errors import InvariantError, RefusedError, UnavailableError
from workbench.live.feed import SyntheticFeed, sample_closes
from workbench.live.halting import closing_intent, what_a_halt_asks
from workbench.live.ticket import Ticket
from workbench.live.view import (
    DayStart,
    account_rows,
    fill_message,
    halt_row,
    order_message,
    position_row,
    quote_message,
)
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.risk.halt import HaltLevel, KillSwitch
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import OrderManager
from workbench.trading.records import Kind
from workbench.trading.steps import Step
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["Desk"]

_log = logging.getLogger(__name__)
_BOOK = "desk"


class Desk:
    """The paper desk of a workspace; one process at a time may run it.

    Parameters
    ----------
    settings : Settings
        Database, data folder and risk limits.
    bus : Bus, optional
        Gets ``orders``, ``positions``, ``quotes:SYMBOL`` and ``system``.
    prices : mapping of str to float, optional
        What is traded, and where each symbol begins; the sample symbols at their last
        closes by default.
    cash : float
        Of a new account.
    tick : float
        Seconds between two moves of the market.
    seed : int
        Of the market.
    costs : wb.Costs, optional
        Of the venue; free of charge by default.
    faults : Faults, optional
        What goes wrong between desk and venue; nothing by default.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from workbench.config import load_settings
    >>> async def session(folder):
    ...     async with Desk(load_settings(folder), prices={"AAPL": 100.0}, tick=0.01) as desk:
    ...         order = await desk.submit_ticket("AAPL", "buy", 10, user="ada")
    ...         while desk.order(order.order_id).state.is_open:
    ...             await asyncio.sleep(0.01)
    ...         return desk.snapshot()["positions"][0]["quantity"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(session(folder))
    Decimal('10.0')
    """

    def __init__(  # noqa: PLR0913 - two parties, and five facts of a market that is made up
        self,
        settings: Settings,
        bus: Bus | None = None,
        *,
        prices: Mapping[str, float] | None = None,
        cash: float = 100_000,
        tick: float = 1.0,
        seed: int = 7,
        costs: Costs | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.settings = settings
        self.bus: Bus = bus or MemoryBus()
        self.clock = WallClock()
        self.failure = ""
        self._begin = prices
        self._cash, self._tick, self._seed = cash, tick, seed
        self._costs, self._faults = costs, faults
        self._quotes: dict[str, Quote] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._tickets = 0
        self._is_open = False

    async def start(self) -> None:
        """Open the books, recover, and let the market move.

        Where recovery finds books and venue apart, the desk runs with trading off, and
        ``failure`` says why.

        Raises
        ------
        UsageError
            Another process runs the desk of this workspace.
        """
        begin = self._begin if self._begin is not None else await asyncio.to_thread(sample_closes)
        with ExitStack() as stack:
            database = open_database(self.settings)
            stack.callback(database.close)
            self._journal = Journal(database, _BOOK, self.clock)
            stack.callback(self._journal.close)
            self.kill_switch = KillSwitch(database, _BOOK, self.clock)
            self._memory = Memory(self.settings.folder("sim-venue.jsonl"))
            stack.callback(self._memory.close)
            await self._connect(begin)
            self._opened = stack.pop_all()

    async def stop(self) -> None:
        """Stop, leaving open orders with the venue; harmless when stopped already."""
        if not self._is_open:
            return
        self._is_open = False
        self._manager.is_ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._opened.close()

    async def __aenter__(self) -> Desk:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def submit_ticket(  # noqa: PLR0913 - the fields of a ticket, as a form sends them
        self,
        symbol: str,
        side: str,
        quantity: Decimal | float | str,
        type: str = "market",
        limit_price: Decimal | float | str | None = None,
        stop_price: Decimal | float | str | None = None,
        *,
        user: str,
        key: str | None = None,
    ) -> Order:
        """Send an order; return it as it stands after the venue's answer.

        Parameters
        ----------
        user : str
            Who asks, for the journal.
        key : str, optional
            The caller's own name for the request; the same key is one order, whatever
            happens.

        Raises
        ------
        UsageError
            The ticket makes no order.
        RefusedError
            The risk gate or the venue said no; the facts hold the gate's ``verdicts``.
        """
        ticket = Ticket.of(
            list(self._venue.state.book.cells), symbol=symbol, side=side, quantity=quantity,
            type=type, limit_price=limit_price, stop_price=stop_price,
        )  # fmt: skip
        self._tickets += 1
        name = f"desk-{self._journal.epoch}-{self._tickets}" if key is None else f"key-{key}"
        last = self._prices().get(ticket.symbol)
        return await self._propose(ticket.intent(name[:64], user, self.clock.now(), last))

    async def cancel(self, order_id: str, user: str = "") -> None:
        """Ask for an order's end; the outcome comes on ``orders``.

        Raises
        ------
        UsageError
            There is no such order.
        """
        self._require_running()
        await self._manager.cancel(order_id, f"canceled by {user}" if user else "")

    async def halt(self, level: str, reason: str = "", *, user: str) -> None:
        """Raise or lower the kill switch; it is stored first, then acted upon until proven.

        Raises
        ------
        UsageError
            No such level, or a lowering without a reason.
        """
        self.kill_switch.set(level, actor=user, reason=reason)
        self._say_system("halt", f"{self.kill_switch.level.value}: {reason or 'no reason given'}")
        await self._enforce_halt()

    def order(self, order_id: str) -> Order | None:
        """Return an order as the journal has it."""
        return self._manager.core.ledger.orders.get(order_id)

    @property
    def symbols(self) -> list[str]:
        """What can be traded."""
        return list(self._venue.state.book.cells)

    def snapshot(self, orders: int = 200) -> dict[str, Any]:
        """Return the state of the desk.

        Parameters
        ----------
        orders : int
            How many orders at most, the latest first.

        Returns
        -------
        dict
            ``orders``, ``positions``, ``cash``, ``equity``, ``day_pnl``, ``prices``,
            ``halt``, ``is_ready``, ``failure``, ``unknown`` and ``source``; money is
            Decimal, instants are aware.
        """
        return {
            "source": self._feed.source,
            "venue": self._broker.name,
            "is_ready": self._manager.is_ready and not self.failure,
            "failure": self.failure,
            "day_pnl": self._equity() - self._day.equity,
            "prices": dict(self._quotes),
            "halt": halt_row(self.kill_switch.halt),
            **account_rows(self._manager.core.ledger, self._prices(), orders),
        }

    async def _connect(self, begin: Mapping[str, float]) -> None:
        self._venue = SimVenue(
            list(begin), self._cash, plain_terms(self._costs),
            memory=self._memory, checks_funds=True, account_id=_BOOK,
        )  # fmt: skip
        self._broker = SimBroker(self._venue, self._faults)
        core = OrderCore(Gate.of(self.settings.risk), self._journal.load())
        self._manager = OrderManager(core, self._journal, self._broker, self.clock, self._publish)
        marks = {s: cell.mark for s, cell in self._venue.state.book.cells.items() if cell.mark > 0}
        self._feed = SyntheticFeed({**begin, **marks}, seed=self._seed)
        self._is_open = True
        updates = self._broker.updates()
        self._move()
        await self._recover()
        self._begin_day(DayStart.of(self._journal, self._equity(), self.clock.now()))
        self._tasks = [
            self._watched(self._run_market(), "market"),
            self._watched(self._run_updates(updates), "updates"),
            self._watched(self._run_housekeeping(), "housekeeping"),
        ]

    async def _propose(self, intent: Intent) -> Order:
        self._require_running()
        judgement = await self._manager.propose(intent, self._context(), self.kill_switch.reload())
        if judgement is not None and judgement.outcome == "refuse":
            raise RefusedError(
                judgement.reason,
                intent_id=intent.intent_id,
                verdicts=[verdict.facts() for verdict in judgement.verdicts],
            )
        order = self.order(intent.intent_id)
        if order is None:
            raise RefusedError("it was refused when it was first asked for", key=intent.intent_id)
        return order

    def _require_running(self) -> None:
        if not self._is_open or self.failure:
            raise RefusedError(f"the desk is not trading: {self.failure or 'it is stopped'}")

    async def _recover(self) -> None:
        try:
            self._manager.open_book({"USD": self._memory.open_account(decimal(self._cash, "cash"))})
            await self._manager.recover()
        except (InvariantError, UnavailableError) as error:
            self._fail(error.message)

    def _move(self) -> None:
        for quote in self._feed.tick(self.clock.now()):
            self._quotes[quote.symbol] = quote
            self._broker.on_quote(quote)
            message = quote_message(quote, self._feed.source)
            self.bus.publish(f"quotes:{quote.symbol}", message)

    async def _run_market(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            self._move()

    async def _run_updates(self, updates: Any) -> None:
        async for update in updates:
            await self._manager.update(update)

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
        level = self.kill_switch.level
        if level.severity < HaltLevel.CANCEL_ALL.severity or not self._manager.is_ready:
            return
        step = what_a_halt_asks(self._manager.core.ledger, level)
        for order_id in step.cancels:
            await self._manager.cancel(order_id, f"halt: {level.value}")
        for symbol, quantity in step.closes:
            self._tickets += 1
            name = f"flat-{self._journal.epoch}-{self._tickets}"
            intent = closing_intent(name, symbol, quantity, self.clock.now())
            await self._manager.propose(intent, self._context(), level)

    def _begin_day(self, day: DayStart) -> None:
        self._day = day
        self._manager.note("day", **day.note())

    def _prices(self) -> dict[str, Decimal]:
        return {symbol: decimal(q.mid, "price") for symbol, q in self._quotes.items()}

    def _equity(self) -> Decimal:
        return self._manager.core.ledger.books.equity(self._prices())

    def _context(self) -> Context:
        ledger = self._manager.core.ledger
        return Context(
            equity=self._equity(),
            day_start_equity=self._day.equity,
            prices=self._prices(),
            positions={s: p.quantity for s, p in ledger.books.positions.items()},
            reserved={o.symbol: ledger.reserved(o.symbol) for o in ledger.open_orders()},
        )

    def _publish(self, step: Step) -> None:
        ledger = self._manager.core.ledger
        for record in step.records:
            if record.order_id in ledger.orders and record.kind is not Kind.INTENT:
                self.bus.publish(
                    "orders", order_message(ledger.orders[record.order_id], plain=True)
                )
            if record.kind is Kind.FILL:
                fill = record.value.fill
                row = position_row(ledger.books.position(fill.symbol), None, plain=True)
                self.bus.publish("positions", {**row, "fill": fill_message(fill)})
        for alarm in step.alarms:
            self._say_system("alarm", alarm)

    def _say_system(self, kind: str, text: str) -> None:
        _log.warning("desk: %s: %s", kind, text)
        at = self.clock.now().isoformat()
        self.bus.publish("system", {"kind": kind, "text": text, "time": at})

    def _fail(self, why: str) -> None:
        self.failure = why
        self._manager.is_ready = False
        self._say_system("failure", f"trading is off: {why}")

    def _watched(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"desk {name}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        # nothing of the desk ends by itself: whatever it was, trading stops until a restart
        if task.cancelled() or not self._is_open:
            return
        self._fail(f"{task.get_name()} ended: {task.exception()!r}")
