"""Live rows: seen at once, durable, compacted without loss."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog
from workbench.data.schema import fingerprint
from workbench.errors import DataError

MINUTE = Timeframe(1, "m")
SECOND = 1_000_000


@pytest.fixture
def catalog(tmp_path):
    found = Catalog(tmp_path / "bars", EventClock(datetime(2024, 6, 1, tzinfo=UTC)))
    yield found
    found.close()


@pytest.fixture
def minutes(make_bars):
    def make(start, count, values=None):
        times = pd.date_range(start, periods=count, freq="min", tz="UTC")
        return make_bars(times, values, timeframe="1m", calendar="24/7")

    return make


def read(catalog):
    return catalog.read("feed", "1m", "A")[0]


def known(catalog, at):
    instant = pd.Timestamp(at, unit="us", tz="UTC")
    return catalog.known("feed", "A", MINUTE, (None, None), instant)


def test_rows_are_seen_at_once_and_after_compaction(catalog, minutes):
    bars = minutes("2024-05-01", 100)
    for row in range(0, 100, 10):
        catalog.live.append("feed", "A", bars.iloc[row : row + 10], at=row * SECOND)
        assert len(read(catalog)) == row + 10
    assert fingerprint(read(catalog)) == fingerprint(bars)
    assert len(known(catalog, 45 * SECOND)) == 50
    moved = catalog.compact()
    assert moved.to_numpy().tolist() == [["feed", "1m", "A", 100, 0]]
    assert catalog.live.batches() == []
    assert fingerprint(read(catalog)) == fingerprint(bars)
    assert len(known(catalog, 45 * SECOND)) == 50
    assert catalog.compact().empty


def test_a_bar_that_is_restated_live_keeps_its_past(catalog, minutes):
    first = minutes("2024-05-01", 3)
    catalog.live.append("feed", "A", first, at=10)
    second = first.copy()
    second.iloc[1, 4] = 7.0
    catalog.live.append("feed", "A", second.iloc[1:2], at=20)
    for _ in range(2):
        assert fingerprint(read(catalog)) == fingerprint(second)
        assert fingerprint(known(catalog, 15)) == fingerprint(first)
        standing, gone = catalog.history("feed", "1m", "A")
        assert (len(standing), len(gone)) == (3, 1)
        assert gone.bars["volume"].tolist() == [100.0]
        catalog.compact()


def test_a_compaction_that_was_killed_half_way_is_done_again(catalog, minutes, monkeypatch):
    bars = minutes("2024-05-01", 3)
    catalog.live.append("feed", "A", bars, at=10)
    catalog.live.append("feed", "A", bars.assign(volume=9.0), at=20)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            catalog.live, "forget", lambda batch: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        catalog.compact()
    assert len(catalog.live.batches()) == 1
    catalog.compact()
    standing, gone = catalog.history("feed", "1m", "A")
    assert (len(standing), len(gone)) == (3, 3)
    assert standing.bars["volume"].tolist() == [9.0] * 3
    assert set(gone.stored) == {10}


def test_what_the_vendor_says_later_stands(catalog, minutes):
    live = minutes("2024-05-01", 5)
    catalog.live.append("feed", "A", live, at=10)

    class Vendor:
        name, version = "feed", "2"

        def symbols(self):
            return ()

        def history(self, symbol, timeframe, start, end):
            return live.assign(volume=5.0).loc[start : end - pd.Timedelta(1)]

    window = (pd.Timestamp("2024-05-01", tz="UTC"), pd.Timestamp("2024-05-01 00:03", tz="UTC"))
    got = catalog.fetch(Vendor(), "A", MINUTE, *window)
    assert got["volume"].tolist() == [5.0] * 3
    assert read(catalog)["volume"].tolist() == [5.0] * 3 + [100.0] * 2
    catalog.compact()
    assert read(catalog)["volume"].tolist() == [5.0] * 3 + [100.0] * 2
    assert known(catalog, 15)["volume"].tolist() == [100.0] * 5


def test_further_columns_and_missing_values_come_back(catalog, minutes):
    bars = minutes("2024-05-01", 3).assign(vwap=[1.5, np.nan, 2.5])
    bars.iloc[1, :5] = np.nan
    catalog.live.append("feed", "A", bars, at=1)
    assert fingerprint(read(catalog)) == fingerprint(bars)
    catalog.compact()
    assert fingerprint(read(catalog)) == fingerprint(bars)


def test_rows_that_are_no_bars_are_refused(catalog, minutes):
    bars = minutes("2024-05-01", 3)
    bars.iloc[1, 0] = -1.0
    with pytest.raises(DataError):
        catalog.live.append("feed", "A", bars, at=1)
    assert catalog.names() == []


def test_a_damaged_file_is_told_and_kept(catalog, minutes):
    catalog.live.append("feed", "A", minutes("2024-05-01", 300), at=1)
    catalog.close()
    path = catalog.live.path
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match=r"live\.db are damaged"):
        catalog.read("feed", "1m", "A")
    assert path.read_bytes().startswith(b"no database")


def test_readers_miss_nothing_while_rows_are_moved(catalog, minutes):
    bars, lengths, done = minutes("2024-05-01", 60), [], threading.Event()

    def watch():
        mine = Catalog(catalog.folder, catalog.clock)
        while not done.is_set():
            found = mine.read("feed", "1m", "A")
            lengths.append(0 if found is None else len(found[0]))

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for row in range(60):
            catalog.live.append("feed", "A", bars.iloc[row : row + 1], at=row)
            if row % 5 == 0:
                catalog.compact()
    finally:
        done.set()
        reader.join()
    assert lengths == sorted(lengths)
    assert fingerprint(read(catalog)) == fingerprint(bars)


def test_the_file_is_in_write_ahead_mode(catalog, minutes):
    catalog.live.append("feed", "A", minutes("2024-05-01", 1), at=1)
    connection = sqlite3.connect(catalog.live.path)
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    connection.close()
