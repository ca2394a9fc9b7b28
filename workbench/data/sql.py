"""``wb.sql``: questions to everything that is stored, in SQL.

The views are made anew for each question, so that they show what is there at that moment::

    bars       source timeframe symbol time open high low close volume … stored
    revisions  the same, and replaced: bars that no longer stand

Bars that ``bars_url`` keeps in PostgreSQL are read from there as a whole for each question.
And, where the workspace's database has them, its tables ``messages`` and ``actions``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.config import Settings, load_settings
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog
from workbench.data.chunks import damaged
from workbench.data.shelves import FolderShelves
from workbench.data.versions import Versions, merge
from workbench.errors import DataError, UsageError
from workbench.venues.rows import FIELDS

if TYPE_CHECKING:
    import duckdb

__all__ = ["sql"]

_KEYS = ("source", "timeframe", "symbol")
_TABLES = ("messages", "actions")
_HIDDEN = ("_stored", "_replaced")


def sql(query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Ask the stored bars a question in SQL (DuckDB's).

    Parameters
    ----------
    query : str
        One ``select``. It may read the views named above and nothing else: no other file,
        nothing on the network, and it can change nothing. Times are UTC, prices raw.
    parameters : sequence or mapping, optional
        Values of ``?`` or ``$name`` in the query.

    Returns
    -------
    DataFrame

    Raises
    ------
    UsageError
        DuckDB is not installed, the query is none or cannot be run.
    DataError
        A stored file is damaged.

    Examples
    --------
    >>> import workbench as wb
    >>> _ = wb.bars("AAPL", end="2013-01-01")
    >>> wb.sql('''select symbol, count(*) as days, max(close) as highest from bars
    ...           where symbol = ? and year(time) = 2012 group by all''', ["AAPL"])
      symbol  days  highest
    0   AAPL   250    702.1
    """
    engine = _engine()
    catalog = Catalog.of(load_settings())
    connection = engine.connect()
    try:
        _prepare(connection, catalog, query)
        statements = connection.extract_statements(query)
        kinds = [statement.type.name for statement in statements]
        if kinds not in (["SELECT"], ["EXPLAIN"]):
            raise UsageError(f"wb.sql takes one select, not {', '.join(kinds) or 'nothing'}")
        return _as_frame(connection.execute(query, parameters))
    except engine.Error as error:
        raise _translated(error) from None
    finally:
        connection.close()
        catalog.close()


def _engine() -> Any:
    try:
        import duckdb
    except ModuleNotFoundError:
        raise UsageError(
            "wb.sql needs DuckDB: pip install 'trading-workbench[sql]'",
            package="duckdb",
            extra="sql",
        ) from None
    return duckdb


def _prepare(connection: duckdb.DuckDBPyConnection, catalog: Catalog, query: str) -> None:
    connection.execute("set TimeZone = 'UTC'")
    files = _views(connection, catalog, query)
    for table in _TABLES:
        if re.search(rf"\b{table}\b", query, re.IGNORECASE):
            _take_over(connection, table, load_settings())
    connection.execute("set allowed_paths = $1", [files])
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _views(connection: duckdb.DuckDBPyConnection, catalog: Catalog, query: str) -> list[str]:
    """Make the views; return the files they read."""
    standing, gone = _files(catalog)
    live = _live(catalog)
    bars = [_select(group, files, "stored") for group, files in standing.items()]
    past = [_select(group, files, "stored", "replaced") for group, files in gone.items()]
    if not isinstance(catalog.shelves, FolderShelves):
        bars, past = _rows(connection, catalog, query)
    if live is not None:
        connection.register("live", live)
        # what has been compacted this moment may stand in both
        keys = "source, timeframe, symbol, time"
        told = f"(select {keys} from live)"
        bars = [f"select * from ({part}) where ({keys}) not in {told}" for part in bars]
        bars.append("select * from live")
    none = ", ".join(f"null::double as {name}" for name in FIELDS)
    blank = (
        "select ''::varchar as source, ''::varchar as timeframe, ''::varchar as symbol,"
        f" null::timestamptz as time, {none}, null::timestamptz as stored"
    )
    bars.append(f"{blank} where false")
    past.append(f"{blank}, null::timestamptz as replaced where false")
    for name, parts in (("bars", bars), ("revisions", past)):
        connection.execute(f"create view {name} as {' union all by name '.join(parts)}")
    return [file for group in (*standing.values(), *gone.values()) for file in group]


def _files(
    catalog: Catalog,
) -> tuple[dict[tuple[str, ...], list[str]], dict[tuple[str, ...], list[str]]]:
    """Return the files of what stands and of what did, by the columns they have."""
    shelves = catalog.shelves
    found: tuple[dict[tuple[str, ...], list[str]], ...] = ({}, {})
    if not isinstance(shelves, FolderShelves):
        return found[0], found[1]
    for names in shelves.names():
        for files, paths in zip(found, shelves.find(*names).files(), strict=True):
            for path in paths:
                schema = _schema(path)
                # decimals of several scales in one scan would be brought to one, and rounded
                group = tuple(f"{field.name}:{field.type}" for field in schema)
                files.setdefault(group, []).append(str(path))
    return found[0], found[1]


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, str(error).splitlines()[0][:200]) from error


def _rows(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, query: str
) -> tuple[list[str], list[str]]:
    """Take over what a database has, as far as the query names the view."""
    selects: tuple[list[str], list[str]] = ([], [])
    for at, (view, found) in enumerate((("bars", "standing"), ("revisions", "gone"))):
        if not re.search(rf"\b{view}\b", query, re.IGNORECASE):
            continue
        frames = []
        for names in catalog.shelves.names():
            shelf = catalog.shelves.find(*names)
            versions = shelf.revisions() if view == "revisions" else shelf.versions()
            frames.append(_told(versions, [str(name) for name in names]))
        frames = [frame for frame in frames if len(frame)]
        if frames:
            connection.register(found, pd.concat(frames, ignore_index=True))
            selects[at].append(f"select * from {found}")
    return selects


def _select(group: tuple[str, ...], files: list[str], *instants: str) -> str:
    names = {text.partition(":")[0]: text.partition(":")[2] for text in group}
    columns = [
        f'"{name}"::double as "{name}"' if kind.startswith(("decimal", "double")) else f'"{name}"'
        for name, kind in names.items()
        if name not in (*_HIDDEN, "time")
    ]
    columns += [f"_{name} as {name}" for name in instants if f"_{name}" in names]
    listed = ", ".join(_quoted(file) for file in files)
    unit = "case when timeframe like '%mo' then replace(timeframe, 'mo', 'M') else timeframe end"
    return (
        f"select source, {unit} as timeframe, symbol, time::timestamptz as time,"
        f" {', '.join(columns)} from read_parquet([{listed}],"
        " hive_partitioning = true, hive_types_autocast = false)"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _live(catalog: Catalog) -> pd.DataFrame | None:
    """Return the bars whose times live rows have, as they stand."""
    frames = []
    for batch in catalog.live.batches():
        frame = Timeframe.parse(batch.timeframe)
        rows = catalog.live.versions(batch.source, frame, batch.symbol)
        window = (int(rows.times[0]), int(rows.times[-1]) + 1) if len(rows) else (0, 0)
        shelf = catalog.shelf(batch.source, frame, batch.symbol)
        whole = merge(shelf.versions(window), rows.where(rows.is_last))[0]
        mine = whole.where(whole.bars.index.isin(rows.bars.index))
        frames.append(_told(mine, [getattr(batch, name) for name in _KEYS]))
    return pd.concat(frames, ignore_index=True) if frames else None


def _told(versions: Versions, names: Sequence[str]) -> pd.DataFrame:
    table = versions.bars.rename_axis("time").reset_index()
    table["time"] = table["time"].dt.as_unit("us")
    for at, (key, name) in enumerate(zip(_KEYS, names, strict=True)):
        table.insert(at, key, name)
    table["stored"] = pd.to_datetime(versions.stored, unit="us", utc=True).as_unit("us")
    if versions.replaced is not None:
        table["replaced"] = pd.to_datetime(versions.replaced, unit="us", utc=True).as_unit("us")
    return table


def _take_over(connection: duckdb.DuckDBPyConnection, table: str, settings: Settings) -> None:
    """Offer a table of the workspace's database, where it has it."""
    from sqlalchemy import inspect

    from workbench.store.database import Database

    if settings.database.startswith("sqlite") and not settings.folder("workbench.db").is_file():
        return
    database = Database(settings.database)
    try:
        if table in inspect(database.engine).get_table_names():
            with database.read() as reading:
                connection.register(table, pd.read_sql_table(table, reading))
    finally:
        database.close()


def _as_frame(answer: Any) -> pd.DataFrame:
    if answer is None:
        return pd.DataFrame()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a copy, which parameters cost
        table = answer.to_arrow_table()
    frame: pd.DataFrame = table.to_pandas()
    for at, field in enumerate(table.schema):
        name = frame.columns[at]
        if pa.types.is_decimal(field.type):  # sums of whole numbers
            frame[name] = frame[name].astype("float64")
        elif pa.types.is_timestamp(field.type) and field.type.tz is not None:
            frame[name] = frame[name].dt.tz_convert("UTC")
    return frame


def _translated(error: Exception) -> UsageError | DataError:
    said = str(error).strip()
    if "No such file" in said or "Parquet" in said or "file is too small" in said:
        return DataError(
            f"a stored file cannot be read: {said}; `workbench data list` says which is damaged"
        )
    return UsageError(f"the query cannot be run: {said}")
