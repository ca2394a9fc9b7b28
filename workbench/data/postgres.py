"""Bars on PostgreSQL; a hypertable where the server has the TimescaleDB extension.

Chosen with the setting ``bars_url``. What stands and what no longer does are rows of two
tables, the manifests those of a third; a write is one transaction, and writers of one symbol
take turns by an advisory lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import utc_index
from workbench.data.chunks import EVERYTHING, Window
from workbench.data.manifest import Manifest, from_text, to_text
from workbench.data.shelf import Note, empty_bars
from workbench.data.versions import Versions, known_at, merge, stack
from workbench.errors import DataError, UnavailableError, UsageError
from workbench.venues.rows import FIELDS

if TYPE_CHECKING:
    import psycopg

__all__ = ["PostgresShelf", "PostgresShelves"]

_KEYS = "source text not null, timeframe text not null, symbol text not null"
_VALUES = (
    "time timestamptz not null, stored bigint not null, replaced bigint not null,"
    " open float8, high float8, low float8, close float8, volume float8, more jsonb"
)
_SCHEMA = (
    f"create table if not exists workbench_bars ({_KEYS}, {_VALUES},"
    " primary key (source, timeframe, symbol, time))",
    f"create table if not exists workbench_revisions ({_KEYS}, {_VALUES},"
    " primary key (source, timeframe, symbol, time, stored))",
    f"create table if not exists workbench_manifests ({_KEYS}, manifest text not null,"
    " primary key (source, timeframe, symbol))",
)
_HYPERTABLE = "select create_hypertable('workbench_bars', 'time', if_not_exists => true)"
_MINE = "source = %s and timeframe = %s and symbol = %s"
_COLUMNS = "time, stored, replaced, open, high, low, close, volume, more"
_NANOS = 1000


class PostgresShelves:
    """The shelves of a PostgreSQL database; tables are made where they are missing.

    Parameters
    ----------
    url : str
        ``postgresql://user:password@host/database``.

    Raises
    ------
    UsageError
        psycopg is not installed.
    UnavailableError
        The server cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        with self.connect() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtextextended('workbench', 0))")
            for statement in _SCHEMA:
                connection.execute(statement)
            found = connection.execute("select 1 from pg_extension where extname = 'timescaledb'")
            self.is_hypertable = found.fetchone() is not None
            if self.is_hypertable:
                connection.execute(_HYPERTABLE)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        """Give a transaction; what goes wrong with the server is told as an error of ours."""
        try:
            import psycopg
        except ModuleNotFoundError:
            raise UsageError(
                "bars_url needs psycopg: pip install 'trading-workbench[postgres]'",
                package="psycopg",
                extra="postgres",
            ) from None
        try:
            with psycopg.connect(self.url, connect_timeout=10) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise UnavailableError(
                f"the bars' database cannot be used: {error}; check bars_url and that the server "
                "runs"
            ) from error

    def find(self, source: str, timeframe: Timeframe, symbol: str) -> PostgresShelf:
        """See `workbench.data.shelves.Shelves.find`."""
        return PostgresShelf(self, (source, str(timeframe), symbol))

    def names(self) -> Sequence[tuple[str, Timeframe, str]]:
        """See `workbench.data.shelves.Shelves.names`."""
        with self.connect() as connection:
            found = connection.execute(
                "select source, timeframe, symbol from workbench_manifests order by 1, 2, 3"
            ).fetchall()
        return [(row[0], Timeframe.parse(row[1]), row[2]) for row in found]

    def megabytes(self, source: str, timeframe: Timeframe, symbol: str) -> float:
        """Return the size of the rows as the server counts them."""
        with self.connect() as connection:
            found = connection.execute(
                f"select sum(pg_column_size(b.*)) from workbench_bars b where {_MINE}",
                (source, str(timeframe), symbol),
            ).fetchone()
        return float(found[0] or 0) / 1e6 if found else 0.0


class PostgresShelf:
    """A shelf that is rows; see `workbench.data.shelf.Shelf`."""

    def __init__(self, shelves: PostgresShelves, names: tuple[str, str, str]) -> None:
        self.shelves = shelves
        self.names = names

    @property
    def where(self) -> str:
        """The database, without its password."""
        return f"bars_url ({'/'.join(self.names)})"

    def manifest(self) -> Manifest | None:
        """See `Shelf.manifest`."""
        with self.shelves.connect() as connection:
            return self._manifest(connection)

    def read(self, window: Window = EVERYTHING, as_of: int | None = None) -> pd.DataFrame:
        """See `Shelf.read`."""
        with self.shelves.connect() as connection:
            told = self._manifest(connection)
            names = told.columns if told is not None else ()
            found = self._rows(connection, "workbench_bars", window)
            if as_of is not None:
                gone = self._rows(connection, "workbench_revisions", window)
                return _ordered(known_at(stack([found, gone]), as_of), names)
        return _ordered(found.bars, names)

    def versions(self, window: Window = EVERYTHING) -> Versions:
        """See `Shelf.versions`."""
        with self.shelves.connect() as connection:
            found = self._rows(connection, "workbench_bars", window)
        return Versions(found.bars, found.stored)

    def revisions(self) -> Versions:
        """See `Shelf.revisions`."""
        with self.shelves.connect() as connection:
            return self._rows(connection, "workbench_revisions", EVERYTHING)

    def put(self, fresh: Versions, note: Note) -> int:
        """See `Shelf.put`."""
        if np.any(fresh.times % _NANOS):
            raise UsageError("bars on PostgreSQL keep times to the microsecond; these are finer")
        with self.shelves.connect() as connection:
            connection.execute(
                "select pg_advisory_xact_lock(hashtextextended(%s, 0))", ["/".join(self.names)]
            )
            told = self._manifest(connection)
            after = note(told)
            if told is None and not len(fresh):
                return 0
            if told is not None and told.covered and told.version != after.version:
                self._retire(connection, pd.Timestamp(after.fetched).value // 1000)
            span = (int(fresh.times[0]), int(fresh.times[-1]) + 1) if len(fresh) else (0, 0)
            found = self._rows(connection, "workbench_bars", span)
            merged, gone = merge(Versions(found.bars, found.stored), fresh)
            changed = merged.where(np.isin(merged.times, fresh.times))
            self._write(connection, "workbench_bars", changed)
            self._write(connection, "workbench_revisions", gone)
            names = (*after.columns, *map(str, fresh.bars.columns))
            self._note(
                connection,
                replace(
                    after,
                    columns=tuple(dict.fromkeys(names)),
                    conflicts=after.conflicts + len(gone),
                ),
            )
            return len(gone)

    def tidy(self) -> None:
        """See `Shelf.tidy`; the server does it by itself."""

    def _manifest(self, connection: psycopg.Connection[Any]) -> Manifest | None:
        found = connection.execute(
            f"select manifest from workbench_manifests where {_MINE}", self.names
        ).fetchone()
        if found is None:
            return None
        try:
            return from_text(found[0])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the manifest of {self.where} is damaged: {error}; restore the database from a "
                "backup, or delete the symbol's rows and the bars are fetched again",
                rule="damaged manifest",
            ) from error

    def _note(self, connection: psycopg.Connection[Any], told: Manifest) -> None:
        connection.execute(
            "insert into workbench_manifests values (%s, %s, %s, %s)"
            " on conflict (source, timeframe, symbol) do update set manifest = excluded.manifest",
            (*self.names, to_text(told)),
        )

    def _retire(self, connection: psycopg.Connection[Any], at: int) -> None:
        connection.execute(
            f"with gone as (delete from workbench_bars where {_MINE} returning *)"
            " insert into workbench_revisions select source, timeframe, symbol, time, stored, %s,"
            " open, high, low, close, volume, more from gone on conflict do nothing",
            (*self.names, at),
        )

    def _rows(self, connection: psycopg.Connection[Any], table: str, window: Window) -> Versions:
        low, high = (None if side is None else _instant(side) for side in window)
        found = connection.execute(
            f"select (extract(epoch from time) * 1000000)::bigint, {_COLUMNS} from {table}"
            f" where {_MINE} and (%s::timestamptz is null or time >= %s)"
            " and (%s::timestamptz is null or time < %s) order by time, stored",
            (*self.names, low, low, high, high),
        ).fetchall()
        if not found:
            return Versions.none()
        times = np.array([row[0] for row in found], dtype=np.int64) * _NANOS
        stored, ends = (np.array([row[n] for row in found], dtype=np.int64) for n in (2, 3))
        block = np.array([row[4:9] for row in found], dtype=np.float64)
        bars = pd.DataFrame(block, index=utc_index(times), columns=list(FIELDS))
        more = [row[9] or {} for row in found]
        for name in dict.fromkeys(name for some in more for name in some):
            values = [some.get(name) for some in more]
            is_text = any(isinstance(value, str) for value in values)
            bars[name] = values if is_text else np.array(values, dtype=np.float64)
        return Versions(bars, stored, ends)

    def _write(self, connection: psycopg.Connection[Any], table: str, versions: Versions) -> None:
        if not len(versions):
            return
        bars, ends = versions.bars, versions.ends
        others = [str(name) for name in bars.columns if name not in FIELDS]
        connection.execute(f"create temporary table fresh (like {table}) on commit drop")
        with connection.cursor().copy("copy fresh from stdin") as copy:
            numbers = bars[list(FIELDS)].to_numpy()
            for row, time in enumerate(versions.times.tolist()):
                more = {name: _plain(bars[name].iloc[row]) for name in others}
                copy.write_row(
                    (
                        *self.names, _instant(time), int(versions.stored[row]), int(ends[row]),
                        *numbers[row].tolist(), json.dumps(more) if more else None,
                    )
                )  # fmt: skip
        connection.execute(
            f"insert into {table} select * from fresh on conflict"
            + (
                " (source, timeframe, symbol, time) do update set stored = excluded.stored,"
                " open = excluded.open, high = excluded.high, low = excluded.low, close ="
                " excluded.close, volume = excluded.volume, more = excluded.more"
                if table == "workbench_bars"
                else " do nothing"
            )
        )
        connection.execute("drop table fresh")


def _instant(nanos: int) -> Any:
    # rounded up: both ends of a window are then the same cut through times in microseconds
    return pd.Timestamp(-(-nanos // _NANOS) * _NANOS, tz="UTC").to_pydatetime()


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value)
    return value if isinstance(value, str) or value is None else float(value)


def _ordered(bars: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    if not len(bars):
        return empty_bars(tuple(names))
    told = [name for name in names if name in bars.columns]
    return bars[told] if told else bars
