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

__all__ = ["Carrier", "guarded"]

_PATIENCE, _LOOK = 5.0, 0.005


def guarded(
    deployment: Deployment, account: TradingAccount, pilot: Pilot, line: Line
) -> tuple[StopWatch | None, Carrier]:
    """Leave the stops to the venue where it keeps them all, else watch them here."""
    venue, terms, guard = account.broker.capabilities, deployment.terms, pilot.protection
    columns = deployment.columns
    is_left = is_kept(guard, venue, columns, terms.sizing.lot)
    legs_rest = guard is not None and is_left and not guard.names <= venue.protects
    watch = None
    if not is_left:
        pilot.protection, watch = None, StopWatch(pilot.book, terms.stops, columns)
    return watch, Carrier(deployment.title, account, pilot, line, legs_rest=legs_rest)


class Carrier:
    """Between one strategy's pilot and the account.

    Parameters
    ----------
    name : str
        Of the deployment, for messages.
    account : TradingAccount
    pilot : Pilot
    line : Line
    legs_rest : bool
        Whether stops lie open at the venue from the entry on: they hold the units then, and
        are ended before these are sold otherwise.
    """

    def __init__(
        self, name: str, account: TradingAccount, pilot: Pilot, line: Line, *, legs_rest: bool
    ) -> None:
        self._name, self._account, self._pilot, self._line = name, account, pilot, line
        self._legs_rest = pilot.decider.legs_rest = legs_rest
        self.openers: dict[str, str] = {}

    async def carry_out(
        self, decision: Decision, label: datetime, limits: Mapping[str, Decimal]
    ) -> str:
        """Cancel and send what a decision asks for; return the id of the order, if there is one."""
        account, pilot = self._account, self._pilot
        if decision.cancels is not None and decision.cancels in account.ledger.orders:
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
        order = await self._propose(intent)
        if order is not None and order.state.is_open:
            pilot.sent(way, intent.intent_id)
        return intent.intent_id

    async def stop_out(self, hit: Hit) -> str:
        """Close what a stop that is watched here asks for; return the id of the order."""
        account, pilot = self._account, self._pilot
        cell = pilot.book.cell(hit.column)
        if not cell.units or not account.manager.is_ready or account.failure:
            return ""
        others = self._open_of(hit.column)
        if any(order.reduce_only for order in others):
            return ""  # it is being closed already
        if not await self._end([order.order_id for order in others], hit.column) or not cell.units:
            return ""
        name = self._stop_name(hit)
        intent = Intent(
            intent_id=name,
            run_id=pilot.run_id,
            strategy=owner(pilot.strategy, hit.column),
            symbol=pilot.traded(hit.column),
            side=Side.SELL if cell.units > 0 else Side.BUY,
            decided_at=hit.time,
            quantity=decimal(abs(cell.units), "quantity"),
            reference_price=decimal(hit.level, "price"),
            reduce_only=True,
            reason=f"{hit.kind} stop at {hit.level:g}, watched here",
        )
        pilot.orders[name] = hit.column
        order_now = await self._propose(account.broker.capabilities.fitted(intent))
        if order_now is not None and (order_now.state.is_open or order_now.filled):
            pilot.stopped(hit.column, order_now)
        return name

    # inside -----------------------------------------------------------------------------

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
        account, orders = self._account, self._account.ledger.orders
        for name in names:
            await account.manager.cancel(name, "a newer decision takes its place")
        await self._line.settle()

        def is_done() -> bool:
            is_over = not any(orders[name].state.is_open for name in names)
            return is_over and account.manager.is_idle

        if isinstance(account.clock, EventClock):
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while not is_done():
                    await asyncio.sleep(_LOOK)
        if not any(orders[name].state.is_open for name in names):
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
