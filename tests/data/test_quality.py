"""The report finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.quality import quality
from workbench.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def bars():
    return wb.bars("ACME", "1d", "2022-01-01", "2024-01-01", source="synthetic")


def count(report, check, symbol="ACME"):
    return int(report.table.loc[symbol, check])


def test_good_bars_have_no_finding():
    report = quality(wb.bars(["AAPL", "FB", "GOOG", "IBM", "MSFT"]))
    assert report.ok
    assert report.findings == []
    assert report.details.empty
    assert report.table["bars"].tolist() == [3270, 196, 2148, 3270, 3270]
    assert "adjusted for splits and dividends" in str(report)


@pytest.mark.parametrize(
    ("timeframe", "symbol"), [("5m", "ACME"), ("1h", "BTC/USD"), ("1d", "BTC/USD"), ("1h", "ACME")]
)
def test_good_intraday_bars_have_no_gap(timeframe, symbol):
    bars = wb.bars(symbol, timeframe, "2024-02-01", "2024-05-01", source="synthetic")
    report = quality(bars)
    assert count(report, "missing", symbol) == count(report, "unexpected", symbol) == 0
    assert "synthetic" in str(report)


def test_gaps_and_strangers_are_found(bars):
    saturday = bars.iloc[[5]].set_axis(pd.DatetimeIndex(["2022-07-02"], tz="UTC"), axis=0)
    holed = pd.concat([bars.drop(bars.index[[100, 101, 200]]), saturday]).sort_index()
    report = quality(holed)
    assert not report.ok
    assert count(report, "missing") == 3
    assert count(report, "unexpected") == 1
    missing = report.details[report.details["check"] == "missing"]["time"]
    assert missing.tolist() == bars.index[[100, 101, 200]].tolist()


def test_nan_rows_are_missing_bars(bars):
    bars.iloc[50] = np.nan
    assert count(quality(bars), "missing") == 1


def test_duplicates_and_disorder_are_found(bars):
    twice = pd.concat([bars.iloc[:10], bars.iloc[9:]])
    assert count(quality(twice), "duplicates") == 1
    mixed = bars.iloc[[0, 1, 3, 2, *range(4, len(bars))]]
    report = quality(mixed)
    assert count(report, "disorder") == 1
    assert count(report, "missing") == 0


def test_broken_rules_and_idle_bars_are_found(bars):
    bars.iloc[10, bars.columns.get_loc("high")] = 0.01
    bars.iloc[20, bars.columns.get_loc("volume")] = 0.0
    report = quality(bars)
    assert count(report, "violations") == 1
    assert count(report, "zero_volume") == 1
    assert "high below low" in report.findings[0]


def test_an_idle_bar_alone_is_not_grave(bars):
    bars.iloc[20, bars.columns.get_loc("volume")] = 0.0
    report = quality(bars)
    assert report.ok
    assert len(report.findings) == 1


def test_a_spike_that_is_taken_back_is_found_and_a_jump_is_not(bars):
    spiked = bars.copy()
    spiked.iloc[100, :4] *= 3
    assert count(quality(spiked), "spikes") == 1
    assert count(quality(spiked), "splits") == 0
    jumped = bars.copy()
    jumped.iloc[100:, :4] *= 1.27
    assert count(quality(jumped), "spikes") == 0
    assert count(quality(jumped), "splits") == 0


def test_a_run_that_does_not_move_is_found(bars):
    bars.iloc[100:107, :4] = 50.0
    report = quality(bars)
    assert count(report, "stale") == 7


@pytest.mark.parametrize("ratio", [2, 3, 7, 10, 0.5, 0.1, 1.5])
def test_a_forgotten_split_is_found(bars, ratio):
    bars.iloc[250:, :4] /= ratio
    report = quality(bars)
    assert count(report, "splits") == 1
    assert not report.ok


def test_real_splits_are_found_in_raw_prices_unless_told():
    raw = wb.bars("AAPL", adjust="none")
    assert count(quality(raw), "splits", "AAPL") == 0
    assert "raw" in str(quality(raw))
    untold = quality(raw.drop(columns=["split", "dividend"]))
    found = untold.details[untold.details["check"] == "splits"]["time"]
    assert found.dt.strftime("%Y-%m-%d").tolist() == ["2000-06-21", "2005-02-28"]


def test_the_bad_one_of_several_symbols_is_named():
    both = wb.bars(["A", "B"], "1d", "2022-01-01", "2023-01-01", source="synthetic")
    both.loc[both.index[100], ("high", "B")] = 0.01
    report = quality(both)
    assert report.findings[0].startswith("B:")
    assert count(report, "violations", "A") == 0


def test_it_shows_itself_and_escapes(bars):
    bars.attrs["symbol"] = "<b>"
    html = quality(bars)._repr_html_()
    assert "<table" in html
    assert "&lt;b&gt;" in html
    assert "<b>:" not in html


def test_calendar_and_timeframe_can_be_told(bars):
    assert count(quality(bars, calendar="24/7"), "missing") > 200
    bars.attrs = {}
    report = quality(bars.tail(100))
    assert any("inferred" in note for note in report.notes)


def test_what_cannot_be_measured_is_refused(bars):
    with pytest.raises(UsageError, match="DataFrame"):
        quality([1])
    with pytest.raises(DataError, match="UTC"):
        quality(bars.tz_localize(None))
    with pytest.raises(DataError, match="lack volume"):
        quality(bars.drop(columns="volume"))


def test_a_bar_or_two_are_no_reason_to_fail(bars):
    for few in (0, 1, 2):
        assert quality(bars.iloc[:few]).ok


def test_holes_of_real_crypto_are_counted(marketdata):
    frame = pd.read_feather(marketdata / "freqtrade/UNITTEST_BTC-1m.feather")
    bars = wb.as_bars(frame, symbol="X", timeframe="1m", calendar="24/7")
    report = quality(bars)
    span = (bars.index[-1] - bars.index[0]) / pd.Timedelta("1min") + 1
    assert count(report, "missing", "X") == span - len(bars) > 500


def test_the_hole_of_a_recycled_ticker_is_found(marketdata):
    path = marketdata / "lean/equity/usa/daily/fb.zip"
    daily = pd.read_csv(path, header=None, names=["t", *"ohlcv"])
    daily["time"] = daily.pop("t").str.slice(0, 8)
    bars = wb.as_bars(daily, symbol="FB", tz="UTC", timeframe="1d", calendar="XNYS")
    assert count(quality(bars), "missing", "FB") > 2000
