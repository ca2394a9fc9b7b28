"""One open connection per SQLite file and process.

To close the last connection of a file in WAL mode makes SQLite move the log into the
file and sync the disk: tens of milliseconds after every backtest. So it stays open, and
is closed when the process ends, when too many files are open, or when the file was
removed or replaced. After a fork the child opens its own.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

__all__ = ["BUSY_SECONDS", "transaction"]

BUSY_SECONDS = 10.0
_MOST = 4
_lock = RLock()


class _Shelf:
    """The connections of one process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.open: dict[Path, tuple[tuple[int, int], sqlite3.Connection]] = {}

    def get(self, path: Path, schema: str, version: int) -> sqlite3.Connection:
        kept = self.open.pop(path, None)
        if kept is not None and kept[0] == _identity(path):
            self.open[path] = kept  # the latest stands last
            _prepare(kept[1], schema, version)  # another process may have changed it since
            return kept[1]
        if kept is not None:
            kept[1].close()
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _opened(path, schema, version)
        self.open[path] = (_identity(path), connection)
        while len(self.open) > _MOST:
            self.drop(next(iter(self.open)))
        return connection

    def drop(self, path: Path) -> None:
        kept = self.open.pop(path, None)
        if kept is not None:
            with suppress(sqlite3.Error):
                kept[1].close()


_shelves = [_Shelf()]


@contextmanager
def transaction(path: Path, schema: str, version: int) -> Iterator[sqlite3.Connection]:
    """Yield a connection inside a transaction that is committed, or rolled back on an error.

    Parameters
    ----------
    path : Path
        The file; made with its folder, and with `schema`, when it is not there.
    schema : str
        Statements that make what is missing.
    version : int
        Of the schema; kept in the file as ``user_version``.

    Raises
    ------
    sqlite3.Error
        Busy beyond ten seconds, no room, no right, damaged, or made by a newer version.
    OSError
        The folder cannot be made.
    """
    with _lock:
        shelf = _shelf()
        try:
            connection = shelf.get(path.absolute(), schema, version)
            with _begun(connection):
                yield connection
        except sqlite3.Error:
            shelf.drop(path.absolute())
            raise


def _shelf() -> _Shelf:
    if _shelves[-1].process != os.getpid():
        # What came over a fork belongs to the parent: kept, so that it is never closed here.
        _shelves.append(_Shelf())
    return _shelves[-1]


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return (found.st_dev, found.st_ino)


def _opened(path: Path, schema: str, version: int) -> sqlite3.Connection:
    # Every use is behind the lock of this module, so threads may share it.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, schema, version)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, schema: str, version: int) -> None:
    # NORMAL may lose the last rows at a power cut and never the file: enough for a count.
    connection.execute("PRAGMA synchronous=NORMAL")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > version:
        raise sqlite3.DatabaseError(f"written by a newer workbench, version {found}")
    if found == version:
        return
    # Two processes may meet here: the one that comes second may be refused the switch
    # that the first is making, and waits for it at the transaction below.
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
    with _begun(connection):
        for statement in _statements(schema):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={version}")


@contextmanager
def _begun(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Split a script as SQLite itself would; ``executescript`` would commit in between."""
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@atexit.register
def _close() -> None:
    for path in list(_shelf().open):
        _shelf().drop(path)
