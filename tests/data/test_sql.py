"""``wb.sql``: the stored bars in SQL, and nothing else."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.data.catalog import Catalog
from workbench.errors import DataError, UsageError

duckdb = pytest.importorskip("duckdb")


@pytest.fixture
def catalog(workspace):
    found = Catalog.of(load_settings())
    yield found
    found.close()


def test_sql_reads_the_very_numbers_of_bars(workspace):
    want = wb.bars("AAPL", adjust="none")
    wb.bars("IBM")
    got = wb.sql("select * from bars where symbol = 'AAPL' order by time")
    assert list(got.columns[:9]) == [
        "source", "timeframe", "symbol", "time", "open", "high", "low", "close", "volume",
    ]  # fmt: skip
    assert got["time"].dt.as_unit("ns").tolist() == want.index.tolist()
    for name in want.columns:
        assert got[name].to_numpy().tobytes() == want[name].to_numpy().tobytes(), name
    assert wb.sql("select distinct symbol from bars order by 1")["symbol"].tolist() == [
        "AAPL", "IBM",
    ]  # fmt: skip


def test_prices_of_different_ticks_are_not_rounded_together(catalog, make_bars):
    rng = np.random.default_rng(3)
    frames = {}
    for number, scale in enumerate((0, 2, 5, 8)):
        values = np.round(rng.uniform(1, 90_000, 500), scale) + 1
        times = pd.date_range("2024-05-01", periods=500, freq="min")
        frames[f"s/{number}"] = make_bars(times, values, timeframe="1m", calendar="24/7")
    frames["s/x"] = make_bars(times, rng.uniform(5, 9, 500), timeframe="1m", calendar="24/7")
    for symbol, frame in frames.items():
        catalog.live.append("feed", symbol, frame, at=1)
    catalog.compact()
    for symbol, frame in frames.items():
        got = wb.sql("select open from bars where symbol = $1 order by time", [symbol])
        assert got["open"].to_numpy().tobytes() == frame["open"].to_numpy().tobytes()


def test_months_are_months_and_symbols_themselves(catalog, make_bars):
    times = pd.date_range("2024-01-01", periods=3, freq="MS")
    for symbol in ("BTC/USD", "007", "btc"):
        bars = make_bars(times, timeframe="1M", calendar="24/7")
        catalog.live.append("feed", symbol, bars, at=1)
    catalog.compact()
    got = wb.sql("select timeframe, symbol, count(*) n from bars group by all order by symbol")
    assert got.to_numpy().tolist() == [["1M", "007", 3], ["1M", "BTC/USD", 3], ["1M", "btc", 3]]


def test_live_rows_and_revisions_are_there(catalog, make_bars):
    times = pd.date_range("2024-05-01", periods=5, freq="min")
    bars = make_bars(times, timeframe="1m", calendar="24/7")
    catalog.live.append("feed", "A", bars.iloc[:3], at=10)
    catalog.compact()
    catalog.live.append("feed", "A", bars.iloc[2:].assign(volume=7.0), at=20)
    got = wb.sql("select volume, stored from bars order by time")
    assert got["volume"].tolist() == [100, 100, 7, 7, 7]
    assert got["stored"].dt.microsecond.tolist() == [10, 10, 20, 20, 20]
    catalog.compact()
    pd.testing.assert_frame_equal(got, wb.sql("select volume, stored from bars order by time"))
    past = wb.sql("select symbol, time, volume, stored, replaced from revisions")
    assert past[["symbol", "volume"]].to_numpy().tolist() == [["A", 100.0]]
    assert past["replaced"].dt.microsecond.tolist() == [20]


def test_nothing_stored_is_an_empty_answer(workspace):
    assert wb.sql("select * from bars").empty
    assert wb.sql("select * from revisions").empty


def test_tables_of_the_workspace_where_it_has_them(workspace):
    from workbench.store.database import Database

    with pytest.raises(UsageError, match="messages"):
        wb.sql("select * from messages")
    database = Database(load_settings().database)
    with database.write() as connection:
        connection.exec_driver_sql("create table messages (id integer, text varchar)")
        connection.exec_driver_sql("insert into messages values (1, 'split announced')")
    database.close()
    got = wb.sql("select text from messages where id = 1")
    assert got["text"].tolist() == ["split announced"]


@pytest.mark.parametrize(
    "query",
    [
        "create table t (x int)",
        "copy (select 1) to 'out.csv'",
        "attach 'other.db'",
        "select 1; select 2",
        "",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('workbench.toml')",
        "set memory_limit = '1GB'",
        "install httpfs",
        "select nonsense from bars",
        "selekt",
    ],
)
def test_it_reads_the_views_and_nothing_else(workspace, query):
    wb.bars("AAPL")
    (workspace / "workbench.toml").write_text("")
    with pytest.raises(UsageError):
        wb.sql(query)
    assert sorted(path.name for path in workspace.iterdir()) == ["data", "workbench.toml"]


def test_a_damaged_file_is_told(workspace):
    wb.bars("AAPL")
    (path,) = workspace.glob("data/bars/**/bars-*.parquet")
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="damaged") as caught:
        wb.sql("select * from bars")
    assert path.name in caught.value.message


def test_without_duckdb_it_says_what_to_install(workspace, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match=r"trading-workbench\[sql\]") as caught:
        wb.sql("select 1")
    assert caught.value.extra == "sql"
