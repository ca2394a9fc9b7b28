"""The bars a calendar has."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.data.expected import expected_times


def utc(*times):
    return pd.DatetimeIndex(times, tz="UTC")


def test_round_the_clock_from_the_first_to_the_last():
    hours = expected_times(utc("2024-01-05 22:00", "2024-01-08 01:00"), "1h", "24/7")
    assert len(hours) == 52
    assert hours[-1] == pd.Timestamp("2024-01-08 01:00", tz="UTC")
    assert len(expected_times(utc("2024-01-05", "2024-01-08"), "1d", "24/7")) == 4


def test_sessions_are_cut_at_the_half_day():
    times = utc("2024-07-03 13:30", "2024-07-05 13:30")
    assert len(expected_times(times, "5m", "XNYS")) == 42 + 1


@pytest.mark.parametrize("minute", ["30", "00"])
def test_hours_follow_the_grid_of_the_bars(minute):
    times = utc(*(f"2024-07-01 {hour}:{minute}" for hour in range(14, 19)))
    holed = times.delete(2)
    assert expected_times(holed, "1h", "XNYS").equals(times)


@pytest.mark.parametrize("timeframe", ["1w", "1M", "2d"])
def test_longer_bars_have_no_fixed_labels(timeframe):
    assert expected_times(utc("2024-01-05", "2024-03-08"), timeframe, "XNYS") is None


def test_no_bar_is_expected_in_the_midday_break():
    day = utc("2024-01-04 00:00", "2024-01-04 05:59")  # Tokyo: 00:00-02:30 and 03:30-06:00 UTC
    bars = expected_times(day, "30m", "XTKS")
    assert bars.strftime("%H:%M").tolist() == [
        "00:00", "00:30", "01:00", "01:30", "02:00", "03:30", "04:00", "04:30", "05:00", "05:30",
    ]  # fmt: skip


def test_a_bar_that_reaches_into_trading_is_expected():
    hours = expected_times(utc("2024-01-04 00:00", "2024-01-04 05:59"), "1h", "XTKS")
    assert hours.strftime("%H:%M").tolist() == [
        "00:00",
        "01:00",
        "02:00",
        "03:00",
        "04:00",
        "05:00",
    ]


def test_a_day_without_its_break_is_whole():
    eve = utc("2024-12-24 01:30", "2024-12-24 03:59")  # Hong Kong closes at noon
    assert len(expected_times(eve, "30m", "XHKG")) == 5
