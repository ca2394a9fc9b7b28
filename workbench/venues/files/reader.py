"""Read one CSV or Parquet file of bars; bad rows are told and left out."""

from __future__ import annotations

import csv
import gzip
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.timeframe import Timeframe
from workbench.errors import DataError, UsageError, nearest
from workbench.venues import columns as foreign
from workbench.venues.calendars import check_code
from workbench.venues.rows import Dropped, clean

__all__ = ["SUFFIXES", "Layout", "load_bars_file", "read_bars"]

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".pq")
_SYMBOL_NAMES = ("symbol", "ticker")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How to read a file; what is None is recognised or inferred.

    Parameters
    ----------
    tz : str, optional
        The zone of times without an offset; such times are refused without it.
    timeframe, calendar : str, optional
        ``"1d"``, ``"XNYS"``…
    columns : mapping
        Ours to theirs, for names that are not recognised.
    time_format : str, optional
        For times that are not ISO 8601, e.g. ``"%m/%d/%Y"``.
    adjustment : str
        What the prices are: ``"none"`` for raw ones, ``"all"``, ``"unknown"``.
    """

    tz: str | None = None
    timeframe: str | None = None
    calendar: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    adjustment: str = "unknown"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            kind = Mapping if name == "columns" else str
            if value is not None and not isinstance(value, kind):
                raise UsageError(f"{name} may not be {value!r}", key=name)
        if self.calendar is not None:
            check_code(self.calendar)


def load_bars_file(
    path: str | Path, *, symbol: str | None = None, layout: Layout | None = None, **facts: Any
) -> pd.DataFrame:
    r"""Load bars of one symbol from a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.csv.gz``, ``.parquet`` or ``.pq``. A CSV has a header line; comma,
        semicolon and tab are recognised.
    symbol : str, optional
        Where the file has a column ``symbol`` or ``ticker``, only the rows of this one are
        read. When left out: the only symbol in that column, else the file's name without its
        ending.
    layout : Layout, optional
        How to read it; or its fields as keywords: ``tz="America/New_York"``,
        ``columns={"close": "Last"}``, ``timeframe="5m"``.

    Returns
    -------
    DataFrame
        Bars. ``attrs["dropped"]`` holds the rows that were left out (also told by a
        warning), ``attrs["repaired"]`` what was put right, such as the order.

    Raises
    ------
    UsageError
        No such file, ending, zone, column or keyword.
    DataError
        Times without a zone, a price column missing, a file that cannot be read, no row in
        it that is a bar, or none of that symbol.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "ACME.csv"
    >>> _ = path.write_text("Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,1,2,10\n")
    >>> bars = load_bars_file(path, tz="America/New_York")
    >>> bars.index[0], bars.attrs["symbol"], bars.attrs["timeframe"]
    (Timestamp('2024-01-02 00:00:00+0000', tz='UTC'), 'ACME', '1d')
    """
    unknown = set(facts) - set(Layout.__dataclass_fields__)
    if unknown:
        known = ", ".join(Layout.__dataclass_fields__)
        raise UsageError(f"load_bars_file has no {sorted(unknown)[0]!r}; there are {known}")
    file = Path(path)
    bars = read_bars(file, symbol, layout or Layout(**facts))
    told = [f"{bars.attrs['dropped']!r}"] if bars.attrs["dropped"] else []
    told += bars.attrs["repaired"]
    if told:
        warnings.warn(f"{file}: {'; '.join(told)}; see bars.attrs['dropped']", stacklevel=2)
    return bars


def read_bars(path: Path, symbol: str | None, layout: Layout) -> pd.DataFrame:
    """Return bars with ``attrs``; as `load_bars_file`, without the warning."""
    if not path.is_file():
        raise UsageError(f"no such file: {path}", path=str(path))
    foreign_frame, rows, ragged = _read(path, layout)
    symbol = symbol or _only_symbol(foreign_frame) or _stem(path)
    where = f"{path} ({symbol})"
    if foreign_frame.empty:
        told = f": {Dropped.of(pd.DataFrame(ragged))!r}" if ragged else ""
        raise DataError(f"no row of {where} is a bar{told}", path=str(path), rule="no rows")
    if layout.timeframe is not None:
        Timeframe.parse(layout.timeframe)
    raw, rows = _rows_of(foreign_frame, rows, symbol, where)
    mapped = foreign.rename(raw, layout.columns, where=where)
    times: pd.Series | pd.Index = mapped.get("time", mapped.index)
    if "time" not in mapped and not isinstance(times, pd.DatetimeIndex):
        raise DataError(
            f"{where} has no column of times; there are {', '.join(map(str, raw.columns))}. "
            "Pass columns={'time': 'their name'}",
            path=str(path),
        )
    utc = foreign.read_times(times, layout.tz, where=where, time_format=layout.time_format)
    index = _labelled(utc, times, layout)
    mapped = mapped.drop(columns="time", errors="ignore").set_axis(index, axis=0)
    good, dropped = clean(mapped, symbol=symbol, rows=cast(Any, rows))
    if ragged:
        dropped = pd.concat([pd.DataFrame(ragged).assign(symbol=symbol), dropped])
    report = Dropped.of(dropped)
    if good.empty:
        raise DataError(f"no row of {where} is a bar: {report!r}", path=str(path), dropped=report)
    seen = index[index.notna()].unique().sort_values()  # rejects tell the timeframe too
    timeframe = layout.timeframe or foreign.infer_timeframe(seen)
    good.attrs = {
        "symbol": symbol,
        "timeframe": str(Timeframe.parse(timeframe)),
        "calendar": layout.calendar or foreign.infer_calendar(pd.DatetimeIndex(good.index)),
        "source": "files",
        "adjustment": layout.adjustment,
        "dropped": report,
        "repaired": good.attrs["repaired"],
    }
    return good


def _stem(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    raise UsageError(
        f"{path} is neither CSV nor Parquet; the name must end in {', '.join(SUFFIXES)}",
        path=str(path),
    )


def _read(path: Path, layout: Layout) -> tuple[pd.DataFrame, np.ndarray, list[dict[str, Any]]]:
    _stem(path)
    try:
        if path.suffix in (".parquet", ".pq"):
            frame = pq.read_table(path, partitioning=None).to_pandas()
            if not isinstance(frame.index, pd.RangeIndex):
                frame = frame.reset_index()
            return frame, np.arange(len(frame)), []
        return _read_csv(path, layout)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty", path=str(path), rule="damaged file") from None
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read: {error}; is it a whole file of that kind?",
            path=str(path),
            rule="damaged file",
        ) from error


def _read_csv(path: Path, layout: Layout) -> tuple[pd.DataFrame, np.ndarray, list[dict[str, Any]]]:
    with _open(path) as file:
        first = file.readline()
    separator = max(",;\t", key=first.count)
    header = [name.strip().strip('"') for name in first.strip().split(separator)]
    found = foreign.find_columns(header, layout.columns)
    text = {name: str for name in header if name == found.get("time")}
    ragged: list[dict[str, Any]] = []
    try:
        with warnings.catch_warnings():
            # Told of fields beyond the header, pandas would drop them.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                dtype=text,
                encoding="utf-8-sig",
                skip_blank_lines=False,
                skipinitialspace=True,
                index_col=False,
                low_memory=False,
            )
        lines = np.arange(2, len(frame) + 2)
        with _open(path) as file:
            is_whole = sum(1 for _ in file) == len(frame) + 1
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        is_whole = False
    if not is_whole:  # a stray quote swallows the lines up to the next one
        frame, lines, ragged = _read_by_line(path, separator)
    blank = frame.isna().all(axis=1).to_numpy()
    return frame[~blank], lines[~blank], ragged


def _read_by_line(
    path: Path, separator: str
) -> tuple[pd.DataFrame, np.ndarray, list[dict[str, Any]]]:
    """Read each line by itself; those with too many fields are rejects."""
    with _open(path) as file:
        header = next(csv.reader([next(file)], delimiter=separator))
        kept, lines, ragged = [], [], []
        for number, line in enumerate(file, start=2):
            row = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
            if any(row[len(header) :]):
                ragged.append(
                    {
                        "symbol": "",
                        "row": number,
                        "time": row[0],
                        "rule": "too many fields",
                        "values": separator.join(row),
                    }
                )
            else:
                kept.append([*row, *[""] * (len(header) - len(row))][: len(header)])
                lines.append(number)
    frame = pd.DataFrame(kept, columns=[name.strip() for name in header])
    return frame.replace("", np.nan), np.asarray(lines), ragged


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _rows_of(
    frame: pd.DataFrame, rows: np.ndarray, symbol: str, where: str
) -> tuple[pd.DataFrame, np.ndarray]:
    names = _symbols_in(frame)
    if names is None:
        return frame, rows
    mine = (names.str.casefold() == symbol.casefold()).to_numpy()
    if not mine.any():
        held = list(names.unique())
        word = "several symbols" if len(held) > 1 else "another symbol"
        raise DataError(
            f"{where} holds {word} ({', '.join(held[:10])}){nearest(symbol, held)}; pass symbol=, "
            "or name the file after the symbol in it",
            symbol=symbol,
            path=where,
        )
    return frame[mine], rows[mine]


def _symbols_in(frame: pd.DataFrame) -> pd.Series | None:
    """Return the symbol of each row, where the file has them."""
    names = [name for name in frame.columns if str(name).strip().lower() in _SYMBOL_NAMES]
    if not names or frame[names[0]].isna().all():
        return None
    return frame[names[0]].astype(str).str.strip()


def _only_symbol(frame: pd.DataFrame) -> str | None:
    names = _symbols_in(frame)
    return str(names.iloc[0]) if names is not None and names.nunique() == 1 else None


def _labelled(
    utc: pd.DatetimeIndex, times: pd.Series | pd.Index, layout: Layout
) -> pd.DatetimeIndex:
    """Return session dates where the times are days, else the instants."""
    if layout.timeframe is not None and Timeframe.parse(layout.timeframe).is_intraday:
        return utc
    known = getattr(getattr(times, "dt", times), "tz", None) if layout.tz is None else None
    dates = foreign.labels(utc, layout.tz or (str(known) if known is not None else None))
    return utc if dates is None else dates.rename("time")
