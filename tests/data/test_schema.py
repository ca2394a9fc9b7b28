"""The bars contract: what passes, what is mended, what is refused and how it is told."""

from __future__ import annotations

import copy
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from workbench.data.schema import FIELDS, as_bars, check_bars, clean, describe, fingerprint
from workbench.errors import DataError, UsageError
from workbench.venues.rows import Dropped

DAYS = pd.date_range("2024-01-02", periods=5, freq="B")


@pytest.fixture
def bars(make_bars):
    return make_bars(DAYS, symbol="ACME", timeframe="1d", calendar="XNYS")


def wide(bars, *symbols):
    joined = pd.concat(dict.fromkeys(symbols, bars), axis=1).swaplevel(axis=1)
    joined.columns = joined.columns.set_names(["field", "symbol"])
    joined.attrs = {}
    return joined[[(field, name) for field in FIELDS for name in symbols]]


def test_good_bars_pass_unchanged(bars):
    checked = check_bars(bars)
    pd.testing.assert_frame_equal(checked, bars, check_index_type=False)
    assert checked.attrs == bars.attrs
    assert checked.index.dtype == "datetime64[ns, UTC]"


def test_what_loses_nothing_is_mended_on_a_copy(bars):
    odd = bars.astype("int64").tz_convert("America/New_York")
    odd.index.name = None
    odd = odd[["volume", "close", "low", "high", "open"]]
    before = odd.copy()
    checked = check_bars(odd)
    assert list(checked.columns) == list(FIELDS)
    assert (checked.dtypes == "float64").all()
    assert checked.index.name == "time"
    assert str(checked.index.tz) == "UTC"
    pd.testing.assert_frame_equal(odd, before)


def test_attrs_of_the_result_are_its_own(bars):
    checked = check_bars(bars)
    checked.attrs["timeframe"] = "5m"
    assert bars.attrs["timeframe"] == "1d"


@pytest.mark.parametrize(
    ("spoil", "rule", "row"),
    [
        (lambda b: b.tz_localize(None), "naive time zone", None),
        (lambda b: b.iloc[[0, 2, 1, 3, 4]], "times not in order", 2),
        (lambda b: b.iloc[[0, 1, 1, 2, 3]], "duplicate time", 2),
        (lambda b: b.assign(close=["1", "2", "x", "4", "5"]), "not a number", 2),
        (lambda b: b.assign(low=-1.0), "price not positive", 0),
        (lambda b: b.assign(volume=[1, 1, 1, -1, 1]), "negative volume", 3),
        (lambda b: b.assign(high=[99, 99, 99, 99, 1.0]), "high below low", 4),
        (lambda b: b.assign(open=[10, 11, 99, 13, 14.0]), "open or close outside low..high", 2),
        (lambda b: b.assign(close=np.inf), "not finite", 0),
        (lambda b: b.drop(columns="volume"), "missing column", None),
        (lambda b: b.set_axis(range(5), axis=0), "no time index", None),
    ],
)
def test_bad_bars_are_refused_with_symbol_row_and_rule(bars, spoil, rule, row):
    bad = spoil(bars)
    bad.attrs |= {"symbol": "ACME"}
    with pytest.raises(DataError, match="ACME") as caught:
        check_bars(bad)
    assert caught.value.rule == rule
    assert caught.value.symbol == "ACME"
    if row is not None:
        assert caught.value.row == row
        assert str(row) in caught.value.message


def test_of_several_symbols_the_bad_one_is_named(bars):
    both = wide(bars, "GOOD", "BAD")
    both.loc[both.index[3], ("high", "BAD")] = 1.0
    with pytest.raises(DataError, match="BAD, row 3") as caught:
        check_bars(both)
    assert caught.value.symbol == "BAD"
    assert caught.value.time == both.index[3]


def test_several_symbols_pass_and_slice_by_field(bars):
    checked = check_bars(wide(bars, "A", "B"))
    assert list(checked["close"].columns) == ["A", "B"]
    assert checked.columns.names == ["field", "symbol"]
    assert describe(checked).symbols == ("A", "B")


def test_a_field_that_one_symbol_lacks_is_named(bars):
    both = wide(bars, "A", "B").drop(columns=[("low", "B")])
    with pytest.raises(DataError, match="B lack low"):
        check_bars(both)


def test_missing_bars_are_allowed(bars):
    bars.iloc[2] = np.nan
    assert check_bars(bars)["close"].isna().sum() == 1


def test_no_bars_at_all_pass(bars):
    assert check_bars(bars.iloc[:0]).empty


def test_bars_must_be_a_frame():
    with pytest.raises(UsageError, match="list"):
        check_bars([1, 2])


def test_describe_says_what_it_inferred(bars):
    assert describe(bars).inferred == ()
    bars.attrs = {}
    info = describe(bars)
    assert (info.timeframe, info.calendar, info.symbols) == ("1d", "XNYS", ("asset",))
    assert len(info.inferred) == 2


@pytest.mark.parametrize(
    ("times", "timeframe", "calendar"),
    [
        (pd.date_range("2024-01-02 14:30", periods=50, freq="5min"), "5m", "XNYS"),
        (pd.date_range("2024-01-01", periods=50, freq="1h"), "1h", "XNYS"),
        (pd.date_range("2024-01-01", periods=200, freq="1h"), "1h", "24/7"),
        (pd.date_range("2024-01-01", periods=9, freq="W-MON"), "1w", "XNYS"),
        (pd.DatetimeIndex(["2024-04-01", "2024-05-01", "2024-06-03"]), "1M", "XNYS"),
        (pd.date_range("2024-01-01", periods=20, freq="D"), "1d", "24/7"),
    ],
)
def test_timeframe_and_calendar_are_inferred(make_bars, times, timeframe, calendar):
    info = describe(make_bars(times))
    assert (info.timeframe, info.calendar) == (timeframe, calendar)


def test_the_fingerprint_is_of_the_values_alone(bars):
    first = fingerprint(bars)
    other_unit = bars.set_axis(bars.index.as_unit("s"), axis=0)
    other_unit.attrs = {}
    assert fingerprint(other_unit) == first
    assert fingerprint(bars.iloc[:-1]) != first
    moved = bars.copy()
    moved.iloc[2, 3] = np.nextafter(moved.iloc[2, 3], 99)
    assert fingerprint(moved) != first
    assert fingerprint(bars.rename(columns={"volume": "vol"})) != first
    later = bars.set_axis(bars.index + pd.Timedelta(1, "ns"), axis=0)
    assert fingerprint(later) != first


def test_the_fingerprint_is_the_same_for_ever(bars):
    # A constant from another run: what is stored must be recognised years later.
    assert fingerprint(bars).startswith("821f7e92646e27e6654e3b41039995c3")


def test_foreign_names_are_mapped(make_bars):
    raw = pd.DataFrame(
        {"Date": ["2024-01-02", "2024-01-03"], "Open": 1, "HIGH": 2, "l": 1, "Close": 2, "Vol": 5}
    )
    raw["Adj Close"] = 1.5
    bars = as_bars(raw, symbol="A", tz="America/New_York")
    assert list(bars.columns) == [*FIELDS, "adj_close"]
    assert bars.index[0] == pd.Timestamp("2024-01-02", tz="UTC")
    assert bars.attrs["timeframe"] == "1d"
    assert bars.attrs["fingerprint"] == fingerprint(bars)


def test_columns_can_be_named_outright():
    raw = pd.DataFrame(
        {"open": [1], "high": [9], "low": [1], "close": [2], "Adj Close": [3], "volume": [1]},
        index=pd.DatetimeIndex(["2024-01-02"], tz="UTC"),
    )
    assert as_bars(raw, columns={"close": "Adj Close"})["close"].tolist() == [3.0]
    with pytest.raises(UsageError, match="did you mean 'Adj Close'"):
        as_bars(raw, columns={"close": "AdjClose"})


def test_naive_times_are_refused_and_the_error_says_what_to_pass(make_bars):
    naive = make_bars(DAYS).tz_localize(None)
    with pytest.raises(DataError, match=r"pass tz=.*America/New_York") as caught:
        as_bars(naive)
    assert caught.value.rule == "naive time zone"


def test_local_times_become_utc_through_the_clock_change(make_bars):
    naive = make_bars(["2024-03-08 09:30", "2024-03-11 09:30"]).tz_localize(None)
    bars = as_bars(naive, tz="America/New_York", timeframe="1h")
    assert bars.index.strftime("%H:%M").tolist() == ["14:30", "13:30"]


def test_local_midnights_are_session_dates(make_bars):
    yahoo = make_bars(DAYS).tz_localize(None).tz_localize("America/New_York")
    bars = as_bars(yahoo)
    assert bars.index[0] == pd.Timestamp("2024-01-02", tz="UTC")
    # the same midnights as hours of a day stay instants
    assert as_bars(yahoo, timeframe="1h").index[0].hour == 5


def test_symbol_first_levels_are_swapped(bars):
    joined = pd.concat({"A": bars, "B": bars}, axis=1)
    assert list(as_bars(joined)["close"].columns) == ["A", "B"]


def test_unknown_zone_and_missing_price_are_told(make_bars):
    naive = make_bars(DAYS).tz_localize(None)
    with pytest.raises(UsageError, match="Mars"):
        as_bars(naive, tz="Mars/Base")
    with pytest.raises(DataError, match="no column for low"):
        as_bars(naive.drop(columns="low"), tz="UTC")


def test_missing_volume_is_unknown_not_zero():
    raw = pd.DataFrame(
        {"open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]},
        index=pd.DatetimeIndex(["2024-01-02"], tz="UTC"),
    )
    assert as_bars(raw)["volume"].isna().all()


def test_clean_parts_rows_and_loses_none(make_bars):
    raw = make_bars(["2024-01-02"] * 2 + list(DAYS[1:]) + ["2024-01-01"])
    raw["close"] = raw["close"].astype(object)
    raw.iloc[2, 3] = "x"
    raw.iloc[3, 1] = 1.0
    raw.iloc[4, 0] = np.nan
    good, dropped = clean(raw, symbol="ACME", rows=range(2, 9))
    assert len(good) + len(dropped) == len(raw)
    assert dropped["rule"].tolist() == [
        "duplicate time",
        "not a number",
        "high below low",
        "missing value",
    ]
    assert dropped["row"].tolist() == [3, 4, 5, 6]
    assert "close=x" in dropped["values"].iloc[1]
    assert good.index.is_monotonic_increasing
    assert "1 of 3 rows" in good.attrs["repaired"][0]
    check_bars(good)


def test_dropped_rides_in_attrs_without_a_cost(bars):
    dropped = Dropped([{"symbol": "A", "row": 3, "time": "", "rule": "r", "values": ""}])
    bars.attrs["dropped"] = dropped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined = pd.concat([bars.iloc[:2], bars.iloc[2:]])
        bars.copy()
    assert joined.attrs["dropped"] == dropped
    assert copy.deepcopy(dropped) is dropped
    assert "A row 3" in repr(dropped)
    assert dropped.frame["row"].tolist() == [3]
    assert repr(Dropped()) == "no row left out"
    assert "<table" in dropped._repr_html_()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_local_midnights_of_bars_are_session_dates_too(bars, zone):
    local = bars.set_axis(bars.index.tz_localize(None).tz_localize(zone), axis=0)
    assert check_bars(local).index.equals(bars.index)
    assert describe(local).timeframe == "1d"


def test_numbers_in_object_columns_are_numbers(bars):
    mixed = bars.astype(object)
    mixed["close"] = [Decimal(str(value)) for value in bars["close"]]
    pd.testing.assert_frame_equal(check_bars(mixed), check_bars(bars))
    with pytest.raises(DataError, match=r"row 1 .*not a number: close='x'"):
        check_bars(mixed.assign(close=[mixed["close"].iloc[0], "x", *mixed["close"].iloc[2:]]))


def test_times_may_be_texts_or_dates_in_the_index(bars):
    for index in (bars.index.strftime("%Y-%m-%d"), pd.Index(list(bars.index.date))):
        found = as_bars(bars.set_axis(index, axis=0), tz="UTC")
        assert found.index.equals(bars.index)
    with pytest.raises(DataError, match="without a time zone"):
        as_bars(bars.set_axis(bars.index.strftime("%Y-%m-%d"), axis=0))
    with pytest.raises(DataError, match="neither"):
        as_bars(bars.reset_index(drop=True))


def test_symbols_are_texts(bars):
    numbered = wide(bars, 7203, 6758)
    checked = check_bars(numbered)
    assert list(checked["close"].columns) == ["7203", "6758"]
    assert list(numbered["close"].columns) == [7203, 6758]
