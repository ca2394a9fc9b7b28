"""Orders that are worked in parts by the engine: of strategies and of people."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

import workbench as wb
from workbench.config import RiskLimits, load_settings
from workbench.core.clock import EventClock
from workbench.core.order import OrderState
from workbench.core.parent import ParentState
from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.live.accounts.paper import paper
from workbench.live.accounts.ticket import Ticket
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.backfill import bars_of
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line
from workbench.live.why import why_in
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal

ACME = "ACME/USD"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip
X = wb.execution


class Half(wb.Strategy):
    """Half of the equity from the sixth bar on, nothing from the fortieth."""

    def targets(self, bars):
        rows = [0.0 if n < 5 or n >= 40 else 0.5 for n in range(len(bars))]
        return pd.Series(rows, index=bars.index)


class Turns(wb.Strategy):
    """Long and flat by turns of three bars: quicker than its orders are worked."""

    def targets(self, bars):
        return pd.Series((bars.index.minute % 6 < 3).astype(float), index=bars.index)


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path).model_copy(update={"risk": FREE})


@pytest.fixture(scope="module")
def bars():
    frame = wb.bars(ACME, "1m", start=NOON, end=NOON + 60 * MINUTE, source="synthetic")
    return list(bars_of(frame, ACME, Timeframe.parse("1m"), "24/7"))


def a_deployment(strategy=None, execution="twap:minutes=10,slices=5", **facts):
    return Deployment(strategy=strategy or Half(), symbols=(ACME,), timeframe="1m",
                      execution=execution, **facts)  # fmt: skip


async def traded(settings, events, deployment, look, at=None, clock=NOON, **line):
    engine = Engine(settings, paper(settings, (ACME,), cash=100_000.0), clock=EventClock(clock))
    async with engine:
        road = Line(ReplayFeed(events), (ACME,), "1m", **line)
        run = await engine.run(deployment, road)
        if at is not None:
            engine.on_event.append(lambda event: at(engine, event))
        engine.listen(road)
        async with asyncio.timeout(60):
            await engine.finished()
        assert engine.account.failure == ""
        account = engine.account
        account.ledger.check()
        venue = account.broker.venue
        assert account.ledger.books.differences(venue.positions(), venue.account().cash) == []
        held = account.ledger.books.position(ACME).quantity
        assert run.pilot.book.cell(ACME).units == pytest.approx(float(held))
        return look(engine)


def parents(engine):
    return list(engine.account.ledger.executions.values())


async def test_a_strategys_orders_are_worked_in_parts(settings, bars):
    def look(engine):
        ledger = engine.account.ledger
        return [
            (one.parent.side.value, one.state, [ledger.orders[c].quantity for c in one.children],
             one.parent.quantity)
            for one in parents(engine)
        ]  # fmt: skip

    (buy, bought, parts, whole), (sell, sold, back, all_of_it) = await traded(
        settings, bars, a_deployment(), look
    )
    assert (buy, sell, bought, sold) == ("buy", "sell", ParentState.DONE, ParentState.DONE)
    assert len(parts) == len(back) == 5
    assert sum(parts) == whole == all_of_it
    assert max(parts) - min(parts) < Decimal("0.001")


async def test_the_algorithm_itself_takes_a_bar(settings):
    told = a_deployment(execution=X.Twap(slices=4))
    assert told.plan.algorithm == X.Twap(slices=4)
    assert told.plan.length(told.frame.delta) == MINUTE
    again = Deployment.read("SmaCross", Deployment(
        strategy=wb.strategies.SmaCross(), symbols=(ACME,), timeframe="1m",
        execution="pov:share=0.1,minutes=5,max_participation=0.2").identity())  # fmt: skip
    assert again.plan == X.Plan(algorithm=X.Pov(share="0.1"), minutes=5, max_participation="0.2")
    assert "execution" not in json.loads(
        Deployment(strategy=Half(), symbols=(ACME,), timeframe="1m").identity()
    )


@pytest.mark.parametrize(
    ("wrong", "match"),
    [("twop", "did you mean 'twap'"), ("twap:slizes=3", "did you mean 'slices'"),
     ("twap:minutes=0", "above 0"), ("twap:slices", "no setting=value"),
     ("pov", "share"), ("route", "no execution algorithm"), ("twap:slices=2.5", "whole number")],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused_with_the_reason(wrong, match):
    with pytest.raises(UsageError, match=match):
        a_deployment(execution=wrong)


def test_a_target_that_the_venue_sizes_is_not_worked_in_parts():
    with pytest.raises(UsageError, match="at='decision'"):
        a_deployment(sizing=wb.Sizing())


async def test_a_newer_decision_ends_the_parent_before_it(settings, bars):
    def look(engine):
        return [(one.parent.side.value, one.state) for one in parents(engine)]

    found = await traded(settings, bars, a_deployment(Turns()), look)
    states = [state for _, state in found]
    assert len(found) > 8
    assert ParentState.CANCELED in states
    assert all(state.is_over for state in states[:-1])


@pytest.mark.parametrize("cut", [8, 10, 13])
async def test_a_restart_goes_on_with_the_parts_that_are_missing(settings, bars, cut):
    deployment, frame = a_deployment(), wb.bars(
        ACME, "1m", start=NOON, end=NOON + 60 * MINUTE, source="synthetic"
    )  # fmt: skip
    first = await traded(settings, bars[:cut], deployment, parents)
    assert [one.state for one in first] == [ParentState.RUNNING]
    past = frame.iloc[:cut]
    again = await traded(
        settings, bars[cut:30], deployment, parents,
        clock=bars[cut].time, history=lambda start, end: past,
    )  # fmt: skip
    assert [one.state for one in again] == [ParentState.DONE]
    assert len(again[0].children) == 5
    assert list(again[0].children)[: len(first[0].children)] == list(first[0].children)


async def test_a_parent_of_a_strategy_that_is_not_at_work_any_more_waits_and_ends(settings, bars):
    await traded(settings, bars[:9], a_deployment(), parents)
    frame = wb.bars(ACME, "1m", start=NOON, end=NOON + 60 * MINUTE, source="synthetic")
    engine = Engine(settings, paper(settings, (ACME,)), clock=EventClock(bars[9].time))
    async with engine:
        before = list(parents(engine)[0].children)
        road = Line(ReplayFeed(bars[9:30]), (ACME,), "1m",
                    history=lambda start, end: frame.iloc[:9])  # fmt: skip
        engine.listen(road)
        await engine.finished()
        (left,) = parents(engine)
        assert left.state is ParentState.ENDED
        assert list(left.children) == before
        engine.account.ledger.check()


async def test_a_halt_that_cancels_ends_the_parent_and_one_that_forbids_lets_it_wait(
    settings, bars
):
    level = []

    def at(engine, event):
        switch = engine.account.oversight.switch
        if event.time == bars[8].time:
            switch.set("no_new_orders", actor="ada", reason="a look")
        if event.time == bars[11].time:
            level.append([len(one.children) for one in parents(engine)])
            switch.set("run", actor="ada", reason="seen")
        if event.time == bars[13].time:
            switch.set("cancel_all", actor="ada", reason="enough")

    found, refused = await traded(
        settings, bars[:30], a_deployment(),
        lambda e: (parents(e), [j for j in e.account.ledger.intents.values()
                                if j.outcome == "refuse"]), at,
    )  # fmt: skip
    assert level[0] == [2]
    (one,) = found
    assert one.state is ParentState.CANCELED
    assert one.reason == "trading was halted"
    assert 2 < len(one.children) < 5
    assert refused == []


async def test_ending_a_run_ends_its_parents(settings, bars):
    async def body(engine):
        await engine.end("Half", "ada", "no more")

    tasks = []

    def at(engine, event):
        if event.time == bars[8].time:
            tasks.append(asyncio.create_task(body(engine)))

    (one,) = await traded(settings, bars[:20], a_deployment(), parents, at)
    assert one.state is ParentState.CANCELED
    assert "ended by ada" in one.reason


async def test_a_stop_that_is_watched_ends_the_parent_first(settings, bars):
    deployment = a_deployment(stops=wb.Stops(loss=0.0001), execution="twap:minutes=20,slices=20")

    def look(engine):
        sides = [o.side.value for o in engine.account.ledger.orders.values()]
        return engine.runs["Half"].stops, parents(engine), sides

    where, found, sides = await traded(settings, bars[:30], deployment, look)
    assert where == "watched here"
    assert found[0].state is ParentState.CANCELED
    assert sides[-1] == "sell"


# people --------------------------------------------------------------------------------------


async def test_a_ticket_is_worked_in_parts_and_is_one_order_to_who_sent_it(settings, bars):
    engine = Engine(settings, paper(settings, (ACME,)), clock=EventClock(NOON))
    ticket = Ticket(ACME, "buy", 10, order_id="mine", execution="twap:minutes=5,slices=5")
    seen = []

    def at(event):
        if event.time == bars[3].time:
            seen.append(asyncio.create_task(engine.account.submit(ticket, "ada")))

    async with engine:
        engine.on_event.append(at)
        engine.listen(Line(ReplayFeed(bars[:20]), (ACME,), "1m"))
        await engine.finished()
        account = engine.account
        sent = await seen[0]
        assert (sent.order_id, sent.quantity, sent.state) == ("mine", 10, OrderState.WORKING)
        done = account.order("mine")
        assert (done.state, done.filled) == (OrderState.FILLED, 10)
        assert done.reason == "twap in 5 parts"
        again = await account.submit(ticket, "ada")
        assert again == done
        for other, match in (
            (Ticket(ACME, "buy", 11, order_id="mine", execution=ticket.execution), "quantity"),
            (Ticket(ACME, "buy", 10, order_id="mine"), "execution"),
            (Ticket(ACME, "buy", 10, order_id="mine", execution="pov:share=1,minutes=5"),
             "execution"),
            (Ticket(ACME, "buy", 10, execution="twap:slices=5"), "for how long"),
        ):  # fmt: skip
            with pytest.raises(UsageError, match=match):
                await account.submit(other, "ada")
        database = account.database
        found = why_in(database, "mine")
        assert "5 parts" in found.answer
        assert "10 of 10" in found.answer
        part = why_in(database, "mine-0-0")
        assert part.asked["reason"] == "twap mine, slice 1"


async def test_a_person_ends_what_is_worked_in_parts(settings, bars):
    engine = Engine(settings, paper(settings, (ACME,)), tick=0.01)
    async with engine:
        now = engine.clock.now()
        quote = Quote(ACME, now, 99.0, 101.0)
        engine.listen(Line(ReplayFeed([quote]), (ACME,), "1m", has_quotes=True))
        async with asyncio.timeout(10):
            while ACME not in engine.account.market.traded():
                await asyncio.sleep(0.01)
        ticket = Ticket(ACME, "buy", 10, "limit", 90, order_id="p",
                        execution="iceberg:display=2,minutes=60")  # fmt: skip
        sent = await engine.account.submit(ticket, "ada")
        assert sent.state is OrderState.WORKING
        assert [o.quantity for o in engine.account.ledger.open_orders()] == [2]
        ended = await engine.account.cancel("p", "ada")
        assert ended.state is OrderState.CANCELED
        assert engine.account.ledger.open_orders() == []
        assert "canceled by ada" in ended.reason


async def test_the_journal_tells_parents_again_and_is_sound(settings, bars):
    def look(engine):
        known = engine.account.ledger.executions
        return [(n, x.state, tuple(x.children)) for n, x in known.items()]

    ids = await traded(settings, bars[:12], a_deployment(), look)
    database = open_database(settings)
    journal = Journal(database, "desk")
    try:
        journal.verify()
        known = journal.load().executions
        assert [(n, x.state, tuple(x.children)) for n, x in known.items()] == ids
    finally:
        journal.close()
        database.close()


async def test_a_task_of_the_engine_that_is_canceled_from_outside_stops_trading(settings):
    engine = Engine(settings, paper(settings, (ACME,)), tick=0.01)
    async with engine:
        (work,) = (one for one in asyncio.all_tasks() if one.get_name() == "desk execution")
        work.cancel()
        async with asyncio.timeout(10):
            while not engine.account.failure:
                await asyncio.sleep(0.01)
        assert engine.account.failure == "desk execution ended: it was canceled"
    assert engine.account.failure == "desk execution ended: it was canceled"
