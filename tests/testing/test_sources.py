"""The kit tells sources that keep their promises from those that do not."""

from __future__ import annotations

import pandas as pd
import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.data import own_sources, sources
from workbench.errors import UsageError
from workbench.testing import check_source
from workbench.venues.rows import FIELDS


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(own_sources, "_OWN", {})
    return tmp_path


class Good:
    """Twenty days."""

    name = "good"

    def symbols(self):
        return ("A",)

    def whole(self):
        days = pd.DatetimeIndex(pd.date_range("2024-01-01", periods=20, tz="UTC"), freq=None)
        bars = pd.DataFrame(1.0, index=days.rename("time"), columns=list(FIELDS))
        bars["volume"] = range(20)
        bars.attrs = {"calendar": "24/7", "adjustment": "none", "dropped": ()}
        return bars

    def history(self, symbol, timeframe, start, end):
        if symbol != "A":
            raise UsageError("no such symbol")
        bars = self.whole()
        if start is not None:
            bars = bars[bars.index >= start]
        return bars if end is None else bars[bars.index < end]


class Closed(Good):
    def history(self, symbol, timeframe, start, end):
        return super().history(symbol, timeframe, start, end and end + pd.Timedelta(days=1))


class Naive(Good):
    def history(self, *asked):
        return super().history(*asked).tz_localize(None)


class Shared(Good):
    kept = None

    def history(self, symbol, timeframe, start, end):
        if start is not None:
            return super().history(symbol, timeframe, start, end)
        if self.kept is None:
            self.kept = self.whole()
        return self.kept


class Restless(Good):
    count = 0

    def history(self, *asked):
        self.count += 1
        bars = super().history(*asked)
        bars["volume"] += self.count
        return bars


class Blind(Good):
    def history(self, symbol, timeframe, start, end):
        return super().history("A", timeframe, None, None)


def test_a_good_source_passes():
    report = check_source(Good(), "A", unknown="B")
    assert report.ok, str(report)
    assert "keeps its promises" in str(report)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (Closed, "window"),
        (Naive, "contract"),
        (Shared, "twice"),
        (Restless, "part"),
        (Blind, "empty window"),
        (Blind, "lacks"),
    ],
)
def test_a_broken_promise_is_found(kind, broken):
    report = check_source(kind(), "A", unknown="B")
    wrong = report.table[~report.table["ok"]]["promise"]
    assert wrong.str.contains(broken).any(), str(report)


def test_a_class_with_one_method_is_a_source():
    @wb.source("mine")
    class Mine:
        def history(self, symbol, timeframe, start, end):
            return Good().history("A", timeframe, start, end)

    assert sources.find("mine", load_settings()).name == "mine"
    assert len(wb.bars("X", source="mine", start="2024-01-05")) == 16
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        wb.bars("X", source="mines")


def test_the_template_is_a_source_that_passes(workspace):
    from typer.testing import CliRunner

    from workbench.cli.app import app

    said = CliRunner().invoke(app, ["source", "new", "mine"])
    assert said.exit_code == 0, said.output
    found = sources.find("mine", load_settings())
    report = check_source(found, "EXAMPLE", unknown="NONSENSE")
    assert report.ok, str(report)
    assert len(wb.bars("EXAMPLE", source="mine")) > 10
    again = CliRunner().invoke(app, ["source", "new", "mine"])
    assert isinstance(again.exception, UsageError)
    path = workspace / "sources/mine.py"
    path.write_text("raise RuntimeError('half done')")
    with pytest.raises(UsageError, match="half done"):
        sources.find("mine", load_settings())
    path.write_text("x = 1")
    with pytest.raises(UsageError, match="names no source"):
        sources.find("mine", load_settings())


def test_a_package_brings_a_source(workspace, monkeypatch):
    folder = workspace / "packed"
    (folder / "packed-1.0.dist-info").mkdir(parents=True)
    (folder / "packed.py").write_text("class Packed:\n    def history(self, *asked): ...\n")
    (folder / "packed-1.0.dist-info/METADATA").write_text("Name: packed\nVersion: 1.0\n")
    (folder / "packed-1.0.dist-info/entry_points.txt").write_text(
        "[workbench.sources]\npacked = packed:Packed\n"
    )
    monkeypatch.syspath_prepend(folder)
    assert sources.find("packed", load_settings()).name == "packed"
    assert "packed" in own_sources.own_names()


def test_what_is_no_source_is_told():
    with pytest.raises(UsageError, match="must be a class with a method history"):
        wb.source("x")(object)
    with pytest.raises(UsageError, match="is a word"):
        wb.source("no word")
