"""Bars that end when enough has happened, as they happen: those of wb.resample, to the bit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.bar import Bar
from workbench.core.trade import Trade
from workbench.errors import UsageError
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.activity_bars import Activity, ActivityBars

RECORDED = Path(__file__).resolve().parents[2] / "../shared/marketdata/freqtrade"
FIELDS = ["open", "high", "low", "close", "volume"]
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
KINDS = ["trades 50", "volume 5000", "dollars 10", "range 0.000004"]
XRP = "XRP/ETH"


def trade(seconds, price=10.0, size=1.0, symbol="X"):
    return Trade(symbol, NOON + timedelta(seconds=seconds), price, size)


@pytest.fixture(scope="module")
def recorded():
    if not RECORDED.is_dir():
        pytest.skip("the recorded trades of ../shared/marketdata are not here")
    rows = pd.read_feather(RECORDED / "XRP_ETH-trades.feather")
    times = pd.to_datetime(rows["timestamp"], unit="ms", utc=True).dt.to_pydatetime()
    columns = times, rows["price"].tolist(), rows["amount"].tolist()
    return [Trade(XRP, *row, str(i)) for i, row in enumerate(zip(*columns, strict=True))]


def resampled(trades, kind):
    by, _, size = kind.partition(" ")
    return wb.resample(trades, by=by, size=float(size))


def same(bars, frame):
    assert len(frame) > 20
    assert [bar.time for bar in bars] == frame.index.tolist()
    assert [bar.known_at for bar in bars] == frame["known"].tolist()
    rows = np.array([[getattr(bar, name) for name in FIELDS] for bar in bars])
    np.testing.assert_array_equal(rows, frame[FIELDS].to_numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_trades_make_the_bars_of_resample_to_the_bit(recorded, kind):
    made = ActivityBars(Activity.parse(kind))
    bars = [bar for one in recorded for bar in made.add(one)]
    assert made.late == 0
    frame = resampled(recorded, kind)
    assert frame.attrs["timeframe"] == str(made.activity)
    same(bars, frame)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recorded_day_makes_them_through_a_feed(recorded, vendor, kind):
    told = [one for one in recorded if one.time.date() == recorded[0].time.date()]
    frame = resampled(told, kind)
    server, _, settings = await vendor("alpaca")
    opened = wb.feed(XRP, "bars", kind, source="alpaca", settings=settings)
    found = []

    async def read():
        async for bar in opened:
            assert isinstance(bar, Bar)
            found.append(bar)

    async with opened, asyncio.timeout(30):
        reader = asyncio.create_task(read())
        await server.subscribed(1)
        await server.tell(*told)
        while len(found) < len(frame):
            await asyncio.sleep(0.01)
        reader.cancel()
    same(found[: len(frame)], frame)
    assert len(found) <= len(frame) + 1  # the clock may end one that a next trade would
    assert opened.metrics.snapshot()["late"] == 0
    stored = opened.store.bars(XRP, len(found)).iloc[: len(frame)]
    assert stored.attrs["timeframe"] == frame.attrs["timeframe"]
    pd.testing.assert_frame_equal(
        stored, frame[stored.columns], check_names=False, check_freq=False
    )
    assert len(wb.backtest(wb.strategies.SmaCross(fast=2, slow=5), stored).equity) == len(stored)


def test_trades_of_one_instant_stay_together_and_older_ones_are_late():
    made = ActivityBars(Activity("trades", 2))
    for one in (trade(0), trade(1), trade(1), trade(1, symbol="Y")):
        assert made.add(one) == []
    assert made.add(trade(0.5)) == []
    (bar,) = made.add(trade(2))
    assert (bar.symbol, bar.volume, bar.known_at) == ("X", 3.0, NOON + timedelta(seconds=1))
    assert made.add(trade(1)) == []
    assert made.late == 2


def test_the_clock_ends_a_full_bar_and_no_other():
    made = ActivityBars(Activity("volume", 2.0))
    made.add(trade(0, size=2.0))
    made.add(trade(0, size=1.0, symbol="Y"))
    assert made.advance(NOON) == []
    (bar,) = made.advance(NOON + timedelta(seconds=1))
    assert (bar.symbol, bar.volume) == ("X", 2.0)
    assert made.add(trade(0)) == []
    assert made.late == 1


def test_a_bar_that_lost_trades_is_never_given_and_told_as_a_gap():
    made = ActivityBars(Activity("trades", 2))
    made.add(trade(0))
    assert made.restart(["X", "Y"]) == {"X": NOON}
    assert made.add(trade(1)) == made.add(trade(2)) == []
    (bar,) = made.add(trade(3))
    assert bar.time == NOON + timedelta(seconds=1)


async def test_a_break_is_a_gap_that_trades_do_not_return_from(vendor):
    quick = "\n[feeds]\nlongest_wait_seconds = 0.1\ntolerance_seconds = 0.0\n"
    server, _, settings = await vendor("alpaca", quick)
    now = datetime.now(UTC).replace(microsecond=0)
    opened = wb.feed("BTC/USD", "bars", "trades 2", source="alpaca", settings=settings)
    tell = [Trade("BTC/USD", now + timedelta(milliseconds=i), 10.0, 1.0, str(i)) for i in range(5)]
    async with opened, asyncio.timeout(15):
        first = asyncio.ensure_future(anext(opened.events()))
        await server.subscribed(1)
        await server.tell(tell[0])
        while not opened.metrics.snapshot()["messages"]:
            await asyncio.sleep(0.01)
        await server.kick(1011, "internal error")
        await server.subscribed(2)
        await server.tell(*tell[1:])
        bar = await first
    assert (bar.time, bar.volume) == (tell[1].time, 2.0)
    assert opened.metrics.gaps[0].start == tell[0].time
    assert "do not return" in opened.metrics.gaps[0].trouble


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: wb.feed("ACME/USD", "bars", "volume 5", source="sim"), "no live trades"),
        (lambda: Activity.parse("renko 5"), "not made of a stream"),
        (lambda: Activity.parse("volume much"), "'volume 1000'"),
        (lambda: Activity.parse("range -1"), "above 0"),
        (
            lambda: Deployment(
                strategy=wb.strategies.SmaCross(), symbols=("A/USD",), timeframe="volume 5"
            ),
            "live on bars of a length",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(call, why):
    with pytest.raises(UsageError, match=why):
        call()


async def test_such_bars_begin_with_the_stream(vendor):
    _, _, settings = await vendor("alpaca")
    with pytest.raises(UsageError, match="leave since= out"):
        wb.feed(XRP, "bars", "volume 5", source="alpaca", since="2024-01-01", settings=settings)
