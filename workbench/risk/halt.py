"""The kill switch: a level per scope, in the database before it has any effect.

It survives restarts. Anyone who may trade can raise it; lowering it needs a reason
(who may lower it is the server's to decide).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, insert, select

from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import UsageError, nearest
from workbench.store import tables
from workbench.store.database import Database

__all__ = ["Halt", "HaltLevel", "KillSwitch"]


class HaltLevel(StrEnum):
    """How much is stopped, from nothing to everything."""

    RUN = "run"
    REDUCE_ONLY = "reduce_only"
    NO_NEW_ORDERS = "no_new_orders"
    CANCEL_ALL = "cancel_all"
    FLATTEN = "flatten"

    @property
    def severity(self) -> int:
        """0 for ``run`` up to 4 for ``flatten``."""
        return list(HaltLevel).index(self)

    @classmethod
    def parse(cls, text: str) -> HaltLevel:
        """Read a level.

        Examples
        --------
        >>> HaltLevel.parse("reduce-only")
        <HaltLevel.REDUCE_ONLY: 'reduce_only'>
        """
        try:
            return cls(str(text).strip().lower().replace("-", "_").replace(" ", "_"))
        except ValueError:
            known = [level.value for level in cls]
            raise UsageError(
                f"no halt level {text!r}{nearest(str(text), known)}; known are {', '.join(known)}",
                level=text,
            ) from None


@dataclass(frozen=True, slots=True)
class Halt:
    """What is in force for a scope, who asked for it and why."""

    level: HaltLevel
    reason: str = ""
    actor: str = ""
    time: datetime | None = None


class KillSwitch:
    """The halt level of one scope.

    Parameters
    ----------
    database : Database
        Migrated.
    scope : str
        Whose level it is: a book's name.

    Examples
    --------
    >>> from workbench.store.migrate import open_database
    >>> database = open_database("sqlite://")
    >>> KillSwitch(database, "desk").set("no_new_orders", actor="ada", reason="odd prices")
    >>> KillSwitch(database, "desk").level.value    # another process would see the same
    'no_new_orders'
    """

    def __init__(self, database: Database, scope: str, clock: Clock | None = None) -> None:
        self._database = database
        self._scope = scope
        self._clock = clock or WallClock()
        self._halt = self._read()

    @property
    def level(self) -> HaltLevel:
        """The level in force."""
        return self._halt.level

    @property
    def halt(self) -> Halt:
        """The level in force, with who, why and when."""
        return self._halt

    def set(self, level: HaltLevel | str, *, actor: str, reason: str = "") -> None:
        """Raise or lower the level; it is stored before it holds.

        Raises
        ------
        UsageError
            No such level, nobody named, or a lowering without a reason.
        """
        wanted = HaltLevel.parse(level)
        if not actor.strip():
            raise UsageError("a halt needs to know who asked for it")
        if wanted.severity < self.level.severity and not reason.strip():
            raise UsageError(
                f"lowering the halt from {self.level} to {wanted} needs a reason",
                before=self.level.value,
                after=wanted.value,
            )
        halt = Halt(wanted, reason.strip(), actor.strip(), self._clock.now())
        table = tables.halts
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.scope == self._scope))
            connection.execute(
                insert(table).values(
                    scope=self._scope,
                    level=wanted.value,
                    reason=halt.reason,
                    actor=halt.actor,
                    ts=halt.time,
                )
            )
        self._halt = halt

    def reload(self) -> HaltLevel:
        """Read the level anew, for what another process has set."""
        self._halt = self._read()
        return self.level

    def _read(self) -> Halt:
        table = tables.halts
        with self._database.read() as connection:
            row = connection.execute(
                select(table.c.level, table.c.reason, table.c.actor, table.c.ts).where(
                    table.c.scope == self._scope
                )
            ).first()
        return (
            Halt(HaltLevel.RUN) if row is None else Halt(HaltLevel(row[0]), row[1], row[2], row[3])
        )
