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
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.atomic import replace_file
from workbench.data.calendar import utc_index
from workbench.data.ticks import decode, encode, is_number
from workbench.data.versions import Versions
from workbench.errors import DataError

__all__ = [
    "EVERYTHING",
    "Chunk",
    "Window",
    "assemble",
    "damaged",
    "load_chunk",
    "read_table",
    "save_chunk",
]

Window = tuple[int | None, int | None]  # nanoseconds since 1970, half-open

EVERYTHING: Window = (None, None)

ROWS = 65_536
_STORED, _REPLACED = "_stored", "_replaced"
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

    def is_cut_by(self, window: Window) -> bool:
        """Tell whether it may hold a bar outside a window."""
        low, high = window
        return (low is not None and self.first < low) or (high is not None and self.last >= high)

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
    table = pa.table(columns)
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


def read_table(
    folder: Path, chunk: Chunk, window: Window = EVERYTHING, *, is_bare: bool = True
) -> pa.Table:
    """Return the rows of a chunk in a window, as they are in the file.

    Parameters
    ----------
    folder : Path
    chunk : Chunk
    window : (int or None, int or None)
    is_bare : bool
        Leave out when each bar was stored.

    Raises
    ------
    FileNotFoundError
        It is not there; a newer manifest may name another.
    DataError
        The file is not what was written; nothing is touched.
    """
    path = folder / chunk.file
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != chunk.fingerprint:
        raise damaged(path, "its content does not match the fingerprint in the manifest")
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = [n for n in file.schema_arrow.names if not (is_bare and n in (_STORED, _REPLACED))]
        if chunk.is_cut_by(window):
            return _cut(file.read_row_groups(_groups(file, window), columns=names), window)
        return file.read(columns=names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, (str(error) or repr(error)).splitlines()[0][:200]) from error


def load_chunk(folder: Path, chunk: Chunk, window: Window = EVERYTHING) -> Versions:
    """Return the bars of a chunk with the instants at which they were stored."""
    table = read_table(folder, chunk, window, is_bare=False)
    stored = table[_STORED].cast(pa.int64()).to_numpy()
    ends = table[_REPLACED].cast(pa.int64()).to_numpy() if _REPLACED in table.column_names else None
    keep = [name for name in table.column_names if name not in (_STORED, _REPLACED)]
    return Versions(assemble([table.select(keep)]), stored, ends)


def assemble(tables: Sequence[pa.Table], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return tables that follow each other in time as one frame.

    Parameters
    ----------
    tables : sequence of pyarrow.Table
    columns : sequence of str, optional
        The order; columns it does not name come after. One that a table lacks is NaN there.
    """
    names = list(dict.fromkeys([*columns, *(n for t in tables for n in t.column_names)]))
    names = [n for n in names if n != "time" and any(n in t.column_names for t in tables)]
    rows = sum(table.num_rows for table in tables)
    times = np.empty(rows, dtype=np.int64)
    numbers = [n for n in names if all(is_number(t[n].type) for t in tables if n in t.column_names)]
    block = np.empty((len(numbers), rows))
    at = 0
    for table in tables:
        span = slice(at, at + table.num_rows)
        at = span.stop
        times[span] = table["time"].cast(pa.int64()).to_numpy()
        for row, name in enumerate(numbers):
            if name in table.column_names:
                decode(table[name], block[row, span])
            else:
                block[row, span] = np.nan
    index = utc_index(times)
    frame = pd.DataFrame(block.T, index=index, columns=numbers, copy=False)
    if len(numbers) == len(names):
        return frame
    for name in names:
        if name not in numbers:
            parts = [_plain(table, name) for table in tables]
            frame[name] = pd.concat(parts, ignore_index=True).to_numpy()
    return frame[names]


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


def _groups(file: pq.ParquetFile, window: Window) -> list[int]:
    low, high = window
    chosen = []
    for number in range(file.num_row_groups):
        told = file.metadata.row_group(number).column(0).statistics
        first, last = (pd.Timestamp(side).value for side in (told.min, told.max))
        if (low is None or last >= low) and (high is None or first < high):
            chosen.append(number)
    return chosen


def _cut(table: pa.Table, window: Window) -> pa.Table:
    times = table["time"].cast(pa.int64()).to_numpy()
    low, high = window
    first = 0 if low is None else int(np.searchsorted(times, low))
    last = len(times) if high is None else int(np.searchsorted(times, high))
    return table.slice(first, max(0, last - first))


def _plain(table: pa.Table, name: str) -> pd.Series:
    if name not in table.column_names:
        return pd.Series(np.full(table.num_rows, np.nan), dtype=object)
    return pd.Series(table[name].to_numpy())
