"""What happens to orders of which nobody can say what became of them.

An order of unknown fate is left by evidence only: an answer of the venue, a fill, or
proof that the venue never had it. A question that failed proves nothing, one look-up
that found nothing is none, and neither is a second that saw the same lagging copy.
"""

from __future__ import annotations

from datetime import datetime

from workbench.core.order import Order, OrderState, Pending
from workbench.errors import (
    RefusedError,
    UnavailableError,
    UsageError,
    WorkbenchError,
    nearest,
)
from workbench.trading.intake import Intake
from workbench.trading.records import Kind, Record
from workbench.trading.states import OrderEvent
from workbench.trading.states import Step as To
from workbench.trading.steps import Step

__all__ = ["UNSENT", "Doubts"]

UNSENT = (OrderState.CREATED, OrderState.SUBMITTED)
"""Of these nobody has answered yet: the call is still under way."""


class Doubts(Intake):
    """The part of the order path that deals with failures and with silence."""

    def _send_failed(self, step: Step, order: Order, error: WorkbenchError, now: datetime) -> None:
        present = self.ledger.orders[order.order_id]
        if present.state not in (*UNSENT, OrderState.UNKNOWN):
            return  # it was acknowledged in another way: the answer to the call came too late
        if isinstance(error, (RefusedError, UsageError)):
            self._happen(step, present.order_id, To.REJECTED, now, error.message)
        elif isinstance(error, UnavailableError):
            self._happen(step, present.order_id, To.REJECTED, now, f"never sent: {error.message}")
        else:
            self._unknown(step, present, error.message, now)

    def _cancel_failed(
        self, step: Step, order_id: str, error: WorkbenchError, now: datetime
    ) -> None:
        """Go on asking, in a minute; who is refused three times in one is let go with an alarm."""
        order = self.ledger.orders[order_id]
        if isinstance(error, RefusedError):
            self.watch.refused(order_id, now)
            is_asked = order.pending is Pending.CANCEL and order.state is not OrderState.UNKNOWN
            if is_asked and self.watch.is_refused(order_id, now):
                self._happen(step, order_id, To.CANCEL_REFUSED, now)
                step.alarms.append(f"the venue will not cancel {order_id}: {error.message}")
        if order.state.is_open:
            self._look_up(step, order_id, now)

    def _unknown(self, step: Step, order: Order, reason: str, now: datetime) -> None:
        self.watch.doubt(order.order_id, now)
        if order.state is not OrderState.UNKNOWN:
            self._happen(step, order.order_id, To.UNKNOWN, now, reason)
            step.alarms.append(f"the fate of order {order.order_id} is unknown: {reason}")

    def _absent(self, step: Step, order: Order, asked: datetime, now: datetime) -> None:
        if not order.state.is_open or order.state in UNSENT:
            return
        doubt = self.watch.doubt(order.order_id, now)
        if order.state is not OrderState.UNKNOWN and doubt.last is None:
            step.alarms.append(f"the venue does not know the open order {order.order_id}")
        doubt.absent(asked, self.evidence)
        if order.state is not OrderState.UNKNOWN:
            return
        if doubt.is_proven(self.watch.pulled, self.evidence):
            reason = (
                f"absent: {doubt.not_found} look-ups found nothing more than "
                f"{self.evidence.horizon.total_seconds():g} s after it was sent"
            )
            self._happen(step, order.order_id, To.REJECTED, now, reason)

    def _still_there(self, step: Step, theirs: Order, now: datetime) -> None:
        """Let go of a replacement that was refused, where its order is found as it was."""
        ours = self.ledger.orders[theirs.order_id]
        if ours.pending is not Pending.REPLACE or not theirs.state.is_open:
            return
        new = self.ledger.orders.get(self.ledger.successors.get(ours.order_id, ""))
        if new is None or new.state is OrderState.REJECTED:
            self._happen(step, ours.order_id, To.REPLACE_REFUSED, now)

    def _quarantine(self, step: Step, order: Order, now: datetime) -> None:
        name = order.order_id
        since = self.ledger.updated[name]
        if name in self.ledger.quarantined or now - since < self.evidence.quarantine:
            return
        event = OrderEvent(
            step=To.QUARANTINED, order_id=name, time=now,
            reason=f"unknown since {since:%Y-%m-%d %H:%M:%S} UTC",
        )  # fmt: skip
        self._record(step, Record(Kind.EVENT, event, name))
        step.alarms.append(
            f"order {name} is in quarantine: nobody can say whether {order.symbol} trades; "
            "the symbol may only be reduced"
        )

    def _known(self, order_id: str) -> Order:
        order = self.ledger.orders.get(order_id)
        if order is None:
            raise UsageError(
                f"no order {order_id!r}{nearest(order_id, self.ledger.orders)}", order_id=order_id
            )
        return order
