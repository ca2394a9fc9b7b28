"""The journal: append-only, chained by hashes, written before anything is sent.

An entry, and what it changes in orders, fills, positions and cash, are one transaction;
once :meth:`Journal.append` returns they are on the disk. Each entry carries the hash of
the one before it, so that a changed, missing or inserted entry is found by
:meth:`Journal.verify`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import InvariantError
from workbench.store import tables
from workbench.store.database import Database, WriterLock
from workbench.trading.ledger import Ledger
from workbench.trading.projection import PROJECTIONS, folded, project, projections
from workbench.trading.records import Record

__all__ = ["Journal"]

_START = "0" * 64
_LEASE = "journal"


class Journal:
    """The one writer of a database's journal, and of one book in it.

    Opening takes the writer's lock and raises the epoch: a writer that was taken for dead
    and comes back finds a later epoch than its own and stops.

    Parameters
    ----------
    database : Database
        Migrated (:func:`workbench.store.migrate.open_database`).
    book : str
        Whose entries these are: ``"desk"``, or a replay's run id.
    clock : Clock, optional
        Gives the entries' instants.

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

    def __init__(self, database: Database, book: str, clock: Clock | None = None) -> None:
        self.database = database
        self.book = book
        self._clock = clock or WallClock()
        self._lock = WriterLock(database)
        self.epoch = self._take_lease()
        with database.read() as connection:
            last = connection.execute(
                select(tables.events.c.seq, tables.events.c.hash)
                .order_by(tables.events.c.seq.desc())
                .limit(1)
            ).first()
        self._seq: int = last[0] if last else 0
        self._hash: str = last[1] if last else _START

    @property
    def head(self) -> tuple[int, str]:
        """The number and the hash of the last entry."""
        return self._seq, self._hash

    def load(self) -> Ledger:
        """Return the state that the book's entries add up to.

        Raises
        ------
        InvariantError
            An entry was changed, removed or inserted (its number is named).
        """
        with self.database.read() as connection:
            return Ledger.fold(self._records(connection))

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
        if not records:
            return
        now = self._clock.now()
        seq, before = self._seq, self._hash
        rows = []
        for record in records:
            seq += 1
            row = self._row(seq, now, record, before)
            before = row["hash"]
            rows.append(row)
        with self.database.write() as connection:
            self._check_lease(connection)
            connection.execute(insert(tables.events), rows)
            seqs = range(self._seq + 1, seq + 1)
            project(connection, self.book, zip(seqs, records, strict=True), ledger)
        self._seq, self._hash = seq, before

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
            ledger = Ledger.fold(self._records(connection))
            present = projections(connection, self.book)
        for name, wanted in folded(ledger).items():
            if present[name] != wanted:
                raise InvariantError(
                    f"the table {name} of book {self.book} is not what the journal adds up to; "
                    "Journal.rebuild() makes it anew",
                    table=name,
                )
        return self._seq

    def rebuild(self) -> None:
        """Make the book's projections anew from its entries."""
        ledger = self.load()
        with self.database.write() as connection:
            self._check_lease(connection)
            for table in (tables.fills, *(t for t in PROJECTIONS if t is not tables.fills)):
                connection.execute(table.delete().where(table.c.book == self.book))
            rows = connection.execute(
                select(tables.events.c.seq, tables.events.c.kind, tables.events.c.body)
                .where(tables.events.c.book == self.book)
                .order_by(tables.events.c.seq)
            )
            numbered = [(row[0], Record.read(row[1], row[2], None)) for row in rows]
            project(connection, self.book, numbered, ledger)

    def close(self) -> None:
        """Let another writer in."""
        self._lock.release()

    def _records(self, connection: Connection) -> Iterator[Record]:
        """Yield the book's records; every entry, other books' too, must be in the chain."""
        before, expected = _START, 1
        rows = connection.execute(select(tables.events).order_by(tables.events.c.seq))
        for row in rows.mappings():
            if row["seq"] != expected or row["prev"] != before or row["hash"] != _hash_of(row):
                raise InvariantError(
                    f"journal entry {row['seq']} is not what was written (expected entry "
                    f"{expected} after {before[:12]}…); restore the database from a backup",
                    seq=row["seq"],
                )
            before, expected = row["hash"], expected + 1
            if row["book"] == self.book:
                yield Record.read(row["kind"], row["body"], row["order_id"])
        if (expected - 1, before) != (self._seq, self._hash):
            raise InvariantError(
                f"the journal ends at entry {expected - 1}, but {self._seq} were written",
                seq=expected,
            )

    def _take_lease(self) -> int:
        holder, now = f"process {os.getpid()}", self._clock.now()
        lease = tables.leases
        with self.database.write() as connection:
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
        lease = tables.leases
        epoch = connection.execute(select(lease.c.epoch).where(lease.c.name == _LEASE)).scalar()
        if epoch != self.epoch:
            raise InvariantError(
                f"another writer has taken over this database (epoch {epoch}, ours {self.epoch}); "
                "this one must stop",
                epoch=epoch,
            )

    def _row(self, seq: int, now: datetime, record: Record, before: str) -> dict[str, Any]:
        row = {
            "seq": seq,
            "ts": now,
            "epoch": self.epoch,
            "book": self.book,
            "kind": record.kind.value,
            "order_id": record.order_id,
            "body": record.body(),
            "prev": before,
        }
        row["hash"] = _hash_of(row)
        return row


def _hash_of(row: Any) -> str:
    names = ("seq", "ts", "epoch", "book", "kind", "order_id", "body", "prev")
    return hashlib.sha256("|".join(str(row[name]) for name in names).encode()).hexdigest()
