"""Ten million stored one-minute bars: a month of one symbol, and all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.timing import Row, cpu
from workbench.core.timeframe import Timeframe
from workbench.data.manifest import Manifest
from workbench.data.shelf import FolderShelf
from workbench.data.shelves import FolderShelves
from workbench.data.versions import Versions

SYMBOLS, BARS = 10, 1_000_000
_MINUTE = Timeframe(1, "m")
_MONTH = tuple(pd.Timestamp(day, tz="UTC").value for day in ("2021-05-01", "2021-06-01"))


@contextmanager
def store() -> Iterator[list[FolderShelf]]:
    """Give ten symbols of a million bars each, prices on a cent."""
    with tempfile.TemporaryDirectory() as folder:
        shelves = FolderShelves(Path(folder))
        index = pd.date_range("2020-01-01", periods=BARS, freq="min", tz="UTC")
        found = []
        for number in range(SYMBOLS):
            shelf = shelves.find("bench", _MINUTE, f"S{number}")
            about = Manifest(f"S{number}", "1m", "bench", "24/7")
            shelf.put(Versions.of(_bars(index, number), 1), lambda told, about=about: told or about)
            found.append(shelf)
        yield found


def _bars(index: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    close = 20_000 + np.cumsum(draw.integers(-4, 5, len(index)))
    prices = {
        "open": np.roll(close, 1),
        "high": close + draw.integers(4, 9, len(index)),
        "low": close - draw.integers(4, 9, len(index)),
        "close": close,
    }
    bars = pd.DataFrame({name: ticks / 100 for name, ticks in prices.items()}, index=index)
    bars["volume"] = draw.integers(0, 5000, len(index)).astype(float)
    return bars


def load(shelves: list[FolderShelf]) -> int:
    """Load all bars through the catalog's shelves."""
    return sum(len(shelf.read()) for shelf in shelves)


def load_plain(shelves: list[FolderShelf]) -> int:
    """Load the same files with pyarrow alone."""
    return sum(
        pq.ParquetFile(path).read().num_rows for shelf in shelves for path in shelf.files()[0]
    )


def load_frames(shelves: list[FolderShelf]) -> int:
    """Load the same files with pyarrow, as frames of floats."""
    rows = 0
    for shelf in shelves:
        frames = []
        for path in shelf.files()[0]:
            table = pq.ParquetFile(path).read()
            names = table.column_names[1:6]
            frames.append(
                pd.DataFrame(
                    {name: table[name].cast("float64").to_numpy() for name in names},
                    index=pd.DatetimeIndex(table["time"].to_numpy()),
                )
            )
        rows += len(pd.concat(frames))
    return rows


def rows() -> list[Row]:
    with store() as shelves:
        month = cpu(lambda: shelves[3].read(_MONTH), 15)
        whole = cpu(lambda: load_plain(shelves), 5)
        ours = cpu(lambda: load(shelves), 5)
        frames = cpu(lambda: load_frames(shelves), 3)
    return [
        Row("a month of one symbol of 10 million bars", "20 ms", month, 0.020, 1),
        Row("10 million bars from Parquet, checked", "pyarrow, tables", ours, whole, 1 / 1.3),
        Row("10 million bars from Parquet, checked", "pyarrow, frames", ours, frames, 1),
    ]
