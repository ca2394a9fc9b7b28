from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Column, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from workbench.errors import DataError, InvariantError, UnavailableError, UsageError
from workbench.store.columns import DecimalText, UtcTime
from workbench.store.database import Database
from workbench.store.migrate import open_database
from workbench.store.tables import leases
from workbench.store.writer import Writer


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'w.db'}")
    yield database
    database.close()


def test_sqlite_is_set_up_to_keep_what_was_committed(database):
    with database.read() as connection:
        values = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000,
    }  # fmt: skip


def test_an_error_undoes_the_transaction(database):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (x)")
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.exec_driver_sql("insert into t values (1)")
        1 / 0  # noqa: B018
    with database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from t").scalar() == 0


def test_concurrent_increments_are_all_kept(database):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (x integer)")
        connection.exec_driver_sql("insert into t values (0)")

    def add():
        for _ in range(50):
            with database.write() as connection:
                x = connection.exec_driver_sql("select x from t").scalar()
                connection.exec_driver_sql("update t set x = ?", (x + 1,))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.exec_driver_sql("select x from t").scalar() == 200


def test_money_and_instants_come_back_as_they_went_in(database):
    table = Table("m", MetaData(), Column("money", DecimalText()), Column("at", UtcTime()))
    amount = Decimal("1234567890123.1234567891")
    at = datetime(2024, 3, 1, 12, 30, 15, 7, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as connection:
        table.create(connection)
        connection.execute(
            insert(table), [{"money": amount, "at": at}, {"money": None, "at": None}]
        )
    with database.read() as connection:
        rows = connection.execute(select(table)).fetchall()
    assert rows[0].money == amount
    assert str(rows[0].money) == str(amount)
    assert rows[0].at == at
    assert rows[0].at.tzinfo is UTC
    assert rows[1] == (None, None)


@pytest.mark.parametrize("bad", [1.5, Decimal("NaN"), Decimal("Infinity"), 3])
def test_only_finite_decimals_are_kept(bad):
    with pytest.raises(UsageError):
        DecimalText().process_bind_param(bad, None)


def test_naive_instants_are_refused(database):
    table = Table("m", MetaData(), Column("t", UtcTime()))
    with pytest.raises((UsageError, StatementError)), database.write() as connection:
        table.create(connection)
        connection.execute(insert(table), [{"t": datetime(2024, 1, 1)}])  # noqa: DTZ001


def test_a_locked_database_is_unavailable(database, monkeypatch):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (x)")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("begin immediate")
    with database.read() as connection:  # readers go on
        connection.exec_driver_sql("select * from t").fetchall()
        connection.exec_driver_sql("pragma busy_timeout=10")
    with pytest.raises(UnavailableError, match="locked"), database.write() as connection:
        pass
    other.close()


@pytest.mark.parametrize("url", ["nonsense", "nosuchthing://x/y"])
def test_an_unreadable_address_is_a_usage_error(url):
    with pytest.raises(UsageError):
        Database(url)


def _try_lock(path, answers):
    try:
        Writer(Database(f"sqlite:///{path}"))
        answers.put("got it")
    except UsageError as error:
        answers.put(str(error))


def test_a_file_that_is_no_database_is_told_and_kept(tmp_path):
    path = tmp_path / "workbench.db"
    path.write_text("this is no database, and long enough to tell")
    with (
        pytest.raises(DataError, match="nothing was changed"),
        Database(f"sqlite:///{path}").read(),
    ):
        pass
    assert path.read_text().startswith("this is no database")


def test_files_that_cannot_be_written_are_an_error_of_the_tree(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="Not a directory"):
        Database(f"sqlite:///{tmp_path}/file/in/it.db")
    for beside in ("write", "lock"):
        url = f"sqlite:///{tmp_path}/{beside}.db"
        (tmp_path / f"{beside}.db.{beside}").mkdir()
        with (
            pytest.raises(UnavailableError, match="Is a directory"),
            closing(open_database(url)) as database,
        ):
            Writer(database)


def test_what_contradicts_the_database_is_an_error_of_the_tree(database):
    row = insert(leases).values(name="x", epoch=1, holder="h", ts=datetime(2024, 1, 1, tzinfo=UTC))
    leases.metadata.create_all(database.engine)
    with pytest.raises(InvariantError, match="another program"), database.write() as connection:
        connection.execute(row)
        connection.execute(row)


def test_a_second_writer_is_told_who_has_it(database):
    lock = Writer(database)
    with pytest.raises(UsageError, match="already has a writer"):
        Writer(database)
    context = multiprocessing.get_context("spawn")
    for expected in ("already has a writer (process", "got it"):
        answers = context.Queue()
        process = context.Process(target=_try_lock, args=(database.path, answers))
        process.start()
        assert answers.get(timeout=30).find(expected) >= 0
        process.join()
        lock.release()
