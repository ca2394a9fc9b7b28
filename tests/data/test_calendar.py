"""Sessions, closes and the moment a bar is known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from workbench.data.calendar import (
    known_times,
    periods_per_year,
    session_close,
    session_labels,
    sessions,
)
from workbench.errors import UsageError


def utc(*times):
    return pd.DatetimeIndex(times).tz_localize("UTC")


@pytest.mark.parametrize(
    ("day", "close"),
    [
        ("2024-03-08", "2024-03-08 21:00"),  # Friday before the clock changes
        ("2024-03-11", "2024-03-11 20:00"),  # Monday after
        ("2024-11-01", "2024-11-01 20:00"),
        ("2024-11-04", "2024-11-04 21:00"),
        ("2024-07-03", "2024-07-03 17:00"),  # half days
        ("2015-12-24", "2015-12-24 18:00"),
        ("2024-07-04", "2024-07-05 20:00"),  # closed: nothing is known before the next close
    ],
)
def test_session_close(day, close):
    assert session_close(day) == pd.Timestamp(close, tz="UTC")


def test_daily_bars_are_known_at_their_close_or_at_midnight():
    days = utc("2024-03-08", "2024-03-11")
    assert known_times(days, "1d", "XNYS").strftime("%d %H").tolist() == ["08 21", "11 20"]
    assert known_times(days, "1d", "24/7").strftime("%d %H").tolist() == ["09 00", "12 00"]


def test_intraday_bars_are_known_when_they_end():
    assert known_times(utc("2024-03-08 14:30"), "5m", "XNYS")[0] == pd.Timestamp(
        "2024-03-08 14:35", tz="UTC"
    )


@pytest.mark.parametrize(
    ("label", "timeframe", "known"),
    [
        ("2024-03-25", "1w", "2024-03-28 20:00"),  # Good Friday: the week ends on Thursday
        ("2024-09-03", "1w", "2024-09-06 20:00"),  # Labor Day: it begins on Tuesday
        ("2024-03-01", "1M", "2024-03-28 20:00"),
        ("2024-06-03", "1M", "2024-06-28 20:00"),
        ("2024-03-28", "2d", "2024-04-01 20:00"),
    ],
)
def test_longer_bars_are_known_at_their_last_close(label, timeframe, known):
    assert known_times(utc(label), timeframe, "XNYS")[0] == pd.Timestamp(known, tz="UTC")


def test_round_the_clock_weeks_end_on_sunday_night():
    assert known_times(utc("2024-03-25"), "1w", "24/7")[0] == pd.Timestamp("2024-04-01", tz="UTC")
    assert known_times(utc("2024-02-01"), "1M", "24/7")[0] == pd.Timestamp("2024-03-01", tz="UTC")


def test_known_is_after_the_label_also_beyond_the_calendar():
    far = utc("1931-01-05", "1985-06-03", "2024-01-06", "2099-01-05")
    for timeframe in ("1d", "1w", "1M"):
        assert (known_times(far, timeframe, "XNYS") > far).all()


def test_missing_times_stay_missing():
    known = known_times(pd.DatetimeIndex(["2024-01-02", None], tz="UTC"), "1d", "XNYS")
    assert known.isna().tolist() == [False, True]


def test_no_index_no_times():
    assert len(known_times(utc(), "1d", "XNYS")) == 0


@pytest.mark.parametrize(
    ("timeframe", "calendar", "count"),
    [
        ("1d", "XNYS", 252),
        ("1d", "24/7", 365),
        ("1m", "XNYS", 252 * 390),
        ("1h", "XNYS", 252 * 6.5),
        ("1h", "24/7", 8760),
        ("1w", "24/7", 52),
        ("3M", "XNYS", 4),
        ("2d", "XNYS", 126),
    ],
)
def test_periods_per_year(timeframe, calendar, count):
    assert periods_per_year(timeframe, calendar) == count


def test_other_exchanges_are_measured():
    assert 250 <= periods_per_year("1d", "XLON") <= 256
    assert periods_per_year("1m", "XLON") == periods_per_year("1d", "XLON") * 510


def test_sessions_include_both_ends():
    days = sessions("XNYS", "2024-07-01", "2024-07-05")
    assert days.strftime("%d").tolist() == ["01", "02", "03", "05"]
    assert len(sessions("24/7", "2024-02-28", "2024-03-01")) == 3


def test_an_instant_belongs_to_its_session_or_to_none():
    times = utc("2024-07-03 13:29", "2024-07-03 13:30", "2024-07-03 16:59", "2024-07-03 17:00")
    labels, _ = session_labels(times, "XNYS")
    assert labels.isna().tolist() == [True, False, False, True]


def test_naive_times_are_refused():
    with pytest.raises(UsageError, match="UTC"):
        known_times(pd.DatetimeIndex(["2024-01-02"]), "1d", "XNYS")


def test_the_package_waits_until_an_exchange_is_asked_for():
    code = (
        "import sys, workbench.data.calendar as c;"
        "c.periods_per_year('1d'); c.sessions('24/7', '2024-01-01', '2024-01-02');"
        "assert 'exchange_calendars' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sessions_equal_the_days_on_which_spy_traded(marketdata):
    dates = spy_dates(marketdata)
    expected = sessions("XNYS", dates[0], dates[-1])
    assert len(dates) > 5000
    np.testing.assert_array_equal(expected.asi8, dates.asi8)


def spy_dates(marketdata):
    path = marketdata / "lean/equity/usa/daily/spy.zip"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    rows = pd.read_csv(path, header=None)
    days = pd.to_datetime(rows[0].astype(str).str.slice(0, 8), format="%Y%m%d")
    return pd.DatetimeIndex(days).as_unit("ns").tz_localize("UTC")
