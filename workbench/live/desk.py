"""The desk: a paper account that trades while the web server runs.

A face on an engine whose market is invented and moves by the clock: tickets of people and
strategies at work go through the same risk gate and order manager into the journal and then
to the simulated venue, and fills come back as the venue's updates. Everything is published
on the bus; positions, cash, open orders and the kill switch survive a restart.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workbench.config import Settings
from workbench.core.order import Order
from workbench.core.ports import Bus
from workbench.core.timeframe import Timeframe
from workbench.costs.costs import Costs
from workbench.data.synthetic import SyntheticSource
from workbench.errors import DataError, UsageError, nearest
from workbench.live.accounts.executed import benchmark_row, execution_row
from workbench.live.accounts.oversight import Oversight
from workbench.live.accounts.paper import paper
from workbench.live.accounts.reconciling import Reconciled
from workbench.live.accounts.ticket import Ticket
from workbench.live.accounts.view import Snapshot
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.feed import SyntheticFeed
from workbench.live.market.replay_feed import SimFeed
from workbench.live.runs.at_work import AtWork
from workbench.live.runs.engine import Engine
from workbench.live.runs.history import history_of
from workbench.live.runs.line import Line
from workbench.live.runs.live_run import LiveRun
from workbench.live.runs.strategies import unfinished
from workbench.risk.context import Context
from workbench.risk.halt import Halt, KillSwitch
from workbench.trading.books import Difference
from workbench.trading.execution.benchmark import measure
from workbench.venues.sim.broker import Faults

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Desk"]

_BOOK = "desk"
_STEP = Timeframe(5, "s")


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
        self._given_feed, self._tick = feed, tick
        symbols = self._symbols
        opener = paper(settings, symbols, account=_BOOK, cash=cash, costs=costs, faults=faults)
        self.engine = Engine(settings, opener, account=_BOOK, bus=bus, tick=tick)
        self._account = self.engine.account
        self.bus: Bus = self._account.bus
        self.clock = self.engine.clock
        self._feed: SyntheticFeed | None = feed

    # open and closed --------------------------------------------------------------------

    def open(self) -> None:
        """Take the books and the venue's account; nothing moves before `start`.

        Raises
        ------
        UsageError
            Another process runs the desk of this workspace.
        """
        self.engine.open()
        now = self.clock.now()
        for quote in self._market.tick(now):
            self._account.market.take(quote, now)

    async def start(self) -> None:
        """Recover, and let the market move; opens the desk where that was not done.

        Where recovery finds books and venue apart, the desk runs with trading off, and
        ``failure`` says why. Strategies that were at work go on.
        """
        if not self.engine.is_open:
            await asyncio.to_thread(self.open)
        await self.engine.start()
        self.engine.listen(Line(self._sim_feed(_STEP, "quotes"), self.symbols, _STEP,
                                has_quotes=True))  # fmt: skip
        for deployment in unfinished(self._account.database, _BOOK, self.engine.venue):
            await self.deploy(deployment)

    async def stop(self) -> None:
        """Stop, leaving open orders with the venue; harmless when stopped already."""
        await self.engine.stop()
        self._drop_market()

    def close(self) -> None:
        """Give the books back; of a desk that runs, `stop` does it."""
        self.engine.close()
        self._drop_market()

    async def __aenter__(self) -> Desk:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    # what is done -----------------------------------------------------------------------

    async def deploy(self, deployment: Deployment, *, user: str = "") -> LiveRun:
        """Put a strategy to work on the desk's market; it outlives a restart.

        Parameters
        ----------
        deployment : Deployment
        user : str
            Who asks, for the record; nobody does where a restart goes on.

        Raises
        ------
        UsageError
            The name is taken, or too little of the account is left.
        """
        wrong = [symbol for symbol in deployment.symbols if symbol not in self.symbols]
        if wrong:
            raise UsageError(
                f"{wrong[0]!r} is not traded here{nearest(wrong[0], self.symbols)}; "
                f"there are {', '.join(self.symbols)}"
            )
        feed = self._sim_feed(deployment.frame, "bars", deployment.symbols)
        source = SyntheticSource()
        history = history_of(source, deployment.symbols, deployment.frame)
        line = Line(feed, deployment.symbols, deployment.frame, history=history, has_quotes=True)
        run = await self.engine.run(deployment, line)
        if user:
            subject = f"strategy:{_BOOK}:{run.name}"
            self._account.audit(subject, user, deployment.identity(), ("", run.record.state))
        self.engine.listen(line)
        return run

    def pause(self, name: str, reason: str, *, user: str) -> AtWork:
        """Let a strategy decide no more until it is resumed; its orders and stops stay."""
        self.engine.pause(name, reason, user)
        return self._at_work(name)

    def resume(self, name: str, reason: str, *, user: str) -> AtWork:
        """Let a paused strategy decide again, from the next bar on."""
        self.engine.resume(name, user, reason)
        return self._at_work(name)

    async def end(self, name: str, reason: str, *, user: str) -> AtWork:
        """End a strategy's run for good and cancel what is open of it; what it holds stays."""
        await self.engine.end(name, user, reason)
        return self._at_work(name)

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
        return await self._account.submit(ticket, user)

    def executions(self) -> list[dict[str, Any]]:
        """Return the orders that are worked in parts as plain JSON values, newest first."""
        ledger = self._account.ledger
        return [execution_row(ledger, one) for one in reversed(ledger.executions.values())]

    def execution(self, order_id: str) -> dict[str, Any]:
        """Return one of them, with what its prices came to beside those of the market.

        Raises
        ------
        UsageError
            There is no such order.
        """
        ledger = self._account.ledger
        found = self._account.executing.executor.execution(order_id)
        now = self.clock.now()
        span = min(now, found.parent.end) - found.parent.start
        seconds = 5 if span < timedelta(minutes=20) else 60
        count = int((now - found.parent.start).total_seconds() / seconds) + 2
        bars = self._market.bars(found.parent.symbol, now, seconds, min(count, 5_000))
        try:
            told = benchmark_row(measure(ledger, order_id, bars))
        except DataError:  # no bar of its window is over
            told = None
        return {**execution_row(ledger, found), "benchmark": told}

    async def move_execution(
        self, order_id: str, step: str, reason: str, *, user: str
    ) -> dict[str, Any]:
        """Pause an order that is worked in parts, or let it go on; kept with name and reason."""
        executor = self._account.executing.executor
        move = executor.pause if step == "pause" else executor.resume
        await move(order_id, f"{reason or step} ({user})")
        return execution_row(self._account.ledger, executor.execution(order_id))

    async def cancel(self, order_id: str, user: str) -> Order:
        """Ask for an order's end; return it as it then stands, ended where the venue is quick.

        Raises
        ------
        UsageError
            There is no such order.
        """
        return await self._account.cancel(order_id, user)

    async def halt(
        self, level: str, reason: str = "", *, user: str, scope: str | None = None
    ) -> Halt:
        """Raise or lower the kill switch; it is stored first, then acted upon until proven.

        Parameters
        ----------
        scope : str, optional
            As of `KillSwitch.set`; without one the desk itself.

        Raises
        ------
        UsageError
            No such level or scope, or a lowering without a reason.
        """
        return await self._account.halt(level, reason, user=user, scope=scope)

    async def adopt(
        self, reason: str, *, user: str, names: tuple[str, ...] = ()
    ) -> tuple[Difference, ...]:
        """Take differences to the venue over into the books; see `Reconciling.adopt`."""
        return await self._account.reconciling.adopt(user, reason, names)

    # what is there ----------------------------------------------------------------------

    @property
    def reconciled(self) -> Reconciled:
        """How books and venue stand to each other."""
        return self._account.reconciling.report()

    @property
    def failure(self) -> str:
        """Why trading is off; empty while it is on."""
        return self._account.failure

    @property
    def oversight(self) -> Oversight:
        """Who watches over the account."""
        return self._account.oversight

    @property
    def kill_switch(self) -> KillSwitch:
        """What is halted."""
        return self.oversight.switch

    @property
    def symbols(self) -> tuple[str, ...]:
        """What can be traded."""
        return self._market.symbols

    def strategies(self) -> tuple[AtWork, ...]:
        """Return what is at work here, and what has ended since the start."""
        return tuple(self._at_work(name) for name in self.engine.runs)

    def order(self, order_id: str) -> Order:
        """Return an order as the journal has it.

        Raises
        ------
        UsageError
            There is none of that id.
        """
        return self._account.order(order_id)

    def bars(self, symbol: str, seconds: int = 15, count: int = 240) -> pd.DataFrame:
        """Return the last bars of a symbol, as `SyntheticFeed.bars`."""
        return self._market.bars(symbol, self.clock.now(), seconds, count)

    def snapshot(self) -> Snapshot:
        """Return the state of the desk; it does not change with the desk."""
        return self._account.snapshot(self._market.source)

    def context(self) -> Context:
        """Return what the gate is to know of the desk."""
        return self._account.context()

    # inside -----------------------------------------------------------------------------

    def _at_work(self, name: str) -> AtWork:
        run = self.engine.runs[name]
        return AtWork.of(run.record, run)

    @property
    def _market(self) -> SyntheticFeed:
        if self._feed is None:
            self._feed = SyntheticFeed(self.clock.now())
        return self._feed

    def _symbols(self) -> tuple[str, ...]:
        return self._market.symbols

    def _drop_market(self) -> None:
        if self._feed is not None and self._given_feed is None:
            self._feed.close()
            self._feed = None

    def _sim_feed(
        self, frame: Timeframe, kind: str, symbols: tuple[str, ...] | None = None
    ) -> SimFeed:
        return SimFeed(
            symbols or self.symbols, frame, frozenset({kind}), market=self._market, tick=self._tick
        )
