"""The layout of before: one file of floats, ``bars.parquet``, with its manifest inside.

It is read as it is, and taken over with the first write.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.calendar import utc_index
from workbench.data.chunks import damaged
from workbench.data.holes import Hole
from workbench.data.manifest import Manifest
from workbench.data.schema import fingerprint
from workbench.data.versions import Versions

__all__ = ["FILE", "load_previous"]

FILE = "bars.parquet"
_KEY = b"workbench"


def load_previous(folder: Path) -> tuple[Versions, Manifest] | None:
    """Return the bars and the manifest of the layout of before, None where there is none.

    Raises
    ------
    DataError
        The file is damaged; it names the file and what to do, and touches nothing.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        # One handle, as the file may be taken over at any time; read_table opens it twice.
        with path.open("rb") as file:
            table = pq.ParquetFile(file, page_checksum_verification=True).read()
        told = json.loads((table.schema.metadata or {})[_KEY])
        covered = tuple((start, end) for start, end in told.pop("covered"))
        expected = told.pop("fingerprint")
        holes = tuple(Hole(*hole) for hole in told.pop("holes", ()))
        names = tuple(name for name in table.column_names if name != "time")
        dropped = tuple(told.pop("dropped"))
        manifest = Manifest(covered=covered, dropped=dropped, holes=holes, columns=names, **told)
        columns = {name: table[name].to_numpy() for name in names}
        bars = pd.DataFrame(columns, index=utc_index(table["time"].to_numpy()))
        stored = pd.Timestamp(manifest.fetched).value // 1000
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, (str(error) or repr(error)).splitlines()[0][:200]) from error
    if fingerprint(bars) != expected:
        raise damaged(path, "the bars do not match the fingerprint in the file")
    return Versions(bars, np.full(len(bars), stored, dtype=np.int64)), manifest
