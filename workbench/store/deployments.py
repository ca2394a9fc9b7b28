"""Strategies at work on an account: what each is, how far it came, what it remembers.

A row per run. It is written after each bar that was decided on, so that another process
can look on and a restart goes on where the last one stood.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from workbench.store.columns import DecimalText, UtcTime
from workbench.store.tables import metadata

__all__ = ["Deployed", "deployed", "deployments", "put"]

deployments = Table(
    "deployments",
    metadata,
    Column("book", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("strategy", String(128), nullable=False),
    Column("code", String(64), nullable=False),
    Column("identity", Text, nullable=False),
    Column("venue", String(64), nullable=False),
    Column("capital", DecimalText, nullable=False),
    Column("equity", DecimalText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("memory", Text, nullable=False),
    Column("decided", UtcTime),
    Column("decision", Text, nullable=False),
    Column("days", Integer, nullable=False),
    Column("started", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    PrimaryKeyConstraint("book", "run_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One run of a strategy on an account.

    Parameters
    ----------
    name : str
        Of the deployment; unique among those of the account that have not ended.
    strategy, code : str
        The class and the digest of its code.
    identity : str
        Parameters, symbols, timeframe and choices, as JSON: another one is another run.
    venue : str
        As it was chosen: ``sim``, ``alpaca-paper``…
    capital, equity : Decimal
        What it was given, and what its own books come to.
    state : str
        ``running``, ``paused`` or ``ended``.
    reason : str
        Why it is in that state.
    memory : str
        What it remembers, as JSON.
    decided : datetime or None
        The label of the last bar that was decided on.
    decision : str
        What was last wanted, in words.
    days : int
        On how many days it decided.
    """

    book: str
    run_id: str
    name: str
    strategy: str
    code: str
    identity: str
    venue: str
    capital: Decimal
    equity: Decimal
    state: str
    started: datetime
    updated: datetime
    reason: str = ""
    memory: str = "{}"
    decided: datetime | None = None
    decision: str = ""
    days: int = 0


def put(connection: Connection, one: Deployed) -> None:
    """Store a run within a transaction that writes, in the place of what was there."""
    table = deployments
    where = (table.c.book == one.book) & (table.c.run_id == one.run_id)
    connection.execute(delete(table).where(where))
    values: dict[str, Any] = {f.name: getattr(one, f.name) for f in fields(one)}
    connection.execute(insert(table).values(**values))


def deployed(connection: Connection, book: str | None = None) -> list[Deployed]:
    """Return the runs of a book, or of all, the newest first."""
    asked = select(deployments).order_by(deployments.c.started.desc())
    if book is not None:
        asked = asked.where(deployments.c.book == book)
    return [Deployed(**row) for row in connection.execute(asked).mappings()]
