"""All points of a grid on one window of the bars after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.indicators.memo import forget, remember
from workbench.kernels.codes import Market
from workbench.research.engines import Engine
from workbench.research.leaks import ANSWERS
from workbench.research.runner import STATS
from workbench.research.sight import Sight
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.engine import Simulation
    from workbench.research.grid import Grid
    from workbench.research.progress import Progress

    Floats = NDArray[np.float64]

__all__ = ["WindowPoints"]

_MOST_KEPT = 1 << 28
_ROWS = 96 * 2**20  # bytes of indicators at a time
_FEW = 16  # points, for which it is not worth reading their targets


class WindowPoints:
    """Runs the points of a grid on windows of the bars, from cash.

    A point is shown the bars up to the end of its window and none beyond. Points run on the
    engines of a sweep: those of a rule, and those whose targets can be read as one, in blocks;
    others one by one, their indicators computed once.

    Parameters
    ----------
    grid : Grid
    simulation : Simulation
        Of all bars.

    Attributes
    ----------
    failures : dict of int to Exception
        What points raised in some window.
    """

    def __init__(self, grid: Grid, simulation: Simulation) -> None:
        self.grid, self.simulation = grid, simulation
        self.failures: dict[int, Exception] = {}
        self._sight = Sight(simulation.bars)
        self._end = -1
        self._known: dict[int, Floats] = {}

    def part(self, start: int, end: int) -> Simulation:
        """Return the simulation of a window alone."""
        market = Market(*(values[start:end] for values in self.simulation.market))
        return replace(self.simulation, bars=self.simulation.bars.iloc[start:end], market=market)

    def stats(self, start: int, end: int, bar: Progress | None = None) -> list[dict[str, float]]:
        """Return the statistics of all points on a window; empty where a point failed."""
        engine = Engine(self.grid, self.part(start, end), sight=self._seen(start, end))
        rows = np.full((len(self.grid), len(STATS)), np.nan)
        is_done = np.zeros(len(self.grid), bool)
        try:
            for numbers, table in self._blocks(engine):
                rows[numbers], is_done[numbers] = table, True
                if bar is not None:
                    bar.step(len(numbers))
        except ANSWERS:  # what one point raised: those that are left show which
            pass
        for k, targets in self.each(np.flatnonzero(~is_done).tolist(), start, end):
            if targets is not None:
                rows[k], is_done[k] = engine.row(targets, self.grid.strategy(k)), True
            if bar is not None:
                bar.step()
        return [
            dict(zip(STATS, row.tolist(), strict=True)) if done else {}
            for row, done in zip(rows, is_done, strict=True)
        ]

    def each(
        self, numbers: Iterable[int], start: int, end: int
    ) -> Iterator[tuple[int, Floats | None]]:
        """Yield points and their targets on a window, (T, N); None where a point failed."""
        self._seen(start, end)
        with self._memo():
            for k in numbers:
                try:
                    yield k, self.targets(k, start, end)
                except ANSWERS as error:
                    self.failures[k] = error
                    yield k, None

    def targets(self, k: int, start: int, end: int) -> Floats:
        """Return a point's targets on a window, made with nothing behind it in sight."""
        sight = self._seen(start, end)
        found = self._known.get(k)
        if found is None:
            found = self._asked(k)
            if found.nbytes * len(self.grid) <= _MOST_KEPT:
                self._known[k] = found
        return sight.window(found)

    def _seen(self, start: int, end: int) -> Sight:
        """Return what is shown on a window.

        A test window mostly ends where the next train window does: what points said up to there
        is kept.
        """
        if self._end != end:
            self._end, self._known = end, {}
            self._sight = Sight(self.simulation.bars.iloc[:end])
        return replace(self._sight, start=start)

    def _blocks(self, engine: Engine) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Run the points that go in blocks, if any."""
        numbers = np.arange(len(self.grid))
        if engine.template is not None:
            yield from engine.blocks(numbers, _ROWS)
        elif len(numbers) >= _FEW:
            tracing = engine.traced(numbers, _ROWS)
            if tracing is not None and tracing.is_trusted:
                yield from engine.read(tracing, numbers)

    def _asked(self, k: int) -> Floats:
        strategy, bars = self.grid.strategy(k), self._sight.bars
        try:
            return evaluate(strategy, bars.copy(deep=False))
        except ANSWERS:  # again with nothing kept: what is kept cannot be written to
            with forget():
                return evaluate(strategy, bars.copy(deep=False))

    def _memo(self) -> AbstractContextManager[object]:
        bars = self._sight.bars
        if bars.columns.nlevels > 1:  # the columns of several symbols are copied on their way
            return nullcontext()
        return remember([bars[name].to_numpy() for name in bars.columns])
