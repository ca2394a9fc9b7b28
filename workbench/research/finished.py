"""The finished points of a sweep: their table, and what is still to be counted of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from workbench.research.runner import STATS, Done
from workbench.runs.ledger import Ledger, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.grid import Grid
    from workbench.runs.manifest import Manifest

__all__ = ["Finished"]

_BATCH_SECONDS = 2.0
_BATCH_POINTS = 2_000


class Finished:
    """A table that fills up.

    Parameters
    ----------
    grid : Grid
    manifest : Manifest
    periods : float
        Per year, by which the Sharpe ratios were annualised.
    ledger : Ledger or None
        Where the points count as trials, in batches: a kill loses at most a batch.

    Attributes
    ----------
    table : ndarray
        (points, statistics), NaN where a point is not finished.
    done : ndarray of bool
        Which points are.
    failures : dict of int to Exception
        What those raised that failed.
    said : str
        Why points could not be counted, or nothing.
    """

    def __init__(
        self, grid: Grid, manifest: Manifest, periods: float, ledger: Ledger | None
    ) -> None:
        self.table = np.full((len(grid), len(STATS)), np.nan)
        self.done = np.zeros(len(grid), dtype=bool)
        self.failures: dict[int, Exception] = {}
        self.said = ""
        self._grid, self._manifest, self._periods, self._ledger = grid, manifest, periods, ledger
        self._waiting: list[NDArray[np.int64]] = []
        self._counted_at = time.monotonic()

    def keep(self, done: Done) -> None:
        """Take points in, and count them where a batch is full."""
        self.failures |= done.failures
        numbers, rows = done.numbers, done.rows
        if done.failures:
            fine = ~np.isin(numbers, list(done.failures))
            numbers, rows = numbers[fine], rows[fine]
        self.table[numbers] = rows
        self.done[numbers] = True
        self._waiting.append(numbers)
        late = time.monotonic() - self._counted_at > _BATCH_SECONDS
        if late or sum(map(len, self._waiting)) >= _BATCH_POINTS:
            self.flush()

    def flush(self) -> None:
        """Write the trials since the last time to the ledger."""
        waiting = [k for numbers in self._waiting for k in numbers.tolist()]
        if waiting and self._ledger is not None:
            sharpes = self.table[:, STATS.index("sharpe")]
            said = self._ledger.record(
                Trial(self._manifest, float(sharpes[k]), self._periods, self._grid.params(k))
                for k in waiting
            )
            self.said = self.said or said
        self._waiting.clear()
        self._counted_at = time.monotonic()
