"""Bars as they happen: the venue's own from trades, and those of wb.resample from bars."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.bar import Bar
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.data.calendar import known_times
from workbench.errors import UsageError
from workbench.live.market.bar_builder import LongerBars, TradeBars, known_at

FIELDS = ["open", "high", "low", "close", "volume"]
RECORDED = Path(__file__).resolve().parents[2] / "../shared/marketdata/freqtrade"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def trade(seconds, price=10.0, size=1.0, symbol="X"):
    return Trade(symbol, NOON + timedelta(seconds=seconds), price, size)


def frame_of(bars):
    index = pd.DatetimeIndex([bar.time for bar in bars], name="time")
    rows = [[getattr(bar, name) for name in FIELDS] for bar in bars]
    return pd.DataFrame(rows, index=index, columns=FIELDS, dtype=float)


def events_of(frame, timeframe, calendar, symbol="X"):
    known = known_times(frame.index, timeframe, calendar)
    rows = frame[FIELDS].to_numpy("float64").tolist()
    return [
        Bar(symbol, t.to_pydatetime(), *row, k.to_pydatetime())
        for t, k, row in zip(frame.index, known, rows, strict=True)
    ]


def built(maker, events, until=datetime(2100, 1, 1, tzinfo=UTC)):
    return [bar for event in events for bar in maker.add(event)] + maker.advance(until)


def same(bars, frame):
    made = frame_of(bars)
    assert made.index.tolist() == frame.index.tolist()
    np.testing.assert_array_equal(made.to_numpy(), frame[FIELDS].to_numpy("float64"))


@pytest.mark.parametrize(("length", "count"), [("1m", 2469), ("5m", 706)])
def test_recorded_trades_rebuild_the_exchange_s_candles_exactly(length, count):
    if not RECORDED.is_dir():
        pytest.skip("the recorded trades of ../shared/marketdata are not here")
    rows = pd.read_feather(RECORDED / "XRP_ETH-trades.feather")
    times = pd.to_datetime(rows["timestamp"], unit="ms", utc=True).dt.to_pydatetime()
    trades = [
        Trade("XRP/ETH", *row)
        for row in zip(times, rows["price"].tolist(), rows["amount"].tolist(), strict=True)
    ]
    candles = pd.read_feather(RECORDED / f"XRP_ETH-{length}.feather").set_index("date")
    assert len(candles) == count
    minutes = built(TradeBars("1m"), trades)
    bars = minutes if length == "1m" else built(LongerBars("1m", length), minutes)
    same(bars, candles)
    same(built(TradeBars(length), trades), candles)


def test_invented_trades_make_the_bars_that_pandas_makes():
    rng = np.random.default_rng(7)
    seconds = np.sort(rng.integers(0, 6 * 3600, 4000))
    prices = np.round(100 + np.cumsum(rng.normal(0, 0.05, 4000)), 2)
    sizes = np.round(rng.exponential(1.0, 4000), 8)
    trades = [
        trade(int(s), float(p), float(v)) for s, p, v in zip(seconds, prices, sizes, strict=True)
    ]
    table = pd.DataFrame({"p": prices, "v": sizes}, index=[t.time for t in trades])
    group = table.groupby(table.index.floor("5min"))
    wanted = group["p"].ohlc().assign(volume=group["v"].agg(math.fsum))
    same(built(TradeBars("5m"), trades), wanted)


def test_a_bar_is_given_by_the_next_trade_or_by_the_clock():
    made = TradeBars("1m")
    assert made.add(trade(5)) == []
    assert made.advance(NOON + timedelta(seconds=59)) == []
    (bar,) = made.advance(NOON + timedelta(seconds=60))
    assert (bar.time, bar.known_at) == (NOON, NOON + timedelta(minutes=1))
    assert made.advance(NOON + timedelta(hours=1)) == []
    made.add(trade(200))
    (bar,) = made.add(trade(600))
    assert bar.time == NOON + timedelta(minutes=3)


def test_a_trade_of_a_bar_already_given_is_counted_and_left_out():
    made = TradeBars("1m")
    made.add(trade(5))
    made.add(trade(65, 11.0))
    assert made.add(trade(59, 99.0)) == []
    assert made.late == 1
    (bar,) = made.add(trade(125))
    assert (bar.high, bar.volume) == (11.0, 1.0)


def test_after_a_break_a_bar_that_lacks_trades_is_not_given():
    made = TradeBars("1m")
    made.add(trade(5))
    made.restart(["X"], NOON + timedelta(seconds=70))
    assert made.add(trade(80)) == []
    assert made.add(trade(121)) == []
    (bar,) = made.add(trade(180))
    assert bar.time == NOON + timedelta(minutes=2)


def test_symbols_do_not_mix():
    made = TradeBars("1m")
    made.add(trade(1, 10.0, symbol="X"))
    made.add(trade(2, 20.0, symbol="Y"))
    bars = made.advance(NOON + timedelta(minutes=1))
    assert [(bar.symbol, bar.close) for bar in bars] == [("X", 10.0), ("Y", 20.0)]


def minutes(calendar, start, end, seed=3, gaps=True):
    from workbench.data.synthetic import SyntheticSource

    symbol = "ACME/USD" if calendar == "24/7" else "ACME"
    frame = SyntheticSource().history(
        symbol, Timeframe(1, "m"), pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC")
    )
    keep = np.random.default_rng(seed).random(len(frame)) > 0.1
    cut = frame[keep].copy()
    cut["volume"] = np.round(cut["volume"] * 1.1, 3)
    if gaps:
        cut.iloc[5:9, :] = np.nan
    cut.attrs = {"timeframe": "1m", "calendar": calendar}
    return cut


@pytest.mark.parametrize("gaps", [True, False])
@pytest.mark.parametrize("long", ["5m", "1h", "4h", "1d", "1w"])
@pytest.mark.parametrize(
    ("calendar", "start", "end"),
    [
        ("24/7", "2024-03-08", "2024-03-19"),
        ("XNYS", "2024-03-04", "2024-03-16"),  # clocks change
        ("XNYS", "2024-06-27", "2024-07-09"),  # a half day and a holiday
    ],
)
def test_longer_bars_are_those_of_resample(long, calendar, start, end, gaps):
    short = minutes(calendar, start, end, gaps=gaps)
    wanted = wb.resample(short, long, partial=True)
    made = LongerBars("1m", long, calendar)
    bars = built(made, events_of(short, "1m", calendar))
    same(bars, wanted)
    assert made.outside_session == wanted.attrs["outside_session"]
    known = known_times(wanted.index, long, calendar)
    if long == "1d":
        assert [bar.known_at for bar in bars] == known.tolist()


def test_complete_bars_are_given_at_once_and_no_others():
    short = minutes("XNYS", "2024-07-02", "2024-07-06")
    made = LongerBars("1m", "1h", "XNYS")
    given = [bar for event in events_of(short, "1m", "XNYS") for bar in made.add(event)]
    same(given, wb.resample(short, "1h"))


def test_weeks_and_months_are_made_of_days():
    days = wb.bars("AAPL", source="sample").iloc[-300:]
    for long in ("1w", "1M"):
        wanted = wb.resample(days, long, partial=True)
        same(built(LongerBars("1d", long, "XNYS"), events_of(days, "1d", "XNYS")), wanted)


def test_bars_outside_the_session_are_counted():
    made = LongerBars("1m", "1h", "XNYS")
    assert made.add(Bar("X", NOON, 1.0, 1.0, 1.0, 1.0, 1.0)) == []
    assert made.outside_session == 1


def test_a_bar_for_a_long_bar_already_given_is_late():
    made = LongerBars("1m", "2m")
    for minute in (0, 2):
        made.add(Bar("X", NOON + timedelta(minutes=minute), 1.0, 1.0, 1.0, 1.0, 1.0))
    assert made.add(Bar("X", NOON + timedelta(minutes=1), 9.0, 9.0, 9.0, 9.0, 9.0)) == []
    assert made.late == 1


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="less than a day"):
        TradeBars("1d")
    with pytest.raises(UsageError, match="multiple"):
        LongerBars("3m", "5m")


def test_days_are_known_at_their_session_s_close():
    assert known_at(NOON, Timeframe(5, "m"), "XNYS") == NOON + timedelta(minutes=5)
    half = known_at(datetime(2024, 7, 3, tzinfo=UTC), Timeframe(1, "d"), "XNYS")
    assert half == datetime(2024, 7, 3, 17, tzinfo=UTC)
