"""A journal in memory that a crash can take the unwritten end of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from workbench.errors import InvariantError
from workbench.trading.ledger import Ledger
from workbench.trading.records import Record

__all__ = ["Disk", "MemoryJournal"]


class Disk:
    """What survives a crash: the records that were written, and who may write more."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.epoch = 0

    def hash(self) -> str:
        """Return one hash over all that was written, as text, in order."""
        digest = hashlib.sha256()
        for record in self.records:
            digest.update(f"{record.kind}|{record.order_id}|{record.body()}\n".encode())
        return digest.hexdigest()


class Folds(Protocol):
    """How records become a state: :meth:`~workbench.trading.ledger.Ledger.fold`."""

    def __call__(self, records: Sequence[Record]) -> Ledger:
        """Return the state after the records."""


class MemoryJournal:
    """What :class:`~workbench.trading.journal.Journal` is, on a :class:`Disk`.

    Parameters
    ----------
    disk : Disk
    fold : callable, optional
    """

    def __init__(self, disk: Disk, fold: Folds = Ledger.fold) -> None:
        self.disk = disk
        self._fold = fold
        disk.epoch += 1
        self.epoch = disk.epoch

    def load(self, *, as_text: bool = False) -> Ledger:
        """Return the state that the entries add up to, read again from their text if asked."""
        records = self.disk.records
        if as_text:
            records = [Record.read(r.kind, r.body(), r.order_id) for r in records]
        return self._fold(records)

    def append(self, records: Sequence[Record], ledger: Ledger) -> None:
        """Write records; they are all there from now on.

        Raises
        ------
        InvariantError
            Another writer has taken over.
        """
        del ledger  # the projections of the real one are folded from it
        if self.epoch != self.disk.epoch:
            raise InvariantError(f"epoch {self.epoch} is over, {self.disk.epoch} writes now")
        self.disk.records += records
