"""A long day: memory stays bounded, and a start stays quick."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Intent, Order, OrderType
from workbench.core.signal import Side
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record, Verdicted
from workbench.trading.states import OrderEvent, Step

AT = datetime(2024, 1, 2, tzinfo=UTC)


def records(number, fills):
    """Yield what the journal holds of one filled order."""
    name, at = f"order-{number}", AT + timedelta(milliseconds=100 * number)
    what = {
        "run_id": "r", "strategy": "s", "symbol": f"S{number % 20}", "decided_at": at,
        "side": Side.BUY if number % 2 else Side.SELL, "quantity": Decimal(fills),
    }  # fmt: skip
    yield Record(Kind.INTENT, Verdicted(Intent(intent_id=name, **what), "pass"), name)
    yield Record(Kind.ORDER, Order(order_id=name, type=OrderType.MARKET, **what), name)
    for step in (Step.SUBMITTED, Step.ACCEPTED):
        yield Record(Kind.EVENT, OrderEvent(step=step, order_id=name, time=at), name)
    for part in range(fills):
        fill = Fill(
            execution_id=f"{name}-{part}", order_id=name, venue="sim", symbol=what["symbol"],
            side=what["side"], quantity=Decimal(1), price=Decimal("100.25"), time=at,
        )  # fmt: skip
        event = OrderEvent(step=Step.FILL, order_id=name, time=at, fill=fill)
        yield Record(Kind.FILL, event, name)


def trade(journal, ledger, orders, fills):
    waiting = []
    for number in range(*orders):
        for record in records(number, fills):
            ledger.apply(record)
            waiting.append(record)
        if number % 100 == 99:
            journal.append(waiting, ledger)
            waiting = []
    journal.append(waiting, ledger)


def test_what_is_in_memory_does_not_grow_with_the_day(tmp_path):
    journal = Journal(open_database(f"sqlite:///{tmp_path}/day.db"), "desk", keep=100, every=1000)
    ledger = journal.load()
    trade(journal, ledger, (0, 1000), 2)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    held = len(ledger.orders) + len(ledger.intents) + len(ledger.fills)
    trade(journal, ledger, (1000, 2000), 2)
    assert len(ledger.orders) + len(ledger.intents) + len(ledger.fills) <= held + 400
    grown = tracemalloc.take_snapshot().compare_to(before, "filename")
    tracemalloc.stop()
    assert sum(line.size_diff for line in grown) < 2_000_000
    assert ledger.orders["order-3"].filled == 2
    journal.close()


@pytest.mark.soak
def test_a_hundred_thousand_orders_are_recovered_in_a_second(tmp_path):
    url = f"sqlite:///{tmp_path}/day.db"
    journal = Journal(open_database(url), "desk", keep=2000)
    trade(journal, journal.load(), (0, 100_000), 3)
    journal.close()
    best = 9.0
    for _ in range(3):
        began = time.process_time()
        journal = Journal(open_database(url), "desk", keep=2000)
        ledger = journal.load()
        best = min(best, time.process_time() - began)
        assert ledger.orders["order-5"].filled == 3
        journal.close()
    assert best < 1.0
