"""The equity that a day began with, and its highest since, through restarts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from workbench.store import tables
from workbench.trading.journal import Journal

__all__ = ["DayStart"]


@dataclass(frozen=True, slots=True)
class DayStart:
    """The equity a day began with; in the journal, so that a restart does not forget a loss.

    Parameters
    ----------
    day : date
        In UTC.
    equity, high : Decimal
        At its beginning, and the highest that was seen since.
    """

    day: date
    equity: Decimal
    high: Decimal

    @classmethod
    def of(cls, journal: Journal, equity: Decimal, now: datetime) -> DayStart:
        """Return today's start as the journal has it; else it is now.

        Where the clock was set back over midnight, the day that had begun goes on.
        """
        for day in (now.date() + timedelta(days=1), now.date()):
            found = cls._noted(journal, day)
            if found is not None:
                return replace(found, high=max(found.high, equity))
        return cls(now.date(), equity, equity)

    @classmethod
    def _noted(cls, journal: Journal, day: date) -> DayStart | None:
        events = tables.events
        with journal.database.read() as connection:
            asked = select(events.c.body).where(
                events.c.book == journal.book, events.c.order_id == _key(day)
            )
            first = connection.execute(asked.order_by(events.c.seq).limit(1)).scalar()
            last = connection.execute(asked.order_by(events.c.seq.desc()).limit(1)).scalar()
        if first is None or last is None:
            return None
        start = Decimal(json.loads(first)["equity"])
        return cls(day, start, max(start, Decimal(json.loads(last).get("high", start))))

    def on(self, now: datetime, equity: Decimal) -> DayStart:
        """Return the day of `now`: this one, its high brought up to date, or a later one.

        No day before it: a clock that is set back must not free what was lost.
        """
        if now.date() > self.day:
            return DayStart(now.date(), equity, equity)
        return self if equity <= self.high else replace(self, high=equity)

    def note(self) -> dict[str, str]:
        """Return what is put into the journal."""
        return {
            "date": self.day.isoformat(),
            "equity": format(self.equity, "f"),
            "high": format(self.high, "f"),
        }

    @property
    def about(self) -> str:
        """The key of the day's note: other entries of the day may be many."""
        return _key(self.day)


def _key(day: date) -> str:
    return f"day-{day.isoformat()}"
