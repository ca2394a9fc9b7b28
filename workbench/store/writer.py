"""The right to write a database's journal, and the one connection it is written through."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Connection

from workbench.errors import UnavailableError, UsageError, WorkbenchError
from workbench.store.database import Database, files_of, translated

__all__ = ["Writer"]

# "workbench" among the advisory locks of a PostgreSQL database
_ADVISORY = 0x776F726B62


class Writer:
    """One process at a time may write a database's journal; this is its turn and its connection.

    Beside an SQLite file the right is a lock on a file, so that it ends with the process,
    however that ends. On PostgreSQL it is an advisory lock of the very session that
    writes: who loses the connection has lost the right, and cannot write without noticing.
    A database in memory needs none.

    A transaction that fails ends the right to write for good, because what is on the disk
    is then not certain: open a new one, and read what is there.

    Raises
    ------
    UsageError
        Another process, or another journal of this one, writes here; the error names it.
    UnavailableError
        The lock's file cannot be written, or the server does not answer.

    Examples
    --------
    >>> database = Database("sqlite://")
    >>> writer = Writer(database)
    >>> with writer.transaction() as connection:
    ...     _ = connection.exec_driver_sql("create table t (x)")
    >>> writer.release()
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._failure: WorkbenchError | None = None
        self._turn = threading.Lock()
        self._file = _locked_file(database) if database.path is not None else None
        try:
            with translated(database.url):
                self._connection: Connection | None = database.connect_to_write()
                if not database.is_sqlite:
                    _lock_session(self._connection, database.url)
        except WorkbenchError:
            self.release()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the connection; what is done is durable once the block is left.

        Raises
        ------
        UnavailableError
            It could not be written, now or before.
        InvariantError
            It contradicts what is there.
        """
        with self._turn:
            connection = self._usable()
            try:
                with self.database.writing(), connection.begin():
                    yield connection
            except WorkbenchError as error:
                self._failure = error
                raise

    def check(self) -> None:
        """See that the connection, and with it the right to write, is still there.

        Raises
        ------
        UnavailableError
            It is lost; nothing more may be sent.
        """
        if self.database.is_sqlite:
            self._usable()
            return
        with self.transaction() as connection:
            connection.exec_driver_sql("select 1")

    def release(self) -> None:
        """Let another writer in; harmless when done already."""
        connection, self._connection = getattr(self, "_connection", None), None
        if connection is not None:
            if not self.database.is_sqlite:
                # not given back: a session that lives on in the pool would keep its lock
                connection.invalidate()
            with self.database.sharing():
                connection.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _usable(self) -> Connection:
        if self._failure is not None:
            raise UnavailableError(
                f"the journal's database failed before ({self._failure.message}); open the "
                "journal again to see what was written"
            ) from self._failure
        if self._connection is None:
            raise UsageError("this journal is closed")
        return self._connection


def _locked_file(database: Database) -> IO[str]:
    path = Path(f"{database.path}.lock")
    with files_of(database.url):
        file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise _taken(str(database.path), holder) from None
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()}")
    file.flush()
    return file


def _lock_session(connection: Connection, url: str) -> None:
    with connection.begin():
        got = connection.exec_driver_sql(f"select pg_try_advisory_lock({_ADVISORY})").scalar()
        if got:
            return
        holder = connection.exec_driver_sql(
            "select pid from pg_locks where locktype = 'advisory' and granted "
            "and (classid::bigint << 32 | objid::bigint) = %s",
            (_ADVISORY,),
        ).scalar()
    raise _taken(url, f"server process {holder}")


def _taken(name: str, holder: str) -> UsageError:
    return UsageError(
        f"{name} already has a writer ({holder}); only one may trade on a database at a time: "
        "stop it, or name another database",
        path=name,
        holder=holder,
    )
