"""The engine through a day: mute symbols, kills in its middle, the close, trades as events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import workbench as wb
from workbench.bus.memory import MemoryBus
from workbench.config import RiskLimits, load_settings
from workbench.core.clock import EventClock
from workbench.core.parent import ParentState
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.errors import UsageError
from workbench.live.accounts.paper import paper
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.backfill import bars_of
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line

ACME, BOLT = "ACME/USD", "BOLT/USD"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip


class Both(wb.Strategy):
    """Half in each symbol from the sixth bar on, whatever is told of them."""

    def targets(self, bars):
        close = bars["close"]
        return pd.DataFrame(
            {name: [0.0] * min(5, len(close)) + [0.5] * max(len(close) - 5, 0) for name in close},
            index=close.index,
        )


class Flip(wb.Strategy):
    """In and out by turns of two bars."""

    def targets(self, bars):
        return pd.Series((bars.index.minute % 4 < 2).astype(float), index=bars.index)


class OnTrades(wb.EventStrategy):
    """Buys at a trade above 100 and sells at one below."""

    def on_bar(self, bar):
        return None

    def on_trade(self, trade):
        return wb.Signal(trade.symbol, "buy" if trade.price > 100 else "flat")


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path).model_copy(update={"risk": FREE})


def synthetic(symbols, count=40):
    return wb.bars(symbols, "1m", start=NOON, end=NOON + count * MINUTE, source="synthetic")


async def run(settings, events, deployment, look, *, calendar="24/7", bus=None, **line):
    engine = Engine(
        settings, paper(settings, deployment.symbols, cash=100_000.0), bus=bus,
        clock=EventClock(datetime(2000, 1, 1, tzinfo=UTC)),
    )  # fmt: skip
    async with engine:
        road = Line(ReplayFeed(events), deployment.symbols, deployment.timeframe, calendar, **line)
        await engine.run(deployment, road)
        engine.listen(road)
        await engine.finished()
        engine.account.ledger.check()
        return look(engine)


async def test_a_mute_symbol_gets_no_order_and_that_is_said(settings):
    frame = synthetic([ACME, BOLT], 12)
    minute = Timeframe.parse("1m")
    acme = list(bars_of(frame.xs(ACME, axis=1, level="symbol"), ACME, minute, "24/7"))
    bolt = list(bars_of(frame.xs(BOLT, axis=1, level="symbol"), BOLT, minute, "24/7"))
    # nothing of BOLT from its second bar on, until the last two
    events = sorted([*acme, bolt[0], *bolt[10:]], key=lambda bar: bar.known_at)
    bus, said = MemoryBus(), []
    bus.subscribe(["system"], lambda topic, message: said.append(message))
    deployment = Deployment(strategy=Both(), symbols=(ACME, BOLT), timeframe="1m")

    def look(engine):
        return [(o.symbol, o.decided_at) for o in engine.account.ledger.orders.values()]

    orders = await run(settings, events, deployment, look, bus=bus)
    assert orders[0] == (ACME, NOON + 5 * MINUTE)
    assert [at for symbol, at in orders if symbol == BOLT] == [NOON + 10 * MINUTE]
    assert any("no order of BOLT/USD, it is mute" in str(one) for one in said)


async def test_a_strategy_on_events_answers_trades(settings):
    frame = synthetic(ACME, 6)
    bars = list(bars_of(frame, ACME, Timeframe.parse("1m"), "24/7"))
    at = bars[2].known_at
    trades = [Trade(ACME, at + timedelta(seconds=5 * n), price, 1.0)
              for n, price in enumerate((101.0, 102.0, 99.0))]  # fmt: skip
    events = sorted([*bars, *trades], key=lambda e: getattr(e, "known_at", None) or e.time)
    deployment = Deployment(strategy=OnTrades(), symbols=(ACME,), timeframe="1m")
    found = await run(
        settings, events, deployment,
        lambda e: [(o.side.value, o.decided_at) for o in e.account.ledger.orders.values()],
    )  # fmt: skip
    assert found[0] == ("buy", trades[0].time)
    assert len(found) <= 2


# the close ---------------------------------------------------------------------------------


def a_session(price=100.0):
    """The last 20 minutes of a session, and the first 5 of the next."""
    ends = pd.date_range("2024-01-02 20:40", periods=20, freq="1min", tz="UTC")
    index = ends.append(pd.date_range("2024-01-03 14:30", periods=5, freq="1min", tz="UTC"))
    frame = pd.DataFrame(
        {"open": price, "high": price, "low": price, "close": price, "volume": 1e6},
        index=index.rename("time").as_unit("ns"),
    )
    return list(bars_of(frame, "AAPL", Timeframe.parse("1m"), "XNYS"))


@pytest.mark.parametrize("at_close", ["keep", "flatten"])
async def test_what_is_held_at_the_close(settings, at_close):
    class Long(wb.Strategy):
        def targets(self, bars):
            return pd.Series(0.5, index=bars.index)

    deployment = Deployment(strategy=Long(), symbols=("AAPL",), timeframe="1m", at_close=at_close)
    found = await run(
        settings, a_session(), deployment,
        lambda e: [(f.side.value, f.time) for f in e.account.ledger.fills.values()],
        calendar="XNYS",
    )  # fmt: skip
    sides = [side for side, _ in found]
    if at_close == "keep":
        assert sides == ["buy"]
        return
    assert sides[:2] == ["buy", "sell"]
    assert found[1][1] <= datetime(2024, 1, 2, 21, tzinfo=UTC)  # within the session
    assert all(at.day == 3 for _, at in found[2:])


class OutAtTheBell(wb.Strategy):
    """Buys at 20:50 below the market, and wants to be flat from the last bar of the session on."""

    def targets(self, bars):
        at = bars.index.hour * 100 + bars.index.minute
        return pd.Series([0.5 if 2050 <= t < 2059 else 0.0 for t in at], index=bars.index)


async def test_at_the_close_what_is_open_is_canceled_and_the_last_bar_is_decided_again(settings):
    deployment = Deployment(
        strategy=OutAtTheBell(), symbols=("AAPL",), timeframe="1m", at_close="cancel",
        costs=wb.Costs(max_participation=1e-5), execution="iceberg:display=1,minutes=600",
    )  # fmt: skip

    def look(engine):
        ledger = engine.account.ledger
        decided = {one.label: one.skipped for one in engine.runs["OutAtTheBell"].decisions}
        return list(ledger.executions.values()), decided

    found, decided = await run(
        settings, a_session(), deployment, look, calendar="XNYS"
    )  # fmt: skip
    assert found[0].state is ParentState.CANCELED
    assert found[0].reason == "the session is over"
    assert found[0].since == datetime(2024, 1, 2, 21, tzinfo=UTC)
    last = pd.Timestamp("2024-01-02 20:59", tz="UTC")
    assert decided[last].startswith("the session is over")
    (sold,) = found[1:]
    assert sold.parent.side.value == "sell"
    assert sold.parent.start == datetime(2024, 1, 3, 14, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timeframe", "calendar"), [("1d", "XNYS"), ("1m", "24/7"), ("1d", "24/7")]
)
def test_bars_without_a_close_within_them_know_of_none(timeframe, calendar):
    one = Deployment(strategy=Flip(), symbols=("AAPL",), timeframe=timeframe, at_close="flatten")
    line = Line(ReplayFeed([]), ("AAPL",), timeframe, calendar)
    with pytest.raises(UsageError, match="at_close"):
        line.check(one)
    line.check(Deployment(strategy=Flip(), symbols=("AAPL",), timeframe=timeframe))


# a kill in the middle ----------------------------------------------------------------------


def child(folder, first, where, number):
    """Trade from a bar on, and be killed at one; what was decided goes to the output."""
    import asyncio

    settings = load_settings(folder).model_copy(update={"risk": FREE})
    frame = synthetic(ACME)
    bars = list(bars_of(frame, ACME, Timeframe.parse("1m"), "24/7"))
    counts = {"event": 0, "step": 0}

    def count(kind):
        counts[kind] += 1
        if kind == where and counts[kind] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    async def trade():
        opener = paper(settings, (ACME,), cash=100_000.0)
        engine = Engine(settings, opener, clock=EventClock(datetime(2000, 1, 1, tzinfo=UTC)))
        deployment = Deployment(strategy=Flip(), symbols=(ACME,), timeframe="1m")
        past = frame.iloc[: first + 3]
        history = (lambda start, end: past) if first else None
        async with engine:
            line = Line(ReplayFeed(bars[first:]), (ACME,), "1m", history=history)
            await engine.run(deployment, line)
            engine.on_event.append(lambda event: count("event"))
            engine.account.listeners.append(lambda step: count("step"))
            engine.listen(line)
            await engine.finished()
            ledger, venue = engine.account.ledger, engine.account.broker.venue
            ledger.check()
            assert ledger.books.differences(venue.positions(), venue.account().cash) == []
            return [[i.intent.decided_at.isoformat(), i.intent.side.value, str(i.intent.quantity)]
                    for i in ledger.intents.values()]  # fmt: skip

    print(json.dumps(asyncio.run(trade())))


def a_child(folder, first=0, where="", number=0):
    return subprocess.run(
        [sys.executable, __file__, str(folder), str(first), where, str(number)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    told = a_child(tmp_path_factory.mktemp("whole"))
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert len(found) > 15
    return found


@pytest.mark.parametrize(("where", "number"), [("event", 17), ("step", 22)])
def test_killed_in_the_middle_it_gives_the_orders_of_the_whole(tmp_path, whole, where, number):
    killed = a_child(tmp_path, 0, where, number)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    reached = int(
        subprocess.run(
            [sys.executable, __file__, str(tmp_path), "reached"],
            capture_output=True, text=True, check=True, timeout=100,
        ).stdout
    )  # fmt: skip
    again = a_child(tmp_path, max(reached - 2, 0))
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == whole


def reached(folder):
    """How many bars were decided on before the kill, as it is stored."""
    from contextlib import closing

    from workbench.store.deployments import deployed
    from workbench.store.migrate import open_database

    with closing(open_database(load_settings(folder))) as database, database.read() as connection:
        (run,) = deployed(connection)
    print(0 if run.decided is None else int((run.decided - NOON) / MINUTE) + 1)


if __name__ == "__main__":
    if sys.argv[2] == "reached":
        reached(sys.argv[1])
    else:
        child(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
