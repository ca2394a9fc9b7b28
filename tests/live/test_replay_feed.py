"""Recorded events at any speed, and the invented market by a clock of the test."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import workbench as wb
from workbench.core.bar import Bar
from workbench.core.clock import EventClock
from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.data.calendar import known_times
from workbench.data.synthetic import SyntheticSource
from workbench.errors import UsageError
from workbench.live.market.replay_feed import ReplayFeed, SimFeed

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


async def everything(feed):
    return [event async for event in feed]


async def test_bars_of_several_symbols_come_as_they_became_known():
    bars = wb.bars(["AAPL", "IBM"], source="sample").iloc[-50:]
    feed = wb.feed(bars)
    events = await everything(feed)
    assert len(events) == 100
    known = known_times(bars.index, "1d", "XNYS")
    assert [e.known_at for e in events[::2]] == known.tolist()
    assert [e.close for e in events if e.symbol == "IBM"] == bars["close"]["IBM"].tolist()
    kept = feed.store.bars("AAPL", 50)
    np.testing.assert_array_equal(kept["close"], bars["close"]["AAPL"])
    assert kept.attrs["calendar"] == "XNYS"


async def test_a_day_s_bar_comes_after_the_day_s_trades():
    day = Bar("X", datetime(2024, 1, 2, tzinfo=UTC), 1.0, 1.0, 1.0, 1.0, 1.0, NOON)
    told = [day, Trade("X", NOON - timedelta(seconds=1), 1.0, 1.0), Quote("X", NOON, 1.0, 2.0)]
    assert await everything(ReplayFeed(told)) == [told[1], told[0], told[2]]


async def test_speed_divides_the_time_between_events():
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    told = [Trade("X", NOON + timedelta(seconds=s), 1.0, 1.0) for s in (0, 0, 30, 90)]
    await everything(ReplayFeed(told, speed=60, sleep=sleep))
    assert waits == [0.5, 1.0]
    with pytest.raises(UsageError, match="above zero"):
        ReplayFeed(told, speed=0)


async def test_a_slow_reader_of_a_fast_replay_misses_nothing():
    told = [Trade("X", NOON + timedelta(seconds=s), float(s + 1), 1.0) for s in range(9000)]
    feed, seen = ReplayFeed(told), 0
    async for _ in feed:
        seen += 1
        if seen % 1000 == 0:
            await asyncio.sleep(0.002)
    assert seen == 9000
    assert feed.metrics.snapshot()["dropped"] == 0


async def test_the_invented_market_gives_the_bars_of_its_history():
    start = datetime(2026, 1, 5, 12, 0, 2, tzinfo=UTC)
    clock, ticks = EventClock(start), 0

    async def sleep(seconds):
        nonlocal ticks
        ticks += 1
        clock.advance(clock.now() + timedelta(seconds=seconds))
        await asyncio.sleep(0)

    symbols, frame = ("ACME/USD", "BOLT/USD"), Timeframe(15, "s")
    feed = SimFeed(symbols, frame, SimFeed.kinds, clock=clock, sleep=sleep)
    events = []
    async with feed:
        async for event in feed:
            events.append(event)
            if ticks >= 100:
                break
    bars = [e for e in events if isinstance(e, Bar) and e.symbol == "ACME/USD"]
    assert [b.time.second for b in bars] == [15, 30, 45, 0, 15]
    fives = SyntheticSource().history(
        "ACME/USD", Timeframe(5, "s"), bars[0].time, bars[-1].known_at
    )
    assert [b.open for b in bars] == fives["open"].iloc[::3].tolist()
    assert [b.close for b in bars] == fives["close"].iloc[2::3].tolist()
    times = [e.time for e in events if isinstance(e, Quote) and e.symbol == "BOLT/USD"]
    assert times == sorted(times)
    assert len(times) > 90
    with pytest.raises(UsageError, match="five seconds"):
        SimFeed(symbols, Timeframe(7, "s"), SimFeed.kinds)


async def test_a_fault_of_our_own_is_told_to_the_reader():
    async def sleep(seconds):
        raise ZeroDivisionError

    told = [Trade("X", NOON + timedelta(seconds=s), 1.0, 1.0) for s in (0, 1)]
    reader = ReplayFeed(told, speed=1, sleep=sleep).events()
    assert await anext(reader) == told[0]
    with pytest.raises(ZeroDivisionError):
        await anext(reader)
