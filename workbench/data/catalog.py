"""The store of bars: a folder of Parquet chunks per source, timeframe and symbol.

::

    bars/source=sample/timeframe=1d/symbol=AAPL/manifest.json and chunks (workbench.data.shelf)
    bars/live.db                                rows not compacted yet (workbench.data.live)

Raw prices are stored, with splits and dividends beside them; adjusted ones are derived
when read. What is stored is never lost: where a bar comes again with other values the
newest stands and the one before is kept, so that bars can be read as they were known at
an earlier date. Readers see the state before a write or the one after, and two writers of
one symbol lose nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.core.ports import BarSource, Clock
from workbench.core.timeframe import Timeframe
from workbench.data import chunks, coverage, needs
from workbench.data.coverage import Span
from workbench.data.download import Piece, Request, pieces
from workbench.data.holes import Hole, Holes
from workbench.data.live import Batch, LiveRows
from workbench.data.manifest import Manifest
from workbench.data.names import decode, encode
from workbench.data.shelf import Shelf
from workbench.data.shelves import FolderShelves, Shelves
from workbench.data.versions import Versions, known_at, merge, stack
from workbench.errors import DataError

__all__ = ["Catalog", "Manifest", "decode", "encode"]

Window = tuple[pd.Timestamp | None, pd.Timestamp | None]

_COLUMNS = "source timeframe symbol bars first last fetched megabytes state"


class Catalog:
    """The bars of one workspace.

    Parameters
    ----------
    folder : Path
        ``settings.folder("bars")``; made when something is stored.
    clock : Clock, optional
        Tells how far bars can be complete; the machine's clock by default.
    shelves : Shelves, optional
        Where bars are kept instead of in the folder; live rows are always kept there.
    """

    def __init__(
        self, folder: Path, clock: Clock | None = None, shelves: Shelves | None = None
    ) -> None:
        self.folder = folder
        self.clock = clock or WallClock()
        self.shelves: Shelves = shelves or FolderShelves(folder)
        self.live = LiveRows(folder)

    @classmethod
    def of(cls, settings: Settings) -> Catalog:
        """Return the catalog of a workspace, where its settings say that bars are kept."""
        if settings.bars_url is None:
            return cls(settings.folder("bars"))
        from workbench.data.postgres import PostgresShelves  # a driver that few need

        shelves = PostgresShelves(settings.bars_url.get_secret_value())
        return cls(settings.folder("bars"), shelves=shelves)

    def shelf(self, source: str, timeframe: Timeframe | str, symbol: str) -> Shelf:
        """Return where the bars of a symbol are kept; nothing need be there."""
        return self.shelves.find(source, Timeframe.parse(timeframe), symbol)

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
            The source's bars break the contract, or a stored file is damaged; that file is
            left as it is.
        """
        asked = Request(source, symbol, timeframe)
        shelf = self.shelf(source.name, timeframe, symbol)
        unsaved: list[Piece] = []
        holes: list[Hole] = []
        for gap in self._missing(shelf, asked, (start, end)):
            for piece in pieces(asked, gap, self.clock):
                if not self._keep(shelf, piece, asked):
                    unsaved.append(piece)
                holes += piece.holes
                if told is not None:
                    told(piece)
        chosen = self._chosen(shelf, asked, unsaved, (start, end))
        if holes and len(chosen):  # of what it knows nothing at all, nothing is missing
            warnings.warn(
                f"{source.name} did not give all of {symbol} {timeframe}, though "
                f"asked twice: {Holes(holes)!r}; see bars.attrs['holes']",
                stacklevel=2,
            )
        return chosen

    def gaps(
        self, asked: Request, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> list[Span]:
        """Return what of a window would have to be fetched, oldest first."""
        shelf = self.shelf(asked.source.name, asked.timeframe, asked.symbol)
        found = self._missing(shelf, asked, (start, end))
        return [gap for gap in found if gap[0] is None or gap[0] != gap[1]]

    def again(
        self,
        source: BarSource,
        symbol: str,
        timeframe: Timeframe,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> int:
        """Ask a source for a window again, stored or not; return how many bars it restated."""
        now = pd.Timestamp(self.clock.now())
        asked = Request(source, symbol, timeframe)
        shelf = self.shelf(source.name, timeframe, symbol)
        whole = coverage.span(start, now if end is None else min(end, now))
        if getattr(source, "is_final", False):
            whole = (None, None)
        return sum(self._put(shelf, piece, asked) for piece in pieces(asked, whole, self.clock))

    def known(
        self,
        source: str,
        symbol: str,
        timeframe: Timeframe,
        window: Window,
        as_of: pd.Timestamp,
    ) -> pd.DataFrame:
        """Return raw bars as the catalog held them at an instant; nothing is fetched."""
        shelf = self.shelf(source, timeframe, symbol)
        live = self.live.versions(source, timeframe, symbol, _nanos(window))
        told = shelf.manifest()
        at = as_of.value // 1000
        bars = shelf.read(_nanos(window), at)
        if len(live):
            there = stack([shelf.versions(_nanos(window)), shelf.revisions(), live])
            bars = coverage.cut(known_at(there, at), *window)
        bars.attrs = {
            "source": source,
            "adjustment": "none",
            "calendar": told.calendar if told is not None and told.calendar else "XNYS",
            "as_of": as_of.isoformat(),
        }
        return bars

    def read(
        self, source: str, timeframe: Timeframe | str, symbol: str
    ) -> tuple[pd.DataFrame, Manifest] | None:
        """Return the stored bars and their manifest, None where nothing is stored.

        Raises
        ------
        DataError
            A file is damaged; it names the file and what to do, and touches nothing.
        """
        frame = Timeframe.parse(timeframe)
        shelf = self.shelf(source, frame, symbol)
        live = self.live.versions(source, frame, symbol)
        told = shelf.manifest()
        if told is None and not len(live):
            return None
        told = told or Manifest(symbol, str(frame), source)
        return self._both(shelf, live, (None, None)), told

    def history(
        self, source: str, timeframe: Timeframe | str, symbol: str
    ) -> tuple[Versions, Versions]:
        """Return the bars that stand and those that no longer do, live rows included."""
        frame = Timeframe.parse(timeframe)
        shelf = self.shelf(source, frame, symbol)
        batches = self.live.batches()
        standing, gone = shelf.versions(), [Versions.none(), shelf.revisions()]
        for batch in batches:
            if (batch.source, batch.timeframe, batch.symbol) == (source, str(frame), symbol):
                for piece in self.live.rounds(batch):
                    standing, superseded = merge(standing, piece)
                    gone.append(superseded)
        return standing, stack(gone)

    def compact(self) -> pd.DataFrame:
        """Move the live rows to the chunks, and make of many small chunks few.

        Returns
        -------
        DataFrame
            ``source timeframe symbol moved restated``: one row per symbol that had live rows.
        """
        rows = []
        for batch in self.live.batches():
            shelf = self.shelf(batch.source, batch.timeframe, batch.symbol)
            moved = restated = 0
            for piece in self.live.rounds(batch):
                restated += shelf.put(piece, partial(_compacted, batch))
                moved += len(piece)
            self.live.forget(batch)
            rows.append([batch.source, batch.timeframe, batch.symbol, moved, restated])
        for names in self.shelves.names():
            self.shelf(*names).tidy()
        return pd.DataFrame(rows, columns=["source", "timeframe", "symbol", "moved", "restated"])

    def names(self) -> list[tuple[str, Timeframe, str]]:
        """Return source, timeframe and symbol of all that is stored, live rows included."""
        live = [
            (batch.source, Timeframe.parse(batch.timeframe), batch.symbol)
            for batch in self.live.batches()
        ]
        found = dict.fromkeys([*self.shelves.names(), *live])
        return sorted(found, key=lambda names: (names[0], names[1].delta, names[2]))

    def entries(self) -> pd.DataFrame:
        """Return a table of what is stored: one row per symbol, damaged ones included.

        Columns ``source timeframe symbol bars first last fetched megabytes state``;
        ``state`` is ``"ok"`` or what is wrong.
        """
        return pd.DataFrame(
            [self._entry(*names) for names in self.names()], columns=_COLUMNS.split()
        )

    def close(self) -> None:
        """Give back what is held open."""
        self.live.close()

    def _entry(self, source: str, timeframe: Timeframe, symbol: str) -> list[Any]:
        told = [source, str(timeframe), symbol]
        size = self.shelves.megabytes(source, timeframe, symbol)
        try:
            found = self.read(*told)
        except DataError as error:
            return [*told, 0, pd.NaT, pd.NaT, "", size, error.message]
        if found is None or not len(found[0]):
            return [*told, 0, pd.NaT, pd.NaT, "", size, "empty"]
        index = found[0].index
        return [*told, len(index), index[0], index[-1], found[1].fetched, size, "ok"]

    def _missing(self, shelf: Shelf, asked: Request, window: Window) -> list[Span]:
        told = needs.same_version(shelf.manifest(), asked)
        return needs.missing(told, asked, window, self.clock)

    def _chosen(
        self, shelf: Shelf, asked: Request, unsaved: list[Piece], window: Window
    ) -> pd.DataFrame:
        live = self.live.versions(asked.source.name, asked.timeframe, asked.symbol, _nanos(window))
        told = needs.same_version(shelf.manifest(), asked)
        bars = self._both(shelf, live, window) if told is not None else Versions.none().bars
        for piece in unsaved:
            told = needs.noted(told, piece, asked, self.clock)
            both = merge(Versions.of(bars, 0), Versions.of(piece.bars, self._now()))[0].bars
            bars = coverage.cut(both, *window)
        told = told or needs.blank(asked)
        wanted = coverage.span(*window)
        met = [hole for hole in told.holes if coverage.gaps([wanted], hole.span) != [hole.span]]
        bars.attrs = {
            "source": told.source,
            "adjustment": "none",
            "calendar": told.calendar or "XNYS",
            "dropped": told.dropped,
            "holes": Holes(met),
        }
        return bars

    def _both(self, shelf: Shelf, live: Versions, window: Window) -> pd.DataFrame:
        # Live rows were read first: what is compacted meanwhile is then seen twice, never not.
        if not len(live):
            return shelf.read(_nanos(window))
        return merge(shelf.versions(_nanos(window)), live.where(live.is_last))[0].bars

    def _keep(self, shelf: Shelf, piece: Piece, asked: Request) -> bool:
        """Store a piece; tell whether that was possible."""
        try:
            restated = self._put(shelf, piece, asked)
        except OSError as error:
            warnings.warn(
                f"bars of {asked.symbol} could not be stored at {shelf.where}: {error}",
                stacklevel=3,
            )
            return False
        if restated:
            warnings.warn(
                f"{restated} bars of {asked.symbol} came again from {asked.source.name!r} with "
                "other values; the newest stand, those before are kept: "
                f"wb.revisions({asked.symbol!r})",
                stacklevel=3,
            )
        return True

    def _put(self, shelf: Shelf, piece: Piece, asked: Request) -> int:
        return shelf.put(
            Versions.of(piece.bars, self._now()),
            lambda told: needs.noted(told, piece, asked, self.clock),
        )

    def _now(self) -> int:
        return int(pd.Timestamp(self.clock.now()).value // 1000)


def _compacted(batch: Batch, told: Manifest | None) -> Manifest:
    return told or Manifest(batch.symbol, batch.timeframe, batch.source, batch.calendar)


def _nanos(window: Window) -> chunks.Window:
    low, high = (None if side is None else int(side.as_unit("ns").value) for side in window)
    return low, high
