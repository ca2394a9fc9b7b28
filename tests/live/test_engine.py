"""The engine by the clock of its events: the orders of a backtest, through faults and restarts."""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.config import RiskLimits, load_settings
from workbench.core.bar import Bar
from workbench.core.clock import EventClock
from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.errors import UnavailableError, UsageError
from workbench.live.accounts.paper import paper
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.backfill import bars_of
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line
from workbench.venues.sim.broker import Faults

ACME, BOLT = "ACME/USD", "BOLT/USD"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip
CASH = 100_000.0
FILLS = ["time", "symbol", "side", "quantity", "price", "fee"]


class Eager(wb.strategies.SmaCross):
    """Decides as soon as it has an opinion, as a backtest does."""

    warmup = property(lambda self: 0)


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path).model_copy(update={"risk": FREE})


@pytest.fixture(scope="module")
def minutes():
    return wb.bars(ACME, "1m", start=NOON, end=NOON + 120 * MINUTE, source="synthetic")


def the_bars(frame, symbol=ACME, timeframe="1m", calendar="24/7"):
    return list(bars_of(frame, symbol, Timeframe.parse(timeframe), calendar))


def a_deployment(strategy=None, **facts):
    strategy = strategy or Eager(fast=3, slow=8)
    return Deployment(**{"strategy": strategy, "symbols": (ACME,), "timeframe": "1m", **facts})


async def traded(settings, events, *deployments, look=None, faults=None, **line):
    """Tell the engine events to their end; return what `look` sees then."""
    first = deployments[0]
    opener = paper(settings, first.symbols, cash=CASH, faults=faults)
    engine = Engine(settings, opener, clock=EventClock(datetime(2000, 1, 1, tzinfo=UTC)))
    calendar = line.pop("calendar", "24/7")
    async with engine:
        road = Line(ReplayFeed(events), first.symbols, first.timeframe, calendar, **line)
        for one in deployments:
            await engine.run(one, road)
        engine.listen(road)
        async with asyncio.timeout(120):
            await engine.finished()
        assert engine.account.failure == ""
        check(engine)
        return (look or intents)(engine)


def check(engine):
    """The invariants that every order test ends with."""
    account = engine.account
    account.ledger.check()
    account.journal.verify()
    venue = account.broker.venue
    assert account.ledger.books.differences(venue.positions(), venue.account().cash) == []
    assert set(account.broker.sends.values()) <= {1}


def intents(engine):
    return [judged.intent for judged in engine.account.ledger.intents.values()]


def fills(engine):
    rows = [
        [
            fill.time,
            fill.symbol,
            fill.side.value,
            *map(float, (fill.quantity, fill.price, fill.fee)),
        ]
        for fill in engine.account.ledger.fills.values()
    ]
    return pd.DataFrame(rows, columns=FILLS)


def wanted(found):
    return [(one.decided_at, one.symbol, one.side, one.quantity, one.target) for one in found]


@pytest.mark.parametrize(
    "sizing", [wb.Sizing(), wb.Sizing(at="decision"), wb.Sizing(lot=1, at="decision")]
)
async def test_the_engine_gives_the_fills_of_a_backtest_to_the_bit(settings, minutes, sizing):
    strategy = Eager(fast=3, slow=8)
    found = await traded(settings, the_bars(minutes), a_deployment(strategy, sizing=sizing),
                         look=fills)  # fmt: skip
    tested = wb.backtest(strategy, minutes, cash=CASH, sizing=sizing, record=False)
    assert len(found) > 10
    assert tested.fills[["side", "quantity", "price"]].equals(found[["side", "quantity", "price"]])
    assert list(tested.fills["time"]) == list(found["time"])


async def test_strategies_with_shares_trade_books_of_their_own(settings, minutes):
    both = wb.Sleeves(strategies={"a": Eager(fast=3, slow=8), "b": Eager(fast=2, slow=20)},
                      shares={"a": 0.75, "b": 0.25})  # fmt: skip
    sizing = wb.Sizing(at="decision")
    found = await traded(settings, the_bars(minutes), a_deployment(both, sizing=sizing), look=fills)
    tested = wb.backtest(both, minutes, cash=CASH, sizing=sizing, record=False)
    assert len(tested.fills) == len(found) > 10
    assert set(found["symbol"]) == {ACME}
    assert tested.fills[["side", "quantity", "price"]].equals(found[["side", "quantity", "price"]])


async def test_two_deployments_have_their_capital_and_their_ids(settings, minutes):
    two = [a_deployment(share=0.5, name=name) for name in ("one", "two")]
    with_books = await traded(
        settings, the_bars(minutes), *two,
        look=lambda e: {n: (float(r.record.capital), r.equity) for n, r in e.runs.items()},
    )  # fmt: skip
    assert [capital for capital, _ in with_books.values()] == [CASH / 2, CASH / 2]
    assert with_books["one"] == with_books["two"]


@pytest.mark.parametrize("kill", [41, 42, 90])
async def test_a_restart_neither_repeats_nor_skips_a_decision(settings, minutes, tmp_path, kill):
    events, deployment = the_bars(minutes), a_deployment()
    whole = await traded(settings, events, deployment)
    other = load_settings(tmp_path / "other").model_copy(update={"risk": FREE})
    await traded(other, events[:kill], deployment)
    past = minutes.iloc[:kill]
    # the feed tells again what was known before, and the past is there from the history
    again = await traded(
        other, events[kill - 3 :], deployment, history=lambda start, end: past
    )  # fmt: skip
    assert wanted(again) == wanted(whole)
    assert len(whole) > 10


async def test_a_kill_before_anything_was_stored_of_a_decision(settings, minutes, monkeypatch):
    """The intent is journaled, the state is not: asked again, it is the same order."""
    from workbench.live.runs.live_run import LiveRun

    events, deployment = the_bars(minutes), a_deployment()
    save, saved = LiveRun.save, []

    def forgets(run):
        saved.append(run)
        if len(saved) < 50:
            save(run)

    monkeypatch.setattr(LiveRun, "save", forgets)
    first = await traded(settings, events[:80], deployment)
    monkeypatch.setattr(LiveRun, "save", save)
    past = minutes.iloc[:40]
    again = await traded(settings, events[40:], deployment, history=lambda start, end: past)
    ids = [one.intent_id for one in again]
    assert len(set(ids)) == len(ids) > len(first)
    assert wanted(again)[: len(first)] == wanted(first)


async def test_a_recorded_day_replayed_gives_the_same_intents(settings, minutes, tmp_path):
    from workbench.live.market.recorder import Recorder, read_events
    from workbench.live.runs.session import replay_recorded

    past, day = minutes.iloc[:30], the_bars(minutes.iloc[30:])
    quotes = [
        Quote(ACME, bar.time + timedelta(seconds=s), bar.close - 0.02, bar.close + 0.02)
        for bar in day for s in (5, 35)
    ]  # fmt: skip
    told = sorted([*quotes, *day], key=lambda e: getattr(e, "known_at", None) or e.time)
    deployment, path = a_deployment(), tmp_path / "events.jsonl"
    recorder = Recorder(path)

    def look(engine):
        recorder.close()
        return intents(engine), engine.runs["Eager"].record.started

    opener = paper(settings, (ACME,), cash=CASH)
    engine = Engine(settings, opener, clock=EventClock(NOON))
    async with engine:
        line = Line(ReplayFeed(told), (ACME,), "1m", history=lambda s, e: past, has_quotes=True)
        line.window.load(past)
        await engine.run(deployment, line)
        engine.on_event.append(recorder.write)
        engine.listen(line)
        await engine.finished()
        live, started = look(engine)
    other = load_settings(tmp_path / "other").model_copy(update={"risk": FREE})
    again = await replay_recorded(
        other, [deployment], read_events(path), before=past, started=started, cash=CASH
    )
    assert again == live
    assert len(live) > 5


# faults of the data ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"close": math.nan}, {"high": math.inf}, {"low": -1.0}, {"close": 0.0}, {"open": -0.0},
     {"high": 1e308}, {"low": 1e9}],
)  # fmt: skip
async def test_bars_that_are_none_are_dropped_and_counted(settings, minutes, wrong):
    events = the_bars(minutes.iloc[:120])
    clean = await traded(settings, events[:50] + events[53:], a_deployment())
    bad = [replace(bar, **wrong) for bar in events[50:53]]
    other = load_settings(settings.workspace / "other").model_copy(update={"risk": FREE})
    found, dropped = await traded(
        other, events[:50] + bad + events[53:], a_deployment(),
        look=lambda e: (intents(e), e.account.market.dropped),
    )  # fmt: skip
    assert dropped == {ACME: 3}
    assert wanted(found) == wanted(clean)


async def test_a_bar_of_the_future_is_not_believed(settings, minutes):
    """By the wall clock: what ends later than now is nobody's to know."""
    opener = paper(settings, (ACME,), cash=CASH)
    async with Engine(settings, opener, tick=0.02) as engine:
        now = engine.clock.now()
        ahead = Bar(ACME, now + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0, now + 2 * MINUTE)
        line = Line(ReplayFeed([ahead]), (ACME,), "1m")
        run = await engine.run(a_deployment(), line)
        engine.listen(line)
        await engine.finished()
        assert engine.account.market.dropped == {ACME: 1}
        assert len(line.window) == len(run.decisions) == 0


async def test_repeats_are_ignored_and_late_bars_are_seen_but_not_decided_on(settings, minutes):
    events = the_bars(minutes.iloc[:60])
    late = events.pop(30)
    repeated = [bar for bar in events for _ in range(2)]
    repeated.insert(90, replace(late, known_at=repeated[90].known_at))

    def look(engine):
        line = engine.lines[0]
        labels = [one.label for one in engine.runs["Eager"].decisions]
        return labels, line.counts, len(line.window)

    labels, counts, rows = await traded(settings, repeated, a_deployment(), look=look)
    assert labels == sorted(set(labels))
    assert late.time not in labels
    assert (counts["late"], counts["duplicates"], rows) == (1, len(events), 60)


async def test_a_gap_is_filled_before_the_next_decision(settings, minutes):
    events = the_bars(minutes.iloc[:120])
    asked = []

    def history(start, end):
        asked.append((start, end))
        return minutes[(minutes.index >= start) & (minutes.index < end)]

    def look(engine):
        line, run = engine.lines[0], engine.runs["SmaCross"]
        return line.counts, len(line.window), {one.label: one.targets[0] for one in run.decisions}

    counts, rows, found = await traded(
        settings, events[:60] + events[65:], a_deployment(wb.strategies.SmaCross(fast=3, slow=8)),
        look=look, history=history,
    )  # fmt: skip
    assert (counts["gaps"], counts["filled"], rows) == (1, 5, 120)
    label = events[65].time
    whole = wb.strategies.SmaCross(fast=3, slow=8).targets(minutes)
    assert found[label] == whole[label]
    assert asked[-1] == (events[60].time, label)


async def test_nothing_is_decided_on_a_window_with_a_hole(settings, minutes):
    events = the_bars(minutes.iloc[:120])
    broken = [True]

    def history(start, end):
        if broken[0] and start > NOON:
            raise UnavailableError("the vendor is down")
        return minutes[(minutes.index >= start) & (minutes.index < end)]

    def look(engine):
        return {one.label: one.skipped for one in engine.runs["SmaCross"].decisions}

    strategy = wb.strategies.SmaCross(fast=3, slow=8)
    skipped = await traded(settings, events[:60] + events[65:], a_deployment(strategy), look=look,
                           history=history)  # fmt: skip
    after = [why for label, why in skipped.items() if label >= events[65].time]
    assert len(after) == 55
    assert all("the vendor is down" in why for why in after)


async def test_rows_that_lack_a_symbol_are_given_out_in_time(settings):
    frame = wb.bars([ACME, BOLT], "1m", start=NOON, end=NOON + 60 * MINUTE, source="synthetic")
    events = [bar for name in (ACME, BOLT)
              for bar in the_bars(frame.xs(name, axis=1, level="symbol"), name)]  # fmt: skip
    missing = NOON + 30 * MINUTE
    events = [bar for bar in events if (bar.symbol, bar.time) != (BOLT, missing)]

    def look(engine):
        return engine.lines[0].window.frame()

    deployment = a_deployment(wb.strategies.Momentum(), symbols=(ACME, BOLT))
    seen = await traded(settings, events, deployment, look=look)
    assert len(seen) == 60
    assert math.isnan(seen["close"][BOLT][missing])
    assert seen["close"][ACME].notna().all()


# strategies that misbehave ---------------------------------------------------------------


class Raises(wb.Strategy):
    """Falls over on its fiftieth bar."""

    def targets(self, bars):
        if len(bars) >= 50:
            raise ZeroDivisionError("no such luck")
        return bars["close"] * 0.0


class Sleeps(wb.Strategy):
    """Takes too long on its twentieth bar."""

    def targets(self, bars):
        if len(bars) >= 20:
            time.sleep(0.6)
        return bars["close"] * 0.0


@pytest.mark.parametrize(
    ("bad", "why"), [(Raises(), "ZeroDivisionError: no such luck"), (Sleeps(), "took longer")]
)
async def test_a_strategy_that_misbehaves_is_paused_alone(settings, minutes, bad, why):
    good = a_deployment(share=0.5)
    other = a_deployment(bad, share=0.5, patience=0.25)

    def look(engine):
        return engine.runs[bad.name].record, len(engine.runs["Eager"].decisions)

    record, decided = await traded(settings, the_bars(minutes.iloc[:100]), good, other, look=look)
    assert record.state == "paused"
    assert why in record.reason
    assert decided == 100


class Counts(wb.EventStrategy):
    """Buys on every fourth quote and is flat on every fourth after that."""

    every: int = wb.param(4)

    def on_quote(self, quote):
        said = self.__dict__.setdefault("seen", [])
        said.append(quote)
        if len(said) % self.every:
            return None
        return wb.Signal(quote.symbol, "buy" if len(said) % (2 * self.every) else "flat", 0.5)

    def on_bar(self, bar):
        return None


class Remembers(Counts):
    """Has a state of its own, to be given back after a restart."""

    keeps: str = wb.param("number", choices=("number", "time"))

    def state(self):
        seen = self.__dict__.get("seen", [])
        return {"number": np.int64(len(seen)), "time": pd.Timestamp(NOON)}[self.keeps]


@pytest.mark.parametrize(
    ("keeps", "state", "why"), [("number", "running", ""), ("time", "paused", "isoformat")]
)
async def test_a_state_that_cannot_be_kept_pauses_its_strategy_alone(settings, keeps, state, why):
    quotes = [Quote(ACME, NOON + timedelta(milliseconds=400 * i), 99.0, 101.0) for i in range(8)]

    def look(engine):
        (run,) = engine.runs.values()
        return run.record

    deployment = a_deployment(Remembers(keeps=keeps))
    found = await traded(settings, quotes, deployment, has_quotes=True, look=look)
    assert (found.state, why in found.reason) == (state, True)
    assert json.loads(found.memory).get("strategy") == (8 if keeps == "number" else None)


async def test_a_strategy_on_events_answers_quotes(settings):
    quotes = [Quote(ACME, NOON + timedelta(milliseconds=400 * i), 99.0, 101.0) for i in range(40)]
    found = await traded(settings, quotes, a_deployment(Counts()), has_quotes=True)
    assert [one.side.value for one in found] == ["buy", "sell"] * 5
    assert len({one.intent_id for one in found}) == 10


async def test_a_paused_strategy_does_not_decide_until_it_is_resumed(settings, minutes):
    events, deployment = the_bars(minutes), a_deployment()
    opener = paper(settings, (ACME,), cash=CASH)
    engine = Engine(settings, opener, clock=EventClock(datetime(2000, 1, 1, tzinfo=UTC)))
    async with engine:
        line = Line(ReplayFeed(events), (ACME,), "1m")
        run = await engine.run(deployment, line)

        def at(event):
            if event.time == events[40].time:
                engine.pause("Eager", "a look", "ada")
            if event.time == events[70].time:
                engine.resume("Eager", "ada")

        engine.on_event.append(at)
        engine.listen(line)
        await engine.finished()
        labels = {one.label for one in run.decisions}
        assert labels.isdisjoint({bar.time for bar in events[40:70]})
        assert len(labels) == 90
        with pytest.raises(UsageError, match="did you mean 'Eager'"):
            engine.pause("Eagr", "", "ada")
        check(engine)


async def test_lost_answers_change_nothing_of_what_is_wanted(settings, minutes):
    faults = Faults(seed=5, lose_response=0.3, duplicate=0.3)
    found = await traded(settings, the_bars(minutes), a_deployment(), faults=faults)
    other = load_settings(settings.workspace / "other").model_copy(update={"risk": FREE})
    clean = await traded(other, the_bars(minutes), a_deployment())
    assert wanted(found) == wanted(clean)


async def test_what_an_account_has_no_room_for(settings, minutes):
    opener = paper(settings, (ACME,), cash=CASH)
    async with Engine(settings, opener, clock=EventClock(NOON)) as engine:
        line = Line(ReplayFeed([]), (ACME,), "1m")
        await engine.run(a_deployment(share=0.75), line)
        for wrong, match in (
            (a_deployment(share=0.5, name="b"), "25% is left"),
            (a_deployment(share=0.1), "at work already"),
            (a_deployment(share=0.1, name="b", sizing=wb.Sizing()), "an account of their own"),
            (a_deployment(share=0.1, name="b", timeframe="5m"), "wants 5m bars"),
        ):
            with pytest.raises(UsageError, match=match):
                await engine.run(wrong, line)
        await engine.end("Eager", "ada")
