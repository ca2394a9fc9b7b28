"""A replay-style order path over a simulated venue, and the invariants that end each test."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.clock import EventClock
from workbench.core.fill import Fill
from workbench.core.order import Intent
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.costs.costs import Costs
from workbench.costs.fees import PerShare
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.trading.steps import Evidence
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, tzinfo=UTC)
FREE = RiskLimits(
    max_order_notional=None, max_position_notional=None, max_gross=None, max_daily_loss=None,
    price_collar=None,
)  # fmt: skip


@dataclass
class Path:
    """The whole path in one thread, with a hand on every message."""

    database: object
    venue: SimVenue
    limits: RiskLimits = FREE
    clock: EventClock = field(default_factory=lambda: EventClock(START))
    count: int = 0

    def __post_init__(self):
        self.start()

    def start(self):
        self.journal = Journal(self.database, "test", self.clock)
        core = OrderCore(Gate.of(self.limits), self.journal.load(), Evidence(timedelta(seconds=5)))
        self.manager = ReplayManager(core, self.journal, self.venue, self.clock)
        self.manager.open_book({"USD": Decimal(100_000)})
        self.manager.recover()

    def restart(self):
        self.journal.close()
        self.start()

    @property
    def ledger(self):
        return self.manager.core.ledger

    def intent(self, side="buy", quantity="10", symbol="AAPL", **facts):
        self.count += 1
        return Intent(
            **{
                "intent_id": f"i{self.count}", "run_id": "run", "strategy": "test",
                "symbol": symbol, "side": Side(side), "decided_at": self.clock.now(),
                "quantity": Decimal(quantity), "reference_price": Decimal(100), **facts,
            }
        )  # fmt: skip

    def context(self):
        return Context(
            Decimal(100_000), Decimal(100_000), {"AAPL": Decimal(100), "IBM": Decimal(50)},
            {s: p.quantity for s, p in self.ledger.books.positions.items()},
            {o.symbol: self.ledger.reserved(o.symbol) for o in self.ledger.open_orders()},
        )  # fmt: skip

    def propose(self, *args, **facts):
        intent = self.intent(*args, **facts)
        self.manager.propose(intent, self.context())
        return intent.intent_id

    def quote(self, price=100.0, symbol="AAPL"):
        self.venue.on_quote(Quote(symbol, self.clock.now(), price - 0.01, price + 0.01))

    def listen(self):
        for update in self.venue.drain():
            self.manager.update(update)
        self.manager.flush()

    def later(self, seconds):
        self.clock.advance(self.clock.now() + timedelta(seconds=seconds))

    def state(self, order_id):
        return self.ledger.orders[order_id].state.value

    def check(self):
        """What every order test ends with."""
        self.manager.flush()
        self.ledger.check()
        self.journal.verify()
        assert self.journal.load() == self.ledger
        account = self.venue.account()
        assert self.ledger.books.differences(self.venue.positions(), account.cash) == []
        for fill in self.ledger.fills.values():
            assert isinstance(fill, Fill)
        for order in self.ledger.orders.values():
            assert order.quantity is None or 0 <= order.filled <= order.quantity


@pytest.fixture
def path(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'path.db'}")
    venue = SimVenue(
        ["AAPL", "IBM"], 100_000.0, plain_terms(Costs(fee=PerShare(0.03, minimum=0.1)))
    )
    path = Path(database, venue)
    yield path
    path.journal.close()
    database.close()
