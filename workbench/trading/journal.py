"""The journal: append-only, chained by hashes, written before anything is sent.

An entry, and what it changes in orders, fills, positions and cash, are one transaction;
once :meth:`Journal.append` returns they are on the disk. Each entry carries the hash of
the one before it, so that a changed, missing or inserted entry is found by
:meth:`Journal.verify`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import InvariantError
from workbench.store import tables
from workbench.store.database import Database
from workbench.store.writer import Writer
from workbench.trading.archive import Archive
from workbench.trading.chain import START, Entry, Head, check, digest, link
from workbench.trading.ledger import Ledger
from workbench.trading.projection import (
    PROJECTIONS,
    Rows,
    folded,
    insert_entries,
    project,
    projected,
    projections,
)
from workbench.trading.records import Kind, Record
from workbench.trading.snapshot import read_ledger, write_ledger

__all__ = ["Journal", "Page"]

_LEASE = "journal"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Entries ready to be written, and the rows that change with them."""

    head: Head
    entries: list[Entry]
    rows: Rows


class Journal:
    """The one writer of a database's journal, and of one book in it.

    Opening takes the writer's right and raises the epoch: a writer that was taken for dead
    and comes back finds a later epoch than its own and stops. A write that failed ends the
    journal: what reached the disk is known again once it is opened anew.

    Parameters
    ----------
    database : Database
        Migrated (:func:`workbench.store.migrate.open_database`).
    book : str
        Whose entries these are: ``"desk"``, or a replay's run id.
    clock : Clock, optional
        Gives the entries' instants.
    keep : int, optional
        How many ended orders and fills stay in memory; older ones are found in the
        database. With it the journal writes snapshots, so that a start reads only what
        came after the last one. By default everything stays.
    every : int
        Entries between two snapshots.

    Raises
    ------
    UsageError
        Another writer has the database.

    Examples
    --------
    >>> from workbench.store.migrate import open_database
    >>> from workbench.trading.records import Kind
    >>> journal = Journal(open_database("sqlite://"), "desk")
    >>> ledger, record = journal.load(), Record(Kind.OPENED, {"USD": "1000"})
    >>> ledger.apply(record)
    >>> journal.append([record], ledger)
    >>> journal.verify(), journal.load().books.cash
    (1, {'USD': Decimal('1000')})
    >>> journal.close()
    """

    def __init__(
        self,
        database: Database,
        book: str,
        clock: Clock | None = None,
        *,
        keep: int | None = None,
        every: int = 10_000,
    ) -> None:
        self.database = database
        self.book = book
        # what is in memory only cannot be looked up while it is being written
        self.keep = keep if database.path is not None or not database.is_sqlite else None
        self.every = every
        self._clock = clock or WallClock()
        self._archive = Archive(database, book)
        self._writer = Writer(database)
        try:
            self.epoch = self._take_lease()
            self._head = self._last()
        except BaseException:
            self._writer.release()  # another may try
            raise
        self._snapped = self._head.seq

    @property
    def head(self) -> tuple[int, str]:
        """The number and the hash of the last entry."""
        return self._head.seq, self._head.hash

    def load(self) -> Ledger:
        """Return the state that the book's entries add up to.

        From the last snapshot on, where there is one that the chain vouches for; what came
        before it is then checked by :meth:`scan` and :meth:`verify`.

        Raises
        ------
        InvariantError
            An entry was changed, removed or inserted (its number is named).
        """
        with self.database.read() as connection:
            ledger, since = self._snapshot(connection)
            behind = Archive(self.database, self.book, since or 0)
            if since is not None:  # what it has forgotten may be told of after it
                behind.stand_behind(ledger)
            for entry in self._entries(connection, since):
                if entry.book == self.book:
                    ledger.apply(entry.record())
            behind.close()
        self._snapped = since or 0
        if self.keep is not None:
            self._archive.stand_behind(ledger)
        return ledger

    def append(self, records: Sequence[Record], ledger: Ledger) -> None:
        """Write records and what they changed, durably, as one transaction.

        Parameters
        ----------
        records : sequence of Record
            In order; none is fine.
        ledger : Ledger
            The state with the records already applied.

        Raises
        ------
        InvariantError
            Another writer has taken over.
        UnavailableError
            Nothing was written; nothing that depends on it may be sent.
        """
        if records:
            self.write(self.prepare(records, ledger))

    def prepare(self, records: Sequence[Record], ledger: Ledger) -> Page:
        """Return records as a page to be written next, after which it may be another's turn.

        Call it where the ledger lives, with all that it has applied since the page before;
        only :meth:`write` may go to another thread.
        """
        now, head, entries = self._clock.now(), self._head, []
        for record in records:
            entry = link(head, now, self.epoch, self.book, record)
            entries.append(entry)
            head = Head(entry.seq, entry.hash)
        numbered = ((entry.seq, one) for entry, one in zip(entries, records, strict=True))
        rows = projected(self.book, numbered, ledger)
        if self.keep is not None and head.seq - self._snapped >= self.every:
            touched = {record.order_id for record in records if record.order_id}
            ledger.forget(max(self.keep, len(records)), touched)
            self._archive.stand_behind(ledger)
            body = write_ledger(ledger)
            rows.append((tables.snapshots, [{"book": self.book, "seq": head.seq, "body": body}]))
            entry = link(
                head, now, self.epoch, self.book, Record(Kind.SNAPSHOT, {"digest": digest(body)})
            )
            entries.append(entry)
            self._snapped = head.seq
            head = Head(entry.seq, entry.hash)
        return Page(head, entries, rows)

    def write(self, page: Page) -> None:
        """Write a page durably, as one transaction; errors as in :meth:`append`."""
        with self._writer.transaction() as connection:
            self._check_lease(connection)
            insert_entries(connection, page.entries)
            project(connection, page.rows)
        self._head = page.head

    def check(self) -> None:
        """See that the right to write is still ours, where it can be lost unnoticed.

        Raises
        ------
        UnavailableError, InvariantError
            It is not; nothing more may be sent.
        """
        self._writer.check()

    def scan(self) -> int:
        """Check the chain from its first entry to its last, holding nothing in memory.

        Returns
        -------
        int
            The number of entries.

        Raises
        ------
        InvariantError
            An entry was changed, removed or inserted (its number is named).
        """
        with self.database.read() as connection:
            for _ in self._entries(connection):
                pass
        return self._head.seq

    def verify(self) -> int:
        """Check the chain and that this book's projections are what its entries add up to.

        Returns
        -------
        int
            The number of entries in the chain.

        Raises
        ------
        InvariantError
            An entry was changed, removed or inserted (its number is named), or a
            projection differs.
        """
        with self.database.read() as connection:
            ledger = self._whole(connection)
            present = projections(connection, self.book)
        for name, wanted in folded(ledger).items():
            if present[name] != wanted:
                raise InvariantError(
                    f"the table {name} of book {self.book} is not what the journal adds up to; "
                    "Journal.rebuild() makes it anew",
                    table=name,
                )
        return self._head.seq

    def rebuild(self) -> None:
        """Make the book's projections anew from its entries."""
        with self.database.read() as connection:
            numbered = [
                (entry.seq, entry.record())
                for entry in self._entries(connection)
                if entry.book == self.book
            ]
        rows = projected(self.book, numbered, Ledger.fold(record for _, record in numbered))
        with self._writer.transaction() as connection:
            self._check_lease(connection)
            for table in (tables.fills, *(t for t in PROJECTIONS if t is not tables.fills)):
                connection.execute(table.delete().where(table.c.book == self.book))
            project(connection, rows)

    def close(self) -> None:
        """Let another writer in."""
        self._archive.close()
        self._writer.release()

    def _whole(self, connection: Connection) -> Ledger:
        entries = self._entries(connection)
        return Ledger.fold(entry.record() for entry in entries if entry.book == self.book)

    def _snapshot(self, connection: Connection) -> tuple[Ledger, int | None]:
        """Return the last snapshot and the number of its entry, if the chain vouches for it."""
        kept = tables.snapshots
        row = connection.execute(
            select(kept.c.seq, kept.c.body).where(kept.c.book == self.book)
        ).first()
        if row is None or self.keep is None:
            return Ledger(), None
        seq, body = row[0] + 1, row[1]
        found = next(_read(connection, seq), None)
        try:
            if found is None or found.record() != Record(Kind.SNAPSHOT, {"digest": digest(body)}):
                raise ValueError("the journal has another digest")
            return read_ledger(body), seq
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            _log.warning("snapshot at entry %s is not used: %s; reading all entries", seq, error)
            return Ledger(), None

    def _entries(self, connection: Connection, since: int | None = None) -> Iterator[Entry]:
        """Yield the entries, other books' too, each in its place in the chain."""
        before, wanted, has_wanted = START, self._head, self._head is START
        for entry in _read(connection, since or 1):
            if since is not None and before is START:
                before = Head(since - 1, entry.prev)
            before = check(entry, before)
            has_wanted = has_wanted or before == wanted
            yield entry
        if not has_wanted:  # more may have been written since this reading began, never less
            raise InvariantError(
                f"the journal ends at entry {before.seq}, but {wanted.seq} were written",
                seq=before.seq + 1,
            )

    def _last(self) -> Head:
        seq, own = tables.events.c.seq, tables.events.c.hash
        with self.database.read() as connection:
            last = connection.execute(select(seq, own).order_by(seq.desc()).limit(1)).first()
        return Head(last[0], last[1]) if last else START

    def _take_lease(self) -> int:
        holder, now = f"process {os.getpid()}", self._clock.now()
        lease = tables.leases
        with self._writer.transaction() as connection:
            epoch = connection.execute(select(lease.c.epoch).where(lease.c.name == _LEASE)).scalar()
            if epoch is None:
                values = {"name": _LEASE, "epoch": 1, "holder": holder, "ts": now}
                connection.execute(insert(lease).values(**values))
                return 1
            connection.execute(
                update(lease)
                .where(lease.c.name == _LEASE)
                .values(epoch=epoch + 1, holder=holder, ts=now)
            )
        return int(epoch) + 1

    def _check_lease(self, connection: Connection) -> None:
        epoch = connection.exec_driver_sql(_EPOCH).scalar()
        if epoch != self.epoch:
            raise InvariantError(
                f"another writer has taken over this database (epoch {epoch}, ours {self.epoch}); "
                "this one must stop",
                epoch=epoch,
            )


_EPOCH = f"select epoch from leases where name = '{_LEASE}'"  # noqa: S608 - our own word
_COLUMNS = ", ".join(Entry._fields)


def _read(connection: Connection, since: int) -> Iterator[Entry]:
    streaming = connection.execution_options(stream_results=True, yield_per=1000)
    question = f"select {_COLUMNS} from events where seq >= {since:d} order by seq"  # noqa: S608
    for row in streaming.exec_driver_sql(question):
        yield Entry(*row)
