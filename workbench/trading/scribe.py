"""Writes the journal beside an event loop: at once when idle, together under load."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from workbench.errors import InvariantError, WorkbenchError
from workbench.trading.journal import Journal
from workbench.trading.ledger import Ledger
from workbench.trading.records import Record

__all__ = ["Scribe"]


class Scribe:
    """Takes records and says when they are on the disk.

    While one page is being written, in a thread, what is put meanwhile waits; it then goes
    as one page, with one fsync for all of it. The event loop never waits for the disk.

    Parameters
    ----------
    journal : Journal
    ledger : Ledger
        With each record applied by the time it is put.

    Attributes
    ----------
    failure : WorkbenchError or None
        Why nothing is written any more; only a new start mends it.
    """

    def __init__(self, journal: Journal, ledger: Ledger) -> None:
        self.journal, self.ledger = journal, ledger
        self.failure: WorkbenchError | None = None
        self._waiting: list[Record] = []
        self._put = self._written = 0
        self._page: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    @property
    def waiting(self) -> int:
        """How many records are not yet on the disk."""
        return self._put - self._written

    def put(self, records: Sequence[Record]) -> None:
        """Take records in; :meth:`written` waits for them."""
        self._waiting.extend(records)
        self._put += len(records)

    async def written(self) -> None:
        """Return once all that was put so far is on the disk.

        Raises
        ------
        InvariantError
            The journal failed before; nothing is written until a new start.
        UnavailableError
            It fails now.
        """
        wanted = self._put
        self.require_sound()
        while self._written < wanted:
            if self._page is None:
                self._page = asyncio.create_task(self._write_page(), name="journal")
            await asyncio.shield(self._page)

    def write(self) -> None:
        """Write what waits here and now, in this thread; where no event loop runs.

        Raises
        ------
        As `written`.
        """
        self.require_sound()
        records = self._take()
        try:
            self.journal.append(records, self.ledger)
        except BaseException as error:
            self.fail(error)
            raise
        self._written += len(records)

    def require_sound(self) -> None:
        """Raise `InvariantError` where the journal failed before."""
        if self.failure is not None:
            raise InvariantError(
                f"the journal failed before ({self.failure.message}); start again to recover"
            )

    def fail(self, error: BaseException) -> None:
        """Write nothing from now on: the ledger is not what the journal adds up to any more."""
        if self.failure is None:
            if not isinstance(error, WorkbenchError):
                error = InvariantError(f"it broke off: {error!r}")
            self.failure = error

    def close(self) -> None:
        """Let the thread end once it has written what it is writing."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _take(self) -> list[Record]:
        records, self._waiting = self._waiting, []
        return records

    async def _write_page(self) -> None:
        records = self._take()
        try:
            page = self.journal.prepare(records, self.ledger)
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self.journal.write, page)
            self._written += len(records)
        except BaseException as error:  # whatever it was: these records are not on the disk
            self.fail(error)
            raise
        finally:
            self._page = None
