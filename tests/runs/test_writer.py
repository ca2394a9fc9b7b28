import sqlite3

import pytest

from workbench.runs import writer
from workbench.runs.writer import transaction

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS seen (what TEXT);\nCREATE INDEX IF NOT EXISTS s ON seen (what);"
)


def put(path, what, version=1):
    with transaction(path, SCHEMA, version) as connection:
        connection.execute("INSERT INTO seen VALUES (?)", [what])


def rows(path):
    with sqlite3.connect(path) as connection:
        return [what for (what,) in connection.execute("SELECT what FROM seen")]


def test_a_connection_is_used_again_and_writes_ahead(tmp_path):
    path = tmp_path / "deep" / "er" / "a.db"
    with transaction(path, SCHEMA, 1) as first:
        pass
    with transaction(path, SCHEMA, 1) as second:
        assert second is first
    assert first.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_error_rolls_back_and_the_next_one_works(tmp_path):
    path = tmp_path / "a.db"
    put(path, "one")
    with pytest.raises(KeyError), transaction(path, SCHEMA, 1) as connection:
        connection.execute("INSERT INTO seen VALUES ('lost')")
        raise KeyError
    with pytest.raises(sqlite3.OperationalError), transaction(path, SCHEMA, 1) as connection:
        connection.execute("INSERT INTO seen VALUES ('lost')")
        connection.execute("no statement at all")
    put(path, "two")
    assert rows(path) == ["one", "two"]


def test_few_files_stay_open_and_all_keep_their_rows(tmp_path):
    paths = [tmp_path / f"{k}.db" for k in range(writer._MOST + 3)]
    for path in [*paths, *paths]:
        put(path, path.name)
    assert len(writer._shelf().open) == writer._MOST
    assert all(rows(path) == [path.name] * 2 for path in paths)


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    put(tmp_path / "a.db", "one", version=2)
    writer._shelf().drop(tmp_path / "a.db")
    with pytest.raises(sqlite3.DatabaseError, match="newer"):
        put(tmp_path / "a.db", "two", version=1)
