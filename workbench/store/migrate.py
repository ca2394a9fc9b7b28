"""Bring a database to the tables of this version.

The revisions travel inside the package, so an installed wheel needs no further file.
A database that a newer version made is refused, never guessed at.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

import workbench.store.deployments  # their tables belong to the metadata
import workbench.store.messages
import workbench.store.news_fetches
import workbench.store.risk
import workbench.store.stages
import workbench.store.users  # noqa: F401
from workbench.errors import UsageError
from workbench.store import fresh
from workbench.store.database import Database
from workbench.store.tables import metadata

if TYPE_CHECKING:
    from workbench.config import Settings

__all__ = ["head", "migrate", "open_database", "revision"]

_FOLDER = Path(__file__).parent / "migrations"
_TURN = 0x6D696772617465  # "migrate" among the advisory locks of a PostgreSQL database


def migrate(target: Settings | Database | str) -> str:
    """Run the revisions a database has not seen; all of them, or none.

    Parameters
    ----------
    target : Settings, Database or str
        The workspace's settings, an open database or an address.

    Returns
    -------
    str
        The revision the database now has.

    Raises
    ------
    UsageError
        The database has a revision this version does not know.

    Examples
    --------
    >>> database = Database("sqlite://")
    >>> migrate(database) == head()
    True
    """
    if not isinstance(target, Database):
        database = Database(target if isinstance(target, str) else target.database)
        try:
            return migrate(database)
        finally:
            database.close()
    present = revision(target)
    if present == head():
        return head()
    with target.write() as connection:
        if not target.is_sqlite:  # several processes of a server start at once: one after the other
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({_TURN})")
        is_empty = target.is_sqlite and fresh.is_empty(connection)
        if is_empty and fresh.make(connection):
            return head()
        script = ScriptDirectory(str(_FOLDER))
        config = Config()
        context = EnvironmentContext(
            config, script, fn=lambda rev, _: script._upgrade_revs("head", rev)
        )
        try:
            with context:
                context.configure(connection=connection, target_metadata=metadata)
                with context.begin_transaction():
                    context.run_migrations()
            if is_empty:
                fresh.remember(connection)
        except CommandError as error:
            raise UsageError(
                f"the database {target.url} has revision {present!r}, which this version does not "
                f"know ({error}); use the newer workbench that made it, or another database",
                url=target.url,
                revision=present,
            ) from None
    return head()


def open_database(target: Settings | str) -> Database:
    """Open a workspace's database, migrated; close it with ``.close()``.

    Raises
    ------
    UsageError
        As in :func:`migrate`.
    """
    database = Database(target if isinstance(target, str) else target.database)
    migrate(database)
    return database


def revision(database: Database) -> str | None:
    """Return the revision a database has, None where it has no tables yet."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head() -> str:
    """Return the revision of this version."""
    found = ScriptDirectory(str(_FOLDER)).get_current_head()
    assert found is not None  # noqa: S101  # the package carries at least one revision
    return found
