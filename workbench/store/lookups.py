"""Small questions to a database, over one connection that stays open for them."""

from __future__ import annotations

from typing import Any

from workbench.store.database import Database, translated

__all__ = ["Lookups"]


class Lookups:
    """Asks a database one short question after the other; each sees what is committed.

    Examples
    --------
    >>> lookups = Lookups(Database("sqlite://"))
    >>> lookups.rows("select ? + 1", 41)
    [(42,)]
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with translated(database.url), database.sharing():
            self._connection = database.engine.raw_connection()
            if not database.is_sqlite:
                self._connection.dbapi_connection.autocommit = True  # type: ignore[union-attr]

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a ``select`` with ``?`` in the place of its values."""
        if not self._database.is_sqlite:
            question = question.replace("?", "%s")
        with translated(self._database.url), self._database.sharing():
            cursor = self._connection.cursor()
            try:
                cursor.execute(question, values)
                return list(cursor.fetchall())
            finally:
                cursor.close()

    def close(self) -> None:
        """Give the connection back."""
        if self._database.is_sqlite:
            with self._database.sharing():
                self._connection.close()
        else:  # one that commits by itself is of no use to others
            self._connection.invalidate()
