"""Every decision of the order path, free of I/O.

An input gives a :class:`Step`: records to journal, then effects to carry out. The state
has the records applied already; a driver writes them down durably and only then carries
out the effects, and brings what the venue answered back as the next input. The
synchronous driver of the replay, the asyncio driver of the desk and the simulation share
all of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from workbench.core.fill import Fill
from workbench.core.frozen import maker
from workbench.core.order import Intent, Order, OrderState, Pending
from workbench.errors import (
    RefusedError,
    UsageError,
    WorkbenchError,
    nearest,
)
from workbench.risk.context import Context
from workbench.risk.gate import Gate, Judgement
from workbench.risk.halt import HaltLevel
from workbench.risk.verdict import facts_of
from workbench.trading.adjust import Adjustment
from workbench.trading.doubts import UNSENT, Doubts
from workbench.trading.ledger import Ledger
from workbench.trading.parents import check_belongs, held_to_parent
from workbench.trading.records import Kind, Record, Verdicted
from workbench.trading.states import OrderEvent
from workbench.trading.states import Step as To
from workbench.trading.steps import Cancel, Effect, Evidence, LookUp, Pull, Replace, Send, Step

__all__ = ["OrderCore"]

_Order, _Record = maker(Order), maker(Record)
_WORKING = (OrderState.ACCEPTED, OrderState.WORKING, OrderState.PARTIALLY_FILLED)


class OrderCore(Doubts):
    """The order path of one book.

    Parameters
    ----------
    gate : Gate
        The only maker of orders.
    ledger : Ledger, optional
        The state to go on from.
    evidence : Evidence, optional
        When absence counts as proven; ``Evidence.of(broker.capabilities)``.
    counts_as : str, optional
        The venue's name where it has no ids for executions
        (``capabilities.has_fill_ids``): they are derived from the orders' totals then.
    """

    def __init__(
        self,
        gate: Gate,
        ledger: Ledger | None = None,
        evidence: Evidence | None = None,
        counts_as: str | None = None,
    ) -> None:
        super().__init__(ledger or Ledger(), evidence or Evidence(), counts_as)
        self.gate = gate

    # wanted ---------------------------------------------------------------------------

    def propose(
        self, intent: Intent, context: Context, now: datetime, halt: HaltLevel = HaltLevel.RUN
    ) -> tuple[Step, Judgement | None]:
        """Judge an intent; where it passes, make its order and send it.

        The same intent again gives an empty step and no judgement: it is one order only.
        """
        step = Step()
        if self._is_known(intent):
            return step, None
        judgement = self._judge(step, intent, context, halt)
        if judgement.outcome != "refuse":
            step.effects.append(Send(self._new_order(step, judgement, now)))
        return step, judgement

    def cancel(self, order_id: str, now: datetime, reason: str = "") -> Step:
        """Ask for an order's end, again where that was asked before; nothing where it has ended.

        What the venue has not acknowledged yet is canceled once it has; what is being
        replaced takes its replacement with it.

        Raises
        ------
        UsageError
            There is no such order.
        """
        step = Step()
        self._cancel(step, self._known(order_id), now, reason)
        return step

    def cancel_all(self, now: datetime, reason: str = "") -> Step:
        """Ask for the end of everything that is open, of unknown fate included."""
        step = Step()
        for order in self.ledger.open_orders():
            self._cancel(step, order, now, reason)
        return step

    def replace(
        self, order_id: str, intent: Intent, context: Context, now: datetime,
        halt: HaltLevel = HaltLevel.RUN,
    ) -> tuple[Step, Judgement | None]:  # fmt: skip
        """Put an intent in the place of an open order, as one step at the venue.

        What the old order was filled for until then the venue takes off the new one's
        units: they are meant in all.

        Raises
        ------
        UsageError
            There is no such order, or it is of another symbol.
        RefusedError
            It is not in a state that can be replaced, or it is a part of a parent at work
            and what is to take its place is not.
        """
        order, step = self._known(order_id), Step()
        if intent.symbol != order.symbol:
            raise UsageError(f"{order_id} is an order of {order.symbol}, not of {intent.symbol}")
        if self._is_known(intent):
            return step, None
        if order.state not in _WORKING:
            raise RefusedError(
                f"order {order_id} is {order.state} and cannot be replaced", order_id=order_id
            )
        check_belongs(self.ledger, order_id, intent)
        judgement = self._judge(step, intent, context.without(order), halt)
        if judgement.outcome != "refuse":
            other = judgement.intent.intent_id
            asked = OrderEvent(step=To.REPLACE_ASKED, order_id=order_id, time=now, other=other)
            self._event(step, asked)
            step.effects.append(Replace(order_id, self._new_order(step, judgement, now)))
        return step, judgement

    # answered -------------------------------------------------------------------------

    def answered(
        self, effect: Effect, answer: Order | Sequence[Fill] | None, now: datetime
    ) -> Step:
        """Take in what the venue answered to an effect."""
        step = Step()
        if isinstance(effect, Pull):
            self._pulled(step, effect, list(answer) if isinstance(answer, Sequence) else [], now)
        elif isinstance(effect, LookUp) and answer is None:
            self._absent(step, self._known(effect.order_id), effect.asked or now, now)
        elif isinstance(answer, Order):
            self._update(step, answer, now, is_looked_up=isinstance(effect, LookUp))
            if isinstance(effect, LookUp):
                self._still_there(step, answer, now)
        return step

    def failed(self, effect: Effect, error: WorkbenchError, now: datetime) -> Step:
        """Take in that an effect did not succeed.

        Only a definite no, or a request that never left, ends an order; anything else
        leaves it unknown, to be looked up and never sent again. A question that failed
        says nothing.
        """
        step = Step()
        if isinstance(effect, Send):
            self._send_failed(step, effect.order, error, now)
        elif isinstance(effect, Replace):
            self._send_failed(step, effect.order, error, now)
            self._look_up(step, effect.order_id, now)
        elif isinstance(effect, Cancel):
            self._cancel_failed(step, effect.order_id, error, now)
        elif isinstance(effect, LookUp):
            self.watch.not_answered(effect.order_id)
        return step

    # after a start, and every second --------------------------------------------------

    def recover(self, now: datetime) -> Step:
        """Doubt everything that was under way, and ask for the executions since.

        What is open is then asked for in one request, and told to :meth:`adopt`.
        """
        step = Step()
        for order in self.ledger.open_orders():
            if order.state in UNSENT:
                self._unknown(step, order, "found in flight at the start", now)
        self._pull(step, now)
        for order in self.ledger.open_orders():
            if order.state is OrderState.UNKNOWN:
                self.watch.doubt(order.order_id, now)
            if order.pending is Pending.CANCEL:
                self._ask_cancel(step, order.order_id, now)
        return step

    def adopt(self, found: Iterable[Order], now: datetime, *, is_start: bool = False) -> Step:
        """Take in the venue's open orders, strangers included.

        What we hold for open and is not among them is looked up: a list of open orders
        proves no absence, and the copy it was read from may lag. Later than at a start,
        :meth:`in_flight` sees to those of unknown fate.
        """
        step, there = Step(), set()
        for order in found:
            there.add(order.order_id)
            self._update(step, order, now)
        for name in self.ledger.open:
            order = self.ledger.orders[name]
            is_waiting = order.state in UNSENT or (name in self.ledger.doubtful and not is_start)
            if name not in there and not is_waiting:
                self._look_up(step, name, now)
        return step

    def look_up_unknown(self, now: datetime | None = None) -> Step:
        """Ask for the fills and for every order whose fate is not known, due or not."""
        unknown = self.ledger.unknown()
        effects: list[Effect] = [LookUp(order.order_id, now) for order in unknown]
        return Step(effects=[self._next_pull(now), *effects] if effects else [])

    def in_flight(self, now: datetime, most: int | None = None) -> Step:
        """Ask again for what is due of everything that waits for an answer of the venue.

        Orders of unknown fate, cancels and replacements that are not confirmed, ends whose
        fills are not all here. To be called every second; each order is asked for less
        and less often, and one that stays unknown is put before a person. No more than
        `most` orders are asked for; the others stay due.
        """
        step, left = Step(), most
        for name in [*self.ledger.doubtful, *self.watch.ends]:
            order = self.ledger.orders[name]
            if order.state is OrderState.UNKNOWN:
                self._quarantine(step, order, now)
            if order.state in UNSENT or left == 0 or not self.watch.is_due(order, now):
                continue
            left = None if left is None else left - 1
            self._pull(step, now)
            if order.pending is Pending.CANCEL:
                self._ask_cancel(step, name, now)
            self._look_up(step, name, now)
        return step

    def pull(self, now: datetime, since: datetime | None = None) -> Step:
        """Fetch the executions since the cursor, or since an instant before it."""
        pull = self._next_pull(now)
        if since is not None and pull.since is not None:
            pull = Pull(min(pull.since, since), now)
        return Step(effects=[pull])

    # by a person ----------------------------------------------------------------------

    def declare_absent(self, order_id: str, actor: str, reason: str, now: datetime) -> Step:
        """Take a person's word that the venue never had an order of unknown fate.

        Raises
        ------
        UsageError
            There is no such order, its fate is known, or nobody stands for it.
        """
        order, step = self._known(order_id), Step()
        if order.state is not OrderState.UNKNOWN:
            raise UsageError(f"order {order_id} is {order.state}, not unknown", order_id=order_id)
        if not actor.strip() or not reason.strip():
            raise UsageError("to declare an order absent takes a name and a reason")
        self._happen(step, order_id, To.REJECTED, now, f"absent, says {actor}: {reason}")
        return step

    def adjust(self, adjustment: Adjustment, now: datetime) -> Step:
        """Take a difference to the venue's statement over into our books."""
        step = Step()
        for record in adjustment.records(self.ledger, now):
            self._record(step, record)
        step.alarms.append(f"{adjustment.difference}: taken over by {adjustment.actor}")
        return step

    def release(self, symbol: str, actor: str, reason: str) -> Step:
        """Let a symbol trade again that the order path has stopped.

        Raises
        ------
        UsageError
            It is not stopped, or nobody stands for it.
        """
        step = Step()
        if symbol not in self.ledger.halted:
            raise UsageError(f"{symbol} is not stopped{nearest(symbol, self.ledger.halted)}")
        if not actor.strip() or not reason.strip():
            raise UsageError("to let a symbol trade again takes a name and a reason")
        value = {"symbol": symbol, "level": "run", "reason": reason, "actor": actor}
        self._record(step, _Record(Kind.HALT, value))
        return step

    # inside ---------------------------------------------------------------------------

    def _is_known(self, intent: Intent) -> bool:
        """Whether it is in the journal, or its order was found at the venue without it."""
        name = intent.intent_id
        return name in self.ledger.intents or name in self.ledger.orders

    def _judge(self, step: Step, intent: Intent, context: Context, halt: HaltLevel) -> Judgement:
        judgement = held_to_parent(
            self.ledger, self.gate.judge(intent, context, self._level(intent.symbol, halt))
        )
        facts = facts_of(judgement.verdicts)
        self._record(
            step,
            _Record(Kind.INTENT, Verdicted(intent, judgement.outcome, facts), intent.intent_id),
        )
        return judgement

    def _level(self, symbol: str, halt: HaltLevel) -> HaltLevel:
        """Return the halt of the account, or our own of the symbol where that is higher."""
        ours = HaltLevel.RUN
        if symbol in self.ledger.halted:
            ours = HaltLevel.NO_NEW_ORDERS
        elif self.ledger.quarantined and self.ledger.is_reduce_only(symbol):
            ours = HaltLevel.REDUCE_ONLY
        if ours is HaltLevel.RUN or ours.severity <= halt.severity:
            return halt
        return ours

    def _new_order(self, step: Step, judgement: Judgement, now: datetime) -> Order:
        intent = judgement.intent
        order = _Order(
            order_id=intent.intent_id,
            run_id=intent.run_id,
            strategy=intent.strategy,
            symbol=intent.symbol,
            side=intent.side,
            type=intent.type,
            decided_at=intent.decided_at,
            quantity=intent.quantity,
            target=intent.target,
            limit_price=intent.limit_price,
            stop_price=intent.stop_price,
            tif=intent.tif,
            protection=intent.protection,
            reduce_only=intent.reduce_only,
            extended_hours=intent.extended_hours,
            post_only=intent.post_only,
            notional=intent.notional,
            reason=judgement.reason or intent.reason,
        )
        self._record(step, _Record(Kind.ORDER, order, order.order_id))
        self._happen(step, order.order_id, To.SUBMITTED, now)
        return self.ledger.orders[order.order_id]

    def _cancel(self, step: Step, order: Order, now: datetime, reason: str) -> None:
        if not order.state.is_open:
            return
        name = order.order_id
        self._happen(step, name, To.CANCEL_ASKED, now, reason)
        if order.state not in UNSENT:
            self._ask_cancel(step, name, now)
        new = self.ledger.orders.get(self.ledger.successors.get(name, ""))
        if new is not None and order.pending is not None:
            self._cancel(step, new, now, reason)
