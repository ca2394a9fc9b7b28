"""Every decision of the order path, free of I/O.

An input gives a :class:`Step`: records to journal, then effects to carry out. The state
has the records applied already; a driver writes them down durably and only then carries
out the effects, and brings what the venue answered back as the next input. The
synchronous driver of the replay and the asyncio driver of the desk share all of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent, Order, OrderState
from workbench.core.ports import Update
from workbench.core.posting import Posting
from workbench.errors import (
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
    WorkbenchError,
    nearest,
)
from workbench.risk.context import Context
from workbench.risk.gate import Gate, Judgement
from workbench.risk.halt import HaltLevel
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record, Verdicted
from workbench.trading.states import OrderEvent, is_news, stranger
from workbench.trading.states import Step as To
from workbench.trading.steps import (
    Cancel,
    Effect,
    Evidence,
    LookUp,
    Pull,
    Replace,
    Send,
    Step,
)

__all__ = ["OrderCore"]

_STATE_STEP = {
    OrderState.ACCEPTED: To.ACCEPTED,
    OrderState.WORKING: To.WORKING,
    OrderState.PARTIALLY_FILLED: To.WORKING,
    OrderState.FILLED: To.FILLED,
    OrderState.CANCELED: To.CANCELED,
    OrderState.EXPIRED: To.EXPIRED,
    OrderState.REJECTED: To.REJECTED,
    OrderState.REPLACED: To.REPLACED,
}


class OrderCore:
    """The order path of one book.

    Parameters
    ----------
    gate : Gate
        The only maker of orders.
    ledger : Ledger, optional
        The state to go on from.
    evidence : Evidence, optional
        When absence counts as proven.
    """

    def __init__(
        self, gate: Gate, ledger: Ledger | None = None, evidence: Evidence | None = None
    ) -> None:
        self.gate = gate
        self.ledger = ledger or Ledger()
        self.evidence = evidence or Evidence()
        self._lost: dict[str, datetime] = {}
        self._not_found: dict[str, int] = {}

    # wanted ---------------------------------------------------------------------------

    def propose(
        self, intent: Intent, context: Context, now: datetime, halt: HaltLevel = HaltLevel.RUN
    ) -> tuple[Step, Judgement | None]:
        """Judge an intent; where it passes, make its order and send it.

        The same intent again gives an empty step and no judgement: it is one order only.
        """
        step = Step()
        if intent.intent_id in self.ledger.intents:
            return step, None
        judgement = self._judge(step, intent, context, halt)
        if judgement.outcome != "refuse":
            order = self._new_order(step, judgement, now)
            step.effects.append(Send(order))
        return step, judgement

    def cancel(self, order_id: str, now: datetime, reason: str = "") -> Step:
        """Ask for an order's end, again where that was asked before; nothing where it has ended.

        Raises
        ------
        UsageError
            There is no such order.
        """
        order, step = self._known(order_id), Step()
        if not order.state.is_open:
            return step
        self._happen(step, order, To.CANCEL_ASKED, now, reason)
        step.effects.append(Cancel(order_id))
        return step

    def replace(
        self, order_id: str, intent: Intent, context: Context, now: datetime,
        halt: HaltLevel = HaltLevel.RUN,
    ) -> tuple[Step, Judgement | None]:  # fmt: skip
        """Put an intent in the place of an open order, as one step at the venue.

        Raises
        ------
        UsageError
            There is no such order, or it is of another symbol.
        RefusedError
            It is not in a state that can be replaced.
        """
        order, step = self._known(order_id), Step()
        if intent.symbol != order.symbol:
            raise UsageError(f"{order_id} is an order of {order.symbol}, not of {intent.symbol}")
        if intent.intent_id in self.ledger.intents:
            return step, None
        working = (OrderState.ACCEPTED, OrderState.WORKING, OrderState.PARTIALLY_FILLED)
        if order.state not in working:
            raise RefusedError(
                f"order {order_id} is {order.state} and cannot be replaced", order_id=order_id
            )
        judgement = self._judge(step, intent, _without(context, order), halt)
        if judgement.outcome != "refuse":
            self._happen(step, order, To.REPLACE_ASKED, now)
            new = self._new_order(step, judgement, now)
            step.effects.append(Replace(order_id, new))
        return step, judgement

    # answered -------------------------------------------------------------------------

    def answered(
        self, effect: Effect, answer: Order | Sequence[Fill] | None, now: datetime
    ) -> Step:
        """Take in what the venue answered to an effect."""
        step = Step()
        if isinstance(effect, Pull):
            for fill in answer if isinstance(answer, Sequence) else ():
                self._fill(step, fill, now)
        elif isinstance(effect, LookUp) and answer is None:
            self._absent(step, self._known(effect.order_id), now)
        elif isinstance(effect, Replace) and isinstance(answer, Order):
            self._update(step, answer, now)
            old = self.ledger.orders[effect.order_id]
            self._happen(step, old, To.REPLACED, now, f"replaced by {effect.order.order_id}")
        elif isinstance(answer, Order):
            ours = self.ledger.orders.get(answer.order_id)
            if isinstance(effect, LookUp) and ours and ours.state is OrderState.PENDING_REPLACE:
                # looked up and still there: whatever became of the replacement, this is the order
                self._happen(step, ours, To.REPLACE_REFUSED, now)
            self._update(step, answer, now)
        return step

    def failed(self, effect: Effect, error: WorkbenchError, now: datetime) -> Step:
        """Take in that an effect did not succeed.

        Only a definite no, or a request that never left, ends an order; anything else
        leaves it unknown, to be looked up and never sent again.
        """
        step = Step()
        if isinstance(effect, Send):
            self._send_failed(step, effect.order, error, now)
        elif isinstance(effect, Replace):
            if isinstance(error, OutcomeUnknownError):
                self._unknown(step, effect.order, error.message, now)
                step.effects.append(LookUp(effect.order_id))
            else:
                self._happen(step, effect.order, To.REJECTED, now, error.message)
                old = self.ledger.orders[effect.order_id]
                self._happen(step, old, To.REPLACE_REFUSED, now)
        elif isinstance(effect, Cancel):
            order = self.ledger.orders[effect.order_id]
            if isinstance(error, RefusedError) and order.state is OrderState.PENDING_CANCEL:
                self._happen(step, order, To.CANCEL_REFUSED, now)
            # too late, or no answer: the order itself tells what became of it
            step.effects.append(LookUp(effect.order_id))
        return step

    def update(self, message: Update, now: datetime) -> Step:
        """Take in what the venue tells unasked; repeats and stale news change nothing."""
        step = Step()
        if isinstance(message, Fill):
            self._fill(step, message, now)
        elif isinstance(message, Posting):
            if (message.venue, message.posting_id) not in self.ledger.postings:
                self._record(step, Record(Kind.POSTING, message))
        else:
            self._update(step, message, now)
        return step

    # after a start --------------------------------------------------------------------

    def recover(self, now: datetime) -> Step:
        """Doubt everything that was under way; ask the venue about all that is open."""
        step = Step()
        for order in self.ledger.open_orders():
            if order.state in (OrderState.CREATED, OrderState.SUBMITTED):
                self._unknown(step, order, "found in flight at the start", now)
        last = max((fill.time for fill in self.ledger.fills.values()), default=None)
        step.effects.append(Pull(last))
        for order in self.ledger.open_orders():
            if order.state is OrderState.PENDING_CANCEL:
                step.effects.append(Cancel(order.order_id))
            step.effects.append(LookUp(order.order_id))
        return step

    def adopt(self, found: Iterable[Order], now: datetime) -> Step:
        """Take in the venue's open orders, strangers included."""
        step = Step()
        for order in found:
            self._update(step, order, now)
        return step

    def look_up_unknown(self) -> Step:
        """Ask for the fills and for every order whose fate is not known."""
        unknown = self.ledger.unknown()
        effects: list[Effect] = [LookUp(order.order_id) for order in unknown]
        return Step(effects=[Pull(), *effects] if effects else [])

    # inside ---------------------------------------------------------------------------

    def _judge(self, step: Step, intent: Intent, context: Context, halt: HaltLevel) -> Judgement:
        judgement = self.gate.judge(intent, context, halt)
        facts = tuple(verdict.facts() for verdict in judgement.verdicts)
        self._record(
            step, Record(Kind.INTENT, Verdicted(intent, judgement.outcome, facts), intent.intent_id)
        )
        return judgement

    def _new_order(self, step: Step, judgement: Judgement, now: datetime) -> Order:
        intent = judgement.intent
        order = Order(
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
            reason=judgement.reason or intent.reason,
        )
        self._record(step, Record(Kind.ORDER, order, order.order_id))
        self._happen(step, order, To.SUBMITTED, now)
        return self.ledger.orders[order.order_id]

    def _send_failed(self, step: Step, order: Order, error: WorkbenchError, now: datetime) -> None:
        present = self.ledger.orders[order.order_id]
        if isinstance(error, (RefusedError, UsageError)):
            self._happen(step, present, To.REJECTED, now, error.message)
        elif isinstance(error, UnavailableError):
            self._happen(step, present, To.REJECTED, now, f"never sent: {error.message}")
        else:
            self._unknown(step, present, error.message, now)

    def _unknown(self, step: Step, order: Order, reason: str, now: datetime) -> None:
        self._lost[order.order_id] = now
        self._not_found[order.order_id] = 0
        self._happen(step, self.ledger.orders[order.order_id], To.UNKNOWN, now, reason)
        step.alarms.append(f"the fate of order {order.order_id} is unknown: {reason}")

    def _absent(self, step: Step, order: Order, now: datetime) -> None:
        if order.state is not OrderState.UNKNOWN:
            if order.state.is_open:
                step.alarms.append(f"the venue does not know the open order {order.order_id}")
            return
        lost = self._lost.setdefault(order.order_id, now)
        if now - lost < self.evidence.horizon:
            return
        count = self._not_found.get(order.order_id, 0) + 1
        self._not_found[order.order_id] = count
        if count >= self.evidence.lookups and not order.filled:
            reason = (
                f"absent: {count} look-ups found nothing more than "
                f"{self.evidence.horizon.total_seconds():g} s after it was sent"
            )
            self._happen(step, order, To.REJECTED, now, reason)

    def _update(self, step: Step, theirs: Order, now: datetime) -> None:
        if theirs.order_id not in self.ledger.orders:
            self._adopt(step, theirs)
        ours = self.ledger.orders[theirs.order_id]
        if theirs.filled > ours.filled:
            # an order ends for us when its fills are here, not when somebody says so
            if Pull() not in step.effects:
                step.effects.append(Pull())
            if theirs.state is OrderState.FILLED:
                return
        to = _STATE_STEP.get(theirs.state)
        if to is None:
            return
        event = OrderEvent(
            step=to,
            order_id=theirs.order_id,
            time=now,
            quantity=theirs.quantity,
            limit_price=theirs.limit_price,
            stop_price=theirs.stop_price,
            venue_order_id=theirs.venue_order_id,
            reason=theirs.reason if to in (To.REJECTED, To.CANCELED, To.EXPIRED) else "",
        )
        self._news(step, ours, event)

    def _adopt(self, step: Step, theirs: Order) -> None:
        parent = self.ledger.orders.get(theirs.parent_id or "")
        ours = replace(
            theirs,
            state=OrderState.ACCEPTED,
            filled=ZERO,
            average_price=None,
            run_id=parent.run_id if parent else "external",
            strategy=parent.strategy if parent else "external",
        )
        self._record(step, Record(Kind.ORDER, ours, ours.order_id))
        if parent is None:
            step.alarms.append(f"order {theirs.order_id} at the venue is none of ours")

    def _fill(self, step: Step, fill: Fill, now: datetime) -> None:
        if (fill.venue, fill.execution_id) in self.ledger.fills:
            return
        order = self.ledger.orders.get(fill.order_id)
        if order is None:
            self._adopt(step, stranger(fill))
            order = self.ledger.orders[fill.order_id]
            step.effects.append(LookUp(fill.order_id))
        if not order.state.is_open:
            step.alarms.append(
                f"late fill of {fill.quantity} {fill.symbol}: order {order.order_id} was "
                f"{order.state}"
            )
        event = OrderEvent(step=To.FILL, order_id=order.order_id, time=now, fill=fill)
        self._record(step, Record(Kind.FILL, event, order.order_id))
        after = self.ledger.orders[order.order_id]
        if after.quantity is not None and after.filled > MONEY.multiply(after.quantity, _SLACK):
            step.alarms.append(
                f"order {order.order_id} of {after.quantity} was filled for {after.filled}"
            )

    def _happen(self, step: Step, order: Order, to: To, now: datetime, reason: str = "") -> None:
        order = self.ledger.orders[order.order_id]
        event = OrderEvent(step=to, order_id=order.order_id, time=now, reason=reason)
        self._news(step, order, event)

    def _news(self, step: Step, order: Order, event: OrderEvent) -> None:
        if is_news(order, event):
            self._record(step, Record(Kind.EVENT, event, order.order_id))

    def _record(self, step: Step, record: Record) -> None:
        self.ledger.apply(record)
        step.records.append(record)

    def _known(self, order_id: str) -> Order:
        order = self.ledger.orders.get(order_id)
        if order is None:
            raise UsageError(
                f"no order {order_id!r}{nearest(order_id, self.ledger.orders)}", order_id=order_id
            )
        return order


# sums of fills that were floats at the venue may miss a quantity in the last digits
_SLACK = 1 + MONEY.divide(MONEY.create_decimal(1), MONEY.create_decimal(10**9))


def _without(context: Context, order: Order) -> Context:
    if order.quantity is None or order.symbol not in context.reserved:
        return context
    buys, sells = context.reserved[order.symbol]
    rest = MONEY.subtract(order.quantity, order.filled)
    freed = (buys - rest, sells) if order.side.sign > 0 else (buys, sells - rest)
    return replace(context, reserved={**context.reserved, order.symbol: freed})
