"""Chunks of bars: Parquet files that are written once and never changed.

Prices and volumes are decimals where that is exact to the bit (`workbench.data.ticks`),
packed as differences; row groups of 64 k make a month of minutes two reads. Beside the
bars stands when each was stored. A chunk's fingerprint is the digest of its very bytes
and is checked whenever it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.atomic import replace_file
from workbench.data.calendar import utc_index
from workbench.data.steps import KEY, told_steps, unfolded
from workbench.data.ticks import decode, encode, is_number
from workbench.data.versions import Versions
from workbench.errors import DataError

__all__ = [
    "EVERYTHING",
    "Chunk",
    "Window",
    "check_chunk",
    "damaged",
    "load_chunk",
    "read_bars",
    "save_chunk",
]

Window = tuple[int | None, int | None]  # nanoseconds since 1970, half-open

EVERYTHING: Window = (None, None)

ROWS = 65_536
_STORED, _REPLACED = "_stored", "_replaced"
_NO_BARS = ("time", _STORED, _REPLACED)
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the manifest tells of a chunk.

    Parameters
    ----------
    file : str
        Its name in the folder.
    part : str
        The year or month it belongs to; ``"all"`` where bars are few.
    rows : int
    first, last : int
        Times of its first and last bar, nanoseconds since 1970.
    fetched : str
        When its newest bar was stored, ISO 8601, UTC.
    source : str
    fingerprint : str
        SHA-256 of the file.
    """

    file: str
    part: str
    rows: int
    first: int
    last: int
    fetched: str
    source: str
    fingerprint: str

    def meets(self, window: Window) -> bool:
        """Tell whether it may hold a bar of a window."""
        low, high = window
        return (low is None or self.last >= low) and (high is None or self.first < high)


def save_chunk(folder: Path, stem: str, versions: Versions, source: str) -> Chunk:
    """Write a chunk, on the disk when this returns; its name holds its digest."""
    bars, times = versions.bars, versions.times
    columns: dict[str, Any] = {"time": pa.array(times, pa.timestamp("ns", tz="UTC"))}
    columns |= {str(name): encode(bars[name]) for name in bars.columns}
    columns[_STORED] = pa.array(versions.stored, _INSTANT)
    if versions.replaced is not None:
        columns[_REPLACED] = pa.array(versions.replaced, _INSTANT)
    told = told_steps(times)
    table = pa.table(columns, metadata=None if told is None else {KEY: told})
    sink = pa.BufferOutputStream()
    packed = {n: "DELTA_BINARY_PACKED" for n in table.column_names if _is_packed(table, n)}
    split = {f.name: "BYTE_STREAM_SPLIT" for f in table.schema if pa.types.is_float64(f.type)}
    others = [n for n in table.column_names if n not in packed and n not in split]
    pq.write_table(
        table,
        sink,
        compression="zstd",
        row_group_size=ROWS,
        use_dictionary=others,
        column_encoding=packed | split,
        store_decimal_as_integer=True,
        write_page_checksum=True,
    )
    content = sink.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    name = f"{stem}-{digest[:16]}.parquet"
    if not (folder / name).is_file():
        replace_file(folder / name, memoryview(content))
    newest = pd.Timestamp(int(versions.stored.max()), unit="us", tz="UTC")
    return Chunk(
        name, stem.partition("-")[2], len(times), int(times[0]), int(times[-1]),
        newest.isoformat(), source, digest,
    )  # fmt: skip


def check_chunk(folder: Path, chunk: Chunk) -> None:
    """Raise a DataError where a chunk is not what was written."""
    _open(folder, chunk)


def read_bars(
    folder: Path, met: Sequence[Chunk], columns: Sequence[str], window: Window = EVERYTHING
) -> pd.DataFrame:
    """Return the bars of chunks that follow each other in time as one frame.

    Parameters
    ----------
    folder : Path
    met : sequence of Chunk
    columns : sequence of str
        Their order; columns it does not name come after. One that a chunk lacks is NaN there.
    window : (int or None, int or None)

    Raises
    ------
    FileNotFoundError
        A file is not there; a newer manifest may name another.
    DataError
        A file is not what was written; nothing is touched.
    """
    files = [_open(folder, chunk) for chunk in met]
    groups = [_groups(file, window) for file in files]
    rows = sum(
        file.metadata.row_group(group).num_rows
        for file, some in zip(files, groups, strict=True)
        for group in some
    )
    told = {field.name: field.type for file in files for field in file.schema_arrow}
    names = [n for n in dict.fromkeys([*columns, *told]) if n in told and n not in _NO_BARS]
    exact = all(
        is_number(field.type)
        for file in files
        for field in file.schema_arrow
        if field.name not in _NO_BARS
    )
    if not exact:  # texts among them
        tables = [_table(*some) for some in zip(files, groups, strict=True)]
        return _cut(_assembled(tables, names), window)
    times, block = _room(rows).view(np.int64), _room(rows * len(names)).reshape(len(names), rows)
    at = 0
    for chunk, file, some in zip(met, files, groups, strict=True):
        have = [name for name in names if name in file.schema_arrow.names]
        known = _known_times(folder / chunk.file, file, some) if have else None
        if known is not None:
            times[at : at + len(known)] = known
        asked = have if known is not None else ["time", *have]
        # batch by batch: the memory of one is used for the next
        for batch in file.iter_batches(ROWS, some, asked, use_threads=False):
            span = slice(at, at + batch.num_rows)
            at = span.stop
            if known is None:
                times[span] = batch["time"].view(pa.int64()).to_numpy()
            for row, name in enumerate(names):
                if name in have:
                    decode(batch[name], block[row, span])
                else:
                    block[row, span] = np.nan
    index = utc_index(times, copy=False)
    frame = pd.DataFrame(block.T, index=index, columns=names, copy=False)
    return _cut(frame, window)


def load_chunk(folder: Path, chunk: Chunk, window: Window = EVERYTHING) -> Versions:
    """Return the bars of a chunk with the instants at which they were stored; see `read_bars`."""
    file = _open(folder, chunk)
    table = _table(file, _groups(file, window))
    stored = table[_STORED].cast(pa.int64()).to_numpy()
    ends = table[_REPLACED].cast(pa.int64()).to_numpy() if _REPLACED in table.column_names else None
    names = [name for name in table.column_names if name not in _NO_BARS]
    bars = _assembled([table], names)
    first, last = _edges(bars, window)
    inside = slice(first, last)
    return Versions(bars.iloc[inside], stored[inside], None if ends is None else ends[inside])


def damaged(path: Path, why: str) -> DataError:
    """Return the error that says what is wrong with a file, and what to do."""
    return DataError(
        f"the stored bars at {path} are damaged: {why}. The file was left as it is; restore it "
        f"from a backup, or move the folder {path.parent} away and the bars are fetched again",
        path=str(path),
        rule="damaged file",
    )


def _is_packed(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return bool(name == "time" or pa.types.is_decimal64(kind))


def _open(folder: Path, chunk: Chunk) -> pq.ParquetFile:
    path = folder / chunk.file
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != chunk.fingerprint:
        raise damaged(path, "its content does not match the fingerprint in the manifest")
    try:
        return pq.ParquetFile(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, (str(error) or repr(error)).splitlines()[0][:200]) from error


def _room(count: int) -> npt.NDArray[np.float64]:
    """Return memory for numbers from Arrow's pool, which keeps at hand what is given back."""
    return np.frombuffer(pa.allocate_buffer(count * 8, resizable=False), dtype=np.float64)


def _table(file: pq.ParquetFile, groups: list[int]) -> pa.Table:
    return file.read_row_groups(groups)


def _groups(file: pq.ParquetFile, window: Window) -> list[int]:
    """Return the row groups that may hold a bar of a window."""
    low, high = window
    if low is None and high is None:
        return list(range(file.num_row_groups))
    chosen = []
    for number in range(file.num_row_groups):
        told = file.metadata.row_group(number).column(0).statistics
        first, last = (pd.Timestamp(side).value for side in (told.min, told.max))
        if (low is None or last >= low) and (high is None or first < high):
            chosen.append(number)
    return chosen


def _known_times(
    path: Path, file: pq.ParquetFile, groups: list[int]
) -> npt.NDArray[np.int64] | None:
    """Return the times of row groups where the file tells them in short, else None."""
    told = (file.schema_arrow.metadata or {}).get(KEY)
    if told is None:
        return None
    try:
        times = unfolded(told)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if len(times) != file.metadata.num_rows:
        raise damaged(path, f"{len(times)} times for {file.metadata.num_rows} bars")
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    parts = np.split(times, np.cumsum(sizes)[:-1])
    return times if len(groups) == len(parts) else np.concatenate([parts[n] for n in groups])


def _edges(bars: pd.DataFrame, window: Window) -> tuple[int, int]:
    times = pd.DatetimeIndex(bars.index).asi8
    low, high = window
    first = 0 if low is None else int(np.searchsorted(times, low))
    last = len(times) if high is None else int(np.searchsorted(times, high))
    return first, max(first, last)


def _cut(bars: pd.DataFrame, window: Window) -> pd.DataFrame:
    if window == EVERYTHING:
        return bars
    first, last = _edges(bars, window)
    return bars if (first, last) == (0, len(bars)) else bars.iloc[first:last]


def _assembled(tables: Sequence[pa.Table], names: Sequence[str]) -> pd.DataFrame:
    frames = []
    for table in tables:
        columns: dict[str, Any] = {}
        for name in names:
            if name not in table.column_names:
                columns[name] = np.full(table.num_rows, np.nan)
            elif is_number(table[name].type):
                columns[name] = np.empty(table.num_rows)
                decode(table[name], columns[name])
            else:
                columns[name] = table[name].to_numpy()
        times = table["time"].cast(pa.int64()).to_numpy()
        frames.append(pd.DataFrame(columns, index=utc_index(times)))
    whole = pd.concat(frames) if len(frames) > 1 else frames[0]
    return whole.rename_axis("time")
