"""Chunks, revisions and the layout of before."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.manifest import Manifest
from workbench.data.schema import fingerprint
from workbench.data.shelf import FolderShelf
from workbench.data.versions import Versions
from workbench.errors import DataError

RNG = np.random.default_rng(7)


def minutes(start, count, seed=1):
    index = pd.date_range(start, periods=count, freq="min", tz="UTC", name="time")
    rng = np.random.default_rng(seed)
    level = np.round(100 + np.cumsum(rng.integers(-5, 6, count)) * 0.01, 2)
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), level), index=index)
    bars["volume"] = rng.integers(0, 1000, count).astype(float)
    return bars


def note(told, timeframe="1m", **changes):
    before = told or Manifest("A", timeframe, "s", "24/7")
    return replace(before, fetched="2025-01-01T00:00:00+00:00", **changes)


def nano(text):
    return pd.Timestamp(text, tz="UTC").value


def test_a_year_is_a_part_and_a_row_group_64_k(tmp_path):
    shelf = FolderShelf(tmp_path)
    bars = minutes("2023-10-01", 200_000)
    shelf.put(Versions.of(bars, 1), note)
    told = shelf.manifest()
    assert [chunk.part for chunk in told.chunks] == ["2023", "2024"]
    assert told.rows == 200_000
    file = pq.ParquetFile(tmp_path / told.chunks[0].file)
    assert file.metadata.row_group(0).num_rows == 65_536
    assert "DELTA_BINARY_PACKED" in file.metadata.row_group(0).column(1).encodings
    pd.testing.assert_frame_equal(shelf.read(), bars, check_freq=False, check_index_type=False)
    low, high = nano("2023-12-30"), nano("2024-01-02")
    part = shelf.read((low, high))
    assert len(part) == 3 * 1440
    assert fingerprint(part) == fingerprint(bars["2023-12-30":"2024-01-01"])
    assert shelf.read((nano("2030-01-01"), None)).empty


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2900), st.integers(1, 900)), min_size=1, max_size=14))
def test_whatever_pieces_it_came_in_it_is_the_same(tmp_path_factory, pieces):
    shelf = FolderShelf(tmp_path_factory.mktemp("bars"))
    whole = minutes("2023-12-31", 3000)
    got = np.zeros(len(whole), dtype=bool)
    for number, (at, count) in enumerate(pieces):
        got[at : at + count] = True
        assert shelf.put(Versions.of(whole.iloc[at : at + count], number), note) == 0
    assert fingerprint(shelf.read()) == fingerprint(whole[got])
    assert len(shelf.revisions()) == 0
    chunks = shelf.manifest().chunks
    assert all(one.last < other.first for one, other in pairwise(chunks))
    shelf.tidy()
    assert fingerprint(shelf.read()) == fingerprint(whole[got])
    assert len(shelf.manifest().chunks) == len({chunk.part for chunk in chunks})


def test_each_version_of_a_bar_can_be_read(tmp_path):
    shelf = FolderShelf(tmp_path)
    first = minutes("2024-01-01", 100)
    shelf.put(Versions.of(first, 10), note)
    second, third = first.copy(), first.copy()
    second.iloc[20:30, 3] += 1
    third.iloc[25:35, 4] = np.nan
    assert shelf.put(Versions.of(second.iloc[10:40], 20), note) == 10
    assert shelf.put(Versions.of(third.iloc[22:50], 30), note) == 13
    want = second.copy()
    want.iloc[22:50] = third.iloc[22:50]
    for instant, bars in ((10, first), (19, first), (20, second), (29, second), (30, want)):
        assert fingerprint(shelf.read(as_of=instant)) == fingerprint(bars)
    assert fingerprint(shelf.read()) == fingerprint(want)
    assert shelf.read(as_of=9).empty
    gone = shelf.revisions()
    assert len(gone) == 23
    assert set(zip(gone.stored, gone.replaced, strict=True)) == {(10, 20), (20, 30), (10, 30)}
    shelf.tidy()
    assert fingerprint(shelf.read(as_of=20)) == fingerprint(second)


def test_what_was_known_earlier_does_not_replace_but_is_kept(tmp_path):
    shelf = FolderShelf(tmp_path)
    bars = minutes("2024-01-01", 10)
    shelf.put(Versions.of(bars, 20), note)
    early = bars.copy()
    early.iloc[3] = 7.0
    for _ in range(2):  # a compaction that was killed comes a second time
        shelf.put(Versions.of(early.iloc[2:5], 10), note)
        assert fingerprint(shelf.read()) == fingerprint(bars)
        assert len(shelf.revisions()) == 1
    assert shelf.read(as_of=15)["close"].tolist() == [7.0]


def test_a_column_that_a_piece_lacks_stays(tmp_path):
    shelf = FolderShelf(tmp_path)
    bars = minutes("2024-01-01", 10)
    shelf.put(Versions.of(bars.assign(vwap=1.5, note="x"), 1), note)
    changed = bars.iloc[4:6] + 1
    shelf.put(Versions.of(changed, 2), note)
    shelf.put(Versions.of(minutes("2024-02-01", 3), 3), note)
    read = shelf.read()
    assert list(read.columns) == ["open", "high", "low", "close", "volume", "vwap", "note"]
    assert read["vwap"].iloc[:10].tolist() == [1.5] * 10
    assert read["vwap"].iloc[10:].isna().all()
    assert read["note"].iloc[:10].tolist() == ["x"] * 10


def write_previous(folder, bars):
    """Write the layout of before, as its last version did."""
    folder.mkdir(parents=True)
    about = {
        "symbol": "A", "timeframe": "1m", "source": "s", "calendar": "24/7", "version": "1",
        "adjustment": "none", "fingerprint": fingerprint(bars),
        "covered": [[None, "2024-02-01T00:00:00+00:00"]],
        "fetched": "2024-06-01T00:00:00+00:00", "dropped": [{"row": 3}], "conflicts": 2,
    }  # fmt: skip
    index = bars.index.as_unit("ns").asi8
    columns = {"time": pa.array(index, pa.timestamp("ns", tz="UTC"))}
    columns |= {name: pa.array(bars[name].to_numpy()) for name in bars.columns}
    table = pa.table(columns).replace_schema_metadata({b"workbench": json.dumps(about).encode()})
    pq.write_table(table, folder / "bars.parquet", compression="zstd", write_page_checksum=True)


def test_the_layout_of_before_opens_and_is_taken_over(tmp_path):
    bars = minutes("2023-12-31", 3000).assign(odd=RNG.normal(size=3000))
    write_previous(tmp_path / "s", bars)
    shelf = FolderShelf(tmp_path / "s")
    assert fingerprint(shelf.read()) == fingerprint(bars)
    told = shelf.manifest()
    assert (told.covered, told.conflicts) == (((None, "2024-02-01T00:00:00+00:00"),), 2)
    assert len(shelf.read((nano("2024-01-01"), nano("2024-01-01 01:00")))) == 60
    changed = bars.iloc[:1] + 1
    shelf.put(Versions.of(changed, pd.Timestamp("2024-07-01").value // 1000), note)
    assert not (tmp_path / "s" / "bars.parquet").exists()
    want = bars.copy()
    want.iloc[0] += 1
    assert fingerprint(shelf.read()) == fingerprint(want)
    then = shelf.read(as_of=pd.Timestamp("2024-06-30").value // 1000)
    assert fingerprint(then) == fingerprint(bars)
    after = shelf.manifest()
    assert (after.covered, after.dropped, after.conflicts) == (told.covered, told.dropped, 3)


def test_a_damaged_file_of_before_is_neither_read_nor_taken_over(tmp_path):
    write_previous(tmp_path / "s", minutes("2024-01-01", 100))
    path = tmp_path / "s" / "bars.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    before = path.read_bytes()
    shelf = FolderShelf(tmp_path / "s")
    for call in (shelf.read, lambda: shelf.put(Versions.of(minutes("2025-01-01", 3), 1), note)):
        with pytest.raises(DataError, match=r"left as it is"):
            call()
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 3}', '{"format": 2, "manifest": 1}'])
def test_a_manifest_that_is_none_is_told(tmp_path, text):
    shelf = FolderShelf(tmp_path)
    shelf.put(Versions.of(minutes("2024-01-01", 3), 1), note)
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json are damaged"):
        shelf.read()


def test_a_manifest_that_was_edited_is_told(tmp_path):
    shelf = FolderShelf(tmp_path)
    shelf.put(Versions.of(minutes("2024-01-01", 3), 1), note)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace("24/7", "XNYS"))
    with pytest.raises(DataError, match="does not match its own digest"):
        shelf.manifest()
