"""Carries a strategy's decisions out: cancels, makes way, sends, in that order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.core.clock import EventClock
from workbench.core.money import decimal
from workbench.core.order import Intent, Order
from workbench.core.signal import Side
from workbench.errors import RefusedError, UsageError
from workbench.live.accounts.account import TradingAccount
from workbench.live.decisions.pilot import Pilot
from workbench.live.decisions.sizing import Decision
from workbench.live.decisions.stop_watch import Hit, StopWatch, is_kept
from workbench.strategy.sleeves import owner

if TYPE_CHECKING:
    from workbench.live.decisions.deployment import Deployment
    from workbench.live.runs.line import Line
    from workbench.trading.execution.plan import Plan

__all__ = ["Carrier", "guarded"]

_PATIENCE, _LOOK = 5.0, 0.005


def guarded(
    deployment: Deployment, account: TradingAccount, pilot: Pilot, line: Line
) -> tuple[StopWatch | None, Carrier]:
    """Leave the stops to the venue where it keeps them all, else watch them here."""
    venue, terms, guard = account.broker.capabilities, deployment.terms, pilot.protection
    columns = deployment.columns
    is_left = is_kept(guard, venue, columns, terms.sizing.lot)
    is_left = is_left and (guard is None or deployment.execution is None)
    legs_rest = guard is not None and is_left and not guard.names <= venue.protects
    watch = None
    if not is_left:
        pilot.protection, watch = None, StopWatch(pilot.book, terms.stops, columns)
    return watch, Carrier(deployment, account, pilot, line, legs_rest=legs_rest)


class Carrier:
    """Between one strategy's pilot and the account.

    Parameters
    ----------
    deployment : Deployment
    account : TradingAccount
    pilot : Pilot
    line : Line
    legs_rest : bool
        Whether stops lie open at the venue from the entry on: they hold the units then, and
        are ended before these are sold otherwise.
    """

    def __init__(
        self, deployment: Deployment, account: TradingAccount, pilot: Pilot, line: Line,
        *, legs_rest: bool,
    ) -> None:  # fmt: skip
        self._deployment, self._name = deployment, deployment.title
        self._account, self._pilot, self._line = account, pilot, line
        self._legs_rest = pilot.decider.legs_rest = legs_rest
        self.openers: dict[str, str] = {}

    async def carry_out(
        self, decision: Decision, label: datetime, limits: Mapping[str, Decimal]
    ) -> str:
        """Cancel and send what a decision asks for; return the id of the order, if there is one."""
        account, pilot = self._account, self._pilot
        if decision.cancels is not None and self._is_known(decision.cancels):
            units = pilot.book.cell(decision.symbol).units
            if not await self._end([decision.cancels], decision.symbol):
                return ""
            if pilot.book.cell(decision.symbol).units != units:  # filled before its end
                decision = pilot.renewed(decision)
        if decision.side is None:
            return ""
        symbol = pilot.intent(decision, label).symbol
        if account.market.is_stale(symbol, account.clock.now()):
            account.news.say("stale", f"{self._name}: no order of {symbol}, it is mute")
            pilot.decider.again(decision.symbol)  # once it is heard of
            return ""
        way = await self._make_way(decision)
        if way is None:
            return ""
        intent = self._fitted(pilot.intent(way, label, limits.get(way.symbol)), way)
        pilot.expect(way, intent.intent_id)
        if self._deployment.plan is not None:
            return await self._work_in_parts(way, intent, self._deployment.plan)
        order = await self._propose(intent)
        if order is not None and order.state.is_open:
            pilot.sent(way, intent.intent_id)
        elif intent.intent_id not in account.ledger.intents:
            pilot.decider.again(way.symbol)  # trading was switched off meanwhile
        return intent.intent_id

    async def stop_out(self, hit: Hit) -> str:
        """Close what a stop that is watched here asks for; return the id of the order."""
        account, pilot = self._account, self._pilot
        cell = pilot.book.cell(hit.column)
        if not cell.units or not account.manager.is_ready or account.failure:
            return ""
        others = self._open_of(hit.column)
        leg = pilot.decider.leg(hit.column)
        if any(order.reduce_only or order.order_id == leg for order in others):
            return ""  # it is being closed already
        names = [*self._parents_of(hit.column), *(order.order_id for order in others)]
        if not await self._end(names, hit.column) or not cell.units:
            return ""
        name = self._stop_name(hit)
        symbol, quantity = pilot.traded(hit.column), decimal(abs(cell.units), "quantity")
        held = account.ledger.books.position(symbol).quantity
        # others of the account may hold the other side: it closes what is ours all the same
        is_all = held * (1 if cell.units > 0 else -1) >= quantity
        intent = Intent(
            intent_id=name,
            run_id=pilot.run_id,
            strategy=owner(pilot.strategy, hit.column),
            symbol=symbol,
            side=Side.SELL if cell.units > 0 else Side.BUY,
            decided_at=hit.time,
            quantity=quantity,
            reference_price=decimal(hit.level, "price"),
            reduce_only=is_all,
            reason=f"{hit.kind} stop at {hit.level:g}, watched here",
        )
        pilot.orders[name] = hit.column
        order_now = await self._propose(account.broker.capabilities.fitted(intent))
        if order_now is not None and (order_now.state.is_open or order_now.filled):
            pilot.stopped(hit.column, order_now)
        return name

    # inside -----------------------------------------------------------------------------

    async def _work_in_parts(self, decision: Decision, intent: Intent, plan: Plan) -> str:
        """Begin the parent of a decision; it is pending until it is over."""
        account, pilot, name = self._account, self._pilot, intent.intent_id
        pilot.sent(decision, name)
        lot = decimal(float(self._deployment.terms.sizing.lot), "lot")
        length = plan.length(self._line.timeframe.delta)
        try:
            await account.executing.begin(intent, plan, length, lot)
        except (RefusedError, UsageError) as error:
            account.news.say("refused", f"{self._name}: {error.message}")
            if name not in account.ledger.executions:
                pilot.decider.ended(decision.symbol, name)
                pilot.decider.again(decision.symbol)
        return name

    def _is_known(self, name: str) -> bool:
        return name in self._account.ledger.orders or name in self._account.ledger.executions

    def _parents_of(self, column: str) -> list[str]:
        names = self._pilot.orders
        executions = self._account.executing.at_work()
        found = [one.parent.algo_id for one in executions]
        return [name for name in found if names.get(name) == column]

    def _is_open(self, name: str) -> bool:
        execution = self._account.ledger.executions.get(name)
        if execution is not None:
            return not execution.state.is_over
        order = self._account.ledger.orders.get(name)
        return order is not None and order.state.is_open

    def _fitted(self, intent: Intent, decision: Decision) -> Intent:
        """Return an intent as the venue takes it; stops at prices go with entries only."""
        known = self._account.broker.capabilities
        if self._legs_rest and not self._is_entry(decision):
            intent = replace(intent, protection=None)
        return known.fitted(intent)

    def _is_entry(self, decision: Decision) -> bool:
        units = self._pilot.book.cell(decision.symbol).units
        return decision.side is not None and units * decision.side.sign >= 0.0

    async def _propose(self, intent: Intent) -> Order | None:
        try:
            await self._account.propose(intent)
        except (RefusedError, UsageError) as error:
            self._account.news.say("refused", f"{self._name}: {error.message}")
        return self._account.ledger.orders.get(intent.intent_id)

    async def _make_way(self, decision: Decision) -> Decision | None:
        """End the stops that hold what is to be sold; None where nothing is left to sell."""
        if not self._legs_rest or self._is_entry(decision):
            return decision
        legs = [one.order_id for one in self._open_of(decision.symbol) if one.parent_id is not None]
        if not await self._end(legs, decision.symbol):
            return None
        orders = self._account.ledger.orders
        units = abs(self._pilot.book.cell(decision.symbol).units)
        if not any(orders[leg].filled for leg in legs) or decision.quantity is None:
            return decision
        left = min(decision.quantity, decimal(units, "quantity"))
        return replace(decision, quantity=left) if left else None

    async def _end(self, names: Sequence[str], column: str) -> bool:
        """Cancel orders and wait until they have ended and all they filled is booked.

        Where they do not end, what was decided is decided again at the next bar.
        """
        account, why = self._account, "a newer decision takes its place"
        for name in names:
            if name in account.ledger.executions:
                await account.executing.cancel(name, why)
            else:
                await account.manager.cancel(name, why)
        await self._line.settle()

        def is_over() -> bool:
            return not any(self._is_open(name) for name in names)

        if isinstance(account.clock, EventClock):
            await account.executing.catch_up(self._line.settle)
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while not (is_over() and account.manager.is_idle):
                    await asyncio.sleep(_LOOK)
                    if self._deployment.plan is not None:
                        await account.executing.look()
        if is_over():
            return True
        account.news.say("refused", f"{self._name}: orders of {column} do not end; none was sent")
        self._pilot.decider.again(column)
        return False

    def _open_of(self, column: str) -> list[Order]:
        names = self._pilot.orders
        return [
            one for one in self._account.ledger.open_orders() if names.get(one.order_id) == column
        ]

    def _stop_name(self, hit: Hit) -> str:
        known, first = self._account.ledger.intents, self.openers.get(hit.column, "")
        name = f"{first or self._pilot.run_id}-{hit.kind}"
        count = 1
        while name in known:
            count += 1
            name = f"{first or self._pilot.run_id}-{hit.kind}{count}"
        return name
