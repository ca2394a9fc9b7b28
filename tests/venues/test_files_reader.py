"""CSV and Parquet: columns by name, zones told, bad rows reported, nothing lost."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataError, UsageError
from workbench.venues.files.reader import Layout, load_bars_file

HEADER = "time,open,high,low,close,volume"
GOOD = [
    "2024-01-02,10,12,9,11,100",
    "2024-01-03,11,13,10,12,100",
    "2024-01-04,12,14,11,13,100",
]
MARKETDATA = Path(__file__).resolve().parents[2] / "../shared/marketdata"


@pytest.fixture
def write(tmp_path):
    def write(*lines, header=HEADER, name="ACME.csv", newline="\n"):
        path = tmp_path / name
        path.write_bytes((newline.join([header, *lines]) + newline).encode())
        return path

    return write


def quiet(path, **facts):
    """Load and swallow the warning; the report in attrs is what the test looks at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return load_bars_file(path, **facts)


def test_a_good_file_gives_bars_without_a_warning(write):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bars = load_bars_file(write(*GOOD), tz="UTC")
    assert bars["close"].tolist() == [11.0, 12.0, 13.0]
    assert bars.attrs["symbol"] == "ACME"
    assert bars.attrs["timeframe"] == "1d"
    assert bars.attrs["calendar"] == "XNYS"
    assert bars.attrs["dropped"] == ()


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("2024-01-03,11,13,10,12,100", "duplicate time"),
        ("2024-01-03,99,99,99,99,99", "duplicate time"),
        ("2024-01-05,11,x,10,12,100", "not a number"),
        ("2024-01-05,11,13,10,12,many", "not a number"),
        ("2024-01-05,-11,13,-12,12,100", "price not positive"),
        ("2024-01-05,11,13,0,12,100", "price not positive"),
        ("2024-01-05,11,13,10,12,-1", "negative volume"),
        ("2024-01-05,NaN,13,10,12,100", "missing value"),
        ("2024-01-05,11,13,10,,100", "missing value"),
        ("2024-01-05,,,,,", "missing value"),
        ("2024-01-05,11,13", "missing value"),
        ("2024-01-05,11,10,13,12,100", "high below low"),
        ("2024-01-05,11,13,10,14,100", "open or close outside low..high"),
        ("2024-01-05,11,inf,10,12,100", "not finite"),
        ("2024-01-05,11,13,10,12,100,7,8", "too many fields"),
        ("yesterday,11,13,10,12,100", "time not readable"),
        (",11,13,10,12,100", "time not readable"),
    ],
)
def test_a_bad_row_is_left_out_and_told_with_its_line(write, line, rule):
    path = write(*GOOD, line)
    with pytest.warns(UserWarning, match=rule):
        bars = load_bars_file(path, tz="UTC")
    assert len(bars) == 3
    (record,) = bars.attrs["dropped"]
    assert record["rule"] == rule
    assert record["row"] == 5
    assert record["symbol"] == "ACME"


def test_every_row_is_either_a_bar_or_told(write):
    bad = ["2024-01-03,1,1,1,1,1", "x,1,1,1,1,1", "2024-01-08,1,2,3,4,5", "2024-01-09,,,,,"]
    bars = quiet(write(*GOOD, *bad, "", ""), tz="UTC")
    assert len(bars) + len(bars.attrs["dropped"]) == 7


def test_rows_out_of_order_are_put_in_order_and_it_is_said(write):
    path = write(GOOD[1], GOOD[0], GOOD[2])
    with pytest.warns(UserWarning, match="put in order: 1 of 3 rows"):
        bars = load_bars_file(path, tz="UTC")
    assert bars.index.is_monotonic_increasing
    assert len(bars) == 3
    assert bars.attrs["dropped"] == ()


def test_naive_times_are_refused_and_the_error_says_what_to_pass(write):
    for line in ("2024-01-02,10,12,9,11,100", "2024-01-02 09:30,10,12,9,11,100"):
        with pytest.raises(DataError, match=r"pass tz=.*tz='UTC'") as caught:
            load_bars_file(write(line))
        assert caught.value.rule == "naive time zone"


def test_times_with_an_offset_need_no_zone(write):
    path = write("2024-03-08T09:30-05:00,10,12,9,11,1", "2024-03-11T09:30-04:00,10,12,9,11,1")
    bars = load_bars_file(path, timeframe="1h")
    assert bars.index.strftime("%H:%M").tolist() == ["14:30", "13:30"]


def test_times_with_and_without_an_offset_do_not_mix(write):
    path = write("2024-03-08T09:30-05:00,10,12,9,11,1", "2024-03-11T09:30,10,12,9,11,1")
    with pytest.raises(DataError, match="mixes times"):
        load_bars_file(path, tz="UTC")


def test_the_hour_that_happens_twice_is_told(write):
    path = write(
        *(f"2024-11-03 {hour}:00,10,12,9,11,1" for hour in ("00", "01", "02")),
        "2024-03-10 02:30,10,12,9,11,1",
    )
    bars = quiet(path, tz="America/New_York", timeframe="1h", calendar="24/7")
    assert [record["rule"] for record in bars.attrs["dropped"]] == ["time not readable"] * 2
    assert len(bars) == 2


@pytest.mark.parametrize(
    ("stamp", "unit"),
    [("1704206400", "s"), ("1704206400000", "ms"), ("1704206400000000", "us")],
)
def test_epochs_are_utc(write, stamp, unit):
    bars = load_bars_file(write(f"{stamp},10,12,9,11,1"), timeframe="1h")
    assert bars.index[0] == pd.Timestamp("2024-01-02 14:40", tz="UTC")


def test_compact_dates_and_own_formats(write):
    assert load_bars_file(write("20240102,10,12,9,11,1"), tz="UTC").index[0].day == 2
    path = write("1/4/2024,10,12,9,11,1")
    with pytest.raises(DataError, match="time_format="):
        load_bars_file(path, tz="UTC")
    assert load_bars_file(path, tz="UTC", time_format="%m/%d/%Y").index[0].month == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_names_and_separators_are_recognised(write, separator, newline):
    header = "﻿Date,Open,High,Low,Close,Adj Close,Vol".replace(",", separator)
    path = write(
        "2024-01-02,10,12,9,11,5,7".replace(",", separator), header=header, newline=newline
    )
    bars = load_bars_file(path, tz="America/New_York")
    assert bars["volume"].tolist() == [7.0]
    assert bars["adj_close"].tolist() == [5.0]
    assert bars.index[0] == pd.Timestamp("2024-01-02", tz="UTC")


def test_columns_can_be_named(write):
    path = write("2024-01-02,10,12,9,11,1", header="when,o,h,l,settle,v")
    columns = {"time": "when", "close": "settle"}
    assert load_bars_file(path, tz="UTC", columns=columns)["close"].tolist() == [11.0]
    with pytest.raises(DataError, match="no column for close"):
        load_bars_file(path, tz="UTC")
    with pytest.raises(UsageError, match="did you mean 'settle'"):
        load_bars_file(path, tz="UTC", columns={"close": "setle"})


def test_no_column_of_times_is_told(write):
    with pytest.raises(DataError, match="no column of times"):
        load_bars_file(write("x,10,12,9,11,1", header="when,o,h,l,c,v"), tz="UTC")


def test_one_symbol_is_taken_out_of_many(write):
    path = write(
        "A,2024-01-02,10,12,9,11,1", "B,2024-01-02,20,22,19,21,1", header="Ticker," + HEADER
    )
    assert load_bars_file(path, tz="UTC", symbol="B")["close"].tolist() == [21.0]
    with pytest.raises(DataError, match=r"several symbols \(A, B\)"):
        load_bars_file(path, tz="UTC")


def test_compressed_csv(tmp_path):
    path = tmp_path / "ACME.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *GOOD]).encode()))
    bars = load_bars_file(path, tz="UTC")
    assert len(bars) == 3
    assert bars.attrs["symbol"] == "ACME"


def test_parquet_in_three_shapes(tmp_path):
    index = pd.date_range("2024-01-02 14:30", periods=3, freq="5min", tz="UTC", name="time")
    bars = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], 5.0), index=index)
    bars["volume"] = [1, 2, 3]
    path = tmp_path / "X.parquet"
    for frame in (bars, bars.reset_index()):
        frame.to_parquet(path)
        assert load_bars_file(path)["volume"].tolist() == [1.0, 2.0, 3.0]
    bars.tz_localize(None).to_parquet(path)
    with pytest.raises(DataError, match="pass tz="):
        load_bars_file(path)
    loaded = load_bars_file(path, tz="UTC")
    assert loaded.index.equals(index)
    assert loaded.attrs["timeframe"] == "5m"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("X.parquet", b"no parquet"),
        ("X.parquet", b""),
        ("X.csv", b""),
        ("X.csv", b"\xff\xfe\x00binary\x80\n\x81"),
        ("X.csv.gz", b"no gzip"),
        ("X.csv", (HEADER + "\n").encode()),
        ("X.csv", (HEADER + "\nx,1,1,1,1,1\n").encode()),
        ("X.csv", (HEADER + "\n2024-01-02,9,1,1,9,1\n").encode()),
    ],
)
def test_a_bad_file_is_a_data_error_that_names_it(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"X\.") as caught:
        load_bars_file(path, tz="UTC")
    assert name in caught.value.message
    assert path.read_bytes() == content


def test_wrong_calls_are_told(tmp_path, write):
    with pytest.raises(UsageError, match="no such file"):
        load_bars_file(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match="neither CSV nor Parquet"):
        load_bars_file(write(*GOOD, name="X.xlsx"))
    with pytest.raises(UsageError, match="Mars"):
        load_bars_file(write(*GOOD), tz="Mars/Base")
    with pytest.raises(UsageError, match="no 'zone'"):
        load_bars_file(write(*GOOD), zone="UTC")
    with pytest.raises(UsageError, match="timeframe"):
        load_bars_file(write(*GOOD), tz="UTC", timeframe="1x")


def test_a_layout_can_be_passed_whole(write):
    bars = load_bars_file(write(*GOOD), layout=Layout(tz="UTC", adjustment="none"))
    assert bars.attrs["adjustment"] == "none"


def test_missing_volume_is_unknown(write):
    path = write("2024-01-02,10,12,9,11", header="time,open,high,low,close")
    assert np.isnan(load_bars_file(path, tz="UTC")["volume"].iloc[0])


@pytest.mark.skipif(not MARKETDATA.is_dir(), reason="no real market data beside the checkout")
@pytest.mark.parametrize(
    ("name", "facts", "rows", "left_out"),
    [
        ("nautilus/btc-perp-20211231-20220201_1m.csv.gz", {"tz": "UTC"}, 45_031, 0),
        ("nautilus/xcme/6EH4.XCME_1min_bars_20240101_20240131.csv.gz", {"tz": "UTC"}, 29_996, 0),
        ("arch/sp500.csv.gz", {"tz": "UTC", "time_format": "%m/%d/%Y"}, 5_031, 0),
        ("bokeh_sampledata/stocks.csv.gz", {"tz": "UTC", "symbol": "IBM"}, 3_270, 0),
    ],
)
def test_real_files_load_whole(name, facts, rows, left_out):
    bars = quiet(MARKETDATA / name, **facts)
    assert len(bars) + len(bars.attrs["dropped"]) == rows
    assert len(bars.attrs["dropped"]) == left_out


@pytest.mark.parametrize(
    "spoilt",
    [{3: '"2024-01-05,13,15,12,14,100'}, {2: '2024-01-04,"12,14,11,13,100', 4: '"2024-01-08,1'}],
)
def test_a_stray_quote_costs_its_own_line_and_no_other(write, spoilt):
    lines = [f"{day:%Y-%m-%d},13,15,12,14,100" for day in pd.bdate_range("2024-01-02", periods=9)]
    lines = [spoilt.get(number, line) for number, line in enumerate(lines)]
    bars = quiet(write(*lines), tz="UTC")
    assert len(bars) == 9 - len(spoilt)
    assert [record["row"] for record in bars.attrs["dropped"]] == [2 + k for k in spoilt]


def test_a_field_more_than_the_header_has_is_not_thrown_away(write):
    with pytest.raises(DataError, match="too many fields"):
        load_bars_file(write(*(f"{line},7" for line in GOOD)), tz="UTC")
    assert len(load_bars_file(write(*(f"{line}," for line in GOOD)), tz="UTC")) == 3


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"tz": 5}, "tz may not be 5"),
        ({"columns": ["close"]}, "columns may not be"),
        ({"columns": {"cloze": "close"}}, "'cloze', did you mean 'close'"),
    ],
)
def test_a_layout_of_the_wrong_kind_is_told(write, facts, match):
    with pytest.raises(UsageError, match=match):
        load_bars_file(write(*GOOD), **{"tz": "UTC"} | facts)


ONE_SYMBOL = "Date,Symbol,Open,High,Low,Close,Volume\n2024-01-02,GOOG,1,2,1,2,10\n"


def test_rows_of_another_symbol_are_not_passed_off_as_the_one_asked_for(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(ONE_SYMBOL)
    with pytest.raises(DataError, match=r"holds another symbol \(GOOG\)"):
        load_bars_file(path, symbol="AAPL", tz="UTC")


def test_the_only_symbol_of_a_file_names_its_bars(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(ONE_SYMBOL)
    assert load_bars_file(path, tz="UTC").attrs["symbol"] == "GOOG"
    assert load_bars_file(path, tz="UTC", symbol="goog").attrs["symbol"] == "goog"
