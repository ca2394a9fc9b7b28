"""What was changed about halts and limits: who, when, from what to what, and why.

Rows are added and never altered; the last one of a subject is what is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)

from workbench.store.columns import UtcTime
from workbench.store.tables import metadata

__all__ = ["Change", "add_change", "changes", "changes_of", "last_change", "take_turn"]

changes = Table(
    "risk_changes",
    metadata,
    Column("subject", String(160), nullable=False),
    Column("version", Integer, nullable=False),
    Column("ts", UtcTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    PrimaryKeyConstraint("subject", "version"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one subject: ``limits:BOOK``, or ``halt:SCOPE``.

    Parameters
    ----------
    before, after : str
        As the subject writes itself: a level, or limits as JSON.
    version : int
        Counts from 1 for each subject; 0 until it is stored.
    """

    subject: str
    time: datetime
    actor: str
    reason: str
    before: str
    after: str
    version: int = 0


def take_turn(connection: Connection, table: Table) -> None:
    """Hold other writers of a table off until the transaction ends; readers go on.

    For what is looked at and then written. On SQLite one transaction at a time writes anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"lock table {table.name} in share row exclusive mode")


def add_change(connection: Connection, change: Change) -> int:
    """Store a change within a transaction that writes; return its version."""
    latest = connection.execute(
        select(func.max(changes.c.version)).where(changes.c.subject == change.subject)
    ).scalar()
    version = (latest or 0) + 1
    connection.execute(
        insert(changes).values(
            subject=change.subject,
            version=version,
            ts=change.time,
            actor=change.actor,
            reason=change.reason,
            before=change.before,
            after=change.after,
        )
    )
    return version


def last_change(connection: Connection, subject: str) -> Change | None:
    """Return the last change of a subject, None where there was none."""
    found = changes_of(connection, (subject,), 1)
    return found[0] if found else None


def changes_of(
    connection: Connection, subjects: tuple[str, ...] = (), limit: int = 100
) -> list[Change]:
    """Return changes, the newest first; of all subjects where none is named.

    Those of one subject by their versions: a clock may be set back.
    """
    order = (changes.c.version.desc(), changes.c.ts.desc())
    asked = select(changes).order_by(*(order if len(subjects) == 1 else order[::-1])).limit(limit)
    if subjects:
        asked = asked.where(changes.c.subject.in_(subjects))
    return [
        Change(
            subject=row.subject,
            time=row.ts,
            actor=row.actor,
            reason=row.reason,
            before=row.before,
            after=row.after,
            version=row.version,
        )
        for row in connection.execute(asked)
    ]
