"""Orders that an account works in parts: begun, let go on, held by a halt, and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd

from workbench.core.bar import Bar
from workbench.core.money import ZERO
from workbench.core.order import Intent, Order
from workbench.core.parent import Parent, ParentState
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.errors import WorkbenchError
from workbench.live.accounts.executed import as_order
from workbench.live.accounts.news import News
from workbench.live.accounts.view import order_row
from workbench.live.market.prices import Market
from workbench.risk.gate import Judgement
from workbench.risk.halt import HaltLevel, KillSwitch
from workbench.trading.execution.executor import Executor
from workbench.trading.execution.plan import Plan
from workbench.trading.execution.tape import Tape
from workbench.trading.manager import OrderManager
from workbench.trading.parents import Execution

__all__ = ["Executing"]

Days = Callable[[str, datetime], Awaitable[pd.DataFrame | None]]
"""Gives the bars of a symbol over some days before an instant, where they can be had."""

_PATIENCE = 1.0
_MOST_LOOKS = 20  # at one instant of the events' clock: withdrawn, told, placed anew


class Executing:
    """The parents of one account, over its order path.

    Parameters
    ----------
    manager : OrderManager
    market : Market
        What is mute or closed gets no part; the parent waits.
    switch : KillSwitch
        From ``no_new_orders`` on no part is sent, from ``cancel_all`` on parents are ended.
    propose : callable
        Takes a part to the gate: `TradingAccount.propose`.
    news : News

    Attributes
    ----------
    tape : Tape
        What the feeds told.
    days : callable
        Asked for the days before, where an algorithm is made of them.
    is_tended : callable
        Whether somebody is there for a parent: one of a strategy that is not at work waits,
        and ends with its window.
    listeners : list of callable
        Told of each parent that begins or changes its state.
    """

    def __init__(
        self,
        manager: OrderManager,
        market: Market,
        switch: KillSwitch,
        propose: Callable[[Intent], Awaitable[Judgement | None]],
        news: News,
    ) -> None:
        self._manager, self._market, self._switch, self._news = manager, market, switch, news
        self._propose = propose
        self.tape = Tape()
        self._bars: dict[str, tuple[timedelta | None, datetime | None]] = {}
        self.executor = Executor(manager, self.tape, self._fitted)
        self.executor.may_place = self._may_place
        self.executor.on_change = self._tell
        self.days: Days = _none
        self.is_tended: Callable[[Parent], bool] = _anyone
        self.listeners: list[Callable[[Execution], None]] = []

    # what is done -----------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Take in what a feed tells. Of a symbol's bars those that came first count as volume.

        Trades do not: what they traded is in the bars.
        """
        if isinstance(event, Bar):
            kind, last = self._bars.get(event.symbol, (_length(event), None))
            if kind != _length(event) or (last is not None and event.time <= last):
                return
            self._bars[event.symbol] = kind, event.time
        if isinstance(event, Bar | Quote):
            self.tape.take(event)

    async def begin(
        self, intent: Intent, plan: Plan, length: timedelta, lot: Decimal = ZERO
    ) -> Execution:
        """Write a parent in the place of an intent's order, and do what is due of it at once.

        The same intent again is the parent that is there.

        Parameters
        ----------
        length : timedelta
            Of its window, which begins now.
        lot : Decimal
            Step of its parts; 0 takes what the quantity allows.

        Raises
        ------
        UsageError
            The intent cannot be worked in parts.
        RefusedError
            Trading is off.
        """
        name = intent.intent_id
        if name not in self.executor.executions:
            now, days = self._manager.clock.now(), None
            if not plan.algorithm.is_made:
                try:
                    days = await self.days(intent.symbol, now)
                except (WorkbenchError, TimeoutError) as error:
                    self._news.say("execution", f"{name}: no bars of the days before: {error}")
            await self.executor.start(plan.parent(intent, now, now + length, days, lot=lot))
        await self.look()
        return self.executor.execution(name)

    async def look(self) -> None:
        """Do what is due of all parents now."""
        await self.executor.look()

    async def run(self, tick: float) -> None:
        """Look again and again, until it is cancelled."""
        await self.executor.run(tick)

    async def catch_up(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Do all that is due at one instant of a clock that stands still meanwhile."""
        for _ in range(_MOST_LOOKS):
            if not await self.executor.look():
                return
            await settle()

    async def cancel(self, algo_id: str, reason: str) -> None:
        """Withdraw a parent; one that is over, or is being withdrawn, stays as it is."""
        if self.executor.execution(algo_id).can_go(ParentState.CANCELING):
            await self.executor.cancel(algo_id, reason)

    async def withdrawn(self, algo_id: str, reason: str) -> Execution:
        """Withdraw a parent, and wait a moment for its end."""
        await self.cancel(algo_id, reason)
        execution = self.executor.execution(algo_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while not execution.state.is_over:
                    await self._news.more()
                    await self.look()
        return execution

    async def enforce(self) -> bool:
        """End what the kill switch wants ended; return whether nothing of it is left."""
        is_proven = True
        for execution in list(self.executor.executions.values()):
            parent = execution.parent
            if execution.state.is_over or not self._is_from(parent, HaltLevel.CANCEL_ALL):
                continue
            is_proven = False
            await self.cancel(parent.algo_id, "trading was halted")
        return is_proven

    async def end_of(self, run_id: str, reason: str) -> None:
        """Withdraw the parents of a run."""
        for execution in self.at_work():
            if execution.parent.run_id == run_id:
                await self.cancel(execution.parent.algo_id, reason)

    # what is there ----------------------------------------------------------------------

    def at_work(self) -> list[Execution]:
        """Return the parents that are not over."""
        return [one for one in self.executor.executions.values() if not one.state.is_over]

    def orders(self) -> list[Order]:
        """Return every parent as an order, newest first."""
        ledger = self._manager.core.ledger
        return [as_order(ledger, one) for one in reversed(ledger.executions.values())]

    # inside -----------------------------------------------------------------------------

    async def _fitted(self, intent: Intent) -> Judgement | None:
        return await self._propose(self._manager.broker.capabilities.fitted(intent))

    def _may_place(self, parent: Parent) -> bool:
        """Whether a part may be sent now; what passes in a while is waited for, not refused."""
        now = self._manager.clock.now()
        if not self.is_tended(parent) or self._is_from(parent, HaltLevel.NO_NEW_ORDERS):
            return False
        held = self._manager.core.ledger.books.position(parent.symbol).quantity
        is_opening = held * parent.side.sign >= 0
        if is_opening and self._is_from(parent, HaltLevel.REDUCE_ONLY):
            return False
        phase = self._market.phases(now).get(parent.symbol, "open")
        if phase == "closed" or (phase == "extended" and not parent.extended_hours):
            return False
        return not self._market.is_stale(parent.symbol, now)

    def _is_from(self, parent: Parent, level: HaltLevel) -> bool:
        return self._switch.level_for(parent).severity >= level.severity

    def _tell(self, execution: Execution) -> None:
        for listener in self.listeners:
            listener(execution)
        self._news.order(order_row(as_order(self._manager.core.ledger, execution)))
        if execution.state is ParentState.PAUSED:
            name = execution.parent.algo_id
            self._news.say("execution", f"{name} is paused: {execution.reason or 'as asked'}")


def _length(bar: Bar) -> timedelta | None:
    return None if bar.known_at is None else bar.known_at - bar.time


async def _none(symbol: str, now: datetime) -> pd.DataFrame | None:
    del symbol, now
    return None


def _anyone(parent: Parent) -> bool:
    del parent
    return True
