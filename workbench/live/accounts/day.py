"""The equity that a day began with, through restarts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select

from workbench.store import tables
from workbench.trading.journal import Journal

__all__ = ["DayStart"]


@dataclass(frozen=True, slots=True)
class DayStart:
    """The equity a day began with; in the journal, so that a restart does not forget a loss."""

    day: date
    equity: Decimal

    @classmethod
    def of(cls, journal: Journal, equity: Decimal, now: datetime) -> DayStart:
        """Return today's start as the journal has it; else it is now."""
        events = tables.events
        with journal.database.read() as connection:
            body = connection.execute(
                select(events.c.body)
                .where(events.c.book == journal.book, events.c.order_id == _key(now.date()))
                .order_by(events.c.seq)
                .limit(1)
            ).scalar()
        if body is None:
            return cls(now.date(), equity)
        return cls(now.date(), Decimal(json.loads(body)["equity"]))

    def on(self, now: datetime, equity: Decimal) -> DayStart:
        """Return the start of the day of `now`: this one, or a new one at `equity`."""
        return self if now.date() == self.day else DayStart(now.date(), equity)

    def note(self) -> dict[str, str]:
        """Return what is put into the journal."""
        return {"date": self.day.isoformat(), "equity": format(self.equity, "f")}

    @property
    def about(self) -> str:
        """The key of the day's note: other entries of the day may be many."""
        return _key(self.day)


def _key(day: date) -> str:
    return f"day-{day.isoformat()}"
