"""The invariants of the order path, each under its name, restated apart from the code.

Safety is held at every step; what costs more to look at, every 64 steps of all that has
changed since, and every 1,024 steps, at every crash and at the end of everything there is.
A breach raises `InvariantError` with ``invariant`` as a fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from itertools import islice, product
from typing import TYPE_CHECKING

from workbench.core.fill import Fill
from workbench.core.money import ZERO
from workbench.core.order import Intent, Order, OrderState
from workbench.core.signal import Side
from workbench.errors import InvariantError
from workbench.risk.halt import HaltLevel
from workbench.testing.simulation.exchange import SYMBOLS, VENUE
from workbench.testing.simulation.tally import Tally
from workbench.trading.counting import is_synthetic
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record
from workbench.trading.snapshot import read_ledger, write_ledger
from workbench.trading.states import Step as To
from workbench.trading.steps import Send, Step

if TYPE_CHECKING:
    from workbench.testing.simulation.process import Process
    from workbench.testing.simulation.world import World

__all__ = ["INVARIANTS", "Watcher"]

INVARIANTS = {
    "I1": "every order of ours at the venue is an intent of the journal",
    "I2": "at most one order at the venue per intent",
    "I3": "nothing is sent that is not written",
    "I4": "only legal transitions",
    "I5": "no order is filled for more than it is, unless the venue did it and it is flagged",
    "I6": "what is filled only grows, unless an execution was taken back",
    "I7": "fills add up to orders and positions",
    "I8": "what is reserved is what open orders may still trade",
    "I9": "what is rejected is not at the venue, now or later",
    "I10": "an order that ended was filled for what the venue says, once all is quiet",
    "I11": "an execution counts once",
    "I12": "the cursor never passes an execution that is not counted",
    "I13": "the state is what the journal adds up to",
    "I14": "the same seed gives the same journal",
    "I15": "while trading is halted no new order is sent",
    "I17": "cash is what the fills paid, to the last digit",
    "I18": "what was written survives every crash",
    "I19": "the same intent again is no second order",
    "I21": "only the latest process writes",
    "I22": "nobody is told of one entry twice",
    "L1": "nothing stays unknown once the venue answers",
    "L2": "positions are the venue's a minute after it answers",
    "L3": "cancel all leaves nothing open",
}
"""What is held here. The sum of children below their parent (I16), the outbox (I20) and
webhooks (L4) belong to floors above the order path, and are held by their tests."""

S = OrderState
_UNSEEN = {S.CREATED, S.SUBMITTED, S.UNKNOWN}
_LIVE = {S.ACCEPTED, S.WORKING, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE}
_ENDED = {S.FILLED, S.CANCELED, S.EXPIRED, S.REPLACED, S.REJECTED}
_MOVES = {(before, after): f"{before} > {after}" for before in S for after in S}


class Watcher:
    """Looks at everything, and says which invariant is broken.

    Parameters
    ----------
    world : World
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen = world.line.seen
        self.tally = Tally()
        self._durable: set[str] = set()
        self._states: dict[str, OrderState] = {}
        self._filled: dict[str, Decimal] = {}
        self._touched: dict[str, None] = {}
        self._flagged: set[str] = set()
        self._told = self._looks = self._arrived = self._read = 0
        self.asked: set[str] = set()
        self._let_go: set[str] = set()
        self._refused: dict[str, list[int]] = {}

    # at every step --------------------------------------------------------------------

    def stepped(self, process: Process, step: Step) -> None:
        """Hold what every decision must keep; the records are applied."""
        orders, seen = process.core.ledger.orders, self.seen
        for record in step.records:
            kind, name = record.kind, record.order_id or ""
            if kind is Kind.EVENT:
                seen[record.value.step] += 1
                if record.value.step is To.CANCEL_REFUSED:
                    self._let_go.add(record.value.order_id)
            elif kind is Kind.FILL:
                fill: Fill = record.value.fill
                self.tally.fill(fill)
                what = "synthetic fill" if is_synthetic(fill) else "fill"
                seen[what if fill.reverses is None else "taken back"] += 1
            elif kind is not Kind.ORDER:
                self._booked(record)
                continue
            order = orders[name]
            self._touched[name] = None
            if order.state is not self._states.get(name):
                self._moved(name, order)
            if order.filled is not self._filled.get(name):
                self._grown(step, name, order.filled)
        for alarm in step.alarms:
            seen["alarm: " + alarm.split(" ", 1)[0]] += 1
            if "was filled for" in alarm:
                self._flagged.add(alarm.split(" ")[1])

    def _booked(self, record: Record) -> None:
        if record.kind is Kind.POSTING:
            self.tally.post(record.value)
            self.seen[f"posting: {record.value.kind}"] += 1

    def _grown(self, step: Step, name: str, filled: Decimal) -> None:
        if filled < self._filled.get(name, ZERO) and not any(
            record.kind is Kind.FILL and not _is_kept(record.value.fill) for record in step.records
        ):
            self._broken("I6", f"{name} went back to {filled} filled")
        self._filled[name] = filled

    def _moved(self, name: str, order: Order) -> None:
        before, after = self._states.get(name), order.state
        self._states[name] = after
        if before is None:
            return
        if after in _ENDED and name not in self.world.exchange.overfilled:
            slot = self.world.exchange.slots.get(name)
            if slot is not None and slot.order.filled > order.filled:
                self._broken("I10", f"{name} ended at {order.filled}, not {slot.order.filled}")
        self.seen[_MOVES[before, after]] += 1
        if before in (S.FILLED, S.REJECTED) or (before in _ENDED and after is not S.FILLED):
            self._broken("I4", f"{name} left {before} for {after}")
        if after in _UNSEEN and before not in _UNSEEN:
            self._broken("I4", f"{name} went back from {before} to {after}")
        if before in _UNSEEN and after is S.SUBMITTED and before is not S.CREATED:
            self._broken("I4", f"{name} went from {before} to {after}")
        if after is S.REJECTED:
            if before not in _UNSEEN and before is not S.ACCEPTED:
                self._broken("I4", f"{name} was rejected when it was {before}")
            if name in self.world.exchange.taken:
                self._broken("I9", f"{name} is rejected and at the venue")

    def proposed(self, intent: Intent, step: Step) -> None:
        """Hold what a wish may lead to."""
        sends = [effect for effect in step.effects if isinstance(effect, Send)]
        if sends and self.world.halt.severity >= HaltLevel.NO_NEW_ORDERS.severity:
            self._broken("I15", f"{intent.intent_id} is sent though trading is halted")
        if sends and intent.intent_id in self._durable:
            self._broken("I19", f"{intent.intent_id} is sent a second time")

    def sending(self, process: Process, order_id: str) -> None:
        """Hold what must be so before a byte leaves."""
        del process
        if order_id not in self._durable:
            self._broken("I3", f"{order_id} is sent and not written")

    def refused(self, order_id: str) -> None:
        """Hold that a cancel that is refused is not asked for in a loop."""
        at = self.world.line.at
        times = [t for t in self._refused.get(order_id, ()) if t > at - 60_000]
        self._refused[order_id] = [*times, at]
        # three, and what was under way when the third came back; a new life forgets
        if len(times) >= 6 * (1 + self.world.crashes):
            self._broken("C6", f"{order_id} was refused its end {len(times)} times in a minute")

    def written(self, process: Process) -> None:
        """Note what is durable, and hold that nobody hears of an entry twice."""
        head = len(process.journal.disk.records)
        first = head - len(process.waiting) + 1
        if first <= self._told:
            self._broken("I22", f"entry {first} is told a second time")
        self._told = head
        for record in process.waiting:
            if record.kind is Kind.INTENT:
                self._durable.add(record.value.intent.intent_id)

    def _folds(self, process: Process) -> None:
        self.seen["fold compared"] += 1
        records = [*process.journal.disk.records, *process.waiting]
        if self.world.kit.ledger.fold(records) != process.core.ledger:
            self._broken("I13", "the state is not what the journal adds up to")

    # at a crash and a start -----------------------------------------------------------

    def died(self, process: Process) -> None:
        """Hold that the state was what the journal, with its unwritten end, adds up to."""
        self._whole(process)
        if self.world.line.chance() < 0.2:
            self._folds(process)
            if read_ledger(write_ledger(process.core.ledger)) != process.core.ledger:
                self._broken("I13", "a snapshot of the state is another one")

    def started(self, process: Process) -> None:
        """Hold that what was written is there, and that the process before cannot write."""
        ledger = process.core.ledger
        missing = self._durable - ledger.intents.keys()
        if missing:
            self._broken("I18", f"{sorted(missing)} were written and are gone")
        self._told = len(process.journal.disk.records)
        self._read = 0
        self._touched.clear()
        self.tally = Tally.of(process.journal.disk.records)
        self._states = {name: order.state for name, order in ledger.orders.items()}
        self._filled = {name: order.filled for name, order in ledger.orders.items()}
        old = self.world.old
        if old is not None:
            count = len(old.disk.records)
            try:
                old.append([], ledger)
            except InvariantError:
                self.seen["old writer refused"] += 1
            else:
                self._broken("I21", f"an old process may write after entry {count}")

    # now and then ---------------------------------------------------------------------

    def glance(self) -> None:
        """Hold what costs more to look at, of all that has changed since; now and then of all."""
        self._looks += 1
        if self._looks & 15:
            self._arrivals()
            if self.world.process is not None:
                self._changed(self.world.process)
        else:
            self.look()

    def _changed(self, process: Process) -> None:
        ledger = process.core.ledger
        for name in self._touched:
            order, total = ledger.orders[name], self.tally.filled.get(name, ZERO)
            self._order(order)
            if order.filled != total:
                self._broken("I7", f"{name} says {order.filled} filled, its fills {total}")
        self._touched.clear()
        self._sums(ledger, ledger.open_orders())
        self._cursor(process, self._read)

    def look(self) -> None:
        """Hold all of it of everything there is."""
        self._arrived = 0
        self._arrivals()
        if self.world.process is not None:
            self._whole(self.world.process)

    def _whole(self, process: Process) -> None:
        ledger = process.core.ledger
        ledger.check()  # I7
        for order in ledger.orders.values():
            self._order(order)
        self._sums(ledger, ledger.orders.values())
        if self.tally != Tally.of([*process.journal.disk.records, *process.waiting]):
            self._broken("I13", "what happened is not what is in the journal")
        self._cursor(process, 0)

    def _arrivals(self) -> None:
        exchange = self.world.exchange
        orders = {} if self.world.process is None else self.world.process.core.ledger.orders
        for name in islice(exchange.arrivals, self._arrived, None):
            if exchange.taken[name] > 1:
                self._broken("I2", f"{name} is at the venue {exchange.taken[name]} times")
            if not name.startswith("hand") and name not in self._durable:
                self._broken("I1", f"{name} is at the venue and no intent of ours")
            ours = orders.get(name)
            if ours is not None:
                self._order(ours)
        self._arrived = len(exchange.arrivals)

    def _order(self, order: Order) -> None:
        name, size = order.order_id, order.quantity
        if order.state is S.REJECTED and name in self.world.exchange.taken:
            self._broken("I9", f"{name} is rejected and at the venue")
        if (order.filled < 0 or (size is not None and order.filled > size)) and (
            name not in self.world.exchange.overfilled or name not in self._flagged
        ):
            self._broken("I5", f"{name} of {size} is filled for {order.filled}")

    def _sums(self, ledger: Ledger, orders: Iterable[Order]) -> None:
        rest = dict.fromkeys(product(SYMBOLS, (Side.BUY, Side.SELL)), ZERO)
        for order in orders:
            if order.state not in _ENDED and order.quantity is not None:
                rest[order.symbol, order.side] += max(order.quantity - order.filled, ZERO)
        for symbol in SYMBOLS:
            if ledger.reserved(symbol) != (rest[symbol, Side.BUY], rest[symbol, Side.SELL]):
                self._broken("I8", f"of {symbol} {ledger.reserved(symbol)} is reserved")
            held = ledger.books.position(symbol).quantity
            if held != self.tally.held.get(symbol, ZERO):
                self._broken("I7", f"{held} of {symbol} are held, not what the fills add up to")
        if ledger.books.cash.get("USD", ZERO) != self.tally.cash:
            self._broken("I17", f"{self.tally.cash} were paid, the books say otherwise")
        ledger.shares.check(ledger.books)

    def _cursor(self, process: Process, first: int) -> None:
        ledger = process.core.ledger
        read = ledger.cursors.get((VENUE, "fills"))
        if read is None:
            return
        cursor = datetime.fromisoformat(read) - process.core.evidence.fill_lag
        for _, fill in islice(self.world.exchange.fills, first, None):
            if fill.time >= cursor:
                break
            if (fill.venue, fill.execution_id) not in ledger.fills:
                self._broken("I12", f"{fill.execution_id} is before the cursor and not counted")
            first += 1
        self._read = first

    # at the end -----------------------------------------------------------------------

    def canceled(self) -> None:
        """Hold that nothing is open where everything was to be canceled."""
        still = self.world.exchange.open
        if self.world.halt is HaltLevel.CANCEL_ALL and still:
            self._broken("L3", f"{[slot.order.order_id for slot in still]} are still open")

    def positioned(self) -> None:
        """Hold that positions are the venue's."""
        ledger = self._process().core.ledger
        theirs = {s: n for s, n in self.world.exchange.held.items() if n}
        ours = {s: p.quantity for s, p in ledger.books.positions.items() if p.quantity}
        if theirs != ours:
            self._broken("L2", f"we hold {ours}, the venue {theirs}")

    def settled(self) -> None:
        """Hold what must be so once the venue has answered for a while."""
        process = self._process()
        ledger = process.core.ledger
        if ledger.unknown():
            self._broken("L1", f"{[o.order_id for o in ledger.unknown()]} are still unknown")
        self.positioned()
        self._orders(process)
        self._executions(process)
        if self.world.line.chance() < 0.25:
            self._folds(process)

    def _process(self) -> Process:
        process = self.world.process
        if process is None or not process.is_ready:
            raise InvariantError("L1: the process did not come back", invariant="L1")
        return process

    def _orders(self, process: Process) -> None:
        ledger, exchange = process.core.ledger, self.world.exchange
        for name, slot in exchange.slots.items():
            ours = ledger.orders.get(name)
            if ours is None and not slot.order.filled and not slot.order.state.is_open:
                continue  # a stranger's that came and went: nothing to know of it
            if ours is None or ours.filled != slot.order.filled:
                self._broken("I10", f"{name} is {ours}, at the venue {slot.order}")
            elif ours.state.is_open is not slot.order.state.is_open:
                self._broken("I10", f"{name} is {ours.state}, at the venue {slot.order.state}")
            elif ours.quantity != slot.order.quantity:
                self._broken("I8", f"{name} is of {ours.quantity}, there of {slot.order.quantity}")
        for name in self.asked:
            if name in ledger.open and name not in self._let_go:
                self._broken("L3", f"{name} was to be canceled and is open")
        for name, order in ledger.orders.items():
            if order.state.is_open and name not in exchange.slots:
                self._broken("L1", f"{name} is {order.state} and not at the venue")

    def _executions(self, process: Process) -> None:
        if not self.world.faults.has_fill_ids:
            return
        ours = {name for _, name in process.core.ledger.fills if "~" not in name}
        theirs = {fill.execution_id for _, fill in self.world.exchange.fills}
        if ours != theirs:
            self._broken("I11", f"executions differ: {sorted(ours ^ theirs)}")

    def _broken(self, name: str, what: str) -> None:
        raise InvariantError(
            f"{name}: {what} ({INVARIANTS.get(name, 'no loop of cancels')})",
            invariant=name,
            at=self.world.line.at,
        )


def _is_kept(fill: Fill) -> bool:
    """Whether units do not shrink by it: what was derived is taken back for what is real."""
    return fill.reverses is None or fill.reverses.startswith("cum-")
