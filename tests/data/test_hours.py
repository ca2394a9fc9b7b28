"""Hours before and after the session."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.calendar import known_times
from workbench.data.hours import labels_of
from workbench.errors import UsageError


def lean(marketdata, name):
    sys.path.insert(0, str(marketdata))
    try:
        import lean_reader
    finally:
        sys.path.pop(0)
    frames = lean_reader.read(str(marketdata / "lean" / name))
    frame = frames if isinstance(frames, pd.DataFrame) else pd.concat(frames)
    bars = wb.as_bars(frame.tz_convert("UTC"), timeframe="1m", calendar="XNYS")
    bars.attrs.pop("member", None)
    return bars


def test_hours_follow_half_days_holidays_and_the_clock():
    table = wb.hours("XNYS", "2024-03-08", "2024-03-11")
    assert table["open"].dt.strftime("%H:%M").tolist() == ["14:30", "13:30"]
    assert table["pre"].dt.strftime("%H:%M").tolist() == ["09:00", "08:00"]
    assert table["post"].dt.strftime("%H:%M").tolist() == ["01:00", "00:00"]
    week = wb.hours("XNYS", "2024-07-01", "2024-07-07")
    assert week.index.strftime("%d").tolist() == ["01", "02", "03", "05"]
    assert week.loc["2024-07-03", "close"] == pd.Timestamp("2024-07-03 17:00", tz="UTC")
    assert week.loc["2024-07-03", "post"] == pd.Timestamp("2024-07-03 21:00", tz="UTC")
    assert (week["pre"] < week["open"]).all()
    assert week["close"].tolist() == known_times(week.index, "1d", "XNYS").tolist()


def test_where_no_other_hours_are_known_there_are_none():
    london = wb.hours("XLON", "2024-03-28", "2024-04-02")
    assert london.index.strftime("%d").tolist() == ["28", "02"]
    assert (london["pre"] == london["open"]).all()
    assert (london["post"] == london["close"]).all()
    always = wb.hours("24/7", "2024-03-30", "2024-03-31")
    assert ((always["close"] - always["open"]) == pd.Timedelta("1D")).all()


def test_every_minute_of_a_half_day_has_its_phase():
    minutes = pd.date_range("2024-07-03", "2024-07-05", freq="min", tz="UTC", inclusive="left")
    found = wb.phases(minutes, "XNYS")
    counts = found.value_counts().to_dict()
    assert counts == {"pre": 330, "regular": 210, "post": 240, "closed": 48 * 60 - 780}
    assert found["2024-07-03 13:30"] == "regular"
    assert found["2024-07-03 17:00"] == "post"


def test_phases_of_bars_go_by_their_calendar():
    index = pd.date_range("2024-03-09 03:00", periods=3, freq="h", tz="UTC")
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)
    bars.attrs = {"timeframe": "1h", "calendar": "24/7"}
    assert wb.phases(bars).tolist() == ["regular"] * 3
    assert wb.phases(bars, "XNYS").tolist() == ["closed"] * 3
    assert wb.phases(bars.iloc[:0]).empty


@pytest.mark.parametrize(
    "of", [pd.date_range("2024-03-04", periods=3, tz="UTC"), pd.date_range("2024", periods=3), 5]
)
def test_days_naive_times_and_other_things_have_no_phase(of):
    with pytest.raises(UsageError, match="phases needs"):
        wb.phases(of)


def test_other_hours_are_refused():
    with pytest.raises(UsageError, match="did you mean 'extended'"):
        labels_of(pd.date_range("2024", periods=1, tz="UTC"), "XNYS", "extend")


def test_real_minutes_lie_in_the_phases_they_should(marketdata):
    """GOOG on 2015-12-24, a half day: heavy until 12:59, after hours until 17:00."""
    bars = lean(marketdata, "equity/usa/minute/goog/20151224_trade.zip")
    phase = wb.phases(bars)
    assert set(phase) <= {"pre", "regular", "post"}
    assert (phase == "regular").sum() == 210
    regular = bars[phase == "regular"]
    assert regular.index[-1].tz_convert("America/New_York").strftime("%H:%M") == "12:59"
    assert regular["volume"].sum() > 5 * bars[phase != "regular"]["volume"].sum()


@pytest.mark.parametrize(("day", "opens"), [("20080307", "14:30"), ("20080310", "13:30")])
def test_real_sessions_begin_with_the_local_clock(marketdata, day, opens):
    bars = lean(marketdata, f"equity/usa/minute/shy/{day}_trade.zip")
    regular = bars[wb.phases(bars) == "regular"]
    assert regular.index[0].strftime("%H:%M") == opens
    days = wb.resample(bars, "1d")
    assert days["volume"].tolist() == [regular["volume"].sum()]
    assert days["close"].iloc[0] == regular["close"].iloc[-1]


def test_extended_hours_count_from_four_in_the_morning(marketdata):
    bars = lean(marketdata, "equity/usa/minute/aapl/20140605_trade.zip")
    hours = wb.resample(bars, "1h", hours="extended", partial=True)
    local = hours.index.tz_convert("America/New_York")
    assert set(local.minute) == {0}
    assert (local.hour.min(), local.hour.max()) == (4, 19)
    assert hours["volume"].sum() == bars["volume"].sum()
    assert hours.attrs["outside_session"] == 0
    regular = wb.resample(bars, "1h")
    assert regular.attrs["outside_session"] == int((wb.phases(bars) != "regular").sum()) > 0


def test_a_day_holds_no_hours_after_its_close(marketdata):
    bars = lean(marketdata, "equity/usa/minute/aapl/20140605_trade.zip")
    with pytest.raises(UsageError, match="cannot hold extended hours"):
        wb.resample(bars, "1d", hours="extended")
    regular = bars[wb.phases(bars) == "regular"]
    assert np.array_equal(wb.resample(bars, "1d")["high"], [regular["high"].max()])
