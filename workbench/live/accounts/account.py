"""One account's order path: journal, gate, kill switch, manager, the day's start.

No task runs here and nothing is waited for but the venue: the engine sees to both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from decimal import Decimal

from workbench.bus.memory import MemoryBus
from workbench.config import Settings
from workbench.core.money import ZERO
from workbench.core.order import Intent, Order, OrderState
from workbench.core.ports import Broker, Bus, Clock
from workbench.core.position import Position
from workbench.errors import RefusedError, UsageError, nearest
from workbench.live.accounts.day import DayStart
from workbench.live.accounts.executed import as_order
from workbench.live.accounts.executing import Executing
from workbench.live.accounts.news import News
from workbench.live.accounts.oversight import Oversight
from workbench.live.accounts.reconciling import Reconciling
from workbench.live.accounts.ticket import Ticket, another, check_same, outcome
from workbench.live.accounts.view import Holding, Log, Snapshot
from workbench.live.market.prices import Market
from workbench.risk.context import Context, Mode
from workbench.risk.gate import Judgement
from workbench.risk.halt import Halt, HaltLevel
from workbench.store.migrate import open_database
from workbench.store.risk import Change, add_change
from workbench.trading.archive import moves
from workbench.trading.books import Worth, rates_of
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.ledger import Ledger
from workbench.trading.lots import Lots
from workbench.trading.manager import OrderManager
from workbench.trading.records import Record
from workbench.trading.shares import StrategyProfit
from workbench.trading.steps import Evidence, Step

__all__ = ["TradingAccount"]

_PATIENCE = 1.0
_KEPT = 2_000


class TradingAccount:
    """An account in one process; the journal's lock keeps all others out.

    Parameters
    ----------
    settings : Settings
        Database, data folder and risk limits.
    name : str
        Of its book.
    clock : Clock
    bus : Bus, optional
        Gets ``orders``, ``positions``, ``quotes:SYMBOL`` and ``system``.
    mode : {"paper", "live"}
        What kind of account is meant.

    Attributes
    ----------
    failure : str
        Why trading is off; empty while it is on.
    listeners : list of callable
        Each is given every step once it is in the journal.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        clock: Clock,
        bus: Bus | None = None,
        mode: Mode = "paper",
    ) -> None:
        self.settings, self.name, self.clock, self.mode = settings, name, clock, mode
        self.bus: Bus = bus or MemoryBus()
        self.failure = ""
        self.currency = "USD"
        self.is_running = False
        self.listeners: list[Callable[[Step], None]] = []
        self._log: tuple[object, Log] = (None, Log())
        self._names = 0

    # open and closed --------------------------------------------------------------------

    def open(self, stack: ExitStack) -> None:
        """Take the books; `stack` gives them back.

        Raises
        ------
        UsageError
            Another process trades on this database.
        """
        self.database = open_database(self.settings)
        stack.callback(self.database.close)
        self.journal = Journal(self.database, self.name, self.clock, keep=_KEPT)
        stack.callback(self.journal.close)
        self.oversight = Oversight(
            self.settings, self.database, self.name, self.clock, mode=self.mode
        )

    def connect(self, broker: Broker, market: Market) -> None:
        """Stand on a venue and a market."""
        self.broker, self.market = broker, market
        known = broker.capabilities
        core = OrderCore(
            self.oversight.gate(known),
            self.journal.load(),
            Evidence.of(known),
            counts_as=None if known.has_fill_ids else broker.name,
        )
        self.oversight.watch(core)
        self.manager = OrderManager(core, self.journal, broker, self.clock, self._publish)
        self.news = News(self.bus, self.clock, market.prices)
        self.reconciling = Reconciling(self)
        switch = self.oversight.switch
        self.executing = Executing(self.manager, market, switch, self.propose, self.news)
        if self.settings.cost_basis == "fifo":
            core.ledger.lots = Lots.of(moves(self.database, self.name))

    def begin(self, cash: dict[str, Decimal], held: Sequence[Record] = ()) -> None:
        """Open the book with its cash and what is held, where it is new, and the day."""
        self.currency = self.oversight.currency = next(iter(cash), self.currency)
        self.manager.open_book(cash, held)
        self.day = self._day_of_the_journal()

    def look_at_the_day(self) -> None:
        """Begin a new day where one has come, and keep how high the equity was in this one."""
        now = self.clock.now()
        if not self.manager.is_ready:
            return
        day = self.day.on(now, self.equity(), self.oversight.flows())
        if day != self.day:
            self.note_day(day)

    def begin_day(self) -> None:
        """Go on with the day that the journal has, or begin one; a closed book has none."""
        self.day = self._day_of_the_journal()
        if self.ledger.is_opened:
            self.note_day(self.day)

    def note_day(self, day: DayStart) -> None:
        """Put the start of a day into the journal."""
        self.day = day
        self.manager.note("day", about=day.about, **day.note())

    # what is done -----------------------------------------------------------------------

    async def submit(self, ticket: Ticket, user: str) -> Order:
        """Send an order of a person; see `Desk.submit`."""
        self.require_running()
        now = self.clock.now()
        name = ticket.order_id or self.make_name("desk")
        intent = ticket.intent(self.market.traded(), name=name, user=user, now=now)
        ledger = self.ledger
        if ticket.execution or name in ledger.executions:
            return await self._work_in_parts(ticket, intent)
        judged = ledger.intents.get(name)
        known = judged.intent if judged is not None else ledger.orders.get(name)
        if known is not None:
            check_same(intent, known)
        else:
            await self.propose(intent)
        return outcome(ledger, name, again=known is not None)

    async def propose(self, intent: Intent) -> Judgement | None:
        """Judge an intent and send its order; None where it is in the journal already."""
        level = self.oversight.level_for(intent)
        return await self.manager.propose(intent, self.context(), level)

    async def cancel(self, order_id: str, user: str) -> Order:
        """Ask for an order's end; see `Desk.cancel`."""
        self.require_running()
        self.order(order_id)
        if order_id in self.ledger.executions:
            execution = await self.executing.withdrawn(order_id, f"canceled by {user}")
            return as_order(self.ledger, execution)
        await self.manager.cancel(order_id, f"canceled by {user}")
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while self.order(order_id).state is OrderState.PENDING_CANCEL:
                    await self.news.more()
        return self.order(order_id)

    async def halt(
        self, level: str, reason: str = "", *, user: str, scope: str | None = None
    ) -> Halt:
        """Raise or lower the kill switch; see `Desk.halt`."""
        halt = self.oversight.switch.set(level, actor=user, reason=reason, scope=scope)
        kind, _, symbol = halt.scope.partition(":")
        if halt.level is HaltLevel.RUN and kind == "symbol" and symbol in self.ledger.halted:
            await self.manager.release(symbol, user, reason)
        text = f"{halt.scope}: {halt.level.value}: {reason or 'no reason given'}"
        self.news.say("halt", text, halt=halt.level.value, actor=user)
        if self.is_running:
            await self.enforce_halt()
        return halt

    async def enforce_halt(self) -> None:
        """Do what the kill switch still asks for."""
        is_over = await self.executing.enforce()
        await self.oversight.look_after(self.manager, self.make_name, self.context)
        self.oversight.is_proven = self.oversight.is_proven and is_over

    def fail(self, why: str) -> None:
        """Switch trading off until a restart, and tell it."""
        self.failure = why
        self.manager.is_ready = False
        self.news.say("failure", f"trading is off: {why}")

    def audit(self, subject: str, actor: str, reason: str, states: tuple[str, str]) -> None:
        """Keep who changed what, from what to what, and why."""
        change = Change(
            subject=subject, time=self.clock.now(), actor=actor, reason=reason,
            before=states[0], after=states[1],
        )  # fmt: skip
        with self.database.write() as connection:
            add_change(connection, change)

    def require_running(self) -> None:
        """Hold that orders may be sent at all."""
        if not self.is_running or self.failure:
            raise RefusedError(f"the desk is not trading: {self.failure or 'it is stopped'}")

    def make_name(self, word: str) -> str:
        """Return a new intent id that begins with a word."""
        self._names += 1
        return f"{word}-{self.clock.now():%Y%m%dT%H%M%S%f}-{self._names}"

    # what is there ----------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """The state of the order path."""
        return self.manager.core.ledger

    def order(self, order_id: str) -> Order:
        """Return an order as the journal has it.

        Raises
        ------
        UsageError
            There is none of that id.
        """
        orders, executions = self.ledger.orders, self.ledger.executions
        if order_id in executions:
            return as_order(self.ledger, executions[order_id])
        if order_id not in orders:
            raise UsageError(f"no order {order_id[:64]!r}{nearest(order_id, orders)}", missing=True)
        return orders[order_id]

    def prices(self) -> dict[str, Decimal]:
        """Return the last price of each symbol; of what nobody has told yet, what was paid."""
        held = self.ledger.books.positions
        unknown = held.keys() - self.market.prices.keys()
        return {name: held[name].average_price for name in unknown} | self.market.prices

    def equity(self) -> Decimal:
        """Cash and positions at the last prices."""
        return self.worth().value

    def worth(self) -> Worth:
        """Return the equity, and what of it could not be valued for want of a rate."""
        prices = self.prices()
        return self.ledger.books.worth(prices, self.currency, rates_of(prices, self.currency))

    def profits(self) -> list[StrategyProfit]:
        """Return what each strategy has earned, by average cost."""
        prices = self.prices()
        rates = rates_of(prices, self.currency)
        return self.ledger.shares.profits(prices, self.currency, rates)

    def positions(self) -> list[Position]:
        """Return what is or was held by symbol, its profit told as the settings say."""
        if self.ledger.lots is not None:
            return self.ledger.lots.positions()
        return [position for _, position in sorted(self.ledger.books.positions.items())]

    def context(self) -> Context:
        """Return what the gate is to know."""
        market, day = self.market, self.day.after(self.oversight.flows())
        return self.oversight.context(
            self.prices(),
            day.equity,
            day=(day.day, day.high),
            seen=market.heard,
            every=market.every,
            phases=market.phases(self.clock.now()),
        )

    def snapshot(self, source: str) -> Snapshot:
        """Return the state of the account; it does not change with it."""
        ledger, market = self.ledger, self.market
        # what is told waits for the disk, and a fill counts before
        seen = (self.news.count, next(reversed(ledger.fills), None))
        if self._log[0] != seen:
            self._log = (seen, Log.of(ledger))
        worth = self.worth()
        return Snapshot(
            time=self.clock.now(),
            changes=self.news.count,
            source=source,
            venue=self.broker.name,
            is_ready=self.manager.is_ready and not self.failure,
            failure=self.failure,
            halt=self.oversight.switch.halt,
            halts=self.oversight.switch.halts,
            quotes=dict(market.quotes),
            holdings=tuple(
                Holding.of(one, market.prices.get(one.symbol, one.average_price))
                for one in self.positions()
            ),
            cash=ledger.books.cash.get(self.currency, ZERO),
            equity=worth.value,
            unvalued=worth.unvalued,
            profits=tuple(self.profits()),
            differences=self.reconciling.report().differences,
            day_start=self.day.after(self.oversight.flows()).equity,
            log=self._log[1],
        )

    def _day_of_the_journal(self) -> DayStart:
        flows = self.oversight.flows()
        return DayStart.of(self.journal, self.equity(), self.clock.now(), flows)

    async def _work_in_parts(self, ticket: Ticket, intent: Intent) -> Order:
        """Begin a ticket's parent; the same id again is the one that is there."""
        known = self.ledger.executions.get(intent.intent_id)
        plan = ticket.plan()
        if known is None:
            for other in (self.ledger.intents, self.ledger.orders):
                if intent.intent_id in other:
                    raise another(intent.intent_id, "execution")
            known = await self.executing.begin(intent, plan, plan.length(timedelta(0)))
        elif known.parent.algorithm != plan.algorithm.name:
            raise another(intent.intent_id, "execution")
        else:
            check_same(intent, as_order(self.ledger, known))
        return as_order(self.ledger, known)

    def _publish(self, step: Step) -> None:
        self.oversight.learn(step)
        for listener in self.listeners:
            listener(step)
        if self.manager.refused_key and not self.failure:
            self.fail(self.manager.refused_key)
        self.news.step(step, self.ledger)
