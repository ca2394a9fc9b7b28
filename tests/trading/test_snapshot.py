from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from workbench.core.fill import Fill
from workbench.core.order import OrderState
from workbench.errors import InvariantError
from workbench.trading.journal import Journal
from workbench.trading.ledger import Ledger
from workbench.trading.snapshot import PARTS, read_ledger, write_ledger

D100 = Decimal(100)


@pytest.fixture
def long(path):
    """Sixty orders through a journal that keeps five and snapshots often."""
    path.journal.close()
    make = Journal

    def start():
        path.journal = make(path.database, "test", path.clock, keep=5, every=40)
        path.manager = type(path.manager)(
            type(path.manager.core)(path.manager.core.gate, path.journal.load()),
            path.journal, path.venue, path.clock,
        )  # fmt: skip
        path.manager.open_book({"USD": 100_000})
        path.manager.recover()

    path.start = start
    start()
    for number in range(60):
        path.propose("buy" if number % 2 else "sell")
        path.quote()
        path.listen()
    return path


def whole(path):
    """The same book with everything in memory."""
    path.journal.close()
    journal = Journal(path.database, "test", path.clock)
    journal.verify()
    ledger = journal.load()
    journal.close()
    return ledger


def spoil(path, statement):
    with path.database.write() as connection:
        connection.exec_driver_sql(statement)


def test_a_snapshot_has_every_field_of_a_ledger(long):
    assert set(PARTS) == {field.name for field in fields(Ledger) if field.init}
    ledger = long.ledger
    again = read_ledger(write_ledger(ledger))
    assert again == ledger
    assert list(again.orders) == list(ledger.orders)


def test_ended_orders_leave_memory_and_are_found_by_their_id(long):
    ledger = long.ledger
    assert len(ledger.orders) < 30
    assert "i1" not in list(ledger.orders)
    assert "i1" in ledger.orders
    assert ledger.orders["i1"].state is OrderState.FILLED
    assert ledger.intents["i1"].intent.intent_id == "i1"
    assert "i61" not in ledger.orders
    everything = whole(long)
    assert len(everything.orders) == 60
    assert {key for key in everything.fills if key in ledger.fills} == set(everything.fills)
    for order_id, order in everything.orders.items():
        assert ledger.orders[order_id] == order
    ledger.check()


def test_an_intent_of_long_ago_is_still_one_order(long):
    before = long.journal.head
    long.count = 0  # the first intent's name again
    long.propose()
    long.manager.flush()
    assert long.journal.head == before


def test_a_fill_of_long_ago_told_again_changes_nothing(long):
    fills = long.venue.fills()
    head = long.journal.head
    for fill in fills[:10]:
        long.manager.update(fill)
    long.manager.flush()
    assert long.journal.head == head


def test_a_start_goes_on_from_the_snapshot(long):
    before = long.ledger
    long.restart()
    assert len(long.ledger.orders) < 30
    assert long.ledger.books == before.books == whole(long).books
    assert long.ledger.cursors


@pytest.mark.parametrize(
    "statement",
    [
        "update snapshots set body = replace(body, 'USD', 'EUR')",
        "update snapshots set body = 'garbage'",
        "update snapshots set seq = seq - 1",
        "update snapshots set seq = 999999",
        "delete from snapshots",
    ],
)
def test_a_damaged_snapshot_is_not_used(long, statement):
    everything = whole(long)
    spoil(long, statement)
    journal = Journal(long.database, "test", long.clock, keep=5, every=40)
    assert journal.load() == everything
    journal.close()


def test_damage_before_the_snapshot_is_found_by_a_scan(long):
    long.journal.scan()
    spoil(long, "update events set body = body || ' ' where seq = 7")
    long.restart()  # reads from the snapshot on
    with pytest.raises(InvariantError, match="journal entry 7 "):
        long.journal.scan()


def test_damage_behind_the_snapshot_stops_a_start(long):
    spoil(long, "update events set body = body || ' ' where seq = (select max(seq) from events)")
    with pytest.raises(InvariantError, match="is not what was written"):
        long.restart()


def test_the_projections_are_the_same_with_and_without_forgetting(long):
    long.journal.verify()


def test_a_late_fill_of_a_forgotten_order_survives_a_restart(long):
    order = next(iter(whole(long).orders.values()))
    long.start()
    assert order.order_id not in list(long.ledger.orders)
    fill = Fill(
        execution_id="late", order_id=order.order_id, venue="sim", symbol=order.symbol,
        side=order.side, quantity=Decimal(1), price=Decimal(100), time=long.clock.now(),
    )  # fmt: skip
    long.manager.update(fill)
    long.manager.flush()
    held = long.ledger.books.position(order.symbol)
    long.journal.close()
    long.journal = Journal(long.database, "test", long.clock, keep=5, every=40)
    ledger = long.journal.load()
    ledger.check()
    assert ledger.books.position(order.symbol) == held
    long.manager.update(fill)
    assert ledger.books.position(order.symbol) == held


@pytest.mark.parametrize("again", [False, True])
def test_a_real_execution_takes_the_place_of_one_forgotten(long, again):
    ledger, core = long.ledger, long.manager.core
    core.counts_as = "sim"
    long.propose()
    name = f"i{long.count}"
    order = ledger.orders[name]
    total = replace(order, state=OrderState.FILLED, filled=order.quantity, average_price=D100)
    long.manager.update(total)
    held = ledger.books.position(order.symbol).quantity
    long.manager.flush()
    ledger.forget(0)
    long.journal._archive.stand_behind(ledger)
    assert name not in ledger.synthetic
    real = [
        Fill(
            execution_id=f"real{number}",
            order_id=name,
            venue="sim",
            symbol=order.symbol,
            side=order.side,
            quantity=Decimal(units),
            price=D100,
            time=long.clock.now(),
        )
        for number, units in enumerate((4, 6))
    ]
    for fill in real:
        long.manager.update(fill)
        assert ledger.books.position(order.symbol).quantity == held
    if again:
        assert whole(long).books.position(order.symbol).quantity == held
