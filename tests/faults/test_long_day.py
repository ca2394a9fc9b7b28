"""A long day: memory stays bounded, and a start stays quick."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Intent, Order, OrderState, OrderType
from workbench.core.signal import Side
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record, Verdicted
from workbench.trading.states import OrderEvent, Step

AT = datetime(2024, 1, 2, tzinfo=UTC)
ORDERS = int(os.environ.get("SOAK_ORDERS", "500000"))
PAGE = 100


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


class Day:
    """Twenty-four hours of orders through the order core and a journal on disk.

    A page of orders is written together and then sent; the venue acknowledges each, fills it
    in three parts, and cancels every tenth before the last. Executions are fetched again
    as a start would, and what is in flight is looked after.
    """

    def __init__(self, url, orders):
        self.orders = orders
        self.journal = Journal(open_database(url), "desk", keep=2000)
        self.core = OrderCore(Gate.of(None), self.journal.load())
        self.context = Context(Decimal(1_000_000), Decimal(1_000_000))
        self.told, self.waiting = [], []

    def take(self, step):
        self.waiting += step.records
        return step.effects

    def write(self):
        self.journal.append(self.waiting, self.core.ledger)
        self.waiting = []

    def intent(self, number, now):
        return Intent(
            intent_id=f"order-{number}", run_id="r", strategy=f"s{number % 3}",
            symbol=f"S{number % 20}", side=Side.BUY if number % 2 else Side.SELL,
            decided_at=now, quantity=Decimal(3),
        )  # fmt: skip

    def work(self, send, number, now):
        order, core = send.order, self.core
        there = replace(order, state=OrderState.ACCEPTED, venue_order_id=f"v{number}")
        self.take(core.answered(send, there, now))
        if number % 10 == 0:
            self.take(core.cancel(order.order_id, now))
        for part in range(2 if number % 10 == 0 else 3):
            fill = Fill(
                execution_id=f"{order.order_id}-{part}", order_id=order.order_id, venue="sim",
                symbol=order.symbol, side=order.side, quantity=Decimal(1),
                price=Decimal(100 + number % 7), time=now, fee=Decimal("0.01"),
            )  # fmt: skip
            self.told.append(fill)
            self.take(core.update(fill, now))
        if number % 10 == 0:
            filled = {"filled": Decimal(2), "average_price": fill.price}
            self.take(core.update(replace(there, state=OrderState.CANCELED, **filled), now))

    def run(self, say=lambda line: None):
        began = time.monotonic()
        for first in range(0, self.orders, PAGE):
            now = AT + timedelta(days=1) * first / self.orders
            sends = []
            for number in range(first, min(first + PAGE, self.orders)):
                step, _ = self.core.propose(self.intent(number, now), self.context, now)
                sends += self.take(step)
            self.write()  # before a byte leaves
            for number, send in enumerate(sends, first):
                self.work(send, number, now)
            (pull,) = self.core.pull(now).effects
            self.take(self.core.answered(pull, self.told[-3 * PAGE :], now))
            self.take(self.core.in_flight(now))
            self.write()
            del self.told[: -3 * PAGE]
            if first % 50_000 == 0:
                rate = first / (time.monotonic() - began)
                say(f"{first:,} of {self.orders:,} orders, {rate:,.0f} a second, {peak():.0f} MB")
        self.core.ledger.check()
        self.journal.close()


def peak():
    """The most memory this program held, in MB; `ru_maxrss` begins with that of who started it."""
    with suppress(FileNotFoundError):
        told = Path("/proc/self/status").read_text()
        return int(told.partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def live(url, orders, answer):
    day = Day(url, orders)
    day.run(lambda line: print(line, flush=True))
    ledger = day.core.ledger
    held = {symbol: one.quantity for symbol, one in ledger.books.positions.items()}
    answer.put((peak(), len(ledger.orders) + len(ledger.fills), held))


def lived(tmp_path, orders):
    """Run a day in a process of its own, whose memory is then the day's alone."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    url = f"sqlite:///{tmp_path}/day.db"
    process = context.Process(target=live, args=(url, orders, answer))
    process.start()
    process.join()
    assert process.exitcode == 0
    peak_mb, kept, held = answer.get()
    journal = Journal(open_database(url), "desk", keep=2000)
    ledger = journal.load()
    assert {symbol: one.quantity for symbol, one in ledger.books.positions.items()} == held
    assert ledger.orders["order-10"].filled == 2
    assert ledger.orders["order-11"].state is OrderState.FILLED
    assert ledger.open == {}
    journal.close()
    print(f"{orders:,} orders: {peak_mb:.0f} MB at most, {kept:,} orders and fills in memory")
    return peak_mb, kept


def test_a_short_day_of_the_order_core(tmp_path):
    peak_mb, kept = lived(tmp_path, 6_000)
    assert peak_mb < 300
    assert kept < 3 * (2000 + 10 * PAGE)


@pytest.mark.soak
def test_a_day_of_half_a_million_orders_fits_into_300_mb(tmp_path):
    peak_mb, kept = lived(tmp_path, ORDERS)
    assert peak_mb < 300
    assert kept < 3 * (2000 + 10 * PAGE)
