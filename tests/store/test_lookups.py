"""Small questions over one connection, beside everything else that uses the database."""

from __future__ import annotations

import threading

import pytest

from workbench.store.database import Database
from workbench.store.lookups import Lookups


@pytest.fixture(params=["sqlite://", "file"])
def database(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'w.db'}" if request.param == "file" else request.param
    opened = Database(url)
    with opened.write() as connection:
        connection.exec_driver_sql("create table t (x integer)")
    yield opened
    opened.close()


def count(database):
    with database.read() as connection:
        return connection.exec_driver_sql("select count(*) from t").scalar()


def add(database, value):
    with database.write() as connection:
        connection.exec_driver_sql("insert into t values (?)", (value,))


def test_closing_leaves_what_is_in_the_database(database):
    lookups = Lookups(database)
    add(database, 7)
    assert lookups.rows("select x from t where x = ?", 7) == [(7,)]
    lookups.close()
    assert count(database) == 1
    again = Lookups(database)
    assert again.rows("select x from t") == [(7,)]
    again.close()
    lookups.close()


def test_a_question_sees_nothing_that_another_thread_has_not_committed(database):
    lookups, seen = Lookups(database), []
    asked = threading.Thread(target=lambda: seen.append(lookups.rows("select count(*) from t")))
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.exec_driver_sql("insert into t values (1)")
        asked.start()
        asked.join(0.2)
        1 / 0  # noqa: B018
    asked.join()
    assert seen == [[(0,)]]
    lookups.close()


def test_whoever_closes_undoes_nothing_of_a_writer(database):
    lookups = Lookups(database)
    done = threading.Thread(target=lookups.close)
    with database.write() as connection:
        connection.exec_driver_sql("insert into t values (1)")
        done.start()
        done.join(0.2)
    done.join()
    assert count(database) == 1


def test_readers_that_come_and_go_undo_nothing_of_a_writer(database):
    stop = threading.Event()

    def read():
        while not stop.is_set():
            count(database)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for value in range(100):
            add(database, value)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert count(database) == 100
