"""What the gate is told of each strategy: from the books, whatever moved them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.core.fill import Fill
from workbench.core.order import Order, OrderType
from workbench.core.posting import Posting, PostingKind
from workbench.core.signal import Side
from workbench.live.accounts.oversight import Oversight
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.records import Kind, Record
from workbench.trading.steps import Step

NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path):
    database = open_database("sqlite://")
    oversight = Oversight(load_settings(tmp_path), database, "desk", EventClock(NOW))
    core = OrderCore(oversight.gate())
    oversight.watch(core)
    order = Order(
        order_id="o", run_id="r", strategy="Cross", symbol="AAPL", side=Side.BUY,
        type=OrderType.MARKET, decided_at=NOW, quantity=Decimal(30),
    )  # fmt: skip
    core.ledger.apply(Record(Kind.OPENED, {"USD": "100000"}))
    core.ledger.apply(Record(Kind.ORDER, order, "o"))
    return oversight, core


def fill(name, quantity):
    return Fill(
        execution_id=name, order_id="o", venue="sim", symbol="AAPL", side=Side.BUY,
        quantity=Decimal(quantity), price=Decimal(100), time=NOW,
    )  # fmt: skip


def own(oversight):
    context = oversight.context({"AAPL": Decimal(100)}, Decimal(100_000))
    return context.own("Cross").held("AAPL")


def test_a_split_counts_a_fill_on_its_way_once(desk):
    oversight, core = desk
    told = core.update(fill("e1", 10), NOW)  # applied, and not yet told: it waits for the disk
    split = Posting(
        posting_id="s", venue="sim", kind=PostingKind.SPLIT, time=NOW, symbol="AAPL",
        ratio=Decimal(2), quantity=Decimal(20),
    )  # fmt: skip
    divided = core.update(split, NOW)
    late = core.update(fill("e2", 5), NOW)
    assert own(oversight) == 25
    for step in (divided, told, late, Step()):  # in whatever order it is told
        oversight.learn(step)
        assert own(oversight) == 25 == core.ledger.shares.held("Cross")["AAPL"]
