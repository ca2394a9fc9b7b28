"""The door to the database: one engine, transactions that say whether they write.

SQLite is set up so that what was committed is there after a power cut: a write-ahead
log, ``synchronous=FULL``, foreign keys on, a busy timeout, and ``BEGIN IMMEDIATE`` for
whoever writes (a transaction that begins to read and then writes loses updates). The
addresses are SQLAlchemy's, so that another database is a setting.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)

from workbench.errors import DataError, InvariantError, UnavailableError, UsageError

__all__ = ["Database", "files_of", "translated"]

_WRITES = "workbench_writes"
_PATIENCE = 5.0
_BUSY = f"busy_timeout={_PATIENCE * 1000:.0f}"


class Database:
    """A database and its two kinds of transaction.

    Parameters
    ----------
    url : str
        An SQLAlchemy address, e.g. ``sqlite:///data/workbench.db``; ``sqlite://`` is
        kept in memory. The folder of an SQLite file is made where it is missing.

    Raises
    ------
    UsageError
        The address cannot be read, or its driver is not installed.
    UnavailableError
        Its folder cannot be made.

    Examples
    --------
    >>> database = Database("sqlite://")
    >>> with database.write() as connection:
    ...     _ = connection.exec_driver_sql("create table t (x)")
    >>> database.close()
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            name = parsed.database if self.is_sqlite else None
            self.path = Path(name) if name and name != ":memory:" else None
            if self.path is not None:
                with files_of(_shown(url)):
                    self.path.parent.mkdir(parents=True, exist_ok=True)
            self.engine = _engine(url, in_memory=self.is_sqlite and self.path is None)
        except (ArgumentError, ModuleNotFoundError) as error:
            shown = _shown(url)
            raise UsageError(f"cannot open the database {shown!r}: {error}", url=shown) from None
        self.url = _shown(url)
        self._guard = threading.RLock()
        self._gate: IO[str] | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout."""
        with translated(self.url), self.sharing(), self.engine.connect() as connection:
            if self.is_sqlite:
                yield connection
            else:
                yield connection.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are durable once the block is left.

        An exception inside undoes all of it.

        Raises
        ------
        UnavailableError
            Another writer held the database too long, or the disk would not take it.
        InvariantError
            It contradicts what is there.
        """
        with self.writing(), self.engine.connect() as connection:
            writer = connection.execution_options(**{_WRITES: True})
            with writer.begin():
                yield writer

    def connect_to_write(self) -> Connection:
        """Return a connection of its own that writes; its transactions go inside `writing`."""
        return self.engine.connect().execution_options(**{_WRITES: True})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait for the turn to write, and translate what goes wrong; `write` does both itself."""
        with self._guard, self._one_at_a_time(), translated(self.url):
            yield

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Wait for the turn on the one connection that serves all of a database in memory.

        It is for what begins and ends inside: whoever gives a connection back rolls back what
        it has open. Other databases have a connection for each, and none waits.
        """
        if self.is_sqlite and self.path is None:
            with self._guard:
                yield
        else:
            yield

    def close(self) -> None:
        """Give the connections back; the object may not be used after."""
        self.engine.dispose()
        if self._gate is not None:
            self._gate.close()
            self._gate = None

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        # SQLite before 3.51.3 can corrupt a write-ahead log when two connections write and
        # checkpoint at the same instant; this holds writers apart until past the checkpoint
        if self.path is None:
            yield
            return
        if self._gate is None:
            with files_of(self.url):
                self._gate = Path(f"{self.path}.write").open("a")  # noqa: SIM115
        self._wait_for_gate(self._gate)
        try:
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def _wait_for_gate(self, gate: IO[str]) -> None:
        last = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > last:
                    raise UnavailableError(
                        f"the database {self.url} is locked: another process has been writing for "
                        f"{_PATIENCE:g} s; check that it is not stopped or stuck",
                        url=self.url,
                    ) from None
                time.sleep(0.002)
            else:
                return


def _engine(url: str, *, in_memory: bool) -> Engine:
    options: dict[str, Any] = {}
    if in_memory:
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    address = make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = create_engine(address, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _shown(url: str) -> str:
    """Return the address without its password, fit for a message."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.rpartition("@")[2] if "@" in url else url


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # transactions are begun by _begin_sqlite; the driver's own rules would split DDL from them
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={_PATIENCE * 1000:.0f}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def files_of(url: str) -> Iterator[None]:
    """Translate what goes wrong with the files beside a database."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"the database {url} could not be used: {error.filename}: {error.strerror}; check that "
            "its folder may be written and that the disk has room",
            url=url,
        ) from error


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises into errors of the tree."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise UnavailableError(
            f"the database {url} could not be used: {error.orig}; check that no other program "
            "holds it and that the disk has room",
            url=url,
        ) from error
    except IntegrityError as error:
        raise InvariantError(
            f"the database {url} holds something else in this place ({error.orig}); another "
            "program wrote to it: stop, and compare it with a copy",
            url=url,
        ) from error
    except DBAPIError as error:
        if "not a database" in str(error.orig) or "malformed" in str(error.orig):
            raise DataError(
                f"the database {url} is damaged or is none ({error.orig}); nothing was changed: "
                "move the file away, restore a copy, or name another with database_url",
                url=url,
            ) from error
        if error.connection_invalidated:
            raise UnavailableError(
                f"the database {url} went away: {error.orig}", url=url
            ) from error
        raise
