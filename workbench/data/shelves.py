"""All shelves of a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from workbench.core.timeframe import Timeframe
from workbench.data import manifest, previous
from workbench.data.names import folder_of, names_in
from workbench.data.shelf import FolderShelf, Shelf

__all__ = ["FolderShelves", "Shelves"]

Names = tuple[str, Timeframe, str]


class Shelves(Protocol):
    """Where a catalog keeps its bars."""

    def find(self, source: str, timeframe: Timeframe, symbol: str) -> Shelf:
        """Return the shelf of a symbol; nothing need be there."""

    def names(self) -> Sequence[Names]:
        """Return source, timeframe and symbol of all that is there, damaged ones included."""

    def megabytes(self, source: str, timeframe: Timeframe, symbol: str) -> float:
        """Return the size of a shelf."""


class FolderShelves:
    """Shelves as folders, partitioned as hive does it.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, source: str, timeframe: Timeframe, symbol: str) -> FolderShelf:
        """See `Shelves.find`."""
        return FolderShelf(self.root / folder_of(source, timeframe, symbol))

    def names(self) -> Sequence[Names]:
        """See `Shelves.names`."""
        found = {
            path.parent
            for name in (manifest.FILE, previous.FILE)
            for path in self.root.glob(f"source=*/timeframe=*/symbol=*/{name}")
        }
        return [names_in(folder.relative_to(self.root).as_posix()) for folder in sorted(found)]

    def megabytes(self, source: str, timeframe: Timeframe, symbol: str) -> float:
        """See `Shelves.megabytes`."""
        folder = self.root / folder_of(source, timeframe, symbol)
        return sum(path.stat().st_size for path in folder.glob("*.parquet")) / 1e6
