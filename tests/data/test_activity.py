"""Bars by trades, volume, money, range and bricks."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.trade import Trade
from workbench.data.align import align
from workbench.data.schema import check_bars
from workbench.errors import UsageError

pytestmark = pytest.mark.usefixtures("workspace")


def trades(prices, sizes=None, seconds=None):
    seconds = range(len(prices)) if seconds is None else seconds
    start = pd.Timestamp("2024-01-02 12:00", tz="UTC")
    times = start + pd.to_timedelta([*seconds], unit="s")
    sizes = [1.0] * len(prices) if sizes is None else sizes
    return pd.DataFrame({"price": prices, "size": sizes}, index=times, dtype=float)


@pytest.fixture
def real(marketdata):
    raw = pd.read_feather(marketdata / "freqtrade/XRP_ETH-trades.feather")
    index = pd.DatetimeIndex(pd.to_datetime(raw["timestamp"], unit="ms", utc=True))
    return pd.DataFrame({"price": raw["price"].array, "size": raw["amount"].array}, index=index)


def test_a_bar_ends_with_the_trade_that_fills_it():
    made = wb.resample(trades([10, 12, 11, 13, 9], [4, 3, 9, 1, 1]), by="volume", size=5)
    assert made["volume"].tolist() == [7, 9]
    assert made["open"].tolist() == [10, 11]
    assert made["high"].tolist() == [12, 11]
    assert made["known"].dt.second.tolist() == [1, 2]
    assert made.index.second.tolist() == [0, 2]
    whole = wb.resample(trades([10, 12, 11, 13, 9], [4, 3, 9, 1, 1]), by="volume", size=5,
                        partial=True)  # fmt: skip
    assert whole["volume"].tolist() == [7, 9, 2]
    check_bars(whole)


@pytest.mark.parametrize(
    ("by", "size", "known"),
    [("trades", 2, [1, 3]), ("dollars", 21, [1, 3]), ("range", 2, [1, 3]), ("volume", 3, [2])],
)
def test_what_fills_a_bar(by, size, known):
    made = wb.resample(trades([10, 12, 11, 13, 12]), by=by, size=size)
    assert made["known"].dt.second.tolist() == known
    assert made.attrs["timeframe"] == f"{by} {size}"


def test_tenths_add_up():
    made = wb.resample(trades([1.0] * 31, [0.1] * 31), by="volume", size=1)
    assert made["known"].dt.second.tolist() == [9, 19, 29]


def test_trades_of_one_instant_stay_together():
    made = wb.resample(trades([10, 11, 12, 13, 14], seconds=[0, 1, 1, 1, 2]), by="trades", size=2)
    assert made["volume"].tolist() == [4]
    assert made["close"].tolist() == [13]
    # of the last instant more may come
    assert wb.resample(trades([10, 11], seconds=[0, 1]), by="trades", size=2).empty


def test_bricks_turn_two_sizes_back_and_tell_how_many_ended_at_once():
    prices = [100.0, 101.0, 100.2, 99.0, 99.5, 103.6, 103.0, 101.0, 101.5]
    made = wb.resample(trades(prices), by="renko", size=1)
    assert made["bricks"].tolist() == [1, -1, 3, -1]
    assert made["level"].tolist() == [101, 99, 103, 101]
    assert made["close"].tolist() == [101, 99, 103.6, 101]
    assert made["open"].tolist() == [100, 100.2, 99.5, 103]
    rest = wb.resample(trades(prices), by="renko", size=1, partial=True)
    assert rest[["bricks", "level"]].iloc[-1].tolist() == [0, 101]


def test_bricks_lie_on_multiples_of_their_size():
    made = wb.resample(trades([100.3, 101.4, 102.0, 99.9, 99]), by="renko", size=1)
    assert made["level"].tolist() == [101, 102, 100]


def slow(table, by, size):
    """Restate the rules trade by trade."""
    bars, level, way, current = [], round(table["price"].iloc[0] / size), 0, []
    instants = [
        (t, list(zip(p["price"], p["size"], strict=True))) for t, p in table.groupby(level=0)
    ]
    for time, some in instants[:-1]:
        current += [(time, price, amount) for price, amount in some]
        prices, amounts = [c[1] for c in current], [c[2] for c in current]
        last = prices[-1] / size
        full = {
            "trades": lambda a=amounts: len(a) >= size,
            "volume": lambda a=amounts: math.fsum(a) >= size * (1 - 1e-9),
            "dollars": lambda p=prices, a=amounts: (
                math.fsum(x * y for x, y in zip(p, a, strict=True)) >= size * (1 - 1e-9)
            ),
            "range": lambda p=prices: max(p) - min(p) >= size * (1 - 1e-9),
            "renko": lambda x=last, k=level, w=way: (
                x >= k + (2 if w < 0 else 1) - 1e-9 or x <= k - (2 if w > 0 else 1) + 1e-9
            ),
        }[by]()
        if full:
            if by == "renko":
                way = 1 if last > level else -1
                level = math.floor(last + 1e-9) if way > 0 else math.ceil(last - 1e-9)
            bars.append((current[0][0], prices[0], max(prices), min(prices), prices[-1],
                         math.fsum(amounts), time))  # fmt: skip
            current = []
    names = ["time", "open", "high", "low", "close", "volume", "known"]
    return pd.DataFrame(bars, columns=names).set_index("time")


SIZES = {"trades": 40, "volume": 5000, "dollars": 9, "range": 8e-6, "renko": 4e-6}


@pytest.mark.parametrize("by", SIZES)
def test_real_trades_make_the_bars_that_the_rules_say(real, by):
    table = real.iloc[:4000]
    made = wb.resample(table, by=by, size=SIZES[by])
    want = slow(table, by, SIZES[by])
    assert len(made) > 30
    for name in want:
        assert made[name].tolist() == want[name].tolist(), name
    assert made.index.tolist() == want.index.tolist()
    assert (made.index[1:] > made["known"].iloc[:-1]).all()


def test_real_trades_make_the_candles_of_the_exchange(real, marketdata):
    for timeframe, count in (("1m", 2469), ("5m", 706)):
        candles = pd.read_feather(marketdata / f"freqtrade/XRP_ETH-{timeframe}.feather")
        candles = candles[candles["volume"] > 0].set_index("date")
        made = wb.resample(real, timeframe, partial=True)
        assert len(made) == len(candles) == count
        assert made.index.tolist() == candles.index.tolist()
        for name in ("open", "high", "low", "close"):
            assert made[name].tolist() == candles[name].tolist()
        np.testing.assert_allclose(made["volume"], candles["volume"], rtol=1e-12)


def test_the_tape_of_a_day_keeps_its_volume(marketdata):
    """250,601 trades of SPY on 2013-10-07."""
    import zipfile

    folder = marketdata / "lean/equity/usa/tick/spy"
    with zipfile.ZipFile(next(folder.glob("*_trade.zip"))) as packed:
        raw = pd.read_csv(packed.open(packed.namelist()[0]), header=None)
    midnight = pd.Timestamp("2013-10-07", tz="America/New_York")
    table = pd.DataFrame(
        {"price": raw[1].to_numpy() / 1e4, "size": raw[2].to_numpy(float)},
        index=pd.DatetimeIndex(midnight + pd.to_timedelta(raw[0], unit="ms")),
    ).sort_index(kind="stable")
    table.attrs["calendar"] = "XNYS"
    for by, size in (("volume", 100_000), ("trades", 1000), ("renko", 0.1), ("range", 0.2)):
        made = wb.resample(table, by=by, size=size, partial=True, hours="extended")
        assert made["volume"].sum() == table["size"].sum()
        regular = wb.resample(table, by=by, size=size, partial=True)
        assert regular.attrs["outside_session"] > 0
        assert set(wb.phases(regular)) == {"regular"}


def test_bars_make_them_too_and_are_known_when_their_last_is():
    minutes = wb.bars("ACME", "1m", "2024-07-02", "2024-07-04", source="synthetic")
    made = wb.resample(minutes, by="volume", size=minutes["volume"].mean() * 30)
    ends = minutes.index.searchsorted(made["known"], side="left") - 1
    assert (minutes.index[ends] + pd.Timedelta("1min")).tolist() == made["known"].tolist()
    assert made["close"].tolist() == minutes["close"].iloc[ends].tolist()
    starts = minutes.index.searchsorted(made.index)
    for row in (0, 7, len(made) - 1):
        part = minutes.iloc[starts[row] : ends[row] + 1]
        assert made["high"].iloc[row] == part["high"].max()
        assert made["volume"].iloc[row] == math.fsum(part["volume"])


def test_days_are_known_at_their_close_and_gaps_passed_over():
    days = wb.bars("ACME", "1d", "2024-06-20", "2024-07-10", source="synthetic")
    days.loc["2024-07-01"] = np.nan
    made = wb.resample(days, by="range", size=1e-6)
    assert len(made) == len(days) - 1
    assert made.loc["2024-07-03", "known"] == pd.Timestamp("2024-07-03 17:00", tz="UTC")


def test_align_goes_by_the_last_trade_not_by_a_length(real):
    made = wb.resample(real, by="volume", size=8000)
    minutes = wb.resample(real, "1m", partial=True)
    seen = align(made["close"], minutes, known=made["known"])
    pd.testing.assert_frame_equal(align(made[["close", "known"]], minutes)[["close"]],
                                  seen.to_frame())  # fmt: skip
    for time, value in seen.iloc[::50].items():
        there = made["close"][made["known"] <= time + pd.Timedelta("1min")]
        assert value == there.iloc[-1] if len(there) else np.isnan(value)
    back = align(minutes["close"], made)  # and the other way round
    for time, known in made["known"].iloc[::20].items():
        there = minutes["close"][minutes.index + pd.Timedelta("1min") <= known]
        assert back[time] == there.iloc[-1] if len(there) else np.isnan(back[time])


def test_align_never_guesses_a_length_they_do_not_have(real):
    made = wb.resample(real, by="volume", size=8000)
    minutes = wb.resample(real, "1m", partial=True)
    with pytest.raises(UsageError, match=r"no length of time: pass known="):
        align(made["close"], minutes)
    bare = pd.Series(made["close"].to_numpy(), index=made.index)
    with pytest.raises(UsageError, match="have no one length"):
        align(bare, minutes)
    with pytest.raises(UsageError, match="known has 3 times"):
        align(bare, minutes, known=made["known"].iloc[:3])


def test_they_are_backtested_and_replayed_alike():
    minutes = wb.bars("BTC/USD", "1m", "2024-03-01", "2024-03-08", source="synthetic")
    made = wb.resample(minutes, by="dollars", size=5e6)
    strategy = wb.strategies.SmaCross(fast=3, slow=8)
    result, replayed = wb.backtest(strategy, made), wb.replay(strategy, made)
    assert len(result.fills) > 20
    pd.testing.assert_frame_equal(result.fills, replayed.fills)
    year = pd.Timedelta(days=365.25) / (made["known"].iloc[-1] - made.index[0]) * len(made)
    assert result.stats["periods_per_year"] == pytest.approx(year)
    assert any("no fixed length" in text for text in result.findings)


def test_trade_objects_will_do():
    noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    some = [Trade("X", noon + timedelta(seconds=s), 10.0 + s, 1.0) for s in range(5)]
    made = wb.resample(some, by="trades", size=2)
    assert made["close"].tolist() == [11, 13]
    assert made.attrs["symbol"] == "X"
    assert wb.resample(some, "2s")["volume"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"by": "volume"}, "needs size= in the place"),
        ({"by": "volume", "size": 5, "timeframe": "1h"}, "needs size= in the place"),
        ({"by": "volume", "size": 0}, "a number above 0, not 0"),
        ({"by": "volume", "size": "5"}, "a number above 0"),
        ({"by": "volumes", "size": 5}, "did you mean 'volume'"),
        ({"size": 5}, "needs a timeframe"),
        ({}, "needs a timeframe"),
        ({"timeframe": "1h", "size": 5}, "not both"),
        ({"by": "volume", "size": 5, "hours": "all"}, "hours must be"),
    ],
)
def test_questions_that_make_no_sense_are_refused(arguments, match):
    with pytest.raises(UsageError, match=match):
        wb.resample(trades([10, 11, 12]), **arguments)


def test_bars_without_counts_or_volume_and_several_symbols_are_refused():
    days = wb.bars("ACME", "1d", "2024-03-01", "2024-03-10", source="synthetic")
    with pytest.raises(UsageError, match="a column 'trades'"):
        wb.resample(days, by="trades", size=5)
    assert len(wb.resample(days.assign(trades=3.0), by="trades", size=6)) == len(days) // 2
    with pytest.raises(UsageError, match="do not tell volume"):
        wb.resample(days.assign(volume=np.nan), by="volume", size=5)
    both = wb.bars(["ACME", "B"], "1d", "2024-03-01", "2024-03-10", source="synthetic")
    with pytest.raises(UsageError, match="of each symbol by itself"):
        wb.resample(both, by="volume", size=5)


def test_nothing_makes_nothing():
    for by in SIZES:
        assert wb.resample(trades([]), by=by, size=1).empty
        assert wb.resample(trades([5.0]), by=by, size=1, partial=True)["volume"].tolist() == [1]
