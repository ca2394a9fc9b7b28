from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from workbench.core.signal import Side
from workbench.errors import InvariantError, UsageError
from workbench.store import tables
from workbench.store.migrate import migrate
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record


@pytest.fixture
def traded(path):
    for side in ("buy", "buy", "sell"):
        path.propose(side)
        path.quote()
        path.listen()
    path.check()
    return path


def tamper(path, statement):
    with path.database.write() as connection:
        connection.exec_driver_sql("pragma defer_foreign_keys=on")
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        'update events set body = replace(body, \'"quantity":"10\', \'"quantity":"11\') '
        "where seq = 3",
        "update events set ts = '2024-01-02T00:00:01.000000Z' where seq = 3",
        "update events set kind = 'note' where seq = 3",
        "update events set order_id = 'x' where seq = 3",
        "update events set epoch = 9 where seq = 3",
        "delete from events where seq = 3",
        "delete from events where seq = (select max(seq) from events)",
        "update events set seq = seq + 1000 where seq = 3",
        "insert into events select seq + 1000, ts, epoch, book, kind, order_id, body, prev, hash "
        "from events where seq = 3",
    ],
)
def test_tampering_is_found(traded, statement):
    traded.journal.verify()
    tamper(traded, statement)
    with pytest.raises(InvariantError, match="journal"):
        traded.journal.verify()


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("update positions set quantity = '11'", "positions"),
        ("update cash set amount = '100000'", "cash"),
        ("delete from fills where rowid = 1", "fills"),
        ("update orders set state = 'canceled'", "orders"),
        ("update intents set outcome = 'refuse'", "intents"),
    ],
)
def test_projections_are_checked_and_can_be_made_anew(traded, statement, table):
    tamper(traded, statement)
    with pytest.raises(InvariantError, match=f"table {table}"):
        traded.journal.verify()
    traded.journal.rebuild()
    traded.check()


def test_a_later_writer_fences_off_an_earlier_one(path):
    stale = path.journal
    stale._writer._file.close()  # taken for dead: the lock is gone, the process is not
    fresh = Journal(path.database, "test", path.clock)
    with pytest.raises(InvariantError, match="taken over"):
        stale.append([Record(Kind.NOTE, {"text": "still here"})], stale.load())
    fresh.verify()
    fresh.close()


def test_two_writers_are_told_apart(path):
    with pytest.raises(UsageError, match="already has a writer"):
        Journal(path.database, "test", path.clock)


def test_books_of_several_accounts_share_one_chain(path):
    path.propose()
    path.journal.close()
    other = Journal(path.database, "other", path.clock)
    ledger = other.load()
    assert not ledger.orders
    record = Record(Kind.OPENED, {"USD": "5"})
    ledger.apply(record)
    other.append([record], ledger)
    assert other.verify() > 1
    other.close()
    path.start()
    path.check()


@pytest.mark.parametrize(
    "change",
    ["body = 'garbage'", "body = '{}'", "kind = 'nonsense'",
     "body = replace(body, '\"10', '\"11')"],
)  # fmt: skip
def test_a_start_does_not_go_on_from_what_was_tampered_with(traded, change):
    with traded.database.write() as connection:
        connection.exec_driver_sql(f"update events set {change} where kind = 'order'")
    with pytest.raises(InvariantError, match=r"journal entry \d+ is not what was written"):
        traded.restart()


def test_nothing_is_sent_where_another_program_wrote_to_the_journal(path):
    with path.database.write() as connection:
        connection.exec_driver_sql(
            "insert into events select seq + 1, ts, epoch, book, 'note', order_id, '{}', prev, hash"
            " from events order by seq desc limit 1"
        )
    for _ in range(2):
        with pytest.raises(InvariantError):
            path.propose()
    assert path.venue.state.slots == {}


def test_a_fill_is_counted_once_even_by_the_ledger_itself(traded):
    record = next(
        Record(Kind.FILL, event)
        for event in _fills(traded)
    )  # fmt: skip
    with pytest.raises(InvariantError, match="twice"):
        traded.ledger.apply(record)


def _fills(path):
    from workbench.trading.states import OrderEvent, Step

    for fill in path.ledger.fills.values():
        yield OrderEvent(step=Step.FILL, order_id=fill.order_id, time=fill.time, fill=fill)


def test_the_table_of_fills_tells_what_is_taken_back_and_in_which_currency(path):
    name = path.propose()
    path.quote()
    path.listen()
    (fill,) = path.ledger.fills.values()
    bust = replace(fill, execution_id="bust", side=Side.SELL, reverses=fill.execution_id)
    path.manager.update(bust)
    odd = replace(fill, execution_id="odd", quantity=Decimal(1), currency="EUR")
    path.manager.update(odd)
    path.manager.flush()
    path.journal.verify()
    with path.database.write() as connection:  # as a version before had it
        connection.exec_driver_sql("alter table fills drop column reverses")
        connection.exec_driver_sql("alter table fills drop column currency")
        for later in ("news_fetches", "api_tokens"):  # made since
            connection.exec_driver_sql(f"drop table {later}")
        connection.exec_driver_sql("update alembic_version set version_num = '0007'")
    migrate(path.database)
    with path.database.read() as connection:
        rows = connection.execute(select(tables.fills).order_by(tables.fills.c.seq)).all()
    told = [(row.order_id, row.currency, row.reverses) for row in rows]
    assert told == [(name, "USD", None), (name, "USD", fill.execution_id), (name, "EUR", None)]
    path.journal.verify()
