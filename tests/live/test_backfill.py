"""Gaps in bars, filled before the next bar is given out."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pandas as pd

from workbench.core.bar import Bar
from workbench.core.timeframe import Timeframe
from workbench.errors import UnavailableError
from workbench.live.market.backfill import Backfill, Refill
from workbench.live.market.feed_metrics import FeedMetrics

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
FRAME = Timeframe(1, "m")


def minute(number):
    return NOON + timedelta(minutes=number)


def bar(number, symbol="X", price=1.0):
    return Bar(symbol, minute(number), price, price, price, price, 1.0, minute(number + 1))


class History:
    """A history with every minute at a price of two, up to where it is let."""

    name = "here"

    def __init__(self, has=lambda number: True):
        self.asked, self.has, self.error = [], has, None
        self.gate = threading.Event()
        self.gate.set()

    def symbols(self):
        return ()

    def history(self, symbol, timeframe, start, end):
        assert self.gate.wait(10)
        first, last = ((t - NOON) // timeframe.delta for t in (start, end))
        self.asked.append((symbol, first, last))
        if self.error:
            raise self.error
        rows = [n for n in range(first, last) if self.has(n)]
        index = pd.DatetimeIndex([minute(n) for n in rows], name="time", tz="UTC")
        return pd.DataFrame(2.0, index, ["open", "high", "low", "close", "volume"])


def made(history=None, calendar="24/7", **terms):
    metrics, given = FeedMetrics("x"), []
    refill = Refill(history, FRAME, lambda _: calendar, **terms)
    return Backfill(refill, metrics, given.append), given, metrics


async def quiet(backfill):
    while backfill._tasks:
        await asyncio.sleep(0.005)


def told(given):
    return [((b.time - NOON) // FRAME.delta, b.close) for b in given]


async def test_what_was_missed_comes_before_the_next_bar_and_once():
    history = History()
    backfill, given, metrics = made(history)
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(3))
    backfill.offer(bar(4))
    backfill.offer(bar(5))
    assert told(given) == [(0, 1.0)]
    await quiet(backfill)
    assert told(given) == [(0, 1.0), (1, 2.0), (2, 2.0), (3, 2.0), (4, 1.0), (5, 1.0)]
    assert history.asked == [("X", 1, 4)]
    assert metrics.gaps[0].bars == 3
    backfill.offer(bar(5))
    backfill.offer(bar(2))
    counts = metrics.snapshot()
    assert (counts["duplicates"], counts["late"]) == (1, 1)
    assert backfill.unsettled() == set()


async def test_without_a_doubt_a_missing_minute_is_counted_and_not_asked_for():
    history = History()
    backfill, given, metrics = made(history)
    backfill.offer(bar(0))
    backfill.offer(bar(3))
    assert told(given) == [(0, 1.0), (3, 1.0)]
    assert metrics.snapshot()["missing_bars"] == 2
    assert history.asked == []


async def test_a_stock_s_empty_minutes_are_no_fault():
    backfill, _, metrics = made(History(), calendar="XNYS")
    backfill.offer(bar(0))
    backfill.offer(bar(3))
    assert metrics.snapshot()["missing_bars"] == 0


async def test_a_quiet_symbol_is_settled_by_the_clock():
    history = History()
    backfill, given, _ = made(history)
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(3) + timedelta(seconds=30))
    assert backfill.unsettled() == {"X"}
    backfill.settle(minute(3) + timedelta(seconds=31))
    await quiet(backfill)
    assert told(given) == [(0, 1.0), (1, 2.0), (2, 2.0)]
    backfill.settle(minute(4) + timedelta(seconds=1))
    assert backfill.unsettled() == {"X"}, "the minute of the break is not over for sure"
    backfill.settle(minute(4) + timedelta(seconds=3))
    await quiet(backfill)
    backfill.settle(minute(4) + timedelta(seconds=4))
    assert told(given)[-1] == (3, 2.0)
    assert backfill.unsettled() == set()
    assert history.asked == [("X", 1, 3), ("X", 3, 4)]


async def test_one_s_gap_holds_up_no_other():
    history = History()
    history.gate.clear()
    backfill, given, _ = made(history)
    for symbol in "XY":
        backfill.offer(bar(0, symbol))
    backfill.doubt(["X", "Y"], minute(1))
    backfill.offer(bar(3, "X"))
    backfill.offer(bar(1, "Y"))
    assert [(b.symbol, b.time) for b in given[2:]] == [("Y", minute(1))]
    history.gate.set()
    await quiet(backfill)
    assert [b.time for b in given if b.symbol == "X"] == [minute(n) for n in range(4)]


async def test_a_history_that_fails_or_hangs_is_told_and_not_waited_for():
    history = History()
    history.error = UnavailableError("not now")
    backfill, given, metrics = made(history)
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(1))
    backfill.offer(bar(4))
    await quiet(backfill)
    assert told(given) == [(0, 1.0), (4, 1.0)]
    assert metrics.gaps[0].trouble == "not now"
    slow = History()
    slow.gate.clear()
    backfill, given, metrics = made(slow, timeout=0.05)
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(1))
    backfill.offer(bar(4))
    await quiet(backfill)
    assert told(given) == [(0, 1.0), (4, 1.0)]
    assert "no answer" in metrics.gaps[0].trouble
    slow.gate.set()


async def test_holes_of_the_history_stay_and_later_bars_still_count():
    backfill, given, _ = made(History(has=lambda n: n == 2))
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(1))
    backfill.settle(minute(4))
    await quiet(backfill)
    backfill.offer(bar(3))
    await quiet(backfill)
    assert told(given) == [(0, 1.0), (2, 2.0), (3, 1.0)]


async def test_one_may_begin_in_the_past():
    history = History()
    backfill, given, _ = made(history)
    backfill.since("X", minute(0))
    backfill.doubt(["X"], minute(2))
    backfill.offer(bar(2))
    await quiet(backfill)
    assert told(given) == [(0, 2.0), (1, 2.0), (2, 1.0)]


async def test_without_a_history_the_gap_is_told():
    backfill, given, metrics = made(None)
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(1))
    backfill.offer(bar(2))
    await quiet(backfill)
    assert told(given) == [(0, 1.0), (2, 1.0)]
    assert "no history" in metrics.gaps[0].trouble
    await backfill.close()


async def test_a_history_that_is_behind_the_market_is_told():
    history = History()
    history.delay = timedelta(days=20_000)
    backfill, _, metrics = made(history)
    backfill.offer(bar(0))
    backfill.doubt(["X"], minute(1))
    backfill.offer(bar(2))
    await quiet(backfill)
    assert "minutes late" in metrics.gaps[0].trouble
