"""The store: gaps only, whole files or none, nothing lost."""

from __future__ import annotations

import hashlib
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


def test_a_bar_that_comes_again_with_other_values_is_kept_as_it_was(tmp_path):
    catalog = store(tmp_path)
    first = catalog.fetch(CountingSource(), "A", DAY, day("2024-03-01"), day("2024-03-10"))
    catalog.clock.advance(datetime(2025, 6, 2, tzinfo=UTC))
    restated = catalog.again(
        CountingSource(scale=2.0), "A", DAY, day("2024-03-05"), day("2024-03-08")
    )
    assert restated == 3
    window = (day("2024-03-01"), day("2024-03-10"))
    now = catalog.fetch(CountingSource(), "A", DAY, *window)
    assert (now["close"] / first["close"]).tolist() == [1, 1, 1, 1, 2, 2, 2, 1, 1]
    then = catalog.known("counting", "A", DAY, window, day("2025-06-01"))
    assert fingerprint(then) == fingerprint(first)
    assert catalog.known("counting", "A", DAY, window, day("2025-05-31")).empty
    later = catalog.known("counting", "A", DAY, window, day("2025-06-02"))
    assert fingerprint(later) == fingerprint(now)
    assert catalog.read("counting", DAY, "A")[1].conflicts == 3


def test_a_piece_that_restates_is_told(tmp_path):
    catalog = store(tmp_path)
    catalog.fetch(CountingSource(), "A", DAY, day("2024-03-01"), day("2024-03-10"))
    live = CountingSource(scale=2.0).history("A", DAY, day("2024-03-10"), day("2024-03-12"))
    live.attrs["timeframe"] = "1d"
    catalog.live.append("counting", "A", live, 1)
    catalog.compact()
    catalog.close()
    with pytest.warns(UserWarning, match="2 bars of A came again .* the newest stand"):
        catalog.fetch(CountingSource(), "A", DAY, day("2024-03-01"), day("2024-04-01"))


def test_another_version_of_the_source_is_read_anew(tmp_path):
    catalog = store(tmp_path)
    catalog.fetch(CountingSource(), "A", DAY)
    catalog.clock.advance(datetime(2025, 6, 2, tzinfo=UTC))
    bars = catalog.fetch(CountingSource(scale=2.0, version="2"), "A", DAY, day("2024-03-01"))
    assert bars["close"].iloc[0] == 2.0 * 61
    whole, manifest = catalog.read("counting", DAY, "A")
    assert manifest.version == "2"
    assert whole.index[0] == day("2024-03-01")  # nothing of the version before stands
    then = catalog.known("counting", "A", DAY, (None, None), day("2025-06-01"))
    assert then["close"].iloc[0] == 1.0
    assert len(then) == 366


def test_the_manifest_tells_where_bars_come_from(tmp_path):
    catalog = store(tmp_path)
    catalog.fetch(CountingSource(), "BTC/USD", DAY, day("2024-03-01"), day("2024-04-01"))
    bars, manifest = catalog.read("counting", DAY, "BTC/USD")
    (chunk,) = manifest.chunks
    folder = catalog.shelf("counting", DAY, "BTC/USD").folder
    assert chunk.fingerprint == hashlib.sha256((folder / chunk.file).read_bytes()).hexdigest()
    assert (chunk.rows, chunk.source) == (len(bars), "counting")
    assert chunk.fetched == "2025-06-01T00:00:00+00:00"
    assert manifest.covered == (("2024-03-01T00:00:00+00:00", "2024-04-01T00:00:00+00:00"),)
    assert (manifest.source, manifest.adjustment, manifest.calendar) == ("counting", "none", "24/7")
    assert manifest.fetched == "2025-06-01T00:00:00+00:00"
    assert manifest.dropped[0]["row"] == 9


def test_any_program_can_read_the_file(tmp_path):
    catalog = store(tmp_path)
    bars = catalog.fetch(CountingSource(), "A", DAY)
    (path,) = catalog.shelf("counting", DAY, "A").folder.glob("*.parquet")
    where = path.parent.relative_to(tmp_path).as_posix()
    assert where == "bars/source=counting/timeframe=1d/symbol=A"
    file = pq.ParquetFile(path)
    assert str(file.schema_arrow.field("time").type) == "timestamp[ns, tz=UTC]"
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"
    assert pd.read_parquet(path)["close"].astype(float).tolist() == bars["close"].tolist()


@pytest.mark.parametrize("symbol", ["AAPL", "btc", "BTC/USDT", "BRK.B", "../../etc", "ÄÖ %2F", "."])
def test_symbols_become_safe_names_and_come_back(symbol, tmp_path):
    name = encode(symbol)
    assert decode(name) == symbol
    assert not set(name) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-%")
    path = Catalog(tmp_path).shelf("s", DAY, symbol).folder
    assert path.resolve().is_relative_to(tmp_path.resolve())


def test_names_that_differ_by_case_do_not_meet(tmp_path):
    assert encode("btc").casefold() != encode("BTC").casefold()
    paths = {Catalog(tmp_path).shelf("s", frame, "A").where.casefold() for frame in ("1m", "1M")}
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
@pytest.mark.parametrize("name", ["bars-*.parquet", "manifest.json"])
def test_a_damaged_file_is_told_kept_and_mendable(tmp_path, name, spoil):
    source, catalog = CountingSource(), store(tmp_path)
    catalog.fetch(source, "A", DAY)
    (path,) = catalog.shelf("counting", DAY, "A").folder.glob(name)
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(DataError, match="damaged") as caught:
        catalog.fetch(source, "A", DAY)
    assert caught.value.path == str(path)
    assert path.read_bytes() == before
    assert "damaged" in catalog.entries().iloc[0]["state"]
    assert str(path.parent) in caught.value.message  # what to move away
    path.parent.rename(path.parent.with_name("damaged"))
    assert len(catalog.fetch(source, "A", DAY)) == 366


def test_a_missing_file_is_told_and_not_fetched_in_silence(tmp_path):
    source, catalog = CountingSource(), store(tmp_path)
    catalog.fetch(source, "A", DAY)
    (path,) = catalog.shelf("counting", DAY, "A").folder.glob("*.parquet")
    path.unlink()
    with pytest.raises(DataError, match="the file is missing") as caught:
        catalog.fetch(source, "A", DAY)
    assert caught.value.path == str(path)


def test_a_parquet_file_of_someone_else_is_not_taken_for_ours(tmp_path):
    catalog = store(tmp_path)
    path = catalog.shelf("counting", DAY, "A").folder / "bars.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame({"close": [1.0]}).to_parquet(path)
    with pytest.raises(DataError, match="damaged"):
        catalog.fetch(CountingSource(), "A", DAY)


@pytest.mark.parametrize("step", [1, 2])
def test_a_write_that_fails_leaves_the_old_bars(tmp_path, monkeypatch, step):
    source, catalog = CountingSource(), store(tmp_path)
    catalog.fetch(source, "A", DAY, day("2024-03-01"), day("2024-04-01"))
    before = catalog.read("counting", DAY, "A")
    synced, fsync = [], os.fsync

    def full(handle):
        synced.append(handle)
        if len(synced) >= step:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left"):
        bars = catalog.fetch(source, "A", DAY, day("2024-03-01"), day("2024-05-01"))
    assert len(bars) == 61
    after = catalog.read("counting", DAY, "A")
    pd.testing.assert_frame_equal(before[0], after[0])
    assert before[1] == after[1]
    monkeypatch.undo()
    assert len(catalog.fetch(source, "A", DAY, day("2024-03-01"), day("2024-05-01"))) == 61
    folder = catalog.shelf("counting", DAY, "A").folder
    named = {chunk.file for chunk in catalog.read("counting", DAY, "A")[1].chunks}
    assert {item.name for item in folder.iterdir()} == named | {".lock", "manifest.json"}


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
