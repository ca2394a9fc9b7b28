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
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pandas as pd

from workbench.core.clock import WallClock
from workbench.core.ports import BarSource, Clock
from workbench.core.timeframe import Timeframe
from workbench.data import coverage
from workbench.data.barfile import Manifest, load_file, locked, save_file
from workbench.data.coverage import Span
from workbench.data.download import Piece, Request, pieces
from workbench.data.holes import Holes, is_patient, outside
from workbench.data.schema import fingerprint
from workbench.errors import DataError, UsageError
from workbench.venues.paging import PagedSource

__all__ = ["Catalog", "decode", "encode"]

Stored = tuple[pd.DataFrame, Manifest]

_FILE = "bars.parquet"
_PLAIN = re.compile(r"[A-Z0-9_-]")


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
        told: Callable[[Piece], object] | None = None,
    ) -> pd.DataFrame:
        """Return raw bars with ``start <= time < end``, asking the source for gaps only.

        Only complete bars are stored and returned; a page of a vendor is stored before the
        next one is asked for, so that an interruption loses nothing. Where the folder cannot
        be written, the bars are returned all the same, with a warning.

        Parameters
        ----------
        source : BarSource
        symbol : str
        timeframe : Timeframe
        start, end : Timestamp, optional
        told : callable, optional
            Is given each piece as it is stored.

        Raises
        ------
        UsageError, UnavailableError
            As the source says.
        DataError
            The source's bars break the contract, or the stored file is damaged; that
            file is left as it is.
        """
        asked = Request(source, symbol, timeframe)
        path = self.path(source.name, timeframe, symbol)
        version = str(getattr(source, "version", ""))
        blank = Manifest(symbol, str(timeframe), source.name, "", version)
        stored = self._read_version(path, version)
        holes: list[Any] = []
        for gap in self._gaps(stored, asked, start, end):
            for piece in pieces(asked, gap, self.clock):
                stored = self._keep(path, piece, stored, blank)
                holes += piece.holes
                if told is not None:
                    told(piece)
        if holes:
            warnings.warn(
                f"{source.name} did not give all of {symbol} {timeframe}, though "
                f"asked twice: {Holes(holes)!r}; see bars.attrs['holes']",
                stacklevel=2,
            )
        assert stored is not None  # noqa: S101  nothing stored means there is a gap
        return _chosen(stored, start, end)

    def gaps(
        self, asked: Request, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> list[Span]:
        """Return what of a window would have to be fetched, oldest first."""
        path = self.path(asked.source.name, asked.timeframe, asked.symbol)
        stored = self._read_version(path, str(getattr(asked.source, "version", "")))
        return [g for g in self._gaps(stored, asked, start, end) if g[0] is None or g[0] != g[1]]

    def read(
        self, source: str, timeframe: Timeframe | str, symbol: str
    ) -> tuple[pd.DataFrame, Manifest] | None:
        """Return the stored bars and their manifest, None where nothing is stored.

        Raises
        ------
        DataError
            The file is damaged; it names the file and what to do, and touches nothing.
        """
        return load_file(self.path(source, timeframe, symbol))

    def entries(self) -> pd.DataFrame:
        """Return a table of what is stored: one row per file, damaged ones included.

        Columns ``source timeframe symbol bars first last fetched megabytes state``;
        ``state`` is ``"ok"`` or what is wrong.
        """
        rows = [_entry(path) for path in sorted(self.folder.glob(f"*/*/*/{_FILE}"))]
        names = "source timeframe symbol bars first last fetched megabytes state"
        return pd.DataFrame(rows, columns=names.split())

    def _read_version(self, path: Path, version: str) -> Stored | None:
        stored = load_file(path)
        return stored if stored is not None and stored[1].version == version else None

    def _gaps(
        self,
        stored: Stored | None,
        asked: Request,
        start: pd.Timestamp | None,
        end: pd.Timestamp | None,
    ) -> list[Span]:
        if getattr(asked.source, "is_final", False):  # a closed book: take it whole, once
            return [(None, None)] if stored is None else []
        now = pd.Timestamp(self.clock.now())
        until = now if end is None else min(end, now)
        if start is not None and start >= until:
            return [] if stored is not None else [coverage.span(start, start)]
        wanted = coverage.span(start, until)
        if stored is None:
            return [wanted]
        left = [h.span for h in stored[1].holes if is_patient(h, asked.timeframe, now)]
        gaps = coverage.gaps([*stored[1].covered, *left], wanted)
        return [gap for gap in gaps if not _is_too_fresh(gap, asked, now)]

    def _keep(self, path: Path, piece: Piece, stored: Stored | None, blank: Manifest) -> Stored:
        """Store a piece beside what is there by now; return what is there then."""
        try:
            with locked(path):
                there = self._read_version(path, blank.version) or stored
                merged = self._merge(there, piece, blank)
                if len(merged[0]):
                    save_file(path, *merged)
        except OSError as error:
            merged = self._merge(stored, piece, blank)
            warnings.warn(
                f"bars of {blank.symbol} could not be stored at {path}: {error}", stacklevel=3
            )
        return merged

    def _merge(self, stored: Stored | None, piece: Piece, blank: Manifest) -> Stored:
        bars, manifest = stored if stored is not None else (piece.bars.iloc[:0], blank)
        conflicts = coverage.conflicts(bars, piece.bars)
        if conflicts:
            warnings.warn(
                f"{conflicts} bars of {blank.symbol} came again from {blank.source!r} with other "
                "values; the stored ones stay",
                stacklevel=4,
            )
        bars = coverage.join(bars, piece.bars)
        covered: tuple[Span, ...] = manifest.covered
        for span in piece.covered:
            covered = coverage.add(covered, span)
        holes = sorted([*outside(manifest.holes, [piece.span]), *piece.holes], key=_start)
        seen = {json.dumps(record, default=str): record for record in manifest.dropped}
        seen |= {json.dumps(r, default=str): r for r in piece.bars.attrs.get("dropped", ())}
        return bars, replace(
            manifest,
            calendar=manifest.calendar or piece.bars.attrs.get("calendar", "XNYS"),
            fingerprint=fingerprint(bars),
            covered=covered,
            holes=tuple(holes),
            fetched=self.clock.now().isoformat(timespec="seconds"),
            dropped=tuple(seen.values()),
            conflicts=manifest.conflicts + conflicts,
        )


def _chosen(stored: Stored, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.DataFrame:
    bars, manifest = stored
    chosen = coverage.cut(bars, start, end)
    wanted = coverage.span(start, end)
    chosen.attrs = {
        "source": manifest.source,
        "adjustment": "none",
        "calendar": manifest.calendar,
        "dropped": manifest.dropped,
        "holes": Holes(h for h in manifest.holes if coverage.gaps([wanted], h.span) != [h.span]),
    }
    return chosen


def _is_too_fresh(gap: Span, asked: Request, now: pd.Timestamp) -> bool:
    """Tell whether a source that is behind the market cannot have a gap yet."""
    source = asked.source
    if not isinstance(source, PagedSource) or gap[0] is None:
        return False
    return bool(pd.Timestamp(gap[0]) + asked.timeframe.delta > now - source.delay)


def _start(hole: Any) -> str:
    return str(hole.start)


def _entry(path: Path) -> list[Any]:
    source, timeframe, symbol = (part.partition("=")[2] for part in path.parts[-4:-1])
    told = [unquote(source), timeframe, decode(symbol)]
    size = path.stat().st_size / 1e6
    try:
        stored = load_file(path)
    except DataError as error:
        return [*told, 0, pd.NaT, pd.NaT, "", size, error.message]
    if stored is None or not len(stored[0]):
        return [*told, 0, pd.NaT, pd.NaT, "", size, "empty"]
    bars, manifest = stored
    return [
        *told[:1], manifest.timeframe, manifest.symbol,
        len(bars), bars.index[0], bars.index[-1], manifest.fetched, size, "ok",
    ]  # fmt: skip
