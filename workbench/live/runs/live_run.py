"""A strategy at work: it is shown whole rows of bars, and what it decides is carried out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workbench.core.fill import Fill
from workbench.core.money import decimal
from workbench.core.order import Order, Pending
from workbench.core.parent import Parent, ParentState
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.errors import UsageError, WorkbenchError
from workbench.kernels.codes import Floats
from workbench.live.accounts.account import TradingAccount
from workbench.live.decisions.pilot import Pilot
from workbench.live.decisions.sizing import protection_of
from workbench.live.decisions.stop_watch import Hit
from workbench.live.market.rows import Row
from workbench.live.runs.asking import Asking
from workbench.live.runs.carrier import guarded
from workbench.live.runs.untaken import UntakenLog
from workbench.store.codec import dump
from workbench.store.deployments import Deployed, put
from workbench.strategy.base import EventStrategy
from workbench.trading.parents import Execution
from workbench.trading.records import Kind
from workbench.trading.steps import Step

if TYPE_CHECKING:
    from workbench.live.decisions.deployment import Deployment
    from workbench.live.runs.line import Line

__all__ = ["LiveRun", "Wanted"]

_LATE = timedelta(seconds=15)


class Wanted(NamedTuple):
    """What a strategy wanted at one bar."""

    label: datetime
    targets: Floats
    orders: tuple[str, ...] = ()
    skipped: str = ""


class LiveRun:
    """One strategy at work on an account, with books of its own.

    Parameters
    ----------
    deployment : Deployment
    record : Deployed
        As it is stored; a restart goes on from it.
    account : TradingAccount
    line : Line
        Where its bars come from.

    Attributes
    ----------
    decisions : list of Wanted
        What was wanted at each bar since the start of the process.
    """

    def __init__(
        self, deployment: Deployment, record: Deployed, account: TradingAccount, line: Line
    ) -> None:
        self.deployment, self.record = deployment, record
        self.account, self.line = account, line
        self.decisions: list[Wanted] = []
        columns = deployment.columns
        self.columns = tuple(columns)
        shared = columns if any(key != symbol for key, symbol in columns.items()) else None
        self.pilot = Pilot(
            deployment.strategy, record.run_id, self.columns, deployment.terms,
            float(record.capital), shared,
        )  # fmt: skip
        self._watch, self._carrier = guarded(deployment, account, self.pilot, line)
        self._asking = Asking(deployment, line)
        self._booked: tuple[str, ...] = ()
        self._untaken = UntakenLog(
            record.run_id, record.name, lambda column: self.pilot.book.cell(column).units
        )
        self._missed: Floats = np.full(len(self.columns), np.nan)
        self._inbox: asyncio.Queue[Row | Quote | Trade | Hit] = asyncio.Queue()
        self._hit: set[str] = set()
        self._restore()

    # its state --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Of the deployment."""
        return self.record.name

    @property
    def is_running(self) -> bool:
        """Whether it decides."""
        return self.record.state == "running"

    @property
    def stops(self) -> str:
        """Where its stops are kept; empty where it has none."""
        if protection_of(self.deployment.terms.stops) is None:
            return ""
        return "at the venue" if self._watch is None else "watched here"

    @property
    def equity(self) -> float:
        """What its own books come to, at the last prices."""
        return self.pilot.book.equity()

    def set_state(self, state: str, reason: str) -> None:
        """Let it decide (``running``), not decide (``paused``) or end; stored and told."""
        self.record = replace(self.record, state=state, reason=reason)
        self.save()
        self.account.news.say("strategy", f"{self.name} is {state}: {reason or 'as asked'}")

    def save(self) -> None:
        """Store how far it came, and what it remembers."""
        memory = {
            **self.pilot.state(),
            "stops": self.stops,
            "openers": self._carrier.openers,
            "booked": list(self._booked),
            "missed": [None if np.isnan(one) else one for one in self._missed.tolist()],
        }
        memory |= self._state_of_its_own()
        self.record = replace(
            self.record,
            memory=json.dumps(memory),
            equity=decimal(self.equity, "equity"),
            updated=self.account.clock.now(),
        )
        with self.account.database.write() as connection:
            put(connection, self.record)

    # bars -------------------------------------------------------------------------------

    async def warm_up(self) -> None:
        """Tell a strategy on events of the bars before; what it answers to them is dropped.

        One that was restored from a state of its own is told of none.
        """
        window = self.line.window
        self.pilot.mark_at_cost()
        closes, columns = window.marks(), self.deployment.columns
        self.pilot.mark({key: closes[one] for key, one in columns.items() if one in closes})
        if "strategy" not in json.loads(self.record.memory):
            await self._asking.tell_past()

    def offer(self, row: Row) -> None:
        """Take a whole row, to be decided on in its turn."""
        self._inbox.put_nowait(row)

    def tell(self, event: Quote | Trade) -> None:
        """Take a quote or a trade, where stops are watched or the strategy answers such."""
        if self._watch is not None and isinstance(event, Quote):
            self._stop_out(self._watch.quoted(event))
        kind = "on_quote" if isinstance(event, Quote) else "on_trade"
        strategy = self.deployment.strategy
        if not isinstance(strategy, EventStrategy) or event.symbol not in self.line.symbols:
            return
        if getattr(type(strategy), kind) is not getattr(EventStrategy, kind):
            self._inbox.put_nowait(event)

    async def settled(self) -> None:
        """Wait until all rows that were offered are decided on."""
        await self._inbox.join()

    async def work(self) -> None:
        """Decide on one row after the other, until cancelled."""
        while True:
            item = await self._inbox.get()
            try:
                if isinstance(item, Hit):
                    await self._close(item)
                elif isinstance(item, Row):
                    await self._look_at(item)
                    await self._decide(item)
                else:
                    await self._answer(item)
            finally:
                self._inbox.task_done()

    async def cancel_orders(self, reason: str) -> None:
        """Cancel what is open of it, and end what is worked in parts."""
        await self.account.executing.end_of(self.record.run_id, reason)
        for order in self.account.ledger.open_orders():
            if order.run_id == self.record.run_id and order.pending is not Pending.CANCEL:
                await self.account.manager.cancel(order.order_id, reason)

    def close(self) -> None:
        """End its thread."""
        self._asking.close()

    def learn(self, step: Step) -> None:
        """Learn from what was journaled: its own fills, and what became of its orders."""
        ledger = self.account.ledger
        for record in step.records:
            if record.order_id is None or record.kind is Kind.INTENT:
                continue
            order = ledger.orders[record.order_id]
            if record.kind is Kind.ORDER:
                self.pilot.part(order.order_id, ledger.intents.get(order.order_id))
            if not self.pilot.owns(order):
                continue
            if record.kind is Kind.FILL:
                fill = record.value.fill
                self._book((fill.venue, fill.execution_id), fill)
            self.pilot.learn(order)

    def learn_parent(self, execution: Execution) -> None:
        """Learn what became of an order of its own that is worked in parts."""
        parent = execution.parent
        column = self.pilot.orders.get(parent.algo_id)
        if column is None or not execution.state.is_over:
            return
        self.pilot.decider.ended(column, parent.algo_id)
        if execution.state is ParentState.ENDED:
            self.pilot.decider.again(column)  # what is left is decided about anew

    # inside -----------------------------------------------------------------------------

    def _stop_out(self, hits: Iterable[Hit]) -> None:
        """Let stops that were reached be acted upon in their turn, each once at a time."""
        for hit in hits:
            if self.record.state != "ended" and hit.column not in self._hit:
                self._hit.add(hit.column)
                self._inbox.put_nowait(hit)

    async def _close(self, hit: Hit) -> None:
        self._hit.discard(hit.column)
        if await self._carrier.stop_out(hit):
            self.save()

    async def _look_at(self, row: Row) -> None:
        """Look for stops within a bar, where there are no quotes to look at."""
        if self._watch is None or self.line.has_quotes or self.record.state == "ended":
            return
        if self.record.decided and row.label <= self.record.decided:
            return
        for hit in self._watch.ranged(row.bars, row.known):
            await self._close(hit)

    async def _decide(self, row: Row) -> None:
        if not self.is_running or (self.record.decided and row.label <= self.record.decided):
            return
        self._mark(self.line.window.closes(row.label))
        try:
            targets, limits = await self._asking.at(row)
        except WorkbenchError as error:  # it alone is paused
            self._stumble(error)
            return
        targets = np.where(np.isnan(targets), self._missed, targets)
        skipped = self._why_not(row)
        if skipped:
            self._missed = targets
            self._note(Wanted(row.label, targets, (), skipped))
            return
        self._missed = np.full(len(self.columns), np.nan)
        targets = self._by_the_session(row, targets)
        orders = [
            await self._carrier.carry_out(decision, row.label, limits)
            for decision in self.pilot.decisions(
                targets, is_due=self.line.is_due(self.deployment.sizing, row)
            )
        ]
        self._advance(row.label)
        self._note(Wanted(row.label, targets, tuple(filter(None, orders))))

    async def _answer(self, event: Quote | Trade) -> None:
        """Let a strategy on events answer a quote or a trade, and act at once."""
        strategy, account = self.deployment.strategy, self.account
        if not self.is_running or not isinstance(strategy, EventStrategy):
            return
        try:
            targets, limits = await self._asking.about(event)
        except WorkbenchError as error:  # it alone is paused
            self._stumble(error)
            return
        price = event.mid if isinstance(event, Quote) else event.price
        self.pilot.mark({event.symbol: price})
        late = account.clock.now() - event.time > _LATE
        if np.isnan(targets).all() or late or account.failure or not account.manager.is_ready:
            return
        for decision in self.pilot.decisions(targets):
            await self._carrier.carry_out(decision, event.time, limits)
        self._note(Wanted(event.time, targets), is_kept=False)

    def _why_not(self, row: Row) -> str:
        """Return why this row is seen and not acted upon; empty where it is."""
        if self.account.failure or not self.account.manager.is_ready:
            return f"trading is off: {self.account.failure or 'not recovered yet'}"
        return self.line.why_not(row, self.deployment, self.account.clock.now())

    def _mark(self, closes: dict[str, float]) -> None:
        traded = self.deployment.columns
        self.pilot.mark({key: closes.get(symbol, np.nan) for key, symbol in traded.items()})

    def _by_the_session(self, row: Row, targets: Floats) -> Floats:
        """Be flat where the next bar is the last of the session, and that is wanted."""
        if self.deployment.at_close != "flatten" or not self.line.is_last_but_one(row):
            return targets
        return np.zeros_like(targets)

    def _advance(self, label: datetime) -> None:
        before = self.record.decided
        is_new_day = before is None or before.date() != label.date()
        self.record = replace(self.record, decided=label, days=self.record.days + int(is_new_day))

    def _note(self, wanted: Wanted, *, is_kept: bool = True) -> None:
        self.decisions.append(wanted)
        if is_kept:
            intents = self.account.ledger.intents
            self._untaken.keep(
                self.account.manager, wanted.label,
                dict(zip(self.columns, wanted.targets.tolist(), strict=True)),
                lambda name: name in wanted.orders or name in intents, wanted.skipped,
            )  # fmt: skip
        words = ", ".join(
            f"{column} {target:+.0%}"
            for column, target in zip(self.columns, wanted.targets.tolist(), strict=True)
            if not np.isnan(target)
        )
        self.record = replace(self.record, decision=wanted.skipped or words or "no opinion")
        self.save()
        self.account.bus.publish(
            f"signals:{self.name}",
            {
                "strategy": self.name,
                "run_id": self.record.run_id,
                "time": wanted.label.isoformat().replace("+00:00", "Z"),
                "wanted": words,
                "orders": list(wanted.orders),
                "skipped": wanted.skipped,
            },
        )

    def _state_of_its_own(self) -> dict[str, Any]:
        """Return what a strategy wants back after a restart; one that cannot be kept pauses it."""
        state = getattr(self.deployment.strategy, "state", None)
        if not callable(state):
            return {}
        try:
            found: dict[str, Any] = json.loads(dump({"strategy": state()}))
        except UsageError as error:
            if self.is_running:
                reason = f"its state cannot be kept: {error.message}"[:500]
                self.record = replace(self.record, state="paused", reason=reason)
                self.account.news.say("strategy", f"{self.name} is paused: {reason}")
            before = json.loads(self.record.memory or "{}")
            return {name: before[name] for name in ("strategy",) if name in before}
        return found

    def _stumble(self, error: WorkbenchError) -> None:
        self.set_state("paused", error.message[:500])

    def _restore(self) -> None:
        """Go on from what is stored and journaled; fills in their order, as they were booked."""
        ledger, run_id = self.account.ledger, self.record.run_id
        known: dict[str, Order | Parent] = {**ledger.orders}
        known |= {name: one.parent for name, one in ledger.executions.items()}
        for name, order in known.items():
            if order.run_id == run_id:
                shared = f"{order.strategy}/{order.symbol}"
                column = shared if shared in self.columns else order.symbol
                self.pilot.orders[name] = column
        memory: dict[str, Any] = json.loads(self.record.memory)
        if memory:
            at_work = (one.parent.algo_id for one in self.account.executing.at_work())
            self.pilot.restore(memory, {*ledger.open, *at_work})
            self._missed = np.array([np.nan if one is None else one for one in memory["missed"]])
            self._booked = tuple(memory["booked"])
            self._carrier.openers.update(memory.get("openers", {}))
            restore = getattr(self.deployment.strategy, "restore", None)
            if "strategy" in memory and callable(restore):
                restore(memory["strategy"])
        # what was journaled after it was last stored; what the ledger has dropped is older
        is_new = self._booked not in set(ledger.fills)
        for key, fill in ledger.fills.items():
            if is_new and fill.order_id in self.pilot.orders:
                self._book(key, fill)
            is_new = is_new or key == self._booked

    def _book(self, key: tuple[str, ...], fill: Fill) -> None:
        column = self.pilot.orders.get(fill.order_id, fill.symbol)
        before = self.pilot.book.cell(column).units
        self.pilot.learn(fill)
        if before * self.pilot.book.cell(column).units <= 0.0:
            self._carrier.openers[column] = fill.order_id
        self._booked = key
