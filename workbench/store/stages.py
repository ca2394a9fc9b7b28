"""How far each strategy has come on its way to real money; rows are added, never altered."""

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

__all__ = ["StageChange", "add_stage", "stages", "stages_of"]

stages = Table(
    "stages",
    metadata,
    Column("strategy", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("ts", UtcTime, nullable=False),
    PrimaryKeyConstraint("strategy", "number"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange:
    """One step of one strategy.

    Parameters
    ----------
    code : str
        The digest of the code that took the step.
    evidence : str
        What the gates of the step found, in words.
    """

    strategy: str
    stage: str
    code: str
    actor: str
    time: datetime
    reason: str = ""
    evidence: str = ""


def add_stage(connection: Connection, change: StageChange) -> None:
    """Store a step within a transaction that writes."""
    table = stages
    latest = connection.execute(
        select(func.max(table.c.number)).where(table.c.strategy == change.strategy)
    ).scalar()
    connection.execute(
        insert(table).values(
            strategy=change.strategy,
            number=(latest or 0) + 1,
            stage=change.stage,
            code=change.code,
            actor=change.actor,
            reason=change.reason,
            evidence=change.evidence,
            ts=change.time,
        )
    )


def stages_of(connection: Connection, strategy: str | None = None) -> list[StageChange]:
    """Return the steps of a strategy, or of all, the newest first.

    Those of one strategy by their numbers: a clock may be set back.
    """
    order = (stages.c.number.desc(), stages.c.ts.desc())
    asked = select(stages).order_by(*(order[::-1] if strategy is None else order))
    if strategy is not None:
        asked = asked.where(stages.c.strategy == strategy)
    return [
        StageChange(
            strategy=row.strategy,
            stage=row.stage,
            code=row.code,
            actor=row.actor,
            time=row.ts,
            reason=row.reason,
            evidence=row.evidence,
        )
        for row in connection.execute(asked)
    ]
