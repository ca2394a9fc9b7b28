"""One file of the store: bars and their manifest together, read, written and locked.

The file's own metadata hold the manifest, so that file and manifest cannot disagree. A
file is replaced in one step: readers see the old or the new one.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.calendar import utc_index
from workbench.data.coverage import Span
from workbench.data.holes import Hole
from workbench.data.schema import fingerprint
from workbench.errors import DataError

__all__ = ["Manifest", "load_file", "locked", "save_file"]

_KEY = b"workbench"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stored file is.

    Parameters
    ----------
    symbol, timeframe, source, calendar : str
    version : str
        The source's; bars of another version are fetched anew.
    adjustment : str
        Always ``"none"``: raw prices are stored.
    fingerprint : str
        Of the stored bars; checked whenever they are read.
    covered : tuple of (str or None, str or None)
        Spans ``start <= time < end`` that need not be fetched again; None is open.
    fetched : str
        When the last fetch was, ISO 8601, UTC.
    dropped : tuple of dict
        The rows that the source left out.
    conflicts : int
        Bars that came again with other values; the stored ones stayed.
    holes : tuple of Hole
        What the source did not give though the calendar has it; not covered.
    """

    symbol: str
    timeframe: str
    source: str
    calendar: str
    version: str = ""
    adjustment: str = "none"
    fingerprint: str = ""
    covered: tuple[Span, ...] = ()
    fetched: str = ""
    dropped: tuple[dict[str, Any], ...] = field(default=())
    conflicts: int = 0
    holes: tuple[Hole, ...] = ()


def load_file(path: Path) -> tuple[pd.DataFrame, Manifest] | None:
    """Return the bars and the manifest of a file, None where there is none.

    Raises
    ------
    DataError
        The file is damaged; it names the file and what to do, and touches nothing.
    """
    if not path.is_file():
        return None
    try:
        # One handle, as the file may be replaced at any time; read_table opens it twice.
        with path.open("rb") as file:
            table = pq.ParquetFile(file, page_checksum_verification=True).read()
        told = json.loads((table.schema.metadata or {})[_KEY])
        covered = tuple((start, end) for start, end in told.pop("covered"))
        holes = tuple(Hole(*hole) for hole in told.pop("holes", ()))
        dropped = tuple(told.pop("dropped"))
        manifest = Manifest(covered=covered, holes=holes, dropped=dropped, **told)
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "time"}
        bars = pd.DataFrame(columns, index=utc_index(table["time"].to_numpy()))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(
            path, str(error).splitlines()[0][:200] if str(error) else repr(error)
        ) from error
    if fingerprint(bars) != manifest.fingerprint:
        raise _damaged(path, "the bars do not match the fingerprint in the file")
    return bars, manifest


def save_file(path: Path, bars: pd.DataFrame, manifest: Manifest) -> None:
    """Replace a file in one step, and have it on the disk before returning."""
    columns: dict[str, Any] = {"time": pa.array(bars.index.asi8, pa.timestamp("ns", tz="UTC"))}  # type: ignore[attr-defined]
    columns |= {str(name): pa.array(bars[name].to_numpy()) for name in bars.columns}
    about = asdict(manifest) | {"holes": [astuple(hole) for hole in manifest.holes]}
    told = json.dumps(about, default=str).encode()
    table = pa.table(columns).replace_schema_metadata({_KEY: told})
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".bars-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the one right to write a file, across processes and threads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file ends the lock


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"the stored bars at {path} are damaged: {why}. The file was left as it is; restore it "
        "from a backup, or move it away and the bars are fetched again",
        path=str(path),
        rule="damaged file",
    )
