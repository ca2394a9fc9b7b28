from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext

from workbench.config import load_settings
from workbench.errors import UsageError
from workbench.store import fresh
from workbench.store.database import Database
from workbench.store.migrate import head, migrate, open_database, revision
from workbench.store.tables import metadata


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'w.db'}")
    yield database
    database.close()


def has_columns(name, kind, _):
    """Leave out SQLite's own tables of the index of words, which have no twin in the metadata."""
    return not (kind == "table" and str(name).startswith("messages_text"))


def test_migrations_make_exactly_the_metadata(database):
    migrate(database)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": has_columns,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_keys_and_columns(database):
    """What the comparison above does not look at: primary keys, nullability, lengths."""
    migrate(database)
    other = Database("sqlite://")
    with other.write() as connection:
        metadata.create_all(connection)
    shapes = []
    for one in (database, other):
        with one.read() as connection:
            shapes.append(
                {
                    table: connection.exec_driver_sql(f"pragma table_info({table})").fetchall()
                    for table in metadata.tables
                }
            )
    assert shapes[0] == shapes[1]


def test_migrating_twice_changes_nothing(database):
    assert revision(database) is None
    assert migrate(database) == migrate(database) == revision(database) == head()


def test_a_second_empty_file_is_made_the_same_without_the_revisions(tmp_path, monkeypatch):
    monkeypatch.setattr(fresh, "_statements", [])
    contents = []
    for name in ("one", "two"):
        database = open_database(f"sqlite:///{tmp_path / name}.db")
        with database.read() as connection:
            shape = connection.exec_driver_sql(
                "select type, name, tbl_name, sql from sqlite_master order by type, name"
            ).fetchall()
            tables = [row[1] for row in shape if row[0] == "table"]
            rows = {
                table: connection.exec_driver_sql(f"select * from {table}").fetchall()
                for table in tables
            }
        database.close()
        contents.append((shape, rows))
        # the second must not have gone through the revisions
        monkeypatch.setattr(EnvironmentContext, "configure", None)
    assert contents[0] == contents[1]
    assert contents[1][1]["alembic_version"] == [(head(),)]


def test_settings_name_the_database(tmp_path):
    settings = load_settings(tmp_path)
    assert migrate(settings) == head()
    assert (tmp_path / "data" / "workbench.db").is_file()


def test_a_newer_database_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'w.db'}"
    database = open_database(url)
    with database.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = 'ffff'")
    with pytest.raises(UsageError, match="newer workbench"):
        migrate(database)
    database.close()


def test_a_failing_migration_leaves_nothing_half(database, monkeypatch):
    with database.write() as connection:
        connection.exec_driver_sql("create table leases (x)")  # in the way of the last table
    with pytest.raises(Exception, match="leases"):
        migrate(database)
    with database.read() as connection:
        names = connection.exec_driver_sql("select name from sqlite_master").scalars().all()
    assert names == ["leases"]
