"""The store: gaps only, whole files or none, nothing lost."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.data import barfile
from workbench.data.catalog import Catalog, decode, encode
from workbench.data.schema import fingerprint
from workbench.errors import DataError, UsageError

DAY, MINUTE = Timeframe(1, "d"), Timeframe(1, "m")


def day(text):
    return pd.Timestamp(text, tz="UTC")


class CountingSource:
    """Daily bars of 2024 around the clock; remembers what it was asked."""

    name = "counting"

    def __init__(self, scale=1.0, version="1"):
        self.asked = []
        self.scale = scale
        self.version = version

    def symbols(self):
        return ()

    def history(self, symbol, timeframe, start, end):
        self.asked.append((start, end))
        index = pd.date_range("2024-01-01", "2024-12-31", freq="D", tz="UTC", name="time")
        level = np.arange(1.0, len(index) + 1) * self.scale
        bars = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], level), index=index)
        bars["volume"] = 1.0
        keep = index >= (start or index[0])
        if end is not None:
            keep &= index < end
        bars = bars[keep]
        bars.attrs = {"calendar": "24/7", "dropped": ({"symbol": symbol, "row": 9, "rule": "x"},)}
        return bars


def store(tmp_path, now="2025-06-01"):
    return Catalog(tmp_path / "bars", EventClock(datetime.fromisoformat(now).replace(tzinfo=UTC)))


def test_only_gaps_are_fetched(tmp_path):
    source, catalog = CountingSource(), store(tmp_path)
    catalog.fetch(source, "A", DAY, day("2024-03-01"), day("2024-04-01"))
    catalog.fetch(source, "A", DAY, day("2024-03-05"), day("2024-03-20"))
    assert len(source.asked) == 1
    bars = catalog.fetch(source, "A", DAY, day("2024-02-01"), day("2024-05-01"))
    assert source.asked[1:] == [
        (day("2024-02-01"), day("2024-03-01")),
        (day("2024-04-01"), day("2024-05-01")),
    ]
    assert len(bars) == 90
    assert bars.index.is_monotonic_increasing


def test_the_same_range_has_the_same_bits_in_any_order(tmp_path):
    windows = [("2024-03-01", "2024-04-01"), ("2024-01-10", "2024-02-01"), ("2024-05-01", None)]
    prints = set()
    for number, order in enumerate((windows, windows[::-1])):
        catalog = store(tmp_path / str(number))
        for start, end in order:
            catalog.fetch(CountingSource(), "A", DAY, day(start), day(end) if end else None)
        whole = catalog.fetch(CountingSource(), "A", DAY, day("2024-01-15"), day("2024-06-01"))
        prints.add(fingerprint(whole))
    assert len(prints) == 1


def test_a_bar_under_way_is_neither_returned_nor_stored(tmp_path):
    source, catalog = CountingSource(), store(tmp_path, "2024-03-10T12:00")
    bars = catalog.fetch(source, "A", DAY)
    assert bars.index[-1] == day("2024-03-09")
    catalog.clock.advance(datetime(2024, 3, 11, 1, tzinfo=UTC))
    assert catalog.fetch(source, "A", DAY).index[-1] == day("2024-03-10")


def test_stored_bars_do_not_change_when_a_source_changes_its_mind(tmp_path):
    catalog = store(tmp_path)
    first = catalog.fetch(CountingSource(), "A", DAY, day("2024-03-01"), day("2024-03-10"))
    path = catalog.path("counting", DAY, "A")
    bars, manifest = barfile.load_file(path)
    short = barfile.Manifest(**{**_fields(manifest), "covered": ()})
    barfile.save_file(path, bars, short)
    with pytest.warns(UserWarning, match="9 bars of A came again .* other values"):
        again = catalog.fetch(
            CountingSource(scale=2.0), "A", DAY, day("2024-03-01"), day("2024-03-10")
        )
    pd.testing.assert_frame_equal(first, again)
    assert catalog.read("counting", DAY, "A")[1].conflicts == 9


def _fields(manifest):
    return {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}


def test_another_version_of_the_source_is_read_anew(tmp_path):
    catalog = store(tmp_path)
    catalog.fetch(CountingSource(), "A", DAY)
    bars = catalog.fetch(CountingSource(scale=2.0, version="2"), "A", DAY)
    assert bars["close"].iloc[0] == 2.0
    assert catalog.read("counting", DAY, "A")[1].version == "2"


def test_the_manifest_tells_where_bars_come_from(tmp_path):
    catalog = store(tmp_path)
    catalog.fetch(CountingSource(), "BTC/USD", DAY, day("2024-03-01"), day("2024-04-01"))
    bars, manifest = catalog.read("counting", DAY, "BTC/USD")
    assert manifest.fingerprint == fingerprint(bars)
    assert manifest.covered == (("2024-03-01T00:00:00+00:00", "2024-04-01T00:00:00+00:00"),)
    assert (manifest.source, manifest.adjustment, manifest.calendar) == ("counting", "none", "24/7")
    assert manifest.fetched == "2025-06-01T00:00:00+00:00"
    assert manifest.dropped[0]["row"] == 9


def test_any_program_can_read_the_file(tmp_path):
    catalog = store(tmp_path)
    catalog.fetch(CountingSource(), "A", DAY)
    path = catalog.path("counting", DAY, "A")
    assert path.relative_to(tmp_path).as_posix() == (
        "bars/source=counting/timeframe=1d/symbol=A/bars.parquet"
    )
    file = pq.ParquetFile(path)
    assert str(file.schema_arrow.field("time").type) == "timestamp[ns, tz=UTC]"
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


@pytest.mark.parametrize("symbol", ["AAPL", "btc", "BTC/USDT", "BRK.B", "../../etc", "ÄÖ %2F", "."])
def test_symbols_become_safe_names_and_come_back(symbol, tmp_path):
    name = encode(symbol)
    assert decode(name) == symbol
    assert not set(name) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-%")
    path = Catalog(tmp_path).path("s", DAY, symbol)
    assert path.resolve().is_relative_to(tmp_path.resolve())


def test_names_that_differ_by_case_do_not_meet(tmp_path):
    assert encode("btc").casefold() != encode("BTC").casefold()
    paths = {str(Catalog(tmp_path).path("s", frame, "A")).casefold() for frame in ("1m", "1M")}
    assert len(paths) == 2


@pytest.mark.parametrize("symbol", ["", "X" * 300])
def test_impossible_symbols_are_refused(symbol):
    with pytest.raises(UsageError, match="not a symbol"):
        encode(symbol)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"",
        lambda raw: b"PAR1" + os.urandom(200) + b"PAR1",
        lambda raw: raw[:200] + bytes([raw[200] ^ 0xFF]) + raw[201:],
    ],
)
def test_a_damaged_file_is_told_kept_and_mendable(tmp_path, spoil):
    source, catalog = CountingSource(), store(tmp_path)
    catalog.fetch(source, "A", DAY)
    path = catalog.path("counting", DAY, "A")
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(DataError, match="damaged") as caught:
        catalog.fetch(source, "A", DAY)
    assert caught.value.path == str(path)
    assert path.read_bytes() == before
    assert "damaged" in catalog.entries().iloc[0]["state"]
    path.rename(path.with_suffix(".damaged"))
    assert len(catalog.fetch(source, "A", DAY)) == 366


def test_a_parquet_file_of_someone_else_is_not_taken_for_ours(tmp_path):
    catalog = store(tmp_path)
    path = catalog.path("counting", DAY, "A")
    path.parent.mkdir(parents=True)
    pd.DataFrame({"close": [1.0]}).to_parquet(path)
    with pytest.raises(DataError, match="damaged"):
        catalog.fetch(CountingSource(), "A", DAY)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    source, catalog = CountingSource(), store(tmp_path)
    catalog.fetch(source, "A", DAY, day("2024-03-01"), day("2024-04-01"))
    path = catalog.path("counting", DAY, "A")
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(barfile.pq, "write_table", full)
    with pytest.warns(UserWarning, match="No space left"):
        bars = catalog.fetch(source, "A", DAY, day("2024-03-01"), day("2024-05-01"))
    assert len(bars) == 61
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir() if item.name.endswith(".tmp")] == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    (tmp_path / "bars").mkdir(mode=0o500)
    with pytest.warns(UserWarning, match="could not be stored"):
        assert len(store(tmp_path).fetch(CountingSource(), "A", DAY)) == 366


def _write_a_month(folder, month):
    start = day(f"2024-{month:02d}-01")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store(folder).fetch(CountingSource(), "A", DAY, start, start + timedelta(days=28))


def test_writers_of_one_symbol_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork" if os.name != "nt" else "spawn")
    workers = [context.Process(target=_write_a_month, args=(tmp_path, m)) for m in range(1, 9)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    bars, manifest = store(tmp_path).read("counting", DAY, "A")
    assert len(bars) == 8 * 28
    assert len(manifest.covered) == 8


def test_entries_list_what_is_stored(tmp_path):
    catalog = store(tmp_path)
    assert catalog.entries().empty
    catalog.fetch(CountingSource(), "BTC/USD", DAY)
    row = catalog.entries().iloc[0]
    assert (row["symbol"], row["timeframe"], row["bars"], row["state"]) == (
        "BTC/USD", "1d", 366, "ok",
    )  # fmt: skip
