"""A longer timeframe's value is seen once its bar is known, and not before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.align import align
from workbench.errors import DataError, UsageError


def utc(start, periods, freq):
    return pd.date_range(start, periods=periods, freq=freq, tz="UTC")


# The table of freqtrade's merge_informative_pair, 1h onto 5m: the row of the 5-minute
# bars, and which hour's row is seen there. The bar 00:55 is complete at 01:00, when the
# hour 00:00 is; before it nothing is known.
HOUR_ONTO_FIVE_MINUTES = [
    (0, None),
    (10, None),
    (11, 0),
    (12, 0),
    (22, 0),
    (23, 1),
    (24, 1),
    (35, 2),
    (39, 2),
]


@pytest.mark.parametrize(("row", "hour"), HOUR_ONTO_FIVE_MINUTES)
def test_the_table_of_merge_informative(row, hour):
    hours = utc("2020-01-01", 40, "1h")
    seen = align(
        pd.Series(np.arange(40.0), index=hours),
        utc("2020-01-01", 40, "5min"),
        timeframe="1h",
        calendar="24/7",
    )
    assert np.isnan(seen.iloc[row]) if hour is None else seen.iloc[row] == hour


@pytest.mark.parametrize(
    ("short", "long", "first_seen"),
    [("15min", "1h", 3), ("5min", "15min", 2), ("1h", "1D", 23), ("30min", "1h", 1)],
)
def test_the_first_value_is_seen_on_the_bar_that_ends_with_it(short, long, first_seen):
    higher = pd.Series([1.0, 2.0, 3.0], index=utc("2020-01-01", 3, long))
    seen = align(higher, utc("2020-01-01", 80, short), calendar="24/7", timeframe=long)
    assert int(seen.isna().sum()) == first_seen
    assert seen.iloc[first_seen] == 1.0


def test_the_same_timeframe_is_seen_as_it_is():
    hours = utc("2020-01-01", 5, "1h")
    values = pd.Series(np.arange(5.0), index=hours)
    pd.testing.assert_series_equal(align(values, hours, calendar="24/7"), values)


def test_days_are_seen_at_the_close_through_clock_changes_and_half_days(workspace):
    days = wb.bars("ACME", "1d", "2024-03-01", "2024-07-10", source="synthetic")
    minutes = wb.bars("ACME", "5m", "2024-03-01", "2024-07-10", source="synthetic")
    seen = align(days["close"], minutes)
    for day in ("2024-03-08", "2024-03-11", "2024-07-03", "2024-07-05"):
        mine = seen.loc[day]
        assert mine.iloc[-1] == days["close"].loc[day]
        assert (mine.iloc[:-1] == days["close"].loc[:day].iloc[-2]).all()


def test_weeks_are_seen_on_their_last_day(workspace):
    days = wb.bars("AAPL", start="2012-01-03", end="2012-02-01")
    weeks = wb.resample(days, "1w")
    seen = align(weeks["close"], days)
    friday = seen.index.day_of_week == 4
    assert (seen[friday] == days["close"][friday]).all()
    assert seen.iloc[:3].isna().all()
    assert (seen.loc["2012-01-17":"2012-01-19"] == days["close"].loc["2012-01-13"]).all()


def test_gaps_do_not_shift_anything():
    hours = utc("2020-01-01", 48, "1h").delete(slice(5, 20))
    values = pd.Series(np.arange(len(hours)), index=hours, dtype=float)
    minutes = utc("2020-01-01", 48 * 12, "5min").delete(slice(100, 170))
    seen = align(values, minutes, timeframe="1h", onto_timeframe="5m", calendar="24/7")
    for time in minutes[::7]:
        known = values[hours + pd.Timedelta("1h") <= time + pd.Timedelta("5min")]
        expected = known.iloc[-1] if len(known) else np.nan
        assert seen[time] == expected or (np.isnan(seen[time]) and np.isnan(expected))


def test_frames_and_two_levels_keep_their_columns(workspace):
    days = wb.bars(["A", "B"], "1d", "2024-03-01", "2024-03-10", source="synthetic")
    hours = wb.bars("A", "1h", "2024-03-01", "2024-03-10", source="synthetic")
    seen = align(days, hours)
    assert seen.columns.equals(days.columns)
    assert seen.index.equals(hours.index)
    assert seen.iloc[:6].isna().all(axis=None)


def test_a_missing_value_stays_missing():
    values = pd.Series([1.0, np.nan], index=utc("2020-01-01", 2, "1h"))
    seen = align(values, utc("2020-01-01", 30, "5min"), timeframe="1h", calendar="24/7")
    assert seen.iloc[22] == 1.0
    assert np.isnan(seen.iloc[23])


def test_nothing_to_align_is_nothing_known():
    empty = pd.Series(dtype=float, index=utc("2020-01-01", 0, "1h"))
    assert align(empty, utc("2020-01-01", 3, "5min"), timeframe="1h").isna().all()


def test_the_shorter_cannot_be_put_onto_the_longer():
    values = pd.Series(1.0, index=utc("2020-01-01", 99, "5min"))
    with pytest.raises(UsageError, match="not 5m onto 1h"):
        align(values, utc("2020-01-01", 3, "1h"))


@pytest.mark.parametrize(
    ("index", "match"),
    [
        (utc("2020-01-01", 3, "1h").tz_localize(None), "naive"),
        (utc("2020-01-01", 3, "1h")[::-1], "in order"),
        (pd.RangeIndex(3), "DatetimeIndex"),
    ],
)
def test_bad_indexes_are_refused(index, match):
    with pytest.raises(DataError, match=match):
        align(pd.Series(1.0, index=index), utc("2020-01-01", 9, "5min"))


def test_yes_and_no_become_one_and_zero():
    hours = utc("2020-01-01", 3, "1h")
    above = pd.Series([True, False, True], index=hours)
    for values in (above, above.to_frame("A")):
        seen = align(values, utc("2020-01-01", 13, "15min"), calendar="24/7", timeframe="1h")
        column = seen if isinstance(seen, pd.Series) else seen["A"]
        assert column.dtype == float
        assert column.iloc[[2, 3, 6, 7]].fillna(-1).tolist() == [-1, 1, 1, 0]


def test_something_else_is_refused():
    with pytest.raises(UsageError, match="higher must be a Series or a DataFrame, not int"):
        align(5, utc("2020-01-01", 3, "1h"))


def test_a_day_in_new_york_does_not_see_the_end_of_a_day_around_the_clock(workspace):
    """New York closes at 21:00 UTC in winter, three hours before the day of a coin ends."""
    coin = wb.bars("BTC/USD", "1d", "2024-01-01", "2024-03-01", source="synthetic")
    stock = wb.bars("ACME", "1d", "2024-01-01", "2024-03-01", source="synthetic")
    seen = align(coin["close"], stock)
    for day in stock.index[1:]:
        assert seen[day] == coin["close"][day - pd.Timedelta("1D")]
    assert align(stock["close"], coin)["2024-01-03"] == stock["close"]["2024-01-03"]
    weeks = wb.resample(coin, "1w")["close"]
    assert np.isnan(align(weeks, stock)["2024-01-05"])
    assert align(weeks, stock)["2024-01-08"] == weeks["2024-01-01"]


@pytest.mark.parametrize("timeframe", ["1w", "1M"])
def test_weeks_and_months_are_seen_from_their_last_close_on(workspace, timeframe):
    days = wb.bars("ACME", "1d", "2023-10-02", "2024-07-31", source="synthetic")
    hours = wb.bars("BTC/USD", "1h", "2024-02-20", "2024-07-10", source="synthetic")
    longer = wb.resample(days, timeframe)["close"]
    seen = align(longer, hours)
    of_period = days.index.tz_localize(None).to_period("W" if timeframe == "1w" else "M")
    lasts = days.index.to_series().groupby(np.asarray(of_period)).last()
    closes = wb.hours("XNYS", "2023-10-01", "2024-08-01")["close"]
    ends = pd.Series(longer.to_numpy(), index=closes[lasts].to_numpy()[: len(longer)])
    for time in seen.index[::5]:
        there = ends[ends.index <= time + pd.Timedelta("1h")]
        assert seen[time] == there.iloc[-1], time
