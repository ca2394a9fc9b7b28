"""The limits in force: data that is changed, kept, and told who changed it.

The settings' file gives the first ones. Once somebody has changed them, what is stored
holds, through restarts, and the file is no longer looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from workbench.config import RiskLimits
from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import UsageError, nearest
from workbench.store.database import Database
from workbench.store.risk import Change, add_change, changes, changes_of, last_change, take_turn

__all__ = ["Allow", "LimitBook", "loosened"]

Allow = Callable[[RiskLimits, RiskLimits], None]
_GUARDS = ("market_hours", "match_paper", "prevent_self_trade")


class LimitBook:
    """The limits of one account.

    Parameters
    ----------
    database : Database
        Migrated.
    account : str
    first : RiskLimits
        What holds until somebody changes them.

    Examples
    --------
    >>> from workbench.store.migrate import open_database
    >>> book = LimitBook(open_database("sqlite://"), "desk", RiskLimits())
    >>> change = book.change({"max_gross": 1.5}, actor="ada", reason="a nervous week")
    >>> book.limits.max_gross, change.version
    (1.5, 1)
    """

    def __init__(
        self, database: Database, account: str, first: RiskLimits, clock: Clock | None = None
    ) -> None:
        self._database = database
        self.subject = f"limits:{account}"
        self._first = first
        self._clock = clock or WallClock()
        self.limits = first
        self.version = 0
        self.reload()

    def reload(self) -> bool:
        """Read what is in force, for what another process has set; return whether it changed."""
        with self._database.read() as connection:
            last = last_change(connection, self.subject)
        return self._take(last)

    def proposed(self, updates: Mapping[str, Any]) -> RiskLimits:
        """Return the limits as they would be, with some changed; None lifts one.

        Raises
        ------
        UsageError
            There is no such limit, or it cannot have that value.
        """
        known = list(RiskLimits.model_fields)
        for name in updates:
            if name not in known:
                raise UsageError(f"no limit {name[:60]!r}{nearest(name, known)}", limit=name[:60])
        try:
            return RiskLimits.model_validate({**self.limits.model_dump(), **updates})
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "limits"
            raise UsageError(f"{name}: {first['msg']}", limit=name) from None

    def change(
        self, updates: Mapping[str, Any], *, actor: str, reason: str, allow: Allow | None = None
    ) -> Change:
        """Change limits; they are stored before they hold.

        Parameters
        ----------
        allow : callable, optional
            Given the limits in force and those to come, in one turn with the change; raises
            where the actor may not.

        Raises
        ------
        UsageError
            Nobody or no reason is named, nothing is changed, or as of `proposed`.
        """
        if not actor.strip() or not reason.strip():
            raise UsageError("limits are changed by somebody, for a reason")
        with self._database.write() as connection:
            take_turn(connection, changes)
            # looked at and changed in one turn: what another process set a moment ago stays
            self._take(last_change(connection, self.subject))
            before, after = self.limits, self.proposed(updates)
            if before == after:
                raise UsageError("these are the limits already; nothing was changed")
            if allow is not None:
                allow(before, after)
            change = Change(
                subject=self.subject,
                time=self._clock.now(),
                actor=actor.strip(),
                reason=reason.strip(),
                before=before.model_dump_json(),
                after=after.model_dump_json(),
            )
            change = replace(change, version=add_change(connection, change))
        self._take(change)
        return change

    def _take(self, last: Change | None) -> bool:
        version = 0 if last is None else last.version
        if version == self.version:
            return False
        self.limits = self._first if last is None else _read(last.after)
        self.version = version
        return True

    def history(self, limit: int = 100) -> list[Change]:
        """Return the changes, the newest first."""
        with self._database.read() as connection:
            return changes_of(connection, (self.subject,), limit)


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    before: Any
    after: Any

    @property
    def is_looser(self) -> bool:
        before, after = self.before, self.after
        if before == after or before is None:
            return False
        if self.name in _GUARDS:
            return not after
        if after is None:
            return True
        if self.name == "symbols":
            return not set(after) <= set(before)
        return bool(after < before if self.name == "min_equity" else after > before)


def loosened(before: RiskLimits, after: RiskLimits) -> tuple[str, ...]:
    """Return the limits that let more pass than they did.

    Examples
    --------
    >>> loosened(RiskLimits(max_gross=2, max_net=1), RiskLimits(max_gross=1, max_net=None))
    ('max_net',)
    """
    steps = (_Step(n, getattr(before, n), getattr(after, n)) for n in RiskLimits.model_fields)
    return tuple(step.name for step in steps if step.is_looser)


def _read(text: str) -> RiskLimits:
    plain = json.loads(text)
    # a limit of a newer version is not known here; one of an older has its first value
    known = {name: value for name, value in plain.items() if name in RiskLimits.model_fields}
    return RiskLimits.model_validate(known)
