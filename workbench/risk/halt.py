"""The kill switch: a level per scope, in the database before it has any effect.

It survives restarts. Anyone who may trade can raise it, and so can a file; lowering it
needs a reason (who may lower it is the server's and the command line's to decide).
Nothing that runs by itself can lower it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.store import tables
from workbench.store.database import Database
from workbench.store.risk import Change, add_change, take_turn

__all__ = ["ALL", "Halt", "HaltLevel", "KillSwitch", "asked_by_file", "parse_scope"]

ALL = "all"
_KINDS = ("account", "strategy", "symbol")
_FILE_LIMIT = 1_000
_log = logging.getLogger(__name__)


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
        self.scope = f"account:{account}"
        self._clock = clock or WallClock()
        self._file = file
        self._halts: Mapping[str, Halt] = {}
        self._unstored: Halt | None = None
        self.reload()

    @property
    def level(self) -> HaltLevel:
        """The level in force for the account as a whole."""
        return self.halt.level

    @property
    def halt(self) -> Halt:
        """What is in force for the account as a whole: the higher of its own and of all."""
        return self._highest(ALL, self.scope)

    @property
    def halts(self) -> tuple[Halt, ...]:
        """All that is raised, of every scope, other accounts' left out."""
        return tuple(one for one in self.raised if not _is_foreign(one.scope, self.scope))

    @property
    def raised(self) -> tuple[Halt, ...]:
        """All that is raised in the workspace, of other accounts too; the highest first."""
        raised = (one for one in self._halts.values() if one.level is not HaltLevel.RUN)
        return tuple(sorted(raised, key=lambda one: (-one.level.severity, one.scope)))

    def halt_for(self, thing: Named) -> Halt:
        """Return the highest halt that applies to an intent or an order."""
        if not self._halts:
            return _RUNS
        symbol = thing.symbol
        names = {f"strategy:{thing.strategy}", f"symbol:{symbol}", f"symbol:{symbol.upper()}"}
        return self._highest(ALL, self.scope, *names)

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
            No such level or scope, nobody named, a lowering without a reason, below what
            the file asks for, or below what somebody has raised it to meanwhile.
        """
        wanted = HaltLevel.parse(level)
        if not actor.strip():
            raise UsageError("a halt needs to know who asked for it")
        known, name = self._halts, self.scope if scope is None else parse_scope(scope)
        self.reload()
        scopes = [name]
        if scope is None and wanted.severity < self._highest(ALL).level.severity:
            scopes.append(ALL)
        halt = Halt(wanted, reason.strip(), actor.strip(), self._clock.now(), name)

        def is_fine(present: Halt, one: str) -> bool:
            self._check_lowering(present, known.get(one, _RUNS), replace(halt, scope=one))
            return True

        self._store(halt, scopes, is_fine)
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
        name = self.scope if scope is None else parse_scope(scope)
        if level.severity <= self._highest(name).level.severity:
            return False
        return self._store(Halt(level, reason, actor, self._clock.now(), name), [name])

    def reload(self) -> HaltLevel:
        """Read the levels anew, for what another process or the file has set."""
        stored = self._read()
        both = (asked_by_file(self._file), self._unstored)
        asked = max(filter(None, both), key=lambda one: one.level.severity, default=_RUNS)
        if asked.level.severity <= stored.get(asked.scope, _RUNS).level.severity:
            self._halts, self._unstored = stored, None
            return self.level
        asked = replace(asked, time=self._clock.now())
        # it holds even where the database cannot be written
        self._halts, self._unstored = {**stored, asked.scope: asked}, asked
        try:
            self._store(asked, [asked.scope])
            self._unstored = None
        except WorkbenchError as error:
            _log.error("the halt of the file %s holds, but is not stored: %s", self._file, error)
        return self.level

    def _check_lowering(self, present: Halt, known: Halt, halt: Halt) -> None:
        wanted = halt.level
        if wanted.severity >= present.level.severity:
            return
        if wanted.severity >= known.level.severity and present != known:
            raise UsageError(
                f"{present.actor} raised the halt to {present.level} meanwhile; ask again to lower "
                f"it to {wanted}",
                before=present.level.value,
                after=wanted.value,
            )
        if not halt.reason:
            raise UsageError(
                f"lowering the halt from {present.level} to {wanted} needs a reason",
                before=present.level.value,
                after=wanted.value,
            )
        asked = asked_by_file(self._file)
        if asked and asked.scope == halt.scope and wanted.severity < asked.level.severity:
            raise UsageError(
                f"the file {self._file} asks for {asked.level}; remove it first",
                file=str(self._file),
            )

    def _highest(self, *scopes: str) -> Halt:
        found = [self._halts[scope] for scope in scopes if scope in self._halts]
        return max(found, key=lambda one: one.level.severity, default=_RUNS)

    def _store(
        self, halt: Halt, scopes: Sequence[str], is_fine: Callable[[Halt, str], bool] | None = None
    ) -> bool:
        """Store a halt where `is_fine` says so of what is stored there; by default a higher one.

        Looked at and stored in one turn: another process may have raised it a moment ago.
        """
        table, stored_now = tables.halts, False
        with self._database.write() as connection:
            take_turn(connection, table)
            stored = _read(connection)
            for scope in scopes:
                present = stored.get(scope, _RUNS)
                is_higher = halt.level.severity > present.level.severity
                if not (is_higher if is_fine is None else is_fine(present, scope)):
                    continue
                one, stored_now = replace(halt, scope=scope), True
                stored[scope] = one
                values = {"scope": scope, "level": one.level.value, "reason": one.reason,
                          "actor": one.actor, "ts": one.time}  # fmt: skip
                connection.execute(delete(table).where(table.c.scope == scope))
                connection.execute(insert(table).values(**values))
                add_change(connection, _change(present, one))
        self._halts = stored
        return stored_now

    def _read(self) -> dict[str, Halt]:
        with self._database.read() as connection:
            return _read(connection)


def _read(connection: Connection) -> dict[str, Halt]:
    table = tables.halts
    columns = (table.c.level, table.c.reason, table.c.actor, table.c.ts, table.c.scope)
    rows = connection.execute(select(*columns)).all()
    return {row[4]: Halt(HaltLevel(row[0]), *row[1:]) for row in rows}


def _change(before: Halt, after: Halt) -> Change:
    assert after.time is not None  # noqa: S101 - what is stored was asked for at some time
    return Change(
        subject=f"halt:{after.scope}",
        time=after.time,
        actor=after.actor,
        reason=after.reason,
        before=before.level.value,
        after=after.level.value,
    )


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
    return f"{kind}:{name.upper() if kind == 'symbol' else name}"


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
