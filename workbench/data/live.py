"""Bars as they come in: rows of an SQLite file until they are compacted.

A Parquet file is no place for single rows. What a feed gives is durable here in a
millisecond, is seen by every reader at once, and moves to the chunks with
`workbench.data.catalog.Catalog.compact`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import utc_index
from workbench.data.chunks import EVERYTHING, Window
from workbench.data.schema import check_bars
from workbench.data.versions import Versions
from workbench.errors import DataError, UnavailableError
from workbench.venues.rows import FIELDS

if TYPE_CHECKING:
    from workbench.store.database import Database

__all__ = ["Batch", "LiveRows"]

FILE = "live.db"

_SCHEMA = (
    "create table if not exists bars (id integer primary key autoincrement, source text not null,"
    " timeframe text not null, symbol text not null, calendar text not null, time integer not"
    " null, stored integer not null, open real, high real, low real, close real, volume real,"
    " more text)",
    "create index if not exists bars_time on bars (source, timeframe, symbol, time)",
)
_INSERT = (
    "insert into bars (source, timeframe, symbol, calendar, time, stored, open, high, low, close,"
    " volume, more) values (:source, :timeframe, :symbol, :calendar, :time, :stored, :open, :high,"
    " :low, :close, :volume, :more)"
)
_SELECT = (
    "select time, stored, open, high, low, close, volume, more from bars where source = :source"
    " and timeframe = :timeframe and symbol = :symbol and time >= :low and time < :high"
    " and id <= :last order by id"
)
_BATCHES = (
    "select source, timeframe, symbol, max(calendar), max(id) from bars"
    " group by source, timeframe, symbol"
)
_FORGET = (
    "delete from bars where source = :source and timeframe = :timeframe and symbol = :symbol"
    " and id <= :last"
)
_LOW, _HIGH = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one source, timeframe and symbol up to the last that is meant."""

    source: str
    timeframe: str
    symbol: str
    calendar: str
    last: int


class LiveRows:
    """The rows that are not compacted yet.

    Parameters
    ----------
    folder : Path
        The catalog's; the file is made with the first row.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._database: Database | None = None

    def append(self, source: str, symbol: str, bars: pd.DataFrame, at: int) -> None:
        """Store bars, durable once this returns; the same bar may come again.

        Parameters
        ----------
        source, symbol : str
        bars : DataFrame
            Raw bars; ``attrs["timeframe"]`` says of which length.
        at : int
            Now, microseconds since 1970.

        Raises
        ------
        DataError
            They are no bars.
        UnavailableError
            The file cannot be written.
        """
        checked = check_bars(bars)
        facts = {
            "source": source,
            "timeframe": str(Timeframe.parse(bars.attrs["timeframe"])),
            "symbol": symbol,
            "calendar": bars.attrs.get("calendar", "XNYS"),
            "stored": at,
        }
        times = pd.DatetimeIndex(checked.index).as_unit("ns").asi8.tolist()
        others = [name for name in checked.columns if name not in FIELDS]
        rows = [
            {**facts, "time": time, **{name: row[name] for name in FIELDS}}
            | {"more": json.dumps({n: float(row[n]) for n in others}) if others else None}
            for time, row in zip(times, checked.to_dict("records"), strict=True)
        ]
        if rows:
            with self._open().write() as connection:
                connection.exec_driver_sql(_INSERT, rows)

    def versions(
        self, source: str, timeframe: Timeframe, symbol: str, window: Window = EVERYTHING
    ) -> Versions:
        """Return the rows of one symbol, each time it came, oldest first."""
        return self._rows(Batch(source, str(timeframe), symbol, "", _HIGH), window)

    def batches(self) -> list[Batch]:
        """Return what there is to compact."""
        return [Batch(*row) for row in self._select(_BATCHES, {})]

    def rounds(self, batch: Batch) -> Iterator[Versions]:
        """Yield the rows of a batch, no time twice in one, those that came first before."""
        rows = self._rows(batch, EVERYTHING)
        again = pd.Series(rows.times).groupby(rows.times).cumcount().to_numpy()
        for number in range(int(again.max(initial=-1)) + 1):
            yield rows.where(again == number)

    def forget(self, batch: Batch) -> None:
        """Remove the rows of a batch, which are in the chunks by now."""
        with self._open().write() as connection:
            connection.exec_driver_sql(_FORGET, asdict(batch))

    def close(self) -> None:
        """Give the connections back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> Database:
        if self._database is None:
            from workbench.store.database import Database  # who only reads need not load it

            self._database = Database(f"sqlite:///{self.path}")
            with self._database.write() as connection:
                for statement in _SCHEMA:
                    connection.exec_driver_sql(statement)
        return self._database

    def _select(self, statement: str, wanted: dict[str, Any]) -> list[Any]:
        if not self.path.is_file():
            return []
        try:
            try:
                return self._read(statement, wanted)
            except sqlite3.OperationalError as error:
                if "readonly" not in str(error):
                    raise
                self._open()  # its writer was killed: only who may write can put it in order
                return self._read(statement, wanted)
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # made this very moment
                return []
            raise UnavailableError(
                f"the live bars at {self.path} cannot be read: {error}; check that its folder may "
                "be written and that no other program holds it",
                path=str(self.path),
            ) from error
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"the live bars at {self.path} are damaged: {error}. The file was left as it is; "
                "restore it from a backup or move it away: compacted bars are not in it",
                path=str(self.path),
                rule="damaged file",
            ) from error

    def _read(self, statement: str, wanted: dict[str, Any]) -> list[Any]:
        # Who only reads takes a connection that cannot write, and need not load SQLAlchemy.
        address = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            return connection.execute(statement, wanted).fetchall()

    def _rows(self, batch: Batch, window: Window) -> Versions:
        wanted = {
            "source": batch.source, "timeframe": batch.timeframe, "symbol": batch.symbol,
            "low": _LOW if window[0] is None else window[0],
            "high": _HIGH if window[1] is None else window[1], "last": batch.last,
        }  # fmt: skip
        found = self._select(_SELECT, wanted)
        if not found:
            return Versions.none()
        times, stored = (np.array([row[n] for row in found], dtype=np.int64) for n in (0, 1))
        block = np.array([row[2:7] for row in found], dtype=np.float64)
        bars = pd.DataFrame(block, index=utc_index(times), columns=list(FIELDS))
        more = [json.loads(row[7]) if row[7] else {} for row in found]
        for name in dict.fromkeys(name for some in more for name in some):
            bars[name] = [some.get(name, np.nan) for some in more]
        order = np.lexsort((stored, times))
        return Versions(bars.iloc[order], stored[order])
