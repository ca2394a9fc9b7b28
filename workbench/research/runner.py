"""Who computes the points of a sweep: here, the engines of this process."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from workbench.backtest.stats import NAMES
from workbench.errors import WorkbenchError
from workbench.indicators.memo import forget, remember
from workbench.research.budget import Budget
from workbench.research.engines import Engine
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.engine import Simulation
    from workbench.research.grid import Grid

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["STATS", "Cost", "Done", "Local", "Part", "Runner"]

STATS = NAMES[2:]  # without the labels of the first and the last bar
# What one point may raise without ending the others: what a strategy's own code raises.
_EXPOSURE, _TURNOVER = STATS.index("exposure"), STATS.index("turnover")
_ROWS, _RESULTS = 96 * 2**20, 128 * 2**20  # bytes of indicators at a time, where there is room
_FEW = 16  # points, for which it is not worth reading their targets
_FAILURES = (WorkbenchError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Part(NamedTuple):
    """The first part of the bars: how many, and the label of the last."""

    bars: int
    end: str


class Done(NamedTuple):
    """Points that are finished.

    Parameters
    ----------
    numbers : ndarray of int
        In the grid.
    rows : ndarray
        (points, statistics); NaN for a point that failed.
    failures : mapping of int to Exception
        What the points raised that failed.
    pruned : mapping of int to Part
        Points that were given up, with the part of the bars they were run on; their rows are of
        that part.
    """

    numbers: Integers
    rows: Floats
    failures: Mapping[int, Exception] = {}
    pruned: Mapping[int, Part] = {}


class Cost(NamedTuple):
    """What was measured on the first points.

    Parameters
    ----------
    seconds : float
        Expected per further point.
    memory_bytes : int
        The most that is held while points run, beyond the bars and the table.
    """

    seconds: float
    memory_bytes: int


class Runner(Protocol):
    """Computes points, in any order and in chunks as it likes."""

    engine: str
    """What runs them, for the result to tell."""
    bars: int
    """How many bars a point runs on."""
    cost: Cost | None
    """What further points cost; None until it is known."""
    findings: list[str]
    """What is to be told of how the points were run."""

    def run(self, numbers: Integers) -> Generator[Done, None, None]:
        """Run points of the grid; closing the iterator ends it early."""
        ...


class Local:
    """The engines, in this process and on all of its cores.

    The points of a strategy that states a rule run in blocks by threads. So do those of
    others whose targets can be read as one; the rest one by one, their indicators computed
    once.

    Parameters
    ----------
    grid : Grid
    simulation : Simulation
    engine : {"auto", "events", "generic", "each"} or Engine
    budget : Budget, optional
        The memory the points may take while they run.

    Raises
    ------
    UsageError
        No such engine, or it would not be exact.
    """

    def __init__(
        self,
        grid: Grid,
        simulation: Simulation,
        engine: str | Engine = "auto",
        budget: Budget | None = None,
    ) -> None:
        self._grid, self._simulation = grid, simulation
        made = engine if isinstance(engine, Engine) else Engine(grid, simulation, engine)
        self._engine = made
        self._budget = budget or Budget.of()
        self.engine = self._engine.name
        self.bars = len(simulation.bars)
        self.cost: Cost | None = None
        self.findings: list[str] = []

    def run(self, numbers: Integers) -> Generator[Done, None, None]:
        """Run points of the grid; a point depends on no other, so neither do its numbers."""
        if self._engine.template is not None:
            yield from self._blocks(numbers)
            return
        numbers = yield from self._read(numbers)
        if not len(numbers):
            return
        with self._memo():
            if self.cost is None:
                numbers = yield from self._probe(numbers)
            for k in numbers.tolist():
                yield self._point(k)

    def _blocks(self, numbers: Integers) -> Iterator[Done]:
        """Run the points of a rule."""
        most, engine = self._room(), self._engine
        if self.cost is None and len(numbers) > 1:  # the first point has the kernels loaded
            yield from (self._judged(*block) for block in engine.blocks(numbers[:1], most))
            numbers = numbers[1:]
        yield from self._timed(engine.blocks(numbers, most))

    def _read(self, numbers: Integers) -> Generator[Done, None, Integers]:
        """Run the points whose targets can be read; return those that are left."""
        if len(numbers) < _FEW:
            return numbers
        most = min(_ROWS, (self._budget.room - self._engine.memory) // 2)
        tracing = self._engine.traced(numbers, most)
        if tracing is None:
            return numbers
        self.findings = [tracing.told]
        if tracing.is_trusted:
            yield from self._timed(self._engine.read(tracing, numbers))
        return np.array(tracing.left, np.int64)

    def _timed(self, blocks: Iterator[tuple[Integers, Floats]]) -> Iterator[Done]:
        """Take blocks of points; the first tells what the others will cost."""
        engine, started = self._engine, time.perf_counter()
        for at, rows in blocks:
            if self.cost is None:
                made, points = engine.made  # the indicators, which the points of a part share
                each = (time.perf_counter() - started - made) / len(at)
                self.cost = Cost(each / engine.threads + made / points, engine.memory)
            yield self._judged(at, rows)

    def _room(self) -> int:
        """Return how many bytes the rows of indicators may have at a time."""
        bars = len(self._simulation.bars)
        template = self._engine.template
        operands = 0 if template is None else len(template.operands)
        fixed = self._engine.memory + bars * 8 * 4  # an indicator while it is made
        self._budget.check(
            fixed + 2 * operands * bars * 8, f"one point on {bars:,} bars", "take fewer bars"
        )
        # Half of it: what is freed lies in pieces, into which the next rows may not fit.
        return min(_ROWS, (self._budget.room - fixed) // 2)

    def _memo(self) -> AbstractContextManager[object]:
        if self.engine == "each":
            return nullcontext()
        bars = self._simulation.bars
        if bars.columns.nlevels > 1:  # the columns of several symbols are copied on their way
            return nullcontext()
        limit = min(_RESULTS, self._budget.room // 2)
        return remember([bars[name].to_numpy() for name in bars.columns], limit)

    def _probe(self, numbers: Integers) -> Generator[Done, None, Integers]:
        """Run the first points to learn what one costs: the first warms up, then memory, time.

        Returns those that are left.
        """
        taken = [0, len(numbers) - 1, len(numbers) // 2]
        probes = [int(numbers[at]) for at in dict.fromkeys(taken)]
        memory, seconds = 0, 0.0
        for at, k in enumerate(probes):
            started = time.perf_counter()
            if at == min(1, len(probes) - 1):
                found, memory = self._measured(k)
                self._check(memory)
            else:
                found = self._point(k)
                seconds = time.perf_counter() - started
            if at == len(probes) - 1:
                self.cost = Cost(seconds, memory)
            yield found
        return np.setdiff1d(numbers, probes)

    def _check(self, memory: int) -> None:
        """Refuse what one point was measured to take, beside the indicators that are kept."""
        what = f"one point on {len(self._simulation.bars):,} bars, with its indicators,"
        self._budget.check(memory + min(memory, _RESULTS), what, "take fewer bars")

    def _measured(self, k: int) -> tuple[Done, int]:
        """Run a point and return the most memory it held, as Python and numpy count it."""
        if tracemalloc.is_tracing():  # someone else measures: leave their figures alone
            return self._point(k), 0
        tracemalloc.start()
        try:
            return self._point(k), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def _point(self, k: int) -> Done:
        try:
            row = self._row(k)
        except _FAILURES:
            # Again with nothing kept: what is kept cannot be written to.
            try:
                with forget():
                    row = self._row(k)
            except _FAILURES as error:
                return Done(np.array([k]), np.full((1, len(STATS)), np.nan), {k: error})
        return self._judged(np.array([k]), row[None])

    def _judged(self, numbers: Integers, rows: Floats) -> Done:
        """Fail the points without an opinion on any bar, as a backtest does."""
        idle = np.flatnonzero((rows[:, _EXPOSURE] == 0) & (rows[:, _TURNOVER] == 0))
        failures: dict[int, Exception] = {}
        for at in idle.tolist():
            strategy = self._grid.strategy(int(numbers[at]))
            with forget():
                targets = evaluate(strategy, self._simulation.bars.copy(deep=False))
            if np.isnan(targets).all():
                failures[int(numbers[at])] = self._simulation.silent(strategy)
                rows[at] = np.nan
        return Done(numbers, rows, failures)

    def _row(self, k: int) -> Floats:
        bars = self._simulation.bars.copy(deep=False)  # what a strategy does to its bars stays here
        return self._engine.point(self._grid.strategy(k), bars)
