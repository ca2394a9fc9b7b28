"""How many planted defects are found, and how many alarms there are on real bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb

pytestmark = pytest.mark.usefixtures("workspace")

PRICES = ["open", "high", "low", "close"]
STOCKS = ("aapl", "aig", "bac", "goog", "ibm", "iwm", "qqq", "spy", "wm")


def at(bars, row, names=PRICES):
    return bars.index[row], names


def spike(bars, row, rng):
    bars.loc[at(bars, row)] *= rng.choice([0.4, 0.6, 1.6, 2.5])


def split(bars, row, rng):
    bars.loc[bars.index[row:], PRICES] /= rng.choice([2, 3, 4, 7, 10, 1.5, 0.2, 0.5])


def stale(bars, row, rng):
    bars.loc[bars.index[row : row + 7], PRICES] = bars["close"].iloc[row]


def inverted(bars, row, rng):
    bars.loc[at(bars, row, ["high", "low"])] = bars.loc[at(bars, row, ["low", "high"])].to_numpy()


def idle(bars, row, rng):
    bars.loc[bars.index[row], "volume"] = 0.0


PLANTED = {
    "spikes": (spike, 0.95),
    "splits": (split, 0.95),
    "stale": (stale, 1.0),
    "violations": (inverted, 1.0),
    "zero_volume": (idle, 1.0),
}


@pytest.mark.parametrize("check", PLANTED)
def test_planted_defects_are_found_where_they_were_planted(check):
    plant, least = PLANTED[check]
    rng, found, tries = np.random.default_rng(5), 0, 0
    for symbol in ("AAPL", "GOOG", "IBM", "MSFT"):
        clean = wb.bars(symbol)
        before = wb.quality(clean).details
        assert not (before["check"] == check).any()
        for row in rng.integers(30, len(clean) - 30, 10):
            bars = clean.copy()
            plant(bars, int(row), rng)
            places = wb.quality(bars).details
            places = places[places["check"] == check]
            found += bars.index[row] in set(places["time"])
            tries += 1
            assert places["time"].nunique() <= 2
    assert found / tries >= least, f"{found} of {tries}"


def daily(marketdata, symbol):
    path = marketdata / f"lean/equity/usa/daily/{symbol}.zip"
    frame = pd.read_csv(path, header=None, names=["time", *"ohlcv"])
    frame["time"] = frame["time"].str.slice(0, 8)
    frame[list("ohlc")] /= 1e4
    return wb.as_bars(frame, symbol="X", tz="UTC", timeframe="1d", calendar="XNYS")


def test_alarms_on_real_days_are_few_and_real_splits_are_found(marketdata):
    """Raw prices from 1998 to 2021, through 2000, 2008 and March 2020."""
    count = spikes = 0
    splits = {}
    for symbol in STOCKS:
        report = wb.quality(daily(marketdata, symbol))
        places = report.details
        count += int(report.table.loc["X", "bars"])
        spikes += int(report.table.loc["X", "spikes"])
        assert report.table.loc["X", ["zone", "stale", "violations", "duplicates"]].sum() == 0
        times = places[places["check"] == "splits"]["time"]
        splits[symbol] = times.dt.strftime("%Y-%m-%d").tolist()
    assert count > 40_000
    assert spikes <= 2
    assert splits["aapl"] == ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"]
    assert splits["ibm"] == ["1999-05-27"]
    assert splits["iwm"] == ["2005-06-09"]
    assert splits["qqq"] == ["2000-03-20"]
    assert splits["spy"] == []


def test_half_days_and_clock_changes_of_real_minutes_are_no_fault(marketdata):
    for symbol, missing in (("goog", 8), ("shy", 134)):  # minutes without a trade
        parts = []
        for path in sorted((marketdata / f"lean/equity/usa/minute/{symbol}").glob("*_trade.zip")):
            part = pd.read_csv(path, header=None, names=["ms", *"ohlcv"])
            part[list("ohlc")] /= 1e4
            part["time"] = pd.Timestamp(path.name[:8]) + pd.to_timedelta(part.pop("ms"), unit="ms")
            parts.append(part)
        frame = pd.concat(parts)
        right = wb.as_bars(
            frame, symbol="X", tz="America/New_York", timeframe="1m", calendar="XNYS"
        )
        counts = wb.quality(right).table.loc["X"]
        assert counts["zone"] == 0
        assert counts["missing"] == missing
        wrong = wb.as_bars(frame, symbol="X", tz="UTC", timeframe="1m", calendar="XNYS")
        report = wb.quality(wrong)
        assert report.table.loc["X", "zone"] == len(wrong)
        assert not report.ok
        moved = report.repaired("zone")
        assert moved.index.equals(right.index)
        np.testing.assert_array_equal(moved["close"], right["close"])
