"""Longer bars."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.align import align
from workbench.data.calendar import known_times
from workbench.data.resample import resample
from workbench.data.schema import FIELDS, check_bars
from workbench.errors import UsageError

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def week():
    """One-minute bars of a week with a half day (July 3rd) and a holiday, 2024."""
    return wb.bars("ACME", "1m", "2024-07-01", "2024-07-06", source="synthetic")


def test_days_are_sessions_half_days_included(week):
    days = resample(week, "1d")
    assert days.index.strftime("%d").tolist() == ["01", "02", "03", "05"]
    third = week.loc["2024-07-03"]
    assert len(third) == 210
    assert days.loc["2024-07-03", "open"] == third["open"].iloc[0]
    assert days.loc["2024-07-03", "high"] == third["high"].max()
    assert days.loc["2024-07-03", "low"] == third["low"].min()
    assert days.loc["2024-07-03", "close"] == third["close"].iloc[-1]
    assert days.loc["2024-07-03", "volume"] == third["volume"].sum()
    assert days.attrs["timeframe"] == "1d"
    check_bars(days)


def test_hours_begin_at_the_open_and_end_at_the_close(week):
    hours = resample(week, "1h")
    first = hours.loc["2024-07-01"]
    assert first.index.strftime("%H:%M").tolist() == [f"{h}:30" for h in range(13, 20)]
    assert len(hours.loc["2024-07-03"]) == 4  # 9:30 to 13:00
    clock = resample(week, "1h", by="clock").loc["2024-07-01"]
    assert clock.index.strftime("%H:%M").tolist() == [f"{h}:00" for h in range(13, 20)]


def test_the_sums_agree_whatever_the_way(week):
    direct = resample(week, "1d")
    through = resample(resample(week, "30m"), "1d")
    pd.testing.assert_frame_equal(direct, through)


def test_the_last_bar_is_left_out_until_it_is_complete(week):
    until = week[week.index < "2024-07-02 19:59"]
    assert len(resample(until, "1d")) == 1
    assert len(resample(until, "1d", partial=True)) == 2
    assert len(resample(week[week.index < "2024-07-02 20:00"], "1d")) == 2


def test_weeks_are_labelled_with_their_first_session_and_wait_for_the_last():
    days = wb.bars("AAPL", start="2012-12-20", end="2013-01-04")
    weeks = resample(days, "1w")
    assert weeks.index.strftime("%m-%d").tolist() == ["12-20", "12-24"]
    assert weeks["volume"].iloc[1] == days.loc["2012-12-24":"2012-12-28", "volume"].sum()
    months = resample(wb.bars("AAPL", start="2012-11-15", end="2013-03-02"), "1M")
    assert months.index.strftime("%m-%d").tolist() == ["11-15", "12-03", "01-02", "02-01"]


def test_around_the_clock_hours_are_clock_hours():
    hours = wb.bars("BTC/USD", "1h", "2024-03-30", "2024-04-01 06:00", source="synthetic")
    four = resample(hours, "4h")
    assert four.index.hour.tolist()[:6] == [0, 4, 8, 12, 16, 20]
    assert len(four) == 13
    days = resample(hours, "1d")
    assert len(days) == 2


def test_several_symbols_keep_their_gaps(week):
    other = wb.bars("OTHER", "1m", "2024-07-02", "2024-07-06", source="synthetic")
    both = wb.bars(["ACME", "OTHER"], "1m", "2024-07-01", "2024-07-06", source="synthetic")
    both.loc[: pd.Timestamp("2024-07-02", tz="UTC"), (slice(None), "OTHER")] = np.nan
    days = resample(both, "1d")
    assert days["close"]["OTHER"].isna().tolist() == [True, False, False, False]
    assert days["volume"]["OTHER"].isna().iloc[0]
    expected = resample(other, "1d")["high"]
    assert days["high"]["OTHER"].dropna().tolist() == expected.tolist()


def test_bars_outside_the_sessions_are_counted_and_left_out(week):
    early = week.iloc[:1].set_axis(week.index[:1] - pd.Timedelta(hours=2), axis=0)
    longer = resample(pd.concat([early, week]), "1d")
    assert longer.attrs["outside_session"] == 1
    assert longer["volume"].iloc[0] == week.loc["2024-07-01", "volume"].sum()


def test_a_gap_makes_no_bar(week):
    holed = week.drop(week.loc["2024-07-02"].index)
    assert resample(holed, "1d").index.strftime("%d").tolist() == ["01", "03", "05"]


def test_the_clock_change_moves_the_session():
    bars = wb.bars("ACME", "5m", "2024-03-07", "2024-03-13", source="synthetic")
    hours = resample(bars, "1h")
    firsts = hours.groupby(hours.index.date).head(1).index.strftime("%d %H:%M").tolist()
    assert firsts == ["07 14:30", "08 14:30", "11 13:30", "12 13:30"]


@pytest.mark.parametrize(
    ("timeframe", "match"),
    [("1m", "must be longer"), ("30s", "must be longer"), ("90s", "no multiple"), ("x", "no such")],
)
def test_impossible_timeframes_are_refused(week, timeframe, match):
    with pytest.raises(UsageError, match=match):
        resample(week, timeframe)


def test_by_is_checked(week):
    with pytest.raises(UsageError, match="did you mean 'session'"):
        resample(week, "1h", by="sessions")


def test_no_bars_give_no_bars(week):
    assert resample(week.iloc[:0], "1h").empty


@pytest.mark.parametrize("timeframe", ["15m", "1h", "1d", "1w"])
def test_a_long_bar_is_known_no_earlier_than_its_last_short_one(week, timeframe):
    longer = resample(week, timeframe, partial=True)
    known = known_times(longer.index, timeframe, "XNYS")
    ends = known_times(week.index, "1m", "XNYS")
    position = longer.index.searchsorted(week.index, side="right") - 1
    if timeframe in ("1d", "1w"):
        position = longer.index.searchsorted(week.index.normalize(), side="right") - 1
    assert (known[position] >= ends).all()


def test_ticks_of_a_real_exchange_make_its_candles(marketdata):
    """5-minute candles as the exchange published them, from its 1-minute candles."""
    folder = marketdata / "freqtrade"
    one, five = (
        wb.as_bars(
            pd.read_feather(folder / f"XRP_ETH-{name}.feather"), timeframe=name, calendar="24/7"
        )
        for name in ("1m", "5m")
    )
    made = resample(one, "5m", partial=True)
    both = made.index.intersection(five.index)
    assert len(both) > 400
    pd.testing.assert_frame_equal(
        made.loc[both, ["open", "high", "low", "close"]],
        five.loc[both, ["open", "high", "low", "close"]],
        check_exact=True,
    )
    np.testing.assert_allclose(made.loc[both, "volume"], five.loc[both, "volume"], rtol=1e-9)


def test_a_day_without_a_session_is_left_out_and_told():
    """Good Friday 2024-03-29: a week that took it in would count as known on Thursday."""
    days = pd.date_range("2024-03-18", "2024-04-05", freq="B", tz="UTC", name="time")
    closes = np.arange(100.0, 100.0 + len(days))
    bars = pd.DataFrame(dict.fromkeys(FIELDS, closes), index=days)
    bars.attrs |= {"timeframe": "1d", "calendar": "XNYS"}
    with pytest.warns(UserWarning, match="2024-03-29"):
        weeks = resample(bars, "1w")
    assert weeks.attrs["outside_session"] == 1
    thursday = bars.loc["2024-03-28", "close"].item()
    assert weeks.loc["2024-03-25", "close"].item() == thursday
    seen = align(weeks["close"], bars, timeframe="1w", calendar="XNYS")
    assert seen.loc["2024-03-28"].item() == thursday


def test_volumes_are_the_exact_sums_whatever_gaps_and_pieces():
    rng = np.random.default_rng(5)
    index = pd.date_range("2024-01-02", periods=600, freq="1min", tz="UTC", name="time")
    volumes = np.round(rng.exponential(1.0, (600, 2)), 8)
    volumes[3:70, 1] = np.nan
    prices = pd.DataFrame(10.0, index=index, columns=["X", "Y"])
    volume = pd.DataFrame(volumes, index=index, columns=["X", "Y"])
    fields = dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": volume}
    bars = pd.concat(fields, axis=1, names=["field", "symbol"])
    bars.attrs = {"timeframe": "1m", "calendar": "24/7"}
    made = resample(bars, "1h")["volume"]
    for at, symbol in enumerate(("X", "Y")):
        hours = [volumes[i : i + 60, at] for i in range(0, 600, 60)]
        exact = [math.fsum(v[~np.isnan(v)]) if not np.isnan(v).all() else np.nan for v in hours]
        np.testing.assert_array_equal(made[symbol].to_numpy(), exact)
    alone = bars.xs("X", axis=1, level="symbol")
    alone.attrs = bars.attrs
    assert resample(alone, "1h")["volume"].tolist() == made["X"].tolist()
