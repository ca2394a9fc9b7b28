"""Splits and dividends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.adjust import adjust
from workbench.errors import UsageError


@pytest.fixture
def raw(make_bars):
    bars = make_bars(pd.date_range("2024-01-02", periods=4, freq="B"), [100.0, 100.0, 50.0, 49.0])
    return bars.assign(split=[1, 1, 2.0, 1], dividend=[0, 0, 0, 1.0])


def test_returns_over_actions_are_total_returns(raw):
    adjusted = adjust(raw, "all")
    returns = adjusted["close"].pct_change().to_numpy()
    close = raw["close"]
    assert returns[2] == pytest.approx(close.iloc[2] * 2 / close.iloc[1] - 1, rel=1e-12)
    assert returns[3] == pytest.approx((close.iloc[3] + 1.0) / close.iloc[2] - 1, rel=1e-12)
    assert adjusted.attrs["adjustment"] == "all"
    assert list(adjusted.columns) == ["open", "high", "low", "close", "volume"]


def test_volume_follows_splits_only(raw):
    assert adjust(raw, "all")["volume"].tolist() == [200.0, 200.0, 100.0, 100.0]


def test_splits_alone_leave_the_dividend_per_share(raw):
    raw["dividend"] = [0, 3.0, 0, 1.0]
    adjusted = adjust(raw, "splits")
    assert adjusted["close"].tolist() == [50.25, 50.25, 50.5, 49.5]
    assert adjusted["dividend"].tolist() == [0, 1.5, 0, 1.0]


def test_the_last_price_is_the_raw_one_and_raw_stays_raw(raw):
    assert adjust(raw, "all")["close"].iloc[-1] == raw["close"].iloc[-1]
    assert adjust(raw, "none") is raw


def test_a_row_is_not_changed_by_rows_before_it(raw):
    whole, tail = adjust(raw, "all"), adjust(raw.iloc[1:], "all")
    pd.testing.assert_frame_equal(whole.iloc[1:], tail, check_exact=True)


def test_missing_prices_stay_missing_and_do_not_spread(raw):
    raw.loc[raw.index[1], ["open", "high", "low", "close"]] = np.nan
    adjusted = adjust(raw, "all")
    assert adjusted["close"].isna().tolist() == [False, True, False, False]


def test_adjusted_bars_are_not_adjusted_again(raw):
    raw.attrs["adjustment"] = "unknown"
    assert adjust(raw, "all") is raw


def test_a_split_of_nothing_is_no_split(raw):
    none = raw.assign(split=0.0, dividend=0.0)  # as some vendors write it
    assert adjust(none, "all")["close"].tolist() == raw["close"].tolist()


def test_an_unknown_adjustment_is_refused(raw):
    with pytest.raises(UsageError, match="did you mean 'splits'"):
        adjust(raw, "split")


def test_real_splits_are_smooth_after_adjustment(marketdata):
    """Raw prices and factors of another vendor; both ways must agree."""
    folder = marketdata / "lean/equity/usa"
    daily = pd.read_csv(folder / "daily/aapl.zip", header=None, names=list("tohlcv"))
    index = pd.to_datetime(daily["t"].str.slice(0, 8), format="%Y%m%d")
    close = pd.Series(daily["c"].to_numpy() / 1e4, index=index)
    split = pd.Series(1.0, index=index)
    split["2014-06-09"], split["2020-08-31"] = 7.0, 4.0
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close))
    frame = frame.assign(volume=1.0, split=split, dividend=0.0)
    returns = adjust(frame, "splits")["close"].pct_change()
    assert close.pct_change()["2014-06-09"] == pytest.approx(-0.855, abs=1e-3)
    assert returns["2014-06-09"] == pytest.approx(0.016, abs=1e-3)
    assert returns["2020-08-31"] == pytest.approx(0.034, abs=1e-3)
