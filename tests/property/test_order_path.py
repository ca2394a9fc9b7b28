"""Whatever happens, in whatever order: nothing lost, nothing doubled, books as the venue's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workbench.core.clock import EventClock
from workbench.core.fill import Fill
from workbench.core.order import Intent, OrderState, OrderType
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.trading.states import is_legal
from workbench.trading.steps import Evidence
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, tzinfo=UTC)
SYMBOLS = ("AAPL", "IBM")


class Flaky:
    """A venue whose line is as bad as it is told to be for the next call."""

    def __init__(self, venue):
        self.venue, self.next, self.sends, self.late = venue, "fine", {}, []

    def _line(self, call, order=None):
        how, self.next = self.next, "fine"
        if order is not None:
            self.sends[order.order_id] = self.sends.get(order.order_id, 0) + 1
        if how == "lose_request":
            raise OutcomeUnknownError("no answer")
        if how == "late_request" and order is not None:
            self.late.append(order)
            raise OutcomeUnknownError("no answer")
        if how == "no_route":
            raise UnavailableError("no route")
        if how == "refuse":
            raise RefusedError("no")
        answer = call()
        if how == "lose_response":
            raise OutcomeUnknownError("no answer")
        return answer

    def arrive(self):
        """What was sent and not answered gets there after all."""
        while self.late:
            self.venue.submit(self.late.pop())

    def submit(self, order):
        return self._line(lambda: self.venue.submit(order), order)

    def replace(self, order_id, new):
        return self._line(lambda: self.venue.replace(order_id, new), new)

    def cancel(self, order_id):
        return self._line(lambda: self.venue.cancel(order_id))

    def __getattr__(self, name):
        return getattr(self.venue, name)


class OrderPath(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.database = open_database("sqlite://")
        self.clock = EventClock(START)
        self.venue = SimVenue(SYMBOLS, 100_000.0, plain_terms())
        self.line = Flaky(self.venue)
        self.mail, self.old, self.seen = [], [], {}
        self.count = 0
        self._start()

    def _start(self):
        self.journal = Journal(self.database, "test", self.clock)
        evidence = Evidence(timedelta(seconds=5), 2)
        core = OrderCore(Gate.of(None), self.journal.load(), evidence)
        self.manager = ReplayManager(core, self.journal, self.line, self.clock)
        self.manager.open_book({"USD": Decimal(100_000)})
        self.manager.recover()

    @property
    def ledger(self):
        return self.manager.core.ledger

    def _intent(self, data):
        side, symbol, quantity, price, kind = data
        self.count += 1
        return Intent(
            intent_id=f"i{self.count}", run_id="r", strategy="s", symbol=symbol, side=Side(side),
            decided_at=self.clock.now(), quantity=Decimal(quantity), type=kind,
            limit_price=Decimal(price) if kind is OrderType.LIMIT else None,
            stop_price=Decimal(price) if kind is OrderType.STOP else None,
        )  # fmt: skip

    def _context(self):
        return Context(Decimal(100_000), Decimal(100_000))

    intents = st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(SYMBOLS),
        st.integers(1, 9),
        st.integers(95, 105),
        st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]),
    )
    lines = st.sampled_from(
        ["fine", "fine", "lose_request", "lose_response", "late_request", "refuse", "no_route"]
    )

    @rule(data=intents, line=lines, again=st.booleans())
    def propose(self, data, line, again):
        self.line.next = line
        intent = self._intent(data)
        self.manager.propose(intent, self._context())
        if again:
            assert self.manager.propose(intent, self._context()) is None

    @rule(symbol=st.sampled_from(SYMBOLS), price=st.integers(90, 110))
    def quote(self, symbol, price):
        self.clock.advance(self.clock.now() + timedelta(seconds=1))
        self.line.arrive()
        self.venue.on_quote(Quote(symbol, self.clock.now(), price - 0.25, price + 0.25))
        self.mail += self.venue.drain()

    @rule(data=st.data(), keep=st.booleans())
    @precondition(lambda self: self.mail)
    def deliver_any(self, data, keep):
        """Messages come late, twice and out of order."""
        place = data.draw(st.integers(0, len(self.mail) - 1))
        message = self.mail[place] if keep else self.mail.pop(place)
        self.old.append(message)
        self.manager.update(message)

    @rule(data=st.data())
    @precondition(lambda self: self.old)
    def deliver_again(self, data):
        self.manager.update(data.draw(st.sampled_from(self.old)))

    @rule()
    @precondition(lambda self: self.mail)
    def lose_mail(self):
        self.mail.clear()

    @rule(data=st.data(), line=lines)
    @precondition(lambda self: self.ledger.orders)
    def cancel(self, data, line):
        self.line.next = line
        self.manager.cancel(data.draw(st.sampled_from(sorted(self.ledger.orders))))
        self.mail += self.venue.drain()

    @rule(data=st.data(), new=intents, line=lines)
    @precondition(lambda self: self.ledger.open)
    def replace(self, data, new, line):
        old = self.ledger.orders[data.draw(st.sampled_from(sorted(self.ledger.open)))]
        if old.state not in (OrderState.ACCEPTED, OrderState.WORKING, OrderState.PARTIALLY_FILLED):
            return
        self.line.next = line
        self.manager.replace(old.order_id, self._intent((new[0], old.symbol, *new[2:])),
                             self._context())  # fmt: skip
        self.mail += self.venue.drain()

    @rule(seconds=st.integers(0, 10))
    def resolve(self, seconds):
        if seconds > 2:  # nothing is on its way for longer than the horizon
            self.line.arrive()
        self.clock.advance(self.clock.now() + timedelta(seconds=seconds))
        self.manager.resolve_unknown()

    @rule()
    def restart(self):
        self.manager.flush()
        self.journal.close()
        self._start()

    @invariant()
    def one_order_per_intent_sent_at_most_once(self):
        assert set(self.venue.state.slots) <= set(self.ledger.intents)
        assert all(count == 1 for count in self.line.sends.values())

    @invariant()
    def rejected_is_never_at_the_venue(self):
        for order in self.ledger.orders.values():
            if order.state is OrderState.REJECTED:
                assert self.venue.order(order.order_id) is None

    @invariant()
    def fills_add_up(self):
        self.ledger.check()
        theirs = {f.execution_id for f in self.venue.fills()}
        assert {f.execution_id for f in self.ledger.fills.values()} <= theirs
        for order in self.ledger.orders.values():
            assert 0 <= order.filled <= order.quantity

    @invariant()
    def only_legal_steps(self):
        for order_id, order in self.ledger.orders.items():
            before = self.seen.get(order_id)
            if before is not None and not _reaches(before, order.state):
                raise AssertionError(f"{order_id} went from {before} to {order.state}")
            self.seen[order_id] = order.state

    def teardown(self):
        """Heal everything: nobody stays unknown, and both sides agree to the last digit."""
        self.line.arrive()
        for message in self.mail:
            self.manager.update(message)
        for _ in range(4):
            self.clock.advance(self.clock.now() + timedelta(seconds=10))
            self.manager.resolve_unknown()
        self.restart()
        assert not self.ledger.unknown()
        for order in self.ledger.orders.values():
            theirs = self.venue.order(order.order_id)
            assert theirs is None or theirs.filled == order.filled
            if theirs is not None and not theirs.state.is_open:
                assert order.state is theirs.state
        assert {(f.venue, f.execution_id) for f in self.venue.fills()} == set(self.ledger.fills)
        account = self.venue.account()
        assert self.ledger.books.differences(self.venue.positions(), account.cash) == []
        assert self.journal.load() == self.ledger
        self.journal.verify()
        assert all(isinstance(f, Fill) for f in self.ledger.fills.values())
        self.journal.close()
        self.database.close()


def _reaches(before, after):
    """Whether some steps of the table lead from one state to the other."""
    reached, todo = {before}, [before]
    while todo:
        state = todo.pop()
        for following in OrderState:
            if following not in reached and is_legal(state, following):
                reached.add(following)
                todo.append(following)
    return after in reached


TestOrderPath = OrderPath.TestCase
TestOrderPath.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
