"""The formulas against slow restatements of their sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError


def close_to(found, expected) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def wma(x: pd.Series, n: int) -> pd.Series:
    weights = np.arange(1, n + 1)
    return x.rolling(n).apply(lambda w: (w * weights).sum() / weights.sum(), raw=True)


def true_range_average(bars: pd.DataFrame, n: int) -> np.ndarray:
    """Wilder: the mean of the first n true ranges (the second bar's is the first), smoothed."""
    before = bars["close"].shift(1)
    ranges = pd.concat(
        [bars["high"] - bars["low"], (bars["high"] - before).abs(), (bars["low"] - before).abs()],
        axis=1,
    ).max(axis=1)
    out = np.full(len(bars), np.nan)
    out[n] = ranges.iloc[1 : n + 1].mean()
    for i in range(n + 1, len(bars)):
        out[i] = (out[i - 1] * (n - 1) + ranges.iloc[i]) / n
    return out


@pytest.mark.parametrize("n", [16, 25])
def test_hma_is_hulls(bars, n):
    x = bars["close"]
    expected = wma(2 * wma(x, n // 2) - wma(x, n), int(np.sqrt(n)))
    close_to(wb.ta.hma(x, n), expected)


def test_donchian_is_the_extremes(bars):
    found = wb.ta.donchian(bars, 20)
    upper, lower = bars["high"].rolling(20).max(), bars["low"].rolling(20).min()
    close_to(found["upperband"], upper)
    close_to(found["lowerband"], lower)
    close_to(found["middleband"], (upper + lower) / 2)


def test_supertrend_flips_on_a_close_through_the_band(bars):
    n, k = 10, 2.0
    atr = true_range_average(bars, n)
    middle = ((bars["high"] + bars["low"]) / 2).to_numpy()
    close = bars["close"].to_numpy()
    line, trend = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    upper, lower, side = np.inf, -np.inf, 1
    for i in range(n, len(bars)):
        new_upper, new_lower = middle[i] + k * atr[i], middle[i] - k * atr[i]
        if i > n:
            new_upper = new_upper if new_upper < upper or close[i - 1] > upper else upper
            new_lower = new_lower if new_lower > lower or close[i - 1] < lower else lower
            if side == 1 and close[i] < new_lower:
                side = -1
            elif side == -1 and close[i] > new_upper:
                side = 1
        upper, lower = new_upper, new_lower
        line[i], trend[i] = (lower if side == 1 else upper), side
    found = wb.ta.supertrend(bars, n, k)
    close_to(found["supertrend"], line)
    close_to(found["trend"], trend)
    assert set(found["trend"].dropna()) == {-1.0, 1.0}


def test_keltner_is_an_average_and_true_ranges(bars):
    found = wb.ta.keltner(bars, 20, 1.5, 10)
    average = np.full(len(bars), np.nan)
    average[19] = bars["close"].iloc[:20].mean()
    for i in range(20, len(bars)):
        average[i] = average[i - 1] + 2 / 21 * (bars["close"].iloc[i] - average[i - 1])
    reach = 1.5 * true_range_average(bars, 10)
    close_to(found["middleband"], average)
    close_to(found["upperband"], average + reach)
    close_to(found["lowerband"], average - reach)


def test_ichimoku_shows_only_what_is_known(bars):
    def middle(n: int) -> pd.Series:
        return (bars["high"].rolling(n).max() + bars["low"].rolling(n).min()) / 2

    found = wb.ta.ichimoku(bars)
    close_to(found["tenkan"], middle(9))
    close_to(found["kijun"], middle(26))
    close_to(found["lead_a"], (middle(9) + middle(26)) / 2)
    close_to(found["lead_b"], middle(52))
    close_to(found["senkou_a"], found["lead_a"].shift(26))
    close_to(found["senkou_b"], found["lead_b"].shift(26))
    assert not any("chikou" in c for c in found.columns)


@pytest.mark.parametrize("ddof", [0, 1])
def test_zscore_is_the_standard_score(bars, ddof):
    x = bars["close"]
    expected = x.rolling(30).apply(lambda w: (w[-1] - w.mean()) / w.std(ddof=ddof), raw=True)
    np.testing.assert_allclose(wb.ta.zscore(x, 30, ddof), expected, rtol=1e-7, atol=1e-9)


def test_zscore_of_what_stands_still_is_nan():
    x = pd.Series(np.r_[np.linspace(1e5, 2e5, 50), np.full(50, 0.1 + 1e5)])
    found = wb.ta.zscore(x, 10)
    assert found.iloc[60:].isna().all()
    assert found.iloc[9:50].notna().all()


def test_rolling_vwap_weighs_by_volume(bars):
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3
    volume = bars["volume"].copy()
    volume.iloc[100:120] = 0
    holed = bars.assign(volume=volume)
    found = wb.ta.vwap_rolling(holed, 10)
    expected = (typical * volume).rolling(10).sum() / volume.rolling(10).sum().where(
        lambda v: v > 0
    )
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert found.iloc[110:120].isna().all()


def minutes(calendar: str | None = None) -> pd.DataFrame:
    """Two New York evenings and mornings: 20:00 in New York is 01:00 of the next UTC day."""
    times = pd.DatetimeIndex(
        ["2024-01-02 23:30", "2024-01-03 00:30", "2024-01-03 15:00", "2024-01-04 00:30"], tz="UTC"
    )
    price = pd.Series([10.0, 20.0, 30.0, 40.0], index=times)
    bars = pd.DataFrame({"high": price, "low": price, "close": price, "volume": 1.0})
    if calendar:
        bars.attrs["calendar"] = calendar
    return bars


def test_session_vwap_starts_afresh_each_utc_day():
    assert wb.ta.vwap_session(minutes()).tolist() == [10.0, 20.0, 25.0, 40.0]


@pytest.mark.parametrize("how", [{"timezone": "America/New_York"}, {}])
def test_session_vwap_knows_the_days_of_the_exchange(how):
    bars = minutes(None if how else "XNYS")
    assert wb.ta.vwap_session(bars, **how).tolist() == [10.0, 15.0, 30.0, 35.0]


def test_session_vwap_by_week_and_month(bars):
    weekly = wb.ta.vwap_session(bars, anchor="week")
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3
    money, units = typical * bars["volume"], bars["volume"]
    week = bars.index.isocalendar().year * 100 + bars.index.isocalendar().week
    expected = money.groupby(week).cumsum() / units.groupby(week).cumsum()
    close_to(weekly, expected)
    monthly = wb.ta.vwap_session(bars, anchor="month")
    close_to(monthly.iloc[31], typical.iloc[31])  # 1 February


def test_session_vwap_refuses_what_it_cannot_read(bars):
    with pytest.raises(UsageError, match="did you mean 'week'"):
        wb.ta.vwap_session(bars, anchor="weekly")
    with pytest.raises(UsageError, match="no such time zone"):
        wb.ta.vwap_session(bars, timezone="Mars/Olympus")
    with pytest.raises(UsageError, match="time zone"):
        wb.ta.vwap_session(bars.reset_index(drop=True))
    with pytest.raises(UsageError, match="takes bars"):
        wb.ta.vwap_session()


def test_patterns_are_nan_until_one_could_be_known(bars):
    found = wb.ta.cdlengulfing(bars)
    assert set(found.dropna().unique()) <= {-200.0, -100.0, -80.0, 0.0, 80.0, 100.0, 200.0}
    assert found.iloc[:2].isna().all()
    assert found.iloc[10:].notna().all()


def test_positions_are_rows_of_the_input():
    x = pd.Series([np.nan, 5.0, np.nan, 9.0, 1.0, 2.0])
    found = wb.ta.maxindex(x, 2)
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, 3.0, 3.0, 5.0])
