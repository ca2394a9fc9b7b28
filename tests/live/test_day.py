"""What a day began with: through restarts, and whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.clock import EventClock
from workbench.live.accounts.day import DayStart
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record

MIDNIGHT = datetime(2024, 1, 3, tzinfo=UTC)
BEFORE, AFTER = MIDNIGHT - timedelta(seconds=2), MIDNIGHT + timedelta(seconds=2)


@pytest.fixture
def journal():
    journal = Journal(open_database("sqlite://"), "desk", EventClock(MIDNIGHT))
    yield journal
    journal.close()


def note(journal, day):
    ledger = journal.load()
    journal.append([Record(Kind.NOTE, {"text": "day", **day.note()}, day.about)], ledger)


def test_a_clock_set_back_over_midnight_begins_no_new_day(journal):
    day = DayStart.of(journal, Decimal(100), BEFORE).on(AFTER, Decimal(90))
    assert (day.day, day.equity) == (AFTER.date(), 90)
    assert day.on(BEFORE, Decimal(50)) == day
    note(journal, day)
    assert DayStart.of(journal, Decimal(50), BEFORE) == day  # nor does a restart
    assert day.on(MIDNIGHT + timedelta(days=1), Decimal(50)).equity == 50


def test_cash_that_flows_in_or_out_is_no_profit_and_no_loss(journal):
    day = DayStart.of(journal, Decimal(100), BEFORE, Decimal(7)).on(
        BEFORE, Decimal(110), Decimal(7)
    )
    note(journal, day)
    taken = day.on(BEFORE, Decimal(150), Decimal(47))
    assert (taken.equity, taken.high) == (140, 150)
    # the flow is in the journal, its note is not: a restart knows it all the same
    assert DayStart.of(journal, Decimal(150), BEFORE, Decimal(47)) == taken
    gone = taken.after(Decimal(-3))
    assert (gone.equity, gone.high) == (90, 100)
