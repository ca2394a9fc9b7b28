"""What the revisions make of an empty SQLite file, so that the next one is made at once."""

from __future__ import annotations

from sqlalchemy import Connection

__all__ = ["is_empty", "make", "remember"]

_statements: list[str] = []


def is_empty(connection: Connection) -> bool:
    """Whether an SQLite database has no tables yet."""
    return connection.exec_driver_sql("select 1 from sqlite_master").first() is None


def remember(connection: Connection) -> None:
    """Keep what makes the tables of an SQLite database that the revisions have just made."""
    rows = connection.exec_driver_sql(
        "select name, sql from sqlite_master where sql is not null order by rowid"
    ).all()
    virtual = tuple(f"{name}_" for name, sql in rows if sql.startswith("CREATE VIRTUAL TABLE"))
    # a virtual table makes the tables that stand behind it itself
    made = [
        sql
        for name, sql in rows
        if not (virtual and name.startswith(virtual) and sql.startswith("CREATE TABLE"))
    ]
    versions = connection.exec_driver_sql("select version_num from alembic_version").scalars()
    _statements[:] = [*made, *(f"insert into alembic_version values ('{v}')" for v in versions)]  # noqa: S608


def make(connection: Connection) -> bool:
    """Make the tables that are remembered; False where none are, or some are there already."""
    if not _statements or not is_empty(connection):
        return False
    for statement in _statements:
        connection.exec_driver_sql(statement)
    return True
