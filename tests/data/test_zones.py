"""Time-zone mistakes are told from early and late hours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.zones import zone_shifts

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(scope="module")
def made():
    return wb.bars("ACME", "30m", "2024-01-02", "2024-12-20", source="synthetic")


def hours(times, bars, timeframe="30m", calendar="XNYS"):
    found = zone_shifts(times, bars["volume"].to_numpy(), timeframe, calendar)
    return [shift.hours for shift in found]


def test_right_times_are_left_alone(made):
    assert hours(made.index, made) == []


def test_local_times_as_utc_are_found_in_summer_and_winter(made):
    local = made.index.tz_convert("America/New_York").tz_localize(None).tz_localize("UTC")
    assert sorted(hours(local, made)) == [4, 5]


def test_a_forgotten_clock_change_is_found_in_its_half_of_the_year(made):
    local = made.index.tz_convert("America/New_York").tz_localize(None)
    fixed = (local + pd.Timedelta(hours=5)).tz_localize("UTC")  # as if it were always winter
    shifts = zone_shifts(fixed, made["volume"].to_numpy(), "30m", "XNYS")
    assert [shift.hours for shift in shifts] == [-1]
    assert set(fixed[shifts[0].rows].month) <= set(range(3, 12))


@pytest.mark.parametrize("by", [-24, 24])
def test_days_beside_their_sessions_are_found(by):
    bars = wb.bars("IBM", start="2012", end="2013")
    assert hours(bars.index + pd.Timedelta(hours=by), bars, "1d") == [-by]
    assert hours(bars.index, bars, "1d") == []


@pytest.mark.parametrize(("zone", "by"), [("America/New_York", {-4, -5}), ("Asia/Tokyo", {9})])
def test_days_that_are_local_midnights_are_found(zone, by):
    days = pd.date_range("2024-01-02", "2024-12-20", freq="B")
    times = days.tz_localize(zone).tz_convert("UTC").as_unit("ns")
    found = zone_shifts(times, np.ones(len(times)), "1d", "XNYS")
    assert {shift.hours for shift in found} == by
    moved = times.to_series()
    for shift in found:
        moved.iloc[shift.rows] += pd.Timedelta(hours=shift.hours)
    assert (pd.DatetimeIndex(moved) == days.tz_localize("UTC")).all()


def test_what_trades_always_has_no_hours_to_judge_by(made):
    assert hours(made.index + pd.Timedelta(hours=3), made, calendar="24/7") == []


def test_a_few_bars_are_no_evidence(made):
    late = made.iloc[:10]
    assert hours(late.index + pd.Timedelta(hours=3), late) == []
