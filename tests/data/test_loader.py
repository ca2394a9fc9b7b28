"""``wb.bars``."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.schema import check_bars, fingerprint
from workbench.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("workspace")


def test_one_symbol_has_single_columns():
    bars = wb.bars("AAPL")
    assert list(bars.columns) == ["open", "high", "low", "close", "volume"]
    assert bars.attrs == {
        "timeframe": "1d",
        "source": "sample",
        "adjustment": "all",
        "calendar": "XNYS",
        "fingerprint": fingerprint(bars),
        "symbol": "AAPL",
    }
    check_bars(bars)


def test_several_symbols_stand_side_by_side_field_first():
    bars = wb.bars(["IBM", "FB"])
    assert list(bars["close"].columns) == ["IBM", "FB"]
    assert list(bars.columns[:3]) == [("open", "IBM"), ("open", "FB"), ("high", "IBM")]
    assert bars["close"]["FB"].first_valid_index() == pd.Timestamp("2012-05-18", tz="UTC")
    pd.testing.assert_series_equal(
        bars["close"]["IBM"], wb.bars("IBM")["close"], check_names=False, check_exact=True
    )
    check_bars(bars)


@pytest.mark.parametrize("kind", [tuple, np.array, pd.Series, pd.Index])
def test_symbols_may_come_in_any_ordered_collection(kind):
    found = wb.bars(kind(["IBM", "AAPL"]), start="2013")
    assert list(found["close"].columns) == ["IBM", "AAPL"]


def test_a_list_of_one_has_two_levels():
    assert wb.bars(["IBM"]).columns.nlevels == 2


@pytest.mark.parametrize("adjust", ["all", "splits", "none"])
def test_a_range_has_the_bits_of_the_whole_whatever_was_asked_before(adjust, tmp_path):
    part = wb.bars("MSFT", start="2002-06-01", end="2004-01-01", adjust=adjust)
    whole = wb.bars("MSFT", adjust=adjust)
    again = wb.bars("MSFT", start="2002-06-01", end="2004-01-01", adjust=adjust)
    cut = whole[(whole.index >= "2002-06-01") & (whole.index < "2004-01-01")]
    pd.testing.assert_frame_equal(part, cut, check_exact=True)
    assert part.attrs["fingerprint"] == again.attrs["fingerprint"] == fingerprint(cut)


@pytest.mark.parametrize(
    "start",
    [
        "2012-01-03",
        date(2012, 1, 3),
        datetime(2012, 1, 3),  # noqa: DTZ001  a naive datetime means UTC
        datetime(2012, 1, 3, tzinfo=UTC),
        pd.Timestamp("2012-01-03"),
        pd.Timestamp("2012-01-02 19:00", tz="America/New_York"),
    ],
)
def test_every_way_to_write_a_time_means_the_same(start):
    bars = wb.bars("IBM", start=start, end="2012-01-05")
    assert bars.index.strftime("%m-%d").tolist() == ["01-03", "01-04"]


def test_raw_bars_keep_their_actions():
    raw = wb.bars("AAPL", adjust="none")
    assert raw.attrs["adjustment"] == "none"
    assert raw["split"].loc["2005-02-28"] == 2
    assert raw["close"].iloc[-1] == wb.bars("AAPL")["close"].iloc[-1]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: wb.bars("APPL"), "'APPL', did you mean 'AAPL'"),
        (lambda: wb.bars(["IBM", "GOOGL", "APPL"]), "'GOOGL', did you mean 'GOOG'.*'APPL'"),
        (lambda: wb.bars("AAPL", source="sampel"), "'sampel', did you mean 'sample'"),
        (lambda: wb.bars("AAPL", adjust="al"), "'al', did you mean 'all'"),
        (lambda: wb.bars("AAPL", "1x"), "no such timeframe"),
        (lambda: wb.bars("AAPL", "5m"), "daily bars only"),
        (lambda: wb.bars("AAPL", start="2013-01-01", end="2012-01-01"), "not before"),
        (lambda: wb.bars("AAPL", start="soon"), "start='soon' is no time"),
        (lambda: wb.bars("AAPL", start=2010), "start=2010 is no time; give e.g. '2010-01-31'"),
        (lambda: wb.bars("AAPL", end=pd.NaT), "end=NaT is no time"),
        (lambda: wb.bars("AAPL", end="9999-01-01"), "end='9999-01-01' is out of reach"),
        (lambda: wb.bars("AAPL", start=datetime(1, 1, 1, tzinfo=UTC)), "is out of reach"),
        (lambda: wb.bars("AAPL", start="2020-01-01"), "no 1d bar of AAPL"),
        (lambda: wb.bars([]), "no symbol"),
        (lambda: wb.bars(["AAPL", "AAPL"]), "twice"),
        (lambda: wb.bars(7), "must be a text"),
        (lambda: wb.bars([None]), "must be a text"),
    ],
)
def test_a_wrong_call_is_told(call, match):
    with pytest.raises(UsageError, match=match):
        call()


def test_a_damaged_file_is_told_and_left_alone(workspace):
    wb.bars("AAPL")
    (path,) = workspace.glob("data/bars/**/bars-*.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"move the folder .* away") as caught:
        wb.bars("AAPL")
    assert caught.value.path == str(path)
    assert path.read_bytes() == before


def test_dropped_rows_are_warned_of_and_carried(workspace):
    folder = workspace / "data/files"
    folder.mkdir(parents=True)
    (folder / "files.toml").write_text('tz = "UTC"\n')
    (folder / "X.csv").write_text(
        "date,open,high,low,close,volume\n"
        "2024-01-02,1,2,1,2,10\n2024-01-03,1,0.5,1,2,10\n2024-01-04,1,2,1,2,10\n"
    )
    with pytest.warns(UserWarning, match=r"1 row left out: high below low"):
        bars = wb.bars("X", source="files")
    assert len(bars) == 2
    assert bars.attrs["dropped"][0]["row"] == 3
    assert bars.attrs["adjustment"] == "unknown"
    with pytest.warns(UserWarning, match="left out"):
        both = wb.bars(["X"], source="files")
    assert both.attrs["dropped"].frame["symbol"].tolist() == ["X"]


def test_nothing_heavy_is_imported_for_stored_bars(workspace):
    code = (
        "import sys, workbench as wb\n"
        "for _ in range(2): wb.bars(['AAPL', 'IBM'])\n"
        "heavy = {'exchange_calendars', 'numba', 'panel', 'bokeh', 'vectorbt', 'sqlalchemy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bars_as_they_were_known(workspace):
    now = wb.bars("AAPL", end="2012-01-01")
    with pytest.raises(UsageError, match="no 1d bar of AAPL from 'sample' was stored"):
        wb.bars("AAPL", as_of="2020-01-01")
    then = wb.bars("AAPL", end="2012-01-01", as_of=pd.Timestamp.now("UTC"))
    pd.testing.assert_frame_equal(now, then)
    assert then.attrs["fingerprint"] == now.attrs["fingerprint"]
    assert then.attrs["as_of"] > "2026"
    today = wb.bars("AAPL", end="2012-01-01", as_of=pd.Timestamp.now("UTC").date())
    assert today.attrs["fingerprint"] == now.attrs["fingerprint"]  # a day means its end
    with pytest.raises(UsageError, match="those of 'synthetic' are not"):
        wb.bars("AAPL", source="synthetic", as_of="2026-01-31")
