from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.calendar import sessions
from workbench.data.period_ends import period_ends
from workbench.errors import UsageError

KEYS = {
    "day": lambda d: d,
    "week": lambda d: d.isocalendar()[:2],
    "month": lambda d: (d.year, d.month),
}


def expected(days, open_days, every):
    """Plain dates: the next day the exchange is open lies in another period."""
    found = []
    for day in days:
        after = day + timedelta(1)
        while after not in open_days:
            after += timedelta(1)
        found.append(KEYS[every](after) != KEYS[every](day))
    return found


@pytest.mark.parametrize("every", KEYS)
@pytest.mark.parametrize("calendar", ["XNYS", "XLON", "24/7"])
def test_days_end_where_the_next_session_is_in_another_period(calendar, every):
    index = sessions(calendar, "2001-08-01", "2003-02-14")
    open_days = {s.date() for s in sessions(calendar, "2001-08-01", "2003-03-14")}
    days = [time.date() for time in index]
    assert period_ends(index, every, "1d", calendar).tolist() == expected(days, open_days, every)


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(1, 300),
    every=st.sampled_from(list(KEYS)),
    timeframe=st.sampled_from(["1d", "1h"]),
    holes=st.lists(st.integers(0, 299), max_size=60),
)
def test_no_later_row_decides(cut, every, timeframe, holes):
    if timeframe == "1d":
        index = sessions("XNYS", "2023-11-01")[:300]
    else:
        index = pd.date_range("2024-02-26 14:30", periods=300, freq="1h", tz="UTC")
    index = index.delete(sorted(set(holes))) if len(set(holes)) < 290 else index
    whole = period_ends(index, every, timeframe, "XNYS")
    np.testing.assert_array_equal(period_ends(index[:cut], every, timeframe, "XNYS"), whole[:cut])


def test_a_missing_last_bar_is_made_up_for_by_the_first_one_after_it():
    index = sessions("XNYS", "2024-01-22", "2024-02-09")
    assert index[period_ends(index, "month", "1d")].strftime("%d").tolist() == ["31"]
    holed = index.drop(["2024-01-31", "2024-02-01"])
    assert holed[period_ends(holed, "month", "1d")].strftime("%d").tolist() == ["02"]


def test_intraday_the_close_of_the_session_ends_its_day():
    # clocks change on the 10th of March; the 3rd of July is a half day
    for day, last in (("2024-03-08", "20:30"), ("2024-03-11", "19:30"), ("2024-07-03", "16:30")):
        index = pd.date_range(f"{day} 13:30", f"{day} 22:00", freq="30min", tz="UTC")
        ends = index[period_ends(index, "day", "30m", "XNYS")]
        assert ends.strftime("%H:%M").tolist() == [last]


def test_a_last_bar_may_reach_beyond_the_close():
    index = pd.date_range("2024-03-28 13:30", periods=7, freq="1h", tz="UTC")
    assert period_ends(index, "month", "1h", "XNYS").tolist() == [False] * 6 + [True]


def test_around_the_clock_a_day_ends_at_midnight():
    index = pd.date_range("2024-01-31", periods=48, freq="1h", tz="UTC")
    assert np.flatnonzero(period_ends(index, "month", "1h", "24/7")).tolist() == [23]
    assert np.flatnonzero(period_ends(index, "day", "1h", "24/7")).tolist() == [23, 47]


def test_long_bars_end_every_period_they_hold():
    weeks = pd.date_range("2024-01-01", periods=6, freq="7D", tz="UTC")
    assert period_ends(weeks, "week", "1w").all()
    assert np.flatnonzero(period_ends(weeks, "month", "1w")).tolist() == [4]
    months = pd.date_range("2024-01-01", periods=3, freq="MS", tz="UTC")
    assert period_ends(months, "month", "1M").all()


def test_beyond_the_calendar_s_end_weekdays_are_sessions():
    last = sessions("XNYS")[-1].date()
    index = pd.bdate_range(last, last + timedelta(60), tz="UTC")
    found = index[period_ends(index, "week", "1d", "XNYS")]
    assert (found[1:].day_of_week == 4).all() and len(found) > 7


def test_nothing_and_nonsense():
    assert period_ends(pd.DatetimeIndex([], tz="UTC"), "day", "1d").tolist() == []
    with pytest.raises(UsageError, match="did you mean 'month'"):
        period_ends(pd.DatetimeIndex([pd.Timestamp(date(2024, 1, 2), tz="UTC")]), "mnth", "1d")
