"""What watches over an engine: its journal, the day's high, the switch while trading is off."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from sqlalchemy import update

import workbench as wb
from workbench.config import RiskLimits, load_settings
from workbench.core.bar import Bar
from workbench.core.clock import EventClock
from workbench.core.quote import Quote
from workbench.live.accounts.paper import paper
from workbench.live.accounts.ticket import Ticket
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line
from workbench.store import tables
from workbench.store.migrate import open_database

ACME = "ACME/USD"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path).model_copy(update={"risk": FREE})


def quotes(*prices, start=NOON):
    return [Quote(ACME, start + n * MINUTE, p - 0.5, p + 0.5) for n, p in enumerate(prices)]


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def replayed(settings, clock):
    return Engine(settings, paper(settings, (ACME,), cash=10_000.0), clock=EventClock(clock))


async def told(engine, events):
    engine.listen(Line(ReplayFeed(events), (ACME,), "1m", has_quotes=True))
    await engine.finished()


async def test_the_days_high_outlives_a_restart_and_ends_with_its_day(settings):
    async with replayed(settings, NOON) as engine:
        await told(engine, quotes(100.0))
        await engine.account.submit(Ticket(ACME, "buy", 50), "ada")
        at = NOON + MINUTE
        await told(engine, quotes(100.0, 120.0, 90.0, start=at))
        high = engine.account.context().peak_equity
        assert high == engine.account.day.equity + 50 * (120 - Decimal("100.5"))
    async with replayed(settings, NOON + 10 * MINUTE) as engine:
        await told(engine, quotes(95.0, start=NOON + 10 * MINUTE))
        context = engine.account.context()
        assert context.peak_equity == high > context.equity
        tomorrow = NOON + timedelta(days=1)
        await told(engine, quotes(95.0, start=tomorrow))
        context = engine.account.context()
        assert context.peak_equity == context.day_start_equity == context.equity


async def test_a_new_day_forgets_the_high_also_where_it_begins_at_the_same_equity(settings):
    async with replayed(settings, NOON) as engine:
        account = engine.account
        account.day = account.day.on(NOON, Decimal(12_000))
        assert account.context().peak_equity == 12_000
        account.day = account.day.on(NOON + timedelta(days=1), Decimal(10_000))
        assert account.context().peak_equity == 10_000


async def test_a_halt_still_cancels_where_trading_is_off(settings):
    engine = Engine(settings, paper(settings, (ACME,)), tick=0.01)
    async with engine:
        now = engine.clock.now()
        quote = Quote(ACME, now, 99.0, 101.0)
        engine.listen(Line(ReplayFeed([quote]), (ACME,), "1m", has_quotes=True))
        await until(lambda: ACME in engine.account.market.traded())
        await engine.account.submit(Ticket(ACME, "buy", 1, "limit", 90), "ada")
        assert len(engine.account.ledger.open) == 1
        engine.account.fail("the feed ended")
        await engine.account.halt("cancel_all", "look", user="ada")
        await until(lambda: not engine.account.ledger.open)


async def test_a_journal_that_was_changed_before_its_snapshot_is_found_after_the_start(settings):
    async with replayed(settings, NOON) as engine:
        await told(engine, quotes(100.0))
        account = engine.account
        account.journal.every = 5  # a snapshot soon
        for number in range(4):
            await account.submit(Ticket(ACME, "buy", 1 + number), "ada")
    database = open_database(settings)
    with database.write() as connection:
        events = tables.events
        connection.execute(update(events).where(events.c.seq == 2).values(body='{"text":"other"}'))
    database.close()
    engine = Engine(settings, paper(settings, (ACME,)), tick=0.01)
    async with engine:
        await until(lambda: engine.account.failure)
        assert "journal ended" in engine.account.failure
        assert not engine.account.manager.is_ready


async def test_a_feed_that_cannot_be_closed_does_not_keep_the_books(settings):
    class Stuck(ReplayFeed):
        async def close(self):
            raise OSError("the socket is gone")

    engine = replayed(settings, NOON)
    await engine.start()
    engine.listen(Line(Stuck(quotes(100.0)), (ACME,), "1m", has_quotes=True))
    await engine.finished()
    with pytest.raises(OSError, match="socket is gone"):
        await engine.stop()
    async with replayed(settings, NOON + MINUTE) as other:  # the books are free
        assert other.account.failure == ""


async def test_a_writer_that_lost_its_right_trades_no_more(settings, monkeypatch):
    from workbench.errors import UnavailableError
    from workbench.trading.journal import Journal

    def lost(journal):
        raise UnavailableError("the lock is lost")

    engine = Engine(settings, paper(settings, (ACME,)), tick=0.01)
    async with engine:
        monkeypatch.setattr(Journal, "check", lost)
        await until(lambda: engine.account.failure)
        assert "the lock is lost" in engine.account.failure


class Side(wb.Strategy):
    """Long or short by half from the second bar on."""

    way: float = wb.param(1.0, low=-1.0, high=1.0)

    def targets(self, bars):
        return pd.Series([0.0] + [0.5 * self.way] * (len(bars) - 1), index=bars.index)


async def test_a_stop_of_one_of_two_that_net_to_nothing_closes_what_is_its_own(settings):
    bars = [
        Bar(ACME, NOON + n * MINUTE, p, p, p, p, 1e6, NOON + (n + 1) * MINUTE)
        for n, p in enumerate([100.0] * 4 + [80.0] * 4)
    ]
    async with replayed(settings, NOON) as engine:
        line = Line(ReplayFeed(bars), (ACME,), "1m")
        # parts keep the stops with the engine; one part is the order itself
        for name, way in (("long", 1.0), ("short", -1.0)):
            await engine.run(
                Deployment(strategy=Side(way=way), symbols=(ACME,), timeframe="1m", name=name,
                           share=0.5, stops=wb.Stops(loss=0.1),
                           execution="twap:slices=1,minutes=2"), line,
            )  # fmt: skip
        engine.listen(line)
        await engine.finished()
        units = {name: one.pilot.book.cell(ACME).units for name, one in engine.runs.items()}
        assert units["long"] == 0.0
        assert units["short"] < 0.0
        assert float(engine.account.ledger.books.position(ACME).quantity) == units["short"]
        engine.account.ledger.check()
