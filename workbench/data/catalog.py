"""The store of bars: one Parquet file per source, timeframe and symbol.

::

    bars/source=sample/timeframe=1d/symbol=AAPL/bars.parquet

Raw prices are stored, with splits and dividends beside them; adjusted ones are derived
when read. The file's own metadata hold its manifest (what is covered, when it was
fetched, the fingerprint of the bars), so that file and manifest cannot disagree. A file
is replaced in one step and under a lock: readers see the old or the new one, and two
writers of one symbol lose nothing. A stored bar is never changed by a later fetch.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.clock import WallClock
from workbench.core.ports import BarSource, Clock
from workbench.core.timeframe import Timeframe
from workbench.data import coverage
from workbench.data.calendar import known_times, utc_index
from workbench.data.coverage import Span
from workbench.data.schema import check_bars, fingerprint
from workbench.errors import DataError, UsageError

__all__ = ["Catalog", "Manifest", "decode", "encode"]

_KEY = b"workbench"
_FILE = "bars.parquet"
_PLAIN = re.compile(r"[A-Z0-9_-]")


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


def encode(symbol: str) -> str:
    """Return a symbol as a name that every file system can hold; `decode` turns it back.

    Everything but capital letters, digits, ``_`` and ``-`` is written as ``%XX``, so that
    ``btc`` and ``BTC`` do not meet where case does not count.

    Raises
    ------
    UsageError
        The symbol is empty or too long.

    Examples
    --------
    >>> encode("BTC/USDT"), encode("../x"), decode("BRK%2EB")
    ('BTC%2FUSDT', '%2E%2E%2F%78', 'BRK.B')
    """
    name = "".join(
        char if _PLAIN.fullmatch(char) else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in symbol
    )
    if not name or len(name) > 200:
        raise UsageError(f"not a symbol that can be stored: {symbol[:50]!r}", symbol=symbol)
    return name


def decode(name: str) -> str:
    """Return the symbol that `encode` wrote."""
    return unquote(name)


class Catalog:
    """The bars of one workspace.

    Parameters
    ----------
    folder : Path
        ``settings.folder("bars")``; made when something is stored.
    clock : Clock, optional
        Tells how far bars can be complete; the machine's clock by default.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or WallClock()

    def path(self, source: str, timeframe: Timeframe | str, symbol: str) -> Path:
        """Return where the bars are kept; the file need not exist."""
        frame = Timeframe.parse(timeframe)
        unit = "mo" if frame.unit == "M" else frame.unit  # "1M" and "1m" may be one file name
        return (
            self.folder
            / f"source={quote(source, safe='')}"
            / f"timeframe={frame.count}{unit}"
            / f"symbol={encode(symbol)}"
            / _FILE
        )

    def fetch(
        self,
        source: BarSource,
        symbol: str,
        timeframe: Timeframe,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Return raw bars with ``start <= time < end``, asking the source for gaps only.

        Only complete bars are stored and returned. Where the folder cannot be written,
        the bars are returned all the same, with a warning.

        Raises
        ------
        UsageError, UnavailableError
            As the source says.
        DataError
            The source's bars break the contract, or the stored file is damaged; that
            file is left as it is.
        """
        path = self.path(source.name, timeframe, symbol)
        version = str(getattr(source, "version", ""))
        stored = self._read_version(path, version)
        gaps = self._gaps(stored, source, start, end)
        if gaps:
            fresh = [self._ask(source, symbol, timeframe, gap) for gap in gaps]
            blank = Manifest(symbol, str(timeframe), source.name, "", version)
            try:
                with _locked(path):
                    stored = self._merge(self._read_version(path, version), fresh, gaps, blank)
                    if len(stored[0]):
                        _write(path, *stored)
            except OSError as error:
                stored = self._merge(stored, fresh, gaps, blank)
                warnings.warn(
                    f"bars of {symbol} could not be stored at {path}: {error}", stacklevel=2
                )
        assert stored is not None  # noqa: S101  nothing stored means there is a gap
        bars, manifest = stored
        chosen = coverage.cut(bars, start, end)
        chosen.attrs = {
            "source": manifest.source,
            "adjustment": "none",
            "calendar": manifest.calendar,
            "dropped": manifest.dropped,
        }
        return chosen

    def read(
        self, source: str, timeframe: Timeframe | str, symbol: str
    ) -> tuple[pd.DataFrame, Manifest] | None:
        """Return the stored bars and their manifest, None where nothing is stored.

        Raises
        ------
        DataError
            The file is damaged; it names the file and what to do, and touches nothing.
        """
        return _read(self.path(source, timeframe, symbol))

    def entries(self) -> pd.DataFrame:
        """Return a table of what is stored: one row per file, damaged ones included.

        Columns ``source timeframe symbol bars first last fetched megabytes state``;
        ``state`` is ``"ok"`` or what is wrong.
        """
        rows = [_entry(path) for path in sorted(self.folder.glob(f"*/*/*/{_FILE}"))]
        names = "source timeframe symbol bars first last fetched megabytes state"
        return pd.DataFrame(rows, columns=names.split())

    def _read_version(self, path: Path, version: str) -> tuple[pd.DataFrame, Manifest] | None:
        stored = _read(path)
        return stored if stored is not None and stored[1].version == version else None

    def _gaps(
        self,
        stored: tuple[pd.DataFrame, Manifest] | None,
        source: BarSource,
        start: pd.Timestamp | None,
        end: pd.Timestamp | None,
    ) -> list[Span]:
        if getattr(source, "is_final", False):  # a closed book: take it whole, once
            return [(None, None)] if stored is None else []
        now = pd.Timestamp(self.clock.now())
        until = now if end is None else min(end, now)
        if start is not None and start >= until:
            return [] if stored is not None else [coverage.span(start, start)]
        covered = stored[1].covered if stored is not None else ()
        return coverage.gaps(covered, coverage.span(start, until))

    def _ask(self, source: BarSource, symbol: str, timeframe: Timeframe, gap: Span) -> pd.DataFrame:
        start, end = (pd.Timestamp(side) if side else None for side in gap)
        bars = check_bars(source.history(symbol, timeframe, start, end))
        # An index made anew has no freq: a file cannot hold it, and both ways must be equal.
        index = utc_index(pd.DatetimeIndex(bars.index).asi8)
        bars = bars.set_axis(index, axis=0)
        if getattr(source, "is_final", False):
            return bars
        known = known_times(index, timeframe, bars.attrs.get("calendar", "XNYS"))
        complete = np.asarray(known <= pd.Timestamp(self.clock.now()))
        return bars if complete.all() else bars[complete]

    def _merge(
        self,
        stored: tuple[pd.DataFrame, Manifest] | None,
        fresh: list[pd.DataFrame],
        gaps: list[Span],
        blank: Manifest,
    ) -> tuple[pd.DataFrame, Manifest]:
        bars, manifest = stored if stored is not None else (fresh[0].iloc[:0], blank)
        conflicts, now = 0, pd.Timestamp(self.clock.now())
        for piece in fresh:
            conflicts += coverage.conflicts(bars, piece)
            bars = coverage.join(bars, piece)
        covered: tuple[Span, ...] = manifest.covered
        for gap, piece in zip(gaps, fresh, strict=True):
            covered = coverage.add(covered, _reached(gap, piece, blank.timeframe, now))
        if conflicts:
            warnings.warn(
                f"{conflicts} bars of {blank.symbol} came again from {blank.source!r} with other "
                "values; the stored ones stay",
                stacklevel=3,
            )
        seen = {json.dumps(record, default=str): record for record in manifest.dropped}
        for piece in fresh:
            seen |= {json.dumps(r, default=str): r for r in piece.attrs.get("dropped", ())}
        told = replace(
            manifest,
            calendar=manifest.calendar or fresh[0].attrs.get("calendar", "XNYS"),
            fingerprint=fingerprint(bars),
            covered=covered,
            fetched=self.clock.now().isoformat(timespec="seconds"),
            dropped=tuple(seen.values()),
            conflicts=manifest.conflicts + conflicts,
        )
        return bars, told


def _reached(gap: Span, piece: pd.DataFrame, timeframe: str, now: pd.Timestamp) -> Span:
    """Return what of a gap is known for good: not the bars that are still under way."""
    start, end = gap
    margin = 2 * pd.Timedelta(Timeframe.parse(timeframe).delta)
    if end is None or pd.Timestamp(end) + margin <= now:
        return gap
    sure = now - margin
    if len(piece):
        sure = max(sure, piece.index[-1] + pd.Timedelta(1))
    return start, min(sure, pd.Timestamp(end)).isoformat()


def _read(path: Path) -> tuple[pd.DataFrame, Manifest] | None:
    if not path.is_file():
        return None
    try:
        # One handle, as the file may be replaced at any time; read_table opens it twice.
        with path.open("rb") as file:
            table = pq.ParquetFile(file, page_checksum_verification=True).read()
        told = json.loads((table.schema.metadata or {})[_KEY])
        covered = tuple((start, end) for start, end in told.pop("covered"))
        manifest = Manifest(covered=covered, dropped=tuple(told.pop("dropped")), **told)
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "time"}
        bars = pd.DataFrame(columns, index=utc_index(table["time"].to_numpy()))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(
            path, str(error).splitlines()[0][:200] if str(error) else repr(error)
        ) from error
    if fingerprint(bars) != manifest.fingerprint:
        raise _damaged(path, "the bars do not match the fingerprint in the file")
    return bars, manifest


def _write(path: Path, bars: pd.DataFrame, manifest: Manifest) -> None:
    columns: dict[str, Any] = {"time": pa.array(bars.index.asi8, pa.timestamp("ns", tz="UTC"))}  # type: ignore[attr-defined]
    columns |= {str(name): pa.array(bars[name].to_numpy()) for name in bars.columns}
    told = json.dumps(asdict(manifest), default=str).encode()
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
def _locked(path: Path) -> Iterator[None]:
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


def _entry(path: Path) -> list[Any]:
    source, timeframe, symbol = (part.partition("=")[2] for part in path.parts[-4:-1])
    told = [unquote(source), timeframe, decode(symbol)]
    size = path.stat().st_size / 1e6
    try:
        stored = _read(path)
    except DataError as error:
        return [*told, 0, pd.NaT, pd.NaT, "", size, error.message]
    if stored is None or not len(stored[0]):
        return [*told, 0, pd.NaT, pd.NaT, "", size, "empty"]
    bars, manifest = stored
    return [
        *told[:1], manifest.timeframe, manifest.symbol,
        len(bars), bars.index[0], bars.index[-1], manifest.fetched, size, "ok",
    ]  # fmt: skip


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"the stored bars at {path} are damaged: {why}. The file was left as it is; restore it "
        "from a backup, or move it away and the bars are fetched again",
        path=str(path),
        rule="damaged file",
    )
