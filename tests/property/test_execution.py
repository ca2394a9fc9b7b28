"""However bad the line and however often it is killed: the parts never exceed their parent."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workbench.core.bar import Bar
from workbench.core.clock import EventClock
from workbench.core.parent import Parent
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.execution.executor import ReplayExecutor
from workbench.trading.execution.flow import Iceberg, Pov
from workbench.trading.execution.quoting import Chase, Peg
from workbench.trading.execution.schedules import Shortfall, Twap
from workbench.trading.execution.tape import Tape
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.trading.steps import Evidence
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, tzinfo=UTC)
ALGORITHMS = [
    Twap(slices=5), Twap(slices=4, passive=True, jitter=Decimal("0.5")), Pov(share=Decimal("0.3")),
    Shortfall(curve=("0.6", "0.9", "1")), Iceberg(display=7, variance="0.3"), Peg(display=9),
    Chase(patience=2, steps=2),
]  # fmt: skip
LINES = st.sampled_from(
    ["fine", "fine", "fine", "lose_request", "lose_response", "late_request", "refuse", "no_route"]
)


class Line:
    """A venue whose next call goes as it is told to."""

    def __init__(self, venue):
        self.venue, self.next, self.sends, self.late = venue, "fine", Counter(), []

    def submit(self, order):
        how, self.next = self.next, "fine"
        self.sends[order.order_id] += 1
        if how == "refuse":
            raise RefusedError("no")
        if how == "no_route":
            raise UnavailableError("no route")
        if how == "late_request":
            self.late.append(order)
        if how in ("lose_request", "late_request"):
            raise OutcomeUnknownError("no answer")
        answer = self.venue.submit(order)
        if how == "lose_response":
            raise OutcomeUnknownError("no answer")
        return answer

    def arrive(self):
        while self.late:
            self.venue.submit(self.late.pop())

    def __getattr__(self, name):
        return getattr(self.venue, name)


class Execution(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.database = open_database("sqlite://")
        self.clock = EventClock(START)
        self.venue = SimVenue(["AAPL"], 1e6, plain_terms())
        self.line = Line(self.venue)
        self.mail, self.parents = [], {}
        self._start()

    def _start(self):
        self.journal = Journal(self.database, "test", self.clock)
        core = OrderCore(Gate.of(None), self.journal.load(), Evidence(timedelta(seconds=5), 2))
        self.manager = ReplayManager(core, self.journal, self.line, self.clock)
        self.manager.open_book({"USD": Decimal(1_000_000)})
        self.manager.recover()
        self.tape = Tape()
        self.executor = ReplayExecutor(self.manager, self.tape, self._propose)

    def _propose(self, intent):
        return self.manager.propose(intent, Context(Decimal(1_000_000), Decimal(1_000_000)))

    @property
    def ledger(self):
        return self.manager.core.ledger

    def _later(self, seconds):
        self.clock.advance(self.clock.now() + timedelta(seconds=seconds))
        self.line.arrive()

    @rule(
        algorithm=st.sampled_from(ALGORITHMS), units=st.integers(1, 60), limit=st.booleans(),
        side=st.sampled_from(["buy", "sell"]), least=st.sampled_from([0, 0, 300]),
    )  # fmt: skip
    @precondition(lambda self: len(self.parents) < 3)
    def begin(self, algorithm, units, limit, side, least):
        now = self.clock.now()
        parent = Parent(
            algo_id=f"p{len(self.parents)}", run_id="r", strategy="s", symbol="AAPL",
            side=Side(side), quantity=Decimal(units), algorithm=algorithm.name,
            settings=algorithm.settings, start=now, end=now + timedelta(seconds=40),
            lot=Decimal(1), tick=Decimal("0.25"), min_notional=Decimal(least),
            limit_price=Decimal(100) if limit else None,
        )  # fmt: skip
        self.executor.start(parent)
        self.manager.flush()
        self.parents[parent.algo_id] = parent

    @rule(line=LINES, seconds=st.integers(0, 6))
    def look(self, line, seconds):
        self._later(seconds)
        self.line.next = line
        self.executor.look()

    @rule(price=st.integers(97, 103), size=st.sampled_from([3, 8, 1000]))
    def quote(self, price, size):
        self._later(1)
        quote = Quote("AAPL", self.clock.now(), price - 0.25, price + 0.25)
        self.tape.take(quote)
        self.venue.on_quote(quote, size)
        self.mail += self.venue.drain()

    @rule(volume=st.integers(0, 50))
    def volume(self, volume):
        self.tape.take(Bar("AAPL", self.clock.now(), 100.0, 100.0, 100.0, 100.0, float(volume)))

    @rule(data=st.data(), keep=st.booleans())
    @precondition(lambda self: self.mail)
    def deliver(self, data, keep):
        place = data.draw(st.integers(0, len(self.mail) - 1))
        self.manager.update(self.mail[place] if keep else self.mail.pop(place))

    @rule(what=st.sampled_from(["pause", "resume", "cancel"]), data=st.data())
    @precondition(lambda self: self.parents)
    def steer(self, what, data):
        name = data.draw(st.sampled_from(sorted(self.parents)))
        with suppress(RefusedError):
            getattr(self.executor, what)(name, "so it was drawn")

    @rule()
    def resolve(self):
        self._later(6)
        self.manager.resolve_unknown()

    @rule()
    def kill(self):
        """What was not written is gone, and so is all that was not read."""
        self.journal.close()
        self.mail = self.mail[::2]
        self._start()

    @invariant()
    def the_parts_never_exceed_their_parent(self):
        for name, parent in self.parents.items():
            total = Decimal(0)
            slots = [s for n, s in self.venue.state.slots.items() if n.startswith(f"{name}-")]
            for slot in slots:
                order = slot.order
                total += order.quantity if order.state.is_open else order.filled
            total += sum(o.quantity for o in self.line.late if o.order_id.startswith(f"{name}-"))
            assert total <= parent.quantity
            for slot in slots:
                assert slot.order.quantity == slot.order.quantity.to_integral_value()
                if parent.limit_price is not None:
                    better = (slot.order.limit_price - parent.limit_price) * parent.side.sign
                    assert better <= 0

    @invariant()
    def no_part_is_sent_twice(self):
        assert not self.line.sends or max(self.line.sends.values()) == 1

    @invariant()
    def the_state_is_what_the_journal_adds_up_to(self):
        self.manager.flush()
        assert self.journal.load() == self.ledger

    def teardown(self):
        """Once the line is fine, every parent comes to its end, and nothing of it is left."""
        self.line.next = "fine"
        for _ in range(12):
            self._later(10)
            self.mail += self.venue.drain()
            for message in self.mail:
                self.manager.update(message)
            self.mail = []
            self.manager.resolve_unknown()
            self.executor.look()
        filled = Counter()
        for fill in self.venue.fills():
            filled[fill.order_id.split("-")[0]] += fill.quantity
        for name in self.parents:
            execution = self.executor.execution(name)
            assert execution.state.is_over, execution
            assert self.executor.progress(name).filled == filled[name]
            assert not self.executor.progress(name).open
        assert not self.venue.open_orders()
        account = self.venue.account()
        self.manager.reconcile(self.venue.positions(), account)
        self.journal.close()
        self.database.close()


TestExecution = Execution.TestCase
TestExecution.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
