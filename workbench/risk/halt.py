"""The kill switch: a level per scope, in the database before it has any effect.

It survives restarts. Anyone who may trade can raise it, and so can a file; lowering it
needs a reason (who may lower it is the server's and the command line's to decide).
Nothing that runs by itself can lower it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from sqlalchemy import delete, insert, select

from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import UsageError, nearest
from workbench.store import tables
from workbench.store.database import Database
from workbench.store.risk import Change, add_change

__all__ = ["ALL", "Halt", "HaltLevel", "KillSwitch", "asked_by_file", "parse_scope"]

ALL = "all"
_KINDS = ("account", "strategy", "symbol")
_FILE_LIMIT = 1_000


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
    scope: str = ""


class Named(Protocol):
    """What a halt can apply to: an intent or an order."""

    @property
    def strategy(self) -> str:
        """Whose it is."""

    @property
    def symbol(self) -> str:
        """What it trades."""


class KillSwitch:
    """The halt levels that concern one account.

    Parameters
    ----------
    database : Database
        Migrated.
    account : str
        The name of the account, which is that of its book.
    file : Path, optional
        A file that raises the switch while it is there; see `asked_by_file`.

    Examples
    --------
    >>> from workbench.store.migrate import open_database
    >>> database = open_database("sqlite://")
    >>> _ = KillSwitch(database, "desk").set("no_new_orders", actor="ada", reason="odd prices")
    >>> KillSwitch(database, "desk").level.value    # another process would see the same
    'no_new_orders'
    >>> _ = KillSwitch(database, "desk").set("flatten", actor="ada", scope="symbol:IBM")
    >>> KillSwitch(database, "other").level.value   # of an account that nobody halted
    'run'
    """

    def __init__(
        self,
        database: Database,
        account: str,
        clock: Clock | None = None,
        *,
        file: Path | None = None,
    ) -> None:
        self._database = database
        self._own = f"account:{account}"
        self._clock = clock or WallClock()
        self._file = file
        self._halts: Mapping[str, Halt] = {}
        self.reload()

    @property
    def level(self) -> HaltLevel:
        """The level in force for the account as a whole."""
        return self.halt.level

    @property
    def halt(self) -> Halt:
        """What is in force for the account as a whole: the higher of its own and of all."""
        return self._highest(ALL, self._own)

    @property
    def halts(self) -> tuple[Halt, ...]:
        """All that is raised, of every scope, other accounts' left out."""
        raised = (one for one in self._halts.values() if one.level is not HaltLevel.RUN)
        mine = (one for one in raised if not _is_foreign(one.scope, self._own))
        return tuple(sorted(mine, key=lambda one: (-one.level.severity, one.scope)))

    def halt_for(self, thing: Named) -> Halt:
        """Return the highest halt that applies to an intent or an order."""
        if not self._halts:
            return _RUNS
        return self._highest(ALL, self._own, f"strategy:{thing.strategy}", f"symbol:{thing.symbol}")

    def level_for(self, thing: Named) -> HaltLevel:
        """Return the highest level that applies to an intent or an order."""
        return self.halt_for(thing).level

    def level_of(self, scope: str) -> HaltLevel:
        """Return the level of one scope alone."""
        return self._highest(parse_scope(scope)).level

    def set(
        self, level: HaltLevel | str, *, actor: str, reason: str = "", scope: str | None = None
    ) -> Halt:
        """Raise or lower a level; it is stored before it holds.

        Parameters
        ----------
        scope : str, optional
            ``"all"``, ``"account:NAME"``, ``"strategy:NAME"`` or ``"symbol:NAME"``. Without
            one the account itself is meant; to lower it is then to lower ``"all"`` as well.

        Raises
        ------
        UsageError
            No such level or scope, nobody named, a lowering without a reason, or below what
            the file asks for.
        """
        wanted = HaltLevel.parse(level)
        if not actor.strip():
            raise UsageError("a halt needs to know who asked for it")
        self.reload()
        name = self._own if scope is None else parse_scope(scope)
        scopes = [name]
        if scope is None and wanted.severity < self._highest(ALL).level.severity:
            scopes.append(ALL)
        for one in scopes:
            self._check_lowering(one, wanted, reason)
        halt = Halt(wanted, reason.strip(), actor.strip(), self._clock.now(), name)
        for one in scopes:
            self._store(replace(halt, scope=one))
        return halt

    def raise_to(
        self, level: HaltLevel, *, actor: str, reason: str, scope: str | None = None
    ) -> bool:
        """Raise a level where it is lower; what runs by itself calls this, never `set`.

        Returns
        -------
        bool
            Whether it was raised.
        """
        name = self._own if scope is None else parse_scope(scope)
        if level.severity <= self._highest(name).level.severity:
            return False
        self.set(level, actor=actor, reason=reason, scope=name)
        return True

    def reload(self) -> HaltLevel:
        """Read the levels anew, for what another process or the file has set."""
        stored = self._read()
        asked = asked_by_file(self._file)
        if asked is not None:
            known = stored.get(asked.scope)
            if known is None or known.level.severity < asked.level.severity:
                asked = replace(asked, time=self._clock.now())
                # it holds even where the database cannot be written
                self._halts = {**stored, asked.scope: asked}
                self._store(asked)
                return self.level
        self._halts = stored
        return self.level

    def _check_lowering(self, scope: str, wanted: HaltLevel, reason: str) -> None:
        present = self._highest(scope).level
        if wanted.severity >= present.severity:
            return
        if not reason.strip():
            raise UsageError(
                f"lowering the halt from {present} to {wanted} needs a reason",
                before=present.value,
                after=wanted.value,
            )
        asked = asked_by_file(self._file)
        if asked and asked.scope == scope and wanted.severity < asked.level.severity:
            raise UsageError(
                f"the file {self._file} asks for {asked.level}; remove it first",
                file=str(self._file),
            )

    def _highest(self, *scopes: str) -> Halt:
        found = [self._halts[scope] for scope in scopes if scope in self._halts]
        return max(found, key=lambda one: one.level.severity, default=_RUNS)

    def _store(self, halt: Halt) -> None:
        table, before = tables.halts, self._level_stored(halt.scope)
        change = Change(
            subject=f"halt:{halt.scope}",
            time=halt.time or self._clock.now(),
            actor=halt.actor,
            reason=halt.reason,
            before=before.value,
            after=halt.level.value,
        )
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.scope == halt.scope))
            connection.execute(
                insert(table).values(
                    scope=halt.scope,
                    level=halt.level.value,
                    reason=halt.reason,
                    actor=halt.actor,
                    ts=change.time,
                )
            )
            add_change(connection, change)
        self._halts = {**self._halts, halt.scope: halt}

    def _level_stored(self, scope: str) -> HaltLevel:
        stored = self._read().get(scope)
        return HaltLevel.RUN if stored is None else stored.level

    def _read(self) -> dict[str, Halt]:
        table = tables.halts
        columns = (table.c.level, table.c.reason, table.c.actor, table.c.ts, table.c.scope)
        with self._database.read() as connection:
            rows = connection.execute(select(*columns)).all()
        return {row[4]: Halt(HaltLevel(row[0]), *row[1:]) for row in rows}


_RUNS = Halt(HaltLevel.RUN)


def parse_scope(text: str) -> str:
    """Read a scope.

    Raises
    ------
    UsageError
        It is none of ``all``, ``account:NAME``, ``strategy:NAME`` and ``symbol:NAME``.

    Examples
    --------
    >>> parse_scope("Symbol: IBM"), parse_scope("all")
    ('symbol:IBM', 'all')
    """
    kind, colon, name = text.strip().partition(":")
    kind, name = kind.strip().lower(), name.strip()
    if kind == ALL and not colon:
        return ALL
    if kind not in _KINDS or not name or len(name) > 100:
        known = [ALL, *(f"{one}:NAME" for one in _KINDS)]
        raise UsageError(
            f"no halt scope {text[:60]!r}{nearest(kind, (ALL, *_KINDS))}; there are "
            f"{', '.join(known)}",
            scope=text[:60],
        )
    return f"{kind}:{name}"


def asked_by_file(path: Path | None) -> Halt | None:
    """Return what a halt file asks for, None where there is none.

    Its first word is a level; the rest says why. A file that cannot be read, is empty or
    begins with another word asks for ``cancel_all``: whoever made it wants to stop.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "HALT"
    ...     before = asked_by_file(path)
    ...     _ = path.write_text("reduce-only the quotes are odd")
    ...     asked = asked_by_file(path)
    >>> before, asked.level.value, asked.reason
    (None, 'reduce_only', 'the quotes are odd')
    """
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_FILE_LIMIT).strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        text = f"the file cannot be read: {error.strerror}"
    first, *rest = text.split(maxsplit=1) or [""]
    try:
        level, reason = HaltLevel.parse(first), "".join(rest)
    except UsageError:
        level, reason = HaltLevel.CANCEL_ALL, text
    return Halt(level, reason or f"the file {path.name} is there", f"file {path.name}", scope=ALL)


def _is_foreign(scope: str, own: str) -> bool:
    return scope.startswith("account:") and scope != own
