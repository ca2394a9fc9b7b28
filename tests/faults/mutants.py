"""Published bugs of other systems, one by one put into the order core.

Each is a small subclass of the production code. What kills it is a test of the tests: a
simulation in which a known bug survives has not been looking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.core.evolved import evolved
from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState
from workbench.errors import OutcomeUnknownError, RefusedError, WorkbenchError
from workbench.risk.halt import HaltLevel
from workbench.testing.simulation.process import Process
from workbench.testing.simulation.wire import Wire
from workbench.testing.simulation.world import Kit
from workbench.trading.core import OrderCore
from workbench.trading.counting import cumulative
from workbench.trading.ledger import Ledger
from workbench.trading.states import OrderEvent
from workbench.trading.states import Step as To
from workbench.trading.steps import Cancel, LookUp, Pull, Replace, Send, Step

MUTANTS = []


@dataclass(frozen=True)
class Mutant:
    name: str
    mirrors: str
    kit: Kit


def mutant(mirrors):
    def known(cls):
        places = {OrderCore: "core", Ledger: "ledger", Wire: "wire", Process: "process"}
        place = next(name for base, name in places.items() if issubclass(cls, base))
        MUTANTS.append(Mutant(cls.__name__, mirrors, Kit(**{place: cls})))
        return cls

    return known


# what "unknown" and "not found" mean ------------------------------------------------------


@mutant("nautilus #4958: not found once means rejected; the order was under way")
class FastAbsent(OrderCore):
    def _absent(self, step, order, asked, now):
        if order.state is OrderState.UNKNOWN:
            self._happen(step, order.order_id, To.REJECTED, now, "not found")


@mutant("nautilus: rejected after so many look-ups, whenever they were")
class NoHorizon(OrderCore):
    def _absent(self, step, order, asked, now):
        doubt = self.watch.doubt(order.order_id, now)
        doubt.not_found += 1
        if order.state is OrderState.UNKNOWN and doubt.not_found >= 3:
            self._happen(step, order.order_id, To.REJECTED, now, "not found three times")


@mutant("hummingbot lost_order_count_limit = 3, #8457: three failed questions mean it is gone")
class LostOrderCountLimit(OrderCore):
    def failed(self, effect, error, now):
        step = super().failed(effect, error, now)
        if isinstance(effect, LookUp):
            self.lost = getattr(self, "lost", {})
            count = self.lost[effect.order_id] = self.lost.get(effect.order_id, 0) + 1
            order = self.ledger.orders[effect.order_id]
            if count >= 3 and order.state is OrderState.UNKNOWN:
                self._happen(step, effect.order_id, To.REJECTED, now, "lost")
        return step


@mutant("a network error is read as an answer that found nothing")
class FailedIsNotFound(OrderCore):
    def failed(self, effect, error, now):
        if isinstance(effect, LookUp | Pull):
            return self.answered(effect, None, now)
        return super().failed(effect, error, now)


@mutant("freqtrade, hummingbot: a time-out of the submit is a failed order")
class TimeoutIsReject(OrderCore):
    def failed(self, effect, error, now):
        if isinstance(effect, Send | Replace) and isinstance(error, OutcomeUnknownError):
            error = RefusedError("timed out")
        return super().failed(effect, error, now)


@mutant("a lagging copy that does not know a working order ends it (stale replica)")
class AbsentIsCanceled(OrderCore):
    def _absent(self, step, order, asked, now):
        if order.state in (OrderState.ACCEPTED, OrderState.WORKING):
            self._happen(step, order.order_id, To.CANCELED, now, "gone")
            return
        super()._absent(step, order, asked, now)


@mutant("what is not among the open orders was canceled: open-only lists prove nothing")
class MissingIsCanceled(OrderCore):
    def adopt(self, found, now, **start):
        found = list(found)
        step = super().adopt(found, now, **start)
        there = {order.order_id for order in found}
        for name in [name for name in self.ledger.open if name not in there]:
            if self.ledger.orders[name].state in (OrderState.ACCEPTED, OrderState.WORKING):
                self._happen(step, name, To.CANCELED, now, "not in the list")
        return step


@mutant("nautilus PR #3715: a snapshot that failed is read as empty, all orders as gone")
class FailedIsEmpty(Process):
    def _adopt(self, answer):
        if not self.is_dead and isinstance(answer, WorkbenchError) and self.is_ready:
            step, now = Step(), self.line.now()
            for order in self.core.ledger.open_orders():
                if order.state in (OrderState.ACCEPTED, OrderState.WORKING):
                    self.core._happen(step, order.order_id, To.CANCELED, now, "gone")
            self.take(step)
        super()._adopt(answer)


@mutant("what is of unknown fate holds no reservation any more")
class UnknownIsFree(Ledger):
    def reserved(self, symbol):
        buys, sells = super().reserved(symbol)
        for order in self.unknown():
            if order.symbol == symbol and order.side.sign > 0:
                buys -= order.quantity - order.filled
            elif order.symbol == symbol:
                sells -= order.quantity - order.filled
        return buys, sells


# sending ----------------------------------------------------------------------------------


@mutant("alpaca-py: the transport sends four copies on a 504; a reject of one proves nothing")
class TransportRetry(Wire):
    def order(self, ask, hear):
        def twice():
            try:
                return ask()
            except RefusedError:
                if self.line.chance() < 0.5:
                    self.line.after(50, self._arrive, ask, None, 0)
                raise

        super().order(twice, hear)


@mutant("the same order is sent again on a time-out; ids are not unique everywhere")
class ResendOnTimeout(OrderCore):
    def failed(self, effect, error, now):
        step = super().failed(effect, error, now)
        if isinstance(effect, Send) and isinstance(error, OutcomeUnknownError):
            step.effects.append(effect)
        return step


@mutant("a time-out is answered with the same order under a new client id: 43 duplicates")
class NewIdOnTimeout(OrderCore):
    def failed(self, effect, error, now):
        step = super().failed(effect, error, now)
        if isinstance(effect, Send) and isinstance(error, OutcomeUnknownError):
            again = evolved(effect.order, {"order_id": f"{effect.order.order_id}-2"})
            step.effects.append(Send(again))
        return step


@mutant("the network comes before the journal")
class SendFirst(Process):
    def take(self, step):
        for effect in step.effects:
            self.act(effect)
        if step.records:
            self.waiting += step.records
            self.watcher.stepped(self, step)
        self._point("acted")
        self.write()


@mutant("a start sends again what it finds unsent in its journal")
class ResendAtStart(OrderCore):
    def recover(self, now):
        unsent = [o for o in self.ledger.open_orders() if o.state is OrderState.SUBMITTED]
        step = super().recover(now)
        step.effects.extend(Send(order) for order in unsent)
        return step


@mutant("a start does not doubt what was being sent: it waits for ever")
class NoDoubtAtStart(OrderCore):
    def recover(self, now):
        return Step(effects=[self._next_pull(now)])


@mutant("the same signal twice is two orders")
class IntentTwice(OrderCore):
    def propose(self, intent, context, now, halt=HaltLevel.RUN):
        if intent.intent_id in self.ledger.intents:
            step = Step()
            if intent.intent_id in self.ledger.orders:
                step.effects.append(Send(self.ledger.orders[intent.intent_id]))
            return step, None
        return super().propose(intent, context, now, halt)


@mutant("the kill switch is asked before the journal, not before the order")
class HaltIgnored(OrderCore):
    def _level(self, symbol, halt):
        return HaltLevel.RUN


# fills ------------------------------------------------------------------------------------


@mutant("fills after the end of an order are dropped as impossible")
class LateFillDropped(OrderCore):
    def _fill(self, step, fill, now):
        order = self.ledger.orders.get(fill.order_id)
        if order is not None and not order.state.is_open and fill.reverses is None:
            return True
        return super()._fill(step, fill, now)


@mutant("nautilus #317: no edge for a fill while a cancel is pending")
class NoFillWhilePending(OrderCore):
    def _fill(self, step, fill, now):
        order = self.ledger.orders.get(fill.order_id)
        if order is not None and order.state is OrderState.PENDING_CANCEL:
            return True
        return super()._fill(step, fill, now)


@mutant("a fill of an order that is not in the cache is dropped")
class UnknownOrderDropped(OrderCore):
    def _fill(self, step, fill, now):
        if fill.order_id not in self.ledger.orders:
            return True
        return super()._fill(step, fill, now)


class _Uncounted(Ledger):
    def _count(self, fill, strategy):
        key = (fill.venue, fill.execution_id)
        if key in self.fills:
            fill = replace(fill, execution_id=f"{fill.execution_id}'{len(self.fills)}")
        super()._count(fill, strategy)


class _CountsTwice(OrderCore):
    def _fill(self, step, fill, now):
        if (fill.venue, fill.execution_id) in self.ledger.fills and fill.reverses is None:
            self._write_fill(step, fill, now)
            return True
        return super()._fill(step, fill, now)


MUTANTS.append(
    Mutant(
        "CountsTwice",
        "stream and query both count the same execution, and no constraint stops it",
        Kit(core=_CountsTwice, ledger=_Uncounted),
    )
)


@mutant("the cursor follows the stream past executions that were not applied")
class CursorPastUnapplied(OrderCore):
    def _next_pull(self, now):
        last = max((fill.time for fill in self.ledger.fills.values()), default=None)
        return Pull(last, now)


@mutant("the cursor follows the last page, where the venue shows executions out of order")
class CursorWithoutOverlap(OrderCore):
    def _next_pull(self, now):
        asked = super()._next_pull(now)
        since = asked.since
        return Pull(None if since is None else since + self.evidence.fill_lag, now)


@mutant("a page is taken as read though one row of it has to wait")
class CursorPastWaiting(OrderCore):
    def _pulled(self, step, effect, fills, now):
        super()._pulled(step, effect, [f for f in fills if f.reverses is None], now)
        self.watch.early.clear()

    def _take_back(self, step, fill, now):
        known = (fill.venue, fill.reverses) in self.ledger.fills
        return super()._take_back(step, fill, now) if known else True


@mutant("a cancel that is confirmed ends the order though fills are under way")
class EndsBeforeItsFills(OrderCore):
    def _ends_later(self, step, ours, theirs, now, is_looked_up):
        return False


@mutant("the status of a message is believed, its executions are not waited for")
class StatusIsEnough(OrderCore):
    def _filled_more(self, step, ours, theirs, now):
        if theirs.state is OrderState.FILLED and self.counts_as is None:
            event = OrderEvent(step=To.FILLED, order_id=ours.order_id, time=now)
            self._event(step, event)
            return self.ledger.orders[ours.order_id]
        return super()._filled_more(step, ours, theirs, now)


@mutant("a bust is told and not booked")
class BustIgnored(OrderCore):
    def _take_back(self, step, fill, now):
        return True


@mutant("what a venue fills too much is cut off: the position is wrong from then on")
class OverfillCut(OrderCore):
    def _write_fill(self, step, fill, now):
        order = self.ledger.orders[fill.order_id]
        rest = None if order.quantity is None else order.quantity - order.filled
        if fill.reverses is None and rest is not None and 0 < rest < fill.quantity:
            fill = replace(fill, quantity=rest)
        super()._write_fill(step, fill, now)


@mutant("what a venue fills too much is taken in silence")
class OverfillSilent(OrderCore):
    def _overfilled(self, step, before, after):
        return None


@mutant("totals are counted as if each message were an execution")
class TotalsAddUp(OrderCore):
    def _filled_more(self, step, ours, theirs, now):
        if self.counts_as is not None and ours.filled:
            ours = evolved(ours, {"filled": ours.filled * 0, "average_price": None})
            fill = cumulative(self.counts_as, ours, theirs, now, self.ledger.fills)
            if fill is not None:
                self._write_fill(step, fill, now)
            return self.ledger.orders[ours.order_id]
        return super()._filled_more(step, ours, theirs, now)


@mutant("executions that come late are counted beside the totals they are part of")
class MethodsMixed(OrderCore):
    def _fill(self, step, fill, now):
        if (fill.venue, fill.execution_id) not in self.ledger.fills and fill.reverses is None:
            self.ledger.synthetic.pop(fill.order_id, None)
        return super()._fill(step, fill, now)


# cancel and replace -----------------------------------------------------------------------


@mutant("a cancel asked before the venue has the order is lost")
class CancelForgotten(OrderCore):
    def _cancel(self, step, order, now, reason):
        if order.state in (OrderState.SUBMITTED, OrderState.UNKNOWN):
            if order.state is OrderState.UNKNOWN:
                step.effects.append(Cancel(order.order_id))
            return
        super()._cancel(step, order, now, reason)


@mutant("'too late to cancel' is read as canceled")
class RefusedCancelIsEnd(OrderCore):
    def _cancel_failed(self, step, order_id, error, now):
        order = self.ledger.orders[order_id]
        if isinstance(error, RefusedError) and order.state is OrderState.PENDING_CANCEL:
            self._happen(step, order_id, To.CANCELED, now, "it is gone")
            return
        super()._cancel_failed(step, order_id, error, now)


@mutant("a refused cancel is asked for again at once, for ever")
class CancelLoop(OrderCore):
    def _cancel_failed(self, step, order_id, error, now):
        if self.ledger.orders[order_id].state.is_open:
            step.effects.append(Cancel(order_id))


@mutant("nautilus #4154: a replacement raced by a fill gets its full size back")
class ReplaceRestores(OrderCore):
    def _said(self, ours, theirs, to, now):
        event = super()._said(ours, theirs, to, now)
        return replace(event, quantity=None) if ours.order_id in self.ledger.replaces else event


@mutant("a replaced order ends with the answer, whatever it was filled for in between")
class ReplacedAtOnce(OrderCore):
    def answered(self, effect, answer, now):
        step = super().answered(effect, answer, now)
        if isinstance(effect, Replace) and isinstance(answer, Order):
            self._happen(step, effect.order_id, To.REPLACED, now)
        return step


@mutant("a replacement without an answer is let go, though its order is not there any more")
class ReplaceGivenUp(OrderCore):
    def _unknown(self, step, order, reason, now):
        if order.order_id in self.ledger.replaces:
            self._happen(step, order.order_id, To.REJECTED, now, reason)
            return
        super()._unknown(step, order, reason, now)


@mutant("orders that are none of ours are left out of the books")
class StrangersIgnored(OrderCore):
    def _update(self, step, theirs, now, *, is_looked_up=False):
        if theirs.order_id in self.ledger.orders:
            super()._update(step, theirs, now, is_looked_up=is_looked_up)

    def _fill(self, step, fill: Fill, now):
        if fill.order_id not in self.ledger.orders and fill.reverses is None:
            return True
        return super()._fill(step, fill, now)
