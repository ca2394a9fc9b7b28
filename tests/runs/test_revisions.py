"""What was restated, and which saved runs it touches."""

from __future__ import annotations

import pandas as pd
import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.data.catalog import Catalog


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def restate(symbol, day, field, value):
    """Have the sample's vendor change its mind."""
    catalog = Catalog.of(load_settings())
    raw = wb.bars(symbol, adjust="none")
    changed = raw.loc[[pd.Timestamp(day, tz="UTC")]].copy()
    changed[field] = value
    changed.attrs["timeframe"] = "1d"
    catalog.live.append("sample", symbol, changed, int(pd.Timestamp.now("UTC").value // 1000))
    return catalog


def run(symbols, start, end):
    result = wb.backtest(wb.strategies.SmaCross(), wb.bars(symbols, start=start, end=end))
    result.save()
    return result.manifest.run_id


@pytest.mark.parametrize("is_compacted", [False, True])
def test_the_values_and_the_runs_that_used_them(workspace, is_compacted):
    before = wb.bars("AAPL", adjust="none").loc["2011-03-01"]
    touched = run("AAPL", "2011-01-01", "2012-01-01")
    run("AAPL", "2008-01-01", "2010-01-01")
    run("IBM", "2011-01-01", "2012-01-01")
    assert len(wb.revisions()) == 0
    catalog = restate("AAPL", "2011-03-01", "volume", 12.0)
    if is_compacted:
        catalog.compact()
    catalog.close()
    later = run("AAPL", "2011-01-01", "2012-01-01")
    found = wb.revisions("AAPL")
    (row,) = found.table.to_dict("records")
    assert (row["symbol"], row["field"], row["after"]) == ("AAPL", "volume", 12.0)
    assert row["before"] == before["volume"]
    assert row["time"] == pd.Timestamp("2011-03-01", tz="UTC")
    assert row["stored"] < row["replaced"]
    assert found.runs["run_id"].tolist() == [touched]
    assert found.runs["bars"].tolist() == [1]
    assert later not in str(found)
    assert str(found) == (f"1 bar was restated (AAPL); saved runs that this touches: {touched}")
    assert touched in found._repr_html_()
    assert len(wb.revisions("IBM")) == 0
    assert len(wb.revisions(timeframe="1m")) == 0
    assert len(wb.revisions(source="polygon")) == 0
    assert len(wb.revisions(since="2020-01-01")) == 1
    assert len(wb.revisions(since=pd.Timestamp.now("UTC"))) == 0


def test_a_split_told_late_touches_adjusted_runs_of_earlier_windows(workspace):
    early = run("AAPL", "2008-01-01", "2009-01-01")
    catalog = restate("AAPL", "2011-03-01", "split", 2.0)
    catalog.compact()
    catalog.close()
    assert wb.revisions().runs["run_id"].tolist() == [early]


def test_a_run_can_be_made_again_from_the_bars_of_its_day(workspace):
    then = wb.bars("AAPL", start="2011-01-01", end="2012-01-01")
    made = pd.Timestamp.now("UTC")
    catalog = restate("AAPL", "2011-03-01", "close", 350.0)
    catalog.close()
    now = wb.bars("AAPL", start="2011-01-01", end="2012-01-01")
    assert now.attrs["fingerprint"] != then.attrs["fingerprint"]
    again = wb.bars("AAPL", start="2011-01-01", end="2012-01-01", as_of=made)
    assert again.attrs["fingerprint"] == then.attrs["fingerprint"]
