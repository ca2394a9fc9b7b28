"""The finished points of a sweep: their table, their file, and the count of them.

A sweep that is over in a moment writes no file. One that runs longer than two seconds, or
ends unfinished, keeps its finished points in the workspace and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import DataError
from workbench.research.runner import STATS, Done, Part
from workbench.runs.checkpoint import Checkpoint, Stored
from workbench.runs.ledger import Ledger, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.grid import Grid
    from workbench.runs.manifest import Manifest

__all__ = ["Books", "Finished"]

_BATCH_SECONDS = 2.0
_BATCH_POINTS = 2_000


@dataclass(frozen=True)
class Books:
    """Where finished points are written down.

    Parameters
    ----------
    manifest : Manifest
    periods : float
        Per year, by which the Sharpe ratios were annualised.
    ledger : Ledger or None
        Where the points count as trials.
    checkpoint : Checkpoint or None
        Where they are kept until the sweep is done; None for nowhere.
    facts : mapping
        What the checkpoint says of the sweep.
    beside : callable, optional
        Takes numbers of points and returns what the checkpoint keeps of them beside their
        statistics, (points, columns). With it failed points are kept too, their statistics NaN.
    """

    manifest: Manifest
    periods: float
    ledger: Ledger | None = None
    checkpoint: Checkpoint | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    beside: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None


class Finished:
    """A table that fills up, and is written down in batches: a kill loses at most a batch.

    Parameters
    ----------
    grid : Grid
    books : Books
    at_once : bool
        Whether the file is written from the first batch on, however short the sweep.

    Attributes
    ----------
    table : ndarray
        (points, statistics), NaN where a point is not finished.
    done, failed : ndarray of bool
        Which points are finished; which raised an error instead.
    first_failure : (int, Exception) or None
        The first point that failed, and what it raised.
    pruned : dict of int to Part
        Points that were given up, with the part of the bars they were run on. They are trials
        too, with their Sharpe ratio there.
    said, kept_said : str
        Why points could not be counted, or not be kept, or nothing.
    is_kept : bool
        Whether all that is finished stands in the checkpoint.
    """

    def __init__(self, grid: Grid, books: Books, *, at_once: bool = False) -> None:
        self.table = np.full((len(grid), len(STATS)), np.nan)
        self.done = np.zeros(len(grid), dtype=bool)
        self.failed = np.zeros(len(grid), dtype=bool)
        self.first_failure: tuple[int, Exception] | None = None
        self.pruned: dict[int, Part] = {}
        self.said = self.kept_said = ""
        self.is_kept = False
        self._grid, self._books = grid, books
        self._uncounted: list[NDArray[np.int64]] = []
        self._unkept: list[NDArray[np.int64]] = []
        self._counted: frozenset[str] = frozenset()
        self._began = self._written_at = time.monotonic()
        self._is_long = at_once

    def restore(self, stored: Stored, pruned: Mapping[int, Part] = MappingProxyType({})) -> int:
        """Take in what was finished before; what the ledger has not counted yet counts now.

        Returns how many points these are; those that failed are run again.

        Parameters
        ----------
        stored : Stored
        pruned : mapping of int to Part
            Which of the points had been given up.
        """
        ours = (stored.numbers >= 0) & (stored.numbers < len(self.table))
        if len(ours):
            ours &= np.isfinite(stored.rows[:, 0])
        numbers = stored.numbers[ours]
        if len(numbers):
            self.table[numbers] = stored.rows[ours, : len(STATS)]
            self.done[numbers] = ~np.isin(numbers, list(pruned))
        self.pruned |= pruned
        if self._books.ledger is not None:
            self._counted = self._books.ledger.trials_of(self._books.manifest.run_id)
            self._uncounted.append(numbers)
        self.is_kept = self._is_long = True
        return len(numbers)

    def keep(self, done: Done) -> None:
        """Take points in, and write them down where a batch is full."""
        numbers, rows = done.numbers, done.rows
        if done.failures:
            lost = np.isin(numbers, list(done.failures))
            self.failed[numbers[lost]] = True
            self.first_failure = self.first_failure or next(iter(done.failures.items()))
            if self._books.beside is not None:
                self._unkept.append(numbers[lost])
            numbers, rows = numbers[~lost], rows[~lost]
        self.pruned |= done.pruned
        self.table[numbers] = rows
        self.done[numbers] = ~np.isin(numbers, list(done.pruned))
        self._uncounted.append(numbers)
        self._unkept.append(numbers)
        late = time.monotonic() - self._written_at > _BATCH_SECONDS
        if late or sum(map(len, self._uncounted)) >= _BATCH_POINTS:
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        """Write what was finished since the last time to the checkpoint and to the ledger.

        Parameters
        ----------
        last : bool
            Whether this is the end: a sweep that ends unfinished is kept, however short.
        """
        now = time.monotonic()
        self._is_long |= now - self._began > _BATCH_SECONDS
        self._is_long |= last and not bool((self.done | self.failed).all())
        if self._is_long:
            self._checkpoint()
        self._count()
        self._written_at = now

    def _checkpoint(self) -> None:
        numbers = np.concatenate([np.empty(0, np.int64), *self._unkept])
        if self._books.checkpoint is None:
            self._unkept.clear()
        if self._books.checkpoint is None or (self.is_kept and not len(numbers)):
            return
        rows = self.table[numbers]
        if self._books.beside is not None:
            rows = np.hstack([rows, self._books.beside(numbers)])
        try:
            self._books.checkpoint.append(numbers, rows, self._books.facts)
        except DataError as error:
            self.is_kept, self.kept_said = False, error.message  # tried again with the next
        else:
            self.is_kept, self.kept_said = True, ""
            self._unkept.clear()

    def _count(self) -> None:
        ledger = self._books.ledger
        if ledger is not None:
            trials = (self._trial(k) for numbers in self._uncounted for k in numbers.tolist())
            new = [t for t in trials if not self._counted or t.identity not in self._counted]
            said = ledger.record(new)
            self.said = self.said or said
        self._uncounted.clear()

    def _trial(self, k: int) -> Trial:
        sharpe = float(self.table[k, STATS.index("sharpe")])
        return Trial(self._seen(k), sharpe, self._books.periods, self._grid.params(k))

    def _seen(self, k: int) -> Manifest:
        """Return the pedigree of a point's Sharpe ratio: of a pruned one, the bars it has seen."""
        made = self._books.manifest
        if k not in self.pruned:
            return made
        part = self.pruned[k]
        data = replace(made.data, bars=part.bars, end=part.end)
        return replace(made, kind="pruned", data=data)
