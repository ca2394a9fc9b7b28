"""Nothing is repaired unless asked, and what is repaired is told."""

from __future__ import annotations

import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def good():
    return wb.bars("IBM", start="2011", end="2012")


@pytest.fixture
def bad(good):
    bars = good.copy()
    bars.iloc[10, bars.columns.get_loc("high")] = 1.0
    bars.iloc[40, :4] *= 3
    bars = pd.concat([bars.iloc[:100], bars.iloc[[99]] * 1.01, bars.iloc[101:], bars.iloc[[100]]])
    bars.attrs = dict(good.attrs)
    return bars


def test_looking_changes_nothing(bad):
    before = bad.copy()
    wb.quality(bad)
    pd.testing.assert_frame_equal(bad, before)


def test_the_contract_is_mended_when_asked_and_no_more(bad, good):
    fixed = wb.quality(bad).repaired()
    assert fixed.index.equals(good.index.delete(10))
    assert fixed.loc[good.index[99], "close"] == good["close"].iloc[99]  # the first stays
    assert len(fixed.attrs["repairs"]) == 3
    assert fixed.attrs["repairs"][2].startswith("1 bar dropped that break")
    assert fixed.attrs["fingerprint"] != good.attrs["fingerprint"]
    assert wb.quality(fixed).table.loc["IBM", "spikes"] == 1
    wb.backtest(wb.strategies.SmaCross(fast=5, slow=20), fixed, record=False)


def test_a_spike_is_dropped_by_name_and_results_say_so(good):
    bars = good.copy()
    bars.iloc[40, :4] *= 3
    fixed = wb.quality(bars).repaired("spikes")
    assert fixed.index.equals(good.index.delete(40))
    result = wb.backtest(wb.strategies.SmaCross(fast=5, slow=20), fixed, record=False)
    assert any("bars were repaired: 1 bar dropped whose price leaps" in t for t in result.findings)
    assert any("repaired" in note for note in wb.quality(fixed).notes)


def test_strangers_are_dropped_by_name(good):
    saturday = good.iloc[[5]].set_axis(pd.DatetimeIndex(["2011-07-02"], tz="UTC"), axis=0)
    bars = pd.concat([good, saturday]).sort_index()
    bars.attrs = dict(good.attrs)
    assert wb.quality(bars).repaired("unexpected").index.equals(good.index)


def test_hours_are_moved_before_anything_else_is_judged():
    good = wb.bars("ACME", "30m", "2024-06-03", "2024-06-28", source="synthetic")
    bars = good.set_axis(good.index - pd.Timedelta(hours=4), axis=0)
    bars.attrs = dict(good.attrs)
    fixed = wb.quality(bars).repaired("zone", "unexpected")
    assert fixed.index.equals(good.index)
    assert fixed.attrs["repairs"] == (
        f"{len(good)} bars moved to the hours of their sessions, the first at 2024-06-03 09:30",
    )


def test_good_bars_are_returned_as_they_are(good):
    fixed = wb.quality(good).repaired()
    pd.testing.assert_frame_equal(fixed, good)
    assert fixed.attrs == good.attrs


def test_several_symbols_are_repaired_one_by_one():
    bars = wb.bars(["AAPL", "IBM"], start="2011", end="2012")
    broken = bars.copy()
    broken.loc[bars.index[10], ("high", "IBM")] = 1.0
    fixed = wb.quality(broken).repaired()
    assert fixed["close"]["IBM"].isna().sum() == 1
    pd.testing.assert_series_equal(fixed["close"]["AAPL"], bars["close"]["AAPL"], check_freq=False)
    assert fixed.columns.equals(bars.columns)
    assert fixed.attrs["repairs"][0].startswith("IBM: 1 bar dropped")


def test_what_cannot_be_repaired_is_told(good):
    with pytest.raises(UsageError, match="record_actions"):
        wb.quality(good).repaired("splits")
    with pytest.raises(UsageError, match="did you mean 'spikes'"):
        wb.quality(good).repaired("spike")
