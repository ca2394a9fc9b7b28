"""The stored bars of one source, timeframe and symbol: a folder of chunks and a manifest.

::

    manifest.json                  what stands, replaced in one step
    bars-2024-<digest>.parquet     chunks, never changed
    revisions-<digest>.parquet     what stood before

New chunks are on the disk before the manifest names them: a kill at any instant leaves the
manifest of before or that of after, and files that neither names are cleared away later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data import previous
from workbench.data.atomic import locked, replace_file, sync_folder
from workbench.data.chunks import (
    EVERYTHING,
    Chunk,
    Window,
    check_chunk,
    damaged,
    load_chunk,
    read_bars,
    save_chunk,
)
from workbench.data.manifest import FILE, Manifest, load_manifest, to_text
from workbench.data.versions import Versions, known_at, merge, stack

__all__ = ["FolderShelf", "Note", "Shelf", "empty_bars", "inside"]

Note = Callable[[Manifest | None], Manifest]
T = TypeVar("T")

_LOOSE = 8  # chunks of one part before they are made one


class Shelf(Protocol):
    """Where the bars of one source, timeframe and symbol are kept."""

    @property
    def where(self) -> str:
        """Where that is, for people."""

    def manifest(self) -> Manifest | None:
        """Return what is known of what is stored, None where nothing is."""

    def read(self, window: Window = EVERYTHING, as_of: int | None = None) -> pd.DataFrame:
        """Return the bars of a window, as they stand or as they stood at an instant (µs)."""

    def versions(self, window: Window = EVERYTHING) -> Versions:
        """Return the bars that stand, with the instants at which they were stored."""

    def revisions(self) -> Versions:
        """Return the bars that no longer stand, with how long they did."""

    def put(self, fresh: Versions, note: Note) -> int:
        """Store bars and what `note` makes of the manifest; return how many were restated.

        A source's new version retires all bars of the one before.
        """

    def tidy(self) -> None:
        """Make of many small pieces few."""


class FolderShelf:
    """A shelf that is a folder.

    Parameters
    ----------
    folder : Path
        Made when something is stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def manifest(self) -> Manifest | None:
        """See `Shelf.manifest`."""
        before = None if (self.folder / FILE).exists() else previous.load_previous(self.folder)
        return before[1] if before is not None else load_manifest(self.folder)

    def read(self, window: Window = EVERYTHING, as_of: int | None = None) -> pd.DataFrame:
        """See `Shelf.read`."""
        if as_of is not None:
            both = stack([self.versions(window), inside(self.revisions(), window)])
            return known_at(both, as_of)
        before = self._previous()
        if before is not None:
            return inside(before, window).bars
        return self._steady(lambda told: self._bars(told, window))

    def versions(self, window: Window = EVERYTHING) -> Versions:
        """See `Shelf.versions`."""
        before = self._previous()
        if before is not None:
            return inside(before, window)
        return self._steady(
            lambda told: _joined(
                [load_chunk(self.folder, c, window) for c in told.chunks if c.meets(window)], told
            )
        )

    def revisions(self) -> Versions:
        """See `Shelf.revisions`."""
        return self._steady(self._gone)

    def files(self) -> tuple[list[Path], list[Path]]:
        """Return the files of the bars that stand, and of those that no longer do."""
        told = load_manifest(self.folder)
        if told is not None:
            chunks, gone = told.chunks, told.revisions
            return [self.folder / c.file for c in chunks], [self.folder / c.file for c in gone]
        path = self.folder / previous.FILE
        return ([path] if path.is_file() else []), []

    def check(self) -> None:
        """Raise a DataError where a file is not what was written."""
        if self._previous() is None:
            self._steady(self._checked)

    def put(self, fresh: Versions, note: Note) -> int:
        """See `Shelf.put`."""
        with locked(self.folder):
            told = self._taken_over()
            after = note(told)
            gone: list[Versions] = []
            chunks, restated = list(after.chunks), 0
            if told is not None and told.covered and told.version != after.version:
                gone, chunks = [self._retired(told, after.fetched)], []
            for part, piece in _parts(fresh, after.timeframe):
                chunks, superseded = self._place(chunks, part, piece, after.source)
                gone.append(superseded)
                restated += len(superseded)
            if not chunks and told is None:
                return 0
            names = (*after.columns, *map(str, fresh.bars.columns))
            late = self._unknown(after, stack([Versions.none(), *gone]))
            kept = after.revisions
            if len(late):
                kept = (*kept, save_chunk(self.folder, "revisions", late, after.source))
            self._save(
                replace(
                    after,
                    chunks=tuple(sorted(chunks, key=lambda chunk: chunk.first)),
                    columns=tuple(dict.fromkeys(names)),
                    revisions=kept,
                    conflicts=after.conflicts + restated,
                )
            )
            return restated

    def tidy(self) -> None:
        """See `Shelf.tidy`."""
        with locked(self.folder):
            told = self._taken_over()
            if told is None:
                return
            chunks: list[Chunk] = []
            for part in dict.fromkeys(chunk.part for chunk in told.chunks):
                some = [chunk for chunk in told.chunks if chunk.part == part]
                chunks += some if len(some) == 1 else [self._one(some, f"bars-{part}", told.source)]
            revisions = told.revisions
            if len(revisions) > 1:
                revisions = (self._one(list(revisions), "revisions", told.source),)
            self._save(replace(told, chunks=tuple(chunks), revisions=revisions))

    def _previous(self) -> Versions | None:
        if (self.folder / FILE).exists():
            return None
        before = previous.load_previous(self.folder)
        return before[0] if before is not None else None

    def _steady(self, read: Callable[[Manifest], T]) -> T:
        """Read what one manifest names; a writer may clear it away meanwhile: then the next."""
        seen = None
        while True:
            told = load_manifest(self.folder) or Manifest("", "", "")
            try:
                return read(told)
            except FileNotFoundError as error:
                if told == seen:
                    raise damaged(Path(error.filename), "the file is missing") from error
            seen = told

    def _bars(self, told: Manifest, window: Window) -> pd.DataFrame:
        met = [chunk for chunk in told.chunks if chunk.meets(window)]
        return (
            read_bars(self.folder, met, told.columns, window) if met else empty_bars(told.columns)
        )

    def _checked(self, told: Manifest) -> None:
        for chunk in _files(told):
            check_chunk(self.folder, chunk)

    def _gone(self, told: Manifest) -> Versions:
        return stack(
            [Versions.none(), *(load_chunk(self.folder, chunk) for chunk in told.revisions)]
        )

    def _loaded(self, chunk: Chunk) -> Versions:
        try:
            return load_chunk(self.folder, chunk)
        except FileNotFoundError as error:
            raise damaged(self.folder / chunk.file, "the file is missing") from error

    def _one(self, some: list[Chunk], stem: str, source: str) -> Chunk:
        return save_chunk(self.folder, stem, stack([self._loaded(c) for c in some]), source)

    def _place(
        self, chunks: list[Chunk], part: str, piece: Versions, source: str
    ) -> tuple[list[Chunk], Versions]:
        """Put bars of one part among its chunks: as a new one, or into those they meet."""
        times = piece.times
        here = [chunk for chunk in chunks if chunk.part == part]
        met = [c for c in here if c.first <= times[-1] and c.last >= times[0]]
        if not met and len(here) >= _LOOSE:
            met = here
        current = stack([Versions.none(), *(self._loaded(chunk) for chunk in met)])
        merged, superseded = merge(current, piece)
        if merged is current and len(current):
            return chunks, superseded
        whole = save_chunk(self.folder, f"bars-{part}", merged, source)
        return [*(chunk for chunk in chunks if chunk not in met), whole], superseded

    def _retired(self, told: Manifest, at: str) -> Versions:
        old = stack([Versions.none(), *(self._loaded(chunk) for chunk in told.chunks)])
        return Versions(old.bars, old.stored, np.full(len(old), pd.Timestamp(at).value // 1000))

    def _unknown(self, told: Manifest, gone: Versions) -> Versions:
        """Return those revisions that are not kept yet: a compaction may come a second time."""
        if not len(gone) or not told.revisions:
            return gone
        kept = stack([Versions.none(), *(self._loaded(chunk) for chunk in told.revisions)])
        known = pd.MultiIndex.from_arrays([kept.times, kept.stored])
        return gone.where(~pd.MultiIndex.from_arrays([gone.times, gone.stored]).isin(known))

    def _taken_over(self) -> Manifest | None:
        told = load_manifest(self.folder)
        before = previous.load_previous(self.folder) if told is None else None
        if before is None:
            return told
        versions, told = before
        chunks = [
            save_chunk(self.folder, f"bars-{part}", piece, told.source)
            for part, piece in _parts(versions, told.timeframe)
        ]
        return replace(told, chunks=tuple(chunks))

    def _save(self, told: Manifest) -> None:
        sync_folder(self.folder)
        replace_file(self.folder / FILE, to_text(told).encode())
        sync_folder(self.folder)
        named = {chunk.file for chunk in _files(told)}
        for pattern in ("*.parquet", ".*.tmp"):
            for path in self.folder.glob(pattern):
                if path.name not in named:
                    path.unlink(missing_ok=True)


def empty_bars(columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return a frame of no bars."""
    return Versions.none().bars.reindex(columns=list(columns)).astype("float64")


def inside(versions: Versions, window: Window) -> Versions:
    """Return the bars of a window."""
    times = versions.times
    mask = np.ones(len(times), dtype=bool)
    if window[0] is not None:
        mask &= times >= window[0]
    if window[1] is not None:
        mask &= times < window[1]
    return versions if mask.all() else versions.where(mask)


def _files(told: Manifest) -> tuple[Chunk, ...]:
    return (*told.chunks, *told.revisions)


def _joined(found: list[Versions], told: Manifest) -> Versions:
    whole = stack([Versions(empty_bars(told.columns), np.empty(0, dtype=np.int64)), *found])
    names = [name for name in told.columns if name in whole.bars.columns]
    return Versions(whole.bars[names], whole.stored)


def _parts(versions: Versions, timeframe: str) -> Iterator[tuple[str, Versions]]:
    """Yield bars by the year or month whose file they go to: some 500,000 rows at most."""
    if not len(versions):
        return
    size = Timeframe.parse(timeframe).delta.total_seconds()
    index = pd.DatetimeIndex(versions.bars.index)
    if size >= 3600:
        yield "all", versions
        return
    keys = index.year * 100 + (index.month if size < 60 else 0)
    edges = np.flatnonzero(np.diff(keys)) + 1
    for low, high in zip([0, *edges], [*edges, len(keys)], strict=True):
        year, month = divmod(int(keys[low]), 100)
        chosen = Versions(versions.bars.iloc[low:high], versions.stored[low:high])
        yield (f"{year}-{month:02d}" if month else str(year)), chosen
