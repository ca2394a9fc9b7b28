"""How what a venue tells becomes records: orders, fills, and what contradicts our books.

A venue repeats itself, answers late and out of order, and some of its answers come from
copies that lag. So nothing goes backwards, an order ends when its fills are here and not
when somebody says so, and what contradicts our books is believed where it adds to the
risk, and raises an alarm.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workbench.core.fill import Fill
from workbench.core.frozen import maker
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState, Pending
from workbench.core.ports import Update
from workbench.core.posting import Posting
from workbench.trading.counting import cumulative, reversing, superseding
from workbench.trading.cursors import is_before, moved, next_pull, reached
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record
from workbench.trading.states import OrderEvent, news, stranger
from workbench.trading.states import Step as To
from workbench.trading.steps import Cancel, Evidence, LookUp, Pull, Step
from workbench.trading.watch import Watch

__all__ = ["Intake"]

_STATE_STEP = {
    OrderState.SUBMITTED: To.ACCEPTED,  # said by a venue, it is there
    OrderState.ACCEPTED: To.ACCEPTED,
    OrderState.WORKING: To.WORKING,
    OrderState.PARTIALLY_FILLED: To.WORKING,
    OrderState.PENDING_CANCEL: To.WORKING,
    OrderState.PENDING_REPLACE: To.WORKING,
    OrderState.FILLED: To.FILLED,
    OrderState.CANCELED: To.CANCELED,
    OrderState.EXPIRED: To.EXPIRED,
    OrderState.REJECTED: To.REJECTED,
    OrderState.REPLACED: To.REPLACED,
}
_Event, _Record = maker(OrderEvent), maker(Record)
_UNSEEN = (OrderState.CREATED, OrderState.SUBMITTED, OrderState.UNKNOWN)
_WORKED = (OrderState.WORKING, OrderState.PARTIALLY_FILLED)


class Intake:
    """The state, the memory of what is in flight, and what news of a venue make of them.

    Parameters
    ----------
    ledger : Ledger
    evidence : Evidence
    counts_as : str, optional
        The name under which executions of a venue are counted that has no ids for them;
        they are then derived from what its orders say in all.
    """

    def __init__(self, ledger: Ledger, evidence: Evidence, counts_as: str | None = None) -> None:
        self.ledger = ledger
        self.evidence = evidence
        self.counts_as = counts_as
        self.watch = Watch()

    def update(self, message: Update, now: datetime) -> Step:
        """Take in what the venue tells unasked; repeats and stale news change nothing."""
        step = Step()
        if isinstance(message, Fill):
            self._fill(step, message, now)
        elif isinstance(message, Posting):
            if (message.venue, message.posting_id) not in self.ledger.postings:
                self._record(step, _Record(Kind.POSTING, message))
        else:
            self._update(step, message, now)
        return step

    # orders ---------------------------------------------------------------------------

    def _update(
        self, step: Step, theirs: Order, now: datetime, *, is_looked_up: bool = False
    ) -> None:
        """Take in an order as the venue has it; `is_looked_up` says that it was asked for."""
        if theirs.order_id not in self.ledger.orders:
            self._adopt(step, theirs)
        ours = self.ledger.orders[theirs.order_id]
        if theirs.filled > ours.filled:
            ours = self._filled_more(step, ours, theirs, now)
        elif is_looked_up:
            self.watch.missing.pop(ours.order_id, None)
        if ours.state is OrderState.REJECTED:
            if theirs.state is not OrderState.REJECTED:
                self._contradicted(step, ours, f"is {theirs.state} at the venue", now)
            return
        if self._ends_later(step, ours, theirs, now, is_looked_up):
            return
        if ours.state is not OrderState.UNKNOWN:
            self.watch.doubts.pop(ours.order_id, None)
        to = _STATE_STEP.get(theirs.state)
        if to is not None:
            self._event(step, self._said(ours, theirs, to, now))

    def _filled_more(self, step: Step, ours: Order, theirs: Order, now: datetime) -> Order:
        if self.counts_as is None:
            told, since = self.watch.missing.get(ours.order_id, (ZERO, reached(self.ledger)))
            self.watch.missing[ours.order_id] = max(told, theirs.filled), since
            self._pull(step, now)
            return ours
        fill = cumulative(self.counts_as, ours, theirs, now, self.ledger.fills)
        if fill is None:
            step.alarms.append(
                f"order {ours.order_id} was filled for {theirs.filled} at no price that is told"
            )
            return ours
        self._count(step, fill, now)
        return self.ledger.orders[ours.order_id]

    def _ends_later(
        self, step: Step, ours: Order, theirs: Order, now: datetime, is_looked_up: bool
    ) -> bool:
        """Whether the end of an order has to wait for its fills, or for how many there are."""
        if theirs.state.is_open or not ours.state.is_open:
            return False
        if theirs.filled > ours.filled:
            self.watch.ends[ours.order_id] = theirs
            return True
        is_sure = is_looked_up or self.evidence.tells_final_filled
        if not is_sure and theirs.state is not OrderState.REJECTED:
            self.watch.ends.setdefault(ours.order_id, None)
            self._look_up(step, ours.order_id, now)
            return True
        return False

    def _said(self, ours: Order, theirs: Order, to: To, now: datetime) -> OrderEvent:
        reason = theirs.reason if to in (To.REJECTED, To.CANCELED, To.EXPIRED) else ""
        if to is To.REJECTED and (ours.filled or ours.state in _WORKED):
            # it was there and worked: whatever the venue calls it, this is an end, not a no
            to, reason = To.CANCELED, f"the venue says rejected: {theirs.reason}"
        # of a copy that lags, what it says of size and price is of before
        lags = theirs.filled < ours.filled and theirs.state.is_open
        return _Event(
            step=to,
            order_id=ours.order_id,
            time=now,
            quantity=None if lags else theirs.quantity,
            limit_price=None if lags else theirs.limit_price,
            stop_price=None if lags else theirs.stop_price,
            venue_order_id=theirs.venue_order_id,
            reason=reason,
        )

    def _adopt(self, step: Step, theirs: Order) -> None:
        parent = self.ledger.orders.get(theirs.parent_id or "")
        ours = replace(
            theirs,
            state=OrderState.ACCEPTED,
            pending=None,
            filled=ZERO,
            average_price=None,
            run_id=parent.run_id if parent else "external",
            strategy=parent.strategy if parent else "external",
        )
        self._record(step, _Record(Kind.ORDER, ours, ours.order_id))
        if parent is None:
            step.alarms.append(f"order {theirs.order_id} at the venue is none of ours")

    # fills ----------------------------------------------------------------------------

    def _fill(self, step: Step, fill: Fill, now: datetime) -> bool:
        """Count an execution once; False where it has to wait for another to come first."""
        if (fill.venue, fill.execution_id) in self.ledger.fills or is_before(self.ledger, fill):
            return True
        if not _is_sound(fill):
            return self._not_counted(step, fill)
        if fill.reverses is not None:
            return self._take_back(step, fill, now)
        order = self.ledger.orders.get(fill.order_id)
        if order is None:
            self._adopt(step, stranger(fill))
            self._look_up(step, fill.order_id, now)
        parts = self.ledger.derived(fill.order_id)
        if parts:
            fills = self.ledger.fills
            for part in superseding(fill, [fills[key] for key in parts], now, fills):
                self._write_fill(step, part, now)
        else:
            self._count(step, fill, now)
        early = self.watch.early.pop((fill.venue, fill.execution_id), None)
        if early is not None:
            self._take_back(step, early, now)
        return True

    def _not_counted(self, step: Step, fill: Fill) -> bool:
        """Stop the symbol of an execution that cannot be; of nothing at all nothing follows."""
        if fill.quantity == 0:
            return True
        if fill.symbol not in self.ledger.halted:
            why = (
                f"execution {fill.execution_id} of order {fill.order_id} cannot be: "
                f"{fill.quantity} units at {fill.price}, for a fee of {fill.fee}"
            )
            step.alarms.append(why)
            self._halt(step, fill.symbol, why)
        return False

    def _count(self, step: Step, fill: Fill, now: datetime) -> None:
        order = self.ledger.orders[fill.order_id]
        if order.state is OrderState.REJECTED:
            self._contradicted(step, order, f"was filled for {fill.quantity}", now)
        elif not order.state.is_open:
            step.alarms.append(
                f"late fill of {fill.quantity} {fill.symbol}: order {order.order_id} was "
                f"{order.state}"
            )
        self._write_fill(step, fill, now)

    def _write_fill(self, step: Step, fill: Fill, now: datetime) -> None:
        name = fill.order_id
        self._event(step, _Event(step=To.FILL, order_id=name, time=now, fill=fill))
        told = self.watch.missing.get(name)
        if told is not None and self.ledger.orders[name].filled >= told[0]:
            del self.watch.missing[name]
        end = self.watch.ends.get(name)
        if end is not None and self.ledger.orders[name].filled >= end.filled:
            del self.watch.ends[name]
            self._update(step, end, now, is_looked_up=True)

    def _take_back(self, step: Step, fill: Fill, now: datetime) -> bool:
        key = (fill.venue, fill.reverses or "")
        original = self.ledger.fills.get(key)
        if original is None:
            if key not in self.watch.early:
                self._pull(step, now)
            self.watch.early[key] = fill
            return False
        name = fill.execution_id
        is_corrected = fill.side is original.side
        entry = f"{name}~{key[1]}" if is_corrected else name
        if key not in self.ledger.superseded:
            step.alarms.append(f"the venue took execution {key[1]} of {original.order_id} back")
            self._write_fill(step, reversing(original, entry, fill.time), now)
        if is_corrected and self.ledger.superseded[key] == entry:
            self._write_fill(step, replace(fill, reverses=None), now)
        return True

    def _pulled(self, step: Step, effect: Pull, fills: list[Fill], now: datetime) -> None:
        """Count what was fetched; the cursor moves with it, and never past what has to wait."""
        asked = effect.asked or now
        held = [fill for fill in fills if not self._fill(step, fill, now)]
        waiting = [fill.time for fill in held if not self._is_of_nothing(step, fill, asked)]
        self.watch.pulled = asked if self.watch.pulled is None else max(self.watch.pulled, asked)
        read = [fill for fill in fills if fill.time < min(waiting)] if waiting else fills
        for record in moved(self.ledger, read):
            self._record(step, record)

    def _is_of_nothing(self, step: Step, fill: Fill, asked: datetime) -> bool:
        """Whether what is taken back would be here, had it come after the book was opened.

        All before it has been read, and what was slow to appear had its time: it is waited
        for no more. It counts where its execution comes all the same.
        """
        is_late = asked <= fill.time + max(self.evidence.horizon, self.evidence.fill_lag)
        if fill.reverses is None or not _is_sound(fill) or is_late:
            return False
        key = (fill.venue, fill.reverses)
        if key in self.watch.let_go:
            return True
        self.watch.let_go[key] = None
        step.alarms.append(
            f"the venue took back execution {fill.reverses} of {fill.order_id}, which is not in "
            "our books: nothing is counted of it"
        )
        return True

    # both -----------------------------------------------------------------------------

    def _contradicted(self, step: Step, order: Order, what: str, now: datetime) -> None:
        """Alarm, stop the symbol, and end at the venue what must not be there."""
        why = f"order {order.order_id} is rejected in our books and {what}"
        step.alarms.append(why)
        self._halt(step, order.symbol, why)
        if self.watch.may_cancel(order.order_id, now):
            step.effects.append(Cancel(order.order_id))

    def _overfilled(self, step: Step, before: Order, after: Order) -> None:
        """Alarm and stop the symbol, whether the last fill or the size came later."""
        if after.quantity is None or after.filled <= after.quantity:
            return
        size = MONEY.multiply(after.quantity, _SLACK)
        is_new = (before.filled, before.quantity) != (after.filled, after.quantity)
        if is_new and after.filled > size:
            why = f"order {after.order_id} of {after.quantity} was filled for {after.filled}"
            step.alarms.append(why)
            self._halt(step, after.symbol, why)

    def _halt(self, step: Step, symbol: str, why: str) -> None:
        if symbol not in self.ledger.halted:
            value = {"symbol": symbol, "level": "no_new_orders", "reason": why}
            self._record(step, _Record(Kind.HALT, value))

    def _pull(self, step: Step, now: datetime) -> None:
        if not any(isinstance(effect, Pull) for effect in step.effects):
            step.effects.append(self._next_pull(now))

    def _next_pull(self, now: datetime | None) -> Pull:
        # what the venue showed last is how far it can be behind with what came before
        since = (since for _, since in self.watch.missing.values())
        return next_pull(self.ledger, self.evidence.fill_lag, now, since)

    def _look_up(self, step: Step, order_id: str, now: datetime) -> None:
        look = LookUp(order_id, now)
        if look not in step.effects:
            step.effects.append(look)

    def _ask_cancel(self, step: Step, order_id: str, now: datetime) -> None:
        if self.watch.may_cancel(order_id, now):
            step.effects.append(Cancel(order_id))
        else:
            self._look_up(step, order_id, now)

    def _happen(self, step: Step, order_id: str, to: To, now: datetime, reason: str = "") -> None:
        self._event(step, _Event(step=to, order_id=order_id, time=now, reason=reason))

    def _event(self, step: Step, event: OrderEvent) -> None:
        before = self.ledger.orders[event.order_id]
        after = news(before, event)
        if after is None:
            return
        record = _Record(Kind.EVENT if event.fill is None else Kind.FILL, event, event.order_id)
        self.ledger.apply(record, after)
        step.records.append(record)
        if after.state is not before.state:
            self._moved(step, before.state, after, event.time)
        if after.filled is not before.filled or after.quantity is not before.quantity:
            self._overfilled(step, before, after)

    def _moved(self, step: Step, before: OrderState, after: Order, now: datetime) -> None:
        """Do what waited for an order to leave the state it was in."""
        name = after.order_id
        is_seen = before in _UNSEEN and after.state not in _UNSEEN
        if not after.state.is_open:
            self.watch.ended(name)
        elif is_seen:
            self.watch.settled(name)
            if after.pending is Pending.CANCEL:  # asked before the venue had it
                self._ask_cancel(step, name, now)
        old = self.ledger.replaces.get(name)
        if old is None:
            return
        if after.state is OrderState.REJECTED:
            self._happen(step, old, To.REPLACE_REFUSED, now)
        elif is_seen and self.ledger.orders[old].state.is_open:
            self._look_up(step, old, now)  # its place is taken: how much of it was filled?

    def _record(self, step: Step, record: Record) -> None:
        self.ledger.apply(record)
        step.records.append(record)


def _is_sound(fill: Fill) -> bool:
    numbers = (fill.quantity, fill.price, fill.fee)
    return all(one.is_finite() for one in numbers) and fill.quantity > 0


# sums of fills that were floats at the venue may miss a quantity in the last digits
_SLACK = 1 + MONEY.divide(MONEY.create_decimal(1), MONEY.create_decimal(10**9))
