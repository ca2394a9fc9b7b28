"""The equity that a day began with, and its highest since, through restarts and flows of cash."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice

from sqlalchemy import select

from workbench.core.money import MONEY, ZERO
from workbench.core.posting import PostingKind
from workbench.store import tables
from workbench.trading.journal import Journal
from workbench.trading.ledger import Ledger

__all__ = ["DayStart", "Flows"]


@dataclass(frozen=True, slots=True)
class DayStart:
    """The equity a day began with; in the journal, so that a restart does not forget a loss.

    Parameters
    ----------
    day : date
        In UTC.
    equity, high : Decimal
        At its beginning, and the highest that was seen since, each as if what flowed in or
        out after it had been there or gone before.
    flows : Decimal
        What had flowed into the account in all, as of these.
    """

    day: date
    equity: Decimal
    high: Decimal
    flows: Decimal = ZERO

    @classmethod
    def of(
        cls, journal: Journal, equity: Decimal, now: datetime, flows: Decimal = ZERO
    ) -> DayStart:
        """Return today's start as the journal has it; else it is now.

        Where the clock was set back over midnight, the day that had begun goes on.
        """
        for day in (now.date() + timedelta(days=1), now.date()):
            found = cls._noted(journal, day, flows)
            if found is not None:
                return replace(found, high=max(found.high, equity))
        return cls(now.date(), equity, equity, flows)

    @classmethod
    def _noted(cls, journal: Journal, day: date, flows: Decimal) -> DayStart | None:
        events = tables.events
        with journal.database.read() as connection:
            asked = select(events.c.body).where(
                events.c.book == journal.book, events.c.order_id == _key(day)
            )
            first = connection.execute(asked.order_by(events.c.seq).limit(1)).scalar()
            last = connection.execute(asked.order_by(events.c.seq.desc()).limit(1)).scalar()
        if first is None or last is None:
            return None
        began, lately = cls._read(day, first, flows), cls._read(day, last, flows)
        return replace(began, high=max(began.equity, lately.high))

    @classmethod
    def _read(cls, day: date, body: str, flows: Decimal) -> DayStart:
        said = json.loads(body)
        equity, told = Decimal(said["equity"]), Decimal(said.get("flows", flows))
        return cls(day, equity, Decimal(said.get("high", equity)), told).after(flows)

    def after(self, flows: Decimal) -> DayStart:
        """Return the same once so much has flowed in in all: a deposit is no profit."""
        if flows == self.flows:
            return self
        more = MONEY.subtract(flows, self.flows)
        equity, high = MONEY.add(self.equity, more), MONEY.add(self.high, more)
        return DayStart(self.day, equity, high, flows)

    def on(self, now: datetime, equity: Decimal, flows: Decimal = ZERO) -> DayStart:
        """Return the day of `now`: this one, its high brought up to date, or a later one.

        No day before it: a clock that is set back must not free what was lost.
        """
        if now.date() > self.day:
            return DayStart(now.date(), equity, equity, flows)
        day = self.after(flows)
        return day if equity <= day.high else replace(day, high=equity)

    def note(self) -> dict[str, str]:
        """Return what is put into the journal."""
        return {
            "date": self.day.isoformat(),
            "equity": format(self.equity, "f"),
            "high": format(self.high, "f"),
            "flows": format(self.flows, "f"),
        }

    @property
    def about(self) -> str:
        """The key of the day's note: other entries of the day may be many."""
        return _key(self.day)


@dataclass
class Flows:
    """What flowed into an account in all beside what it earned: cash that a person took over.

    Parameters
    ----------
    ledger : Ledger
        Followed from here on.
    """

    ledger: Ledger
    _seen: int = 0
    _totals: dict[str, Decimal] = field(default_factory=dict)

    def total(self, currency: str) -> Decimal:
        """Return what came in less what went out, in one currency."""
        postings = self.ledger.postings
        more = () if len(postings) == self._seen else islice(postings.values(), self._seen, None)
        for posting in more:
            if posting.kind is PostingKind.ADJUSTMENT:
                name = posting.currency
                self._totals[name] = MONEY.add(self._totals.get(name, ZERO), posting.amount)
        self._seen = len(postings)
        return self._totals.get(currency, ZERO)


def _key(day: date) -> str:
    return f"day-{day.isoformat()}"
