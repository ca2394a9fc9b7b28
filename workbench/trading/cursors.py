"""How far a venue's executions have been read: exact, durable, moved by a reading only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from workbench.core.fill import Fill
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record
from workbench.trading.steps import Pull

__all__ = ["is_before", "moved", "next_pull", "opened_at", "reached"]

_STREAM, _OPENED = "fills", "opened"


def opened_at(venue: str, since: datetime) -> list[Record]:
    """Return the records that let a book begin at an instant: what is older is in it."""
    read = {"venue": venue, "value": since.isoformat()}
    return [Record(Kind.CURSOR, {**read, "stream": name}) for name in (_OPENED, _STREAM)]


def is_before(ledger: Ledger, fill: Fill) -> bool:
    """Whether an execution was before the book was opened, by somebody else."""
    opened = ledger.cursors.get((fill.venue, _OPENED))
    if opened is None or fill.time >= datetime.fromisoformat(opened):
        return False
    order = ledger.orders.get(fill.order_id)
    return order is None or order.run_id in ("external", "opening")


def reached(ledger: Ledger) -> datetime | None:
    """Return how far the executions of every venue have been read; None where of none."""
    read = (value for (_, name), value in ledger.cursors.items() if name == _STREAM)
    return min(map(datetime.fromisoformat, read), default=None)


def next_pull(
    ledger: Ledger,
    overlap: timedelta,
    now: datetime | None = None,
    missing: Iterable[datetime | None] = (),
) -> Pull:
    """Return the question for fills from the cursors on, and for those slow to appear.

    Parameters
    ----------
    overlap : timedelta
        How long the venue may take to show an execution.
    now : datetime, optional
        When it is asked.
    missing : iterable of datetime or None
        How far it had been read when the venue told of what is still not in its list:
        that may have been there for long once it appears.
    """
    read = [reached(ledger), *missing]
    known = [one for one in read if one is not None]
    return Pull(min(known) - overlap if len(known) == len(read) else None, now)


def moved(ledger: Ledger, fills: Iterable[Fill]) -> list[Record]:
    """Return the records that move the cursors behind the fills that a pull brought.

    They go with the fills, as one page. A fill that a stream tells moves nothing: it says
    nothing of those before it.
    """
    last: dict[str, datetime] = {}
    for fill in fills:
        last[fill.venue] = max(fill.time, last.get(fill.venue, fill.time))
    records = []
    for venue, time in last.items():
        before = ledger.cursors.get((venue, _STREAM))
        if before is None or datetime.fromisoformat(before) < time:
            read = {"venue": venue, "stream": _STREAM, "value": time.isoformat()}
            records.append(Record(Kind.CURSOR, read))
    return records
