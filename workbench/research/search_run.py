"""A search while it runs: it proposes points by what came of the earlier ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.kernels.codes import Market
from workbench.research.grid import Constraint, Grid
from workbench.research.runner import STATS, Cost, Done, Part, Runner
from workbench.research.search import Proposals, Search, proposals
from workbench.research.search_draws import draw
from workbench.research.search_points import Scatter
from workbench.research.search_prune import PARTS, Pruning
from workbench.research.search_space import Space
from workbench.research.source import Whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.engine import Simulation
    from workbench.research.source import Source
    from workbench.strategy.base import Strategy

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["Make", "Searched", "Searching", "runner_of", "source_of"]

Make = Callable[[Grid, "Simulation"], Runner]


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search did, beside the statistics of its points.

    It stands in ``Sweep.search``.

    Parameters
    ----------
    asked : Search
    pruned : DataFrame
        A row per point that was given up: its parameters, how many ``bars`` it was run on, and
        the objective there. The index is the point's number.
    again, refused : int
        How many proposals were known points, and how many the constraint refused; none of
        them was run.
    points : int
        How many were proposed.
    size : int or None
        Of the space; None where there is no end of points.
    """

    asked: Search
    pruned: pd.DataFrame
    again: int
    refused: int
    points: int
    size: int | None

    def findings(self) -> Iterator[str]:
        """Say what a reader of the table must know."""
        of = "" if self.size is None else f" of the {self.size:,} in its space"
        met = [f"{self.again:,} proposals came again and were not run again"] * (self.again > 0)
        met += [f"{self.refused:,} were refused by the constraint"] * (self.refused > 0)
        told = f"; {', '.join(met)}" if met else ""
        yield f"{self.asked}: {self.points:,} points{of}{told}"
        if self.points < self.asked.trials:
            yield f"{self.asked.trials:,} points were asked for, and no further ones were found"
        if len(self.pruned):
            yield (
                f"{len(self.pruned):,} of {self.points:,} points were given up after a "
                f"third or two thirds of the bars, for a worse {self.asked.objective} there than "
                "others had: they have no row, they count as trials, and one of them may have "
                "been the best on all bars"
            )


class Searching:
    """Where the points of a search come from, and who computes them.

    Both in one, since what is given up early is known to the one and asked by the other.

    Parameters
    ----------
    space : Space
    asked : Search

    Attributes
    ----------
    grid : Scatter
        The points so far; its length is how many there may be.
    cost : Cost or None
        Of a point on all bars.
    """

    def __init__(self, space: Space, asked: Search) -> None:
        self._space, self.asked = space, asked
        names: dict[str, tuple[Any, ...]] = {axis.name: () for axis in space.axes}
        self.grid = Scatter(space.base, names, np.arange(asked.trials), [])
        self.engine, self.bars = "auto", 0
        self.cost: Cost | None = None
        self.findings: list[str] = []
        self._from: Proposals = proposals(asked, space)
        self._pruning = None if asked.prune is None else Pruning(asked.prune, asked.more)
        self._column = STATS.index(asked.objective)
        self._costs: dict[int, Cost | None] = {}
        self._batch: list[int] = []
        self._values: dict[int, float] = {}
        self._seen: dict[int, list[float]] = {}
        self._pruned: dict[int, Part] = {}
        self._kept: dict[int, list[float]] = {}
        self._marks: dict[int, float] = {}
        self._failed: Integers = np.empty(0, np.int64)
        self._first: Integers | None = None

    def begin(self, simulation: Simulation, make: Make) -> Searching:
        """Say what the points run on.

        Parameters
        ----------
        simulation : Simulation
            Of all bars.
        make : callable
            Takes a grid and a simulation and returns a runner of its points.
        """
        self._simulation, self._make = simulation, make
        self.bars = len(simulation.bars)
        self._parts = [_part(simulation, part) for part in PARTS]
        return self

    # where points come from

    def ask(self) -> Integers:
        """Return the numbers of the next batch, chosen by what was told of those before."""
        first, self._first = self._first, None
        return self._next() if first is None else first

    def _next(self) -> Integers:
        while True:
            self._settle()
            begin = len(self.grid.points)
            count = min(self.asked.batch, self.asked.trials - begin)
            self.grid.points.extend(self._from.ask(count) if count else [])
            self._batch = list(range(begin, len(self.grid.points)))
            self._check_batch()
            is_open = [k for k in self._batch if k not in self._values]
            if is_open or not self._batch:
                return np.array(is_open, dtype=np.int64)
            deque(self._alive(), maxlen=0)  # all are known: what was given up is, once more

    def tell(self, numbers: Integers, rows: Floats) -> None:
        """Take the objective of finished points."""
        self._values |= dict(zip(numbers.tolist(), rows[:, self._column].tolist(), strict=True))

    def beside(self, numbers: Integers) -> Floats:
        """Return what points are known by and the objective on each part of the bars."""
        found = np.full((len(numbers), 1 + len(PARTS)), np.nan)
        for row, k in zip(found, numbers.tolist(), strict=True):
            row[0] = _mark(self.grid.points[k])
            seen = self._seen.get(k, [])
            row[1 : 1 + len(seen)] = seen
        return found

    def restore(self, numbers: Integers, rows: Floats) -> Mapping[int, Part]:
        """Take points of the search that is resumed, see `beside`, and propose them once more.

        Raises
        ------
        UsageError
            It proposes others.
        """
        bars = [len(part.bars) for part in self._parts]
        columns = len(STATS)
        self.tell(numbers, rows)
        self._failed = numbers[np.isnan(rows[:, 0])] if len(numbers) else numbers
        for k, row in zip(numbers.tolist(), rows, strict=True):
            self._marks[k] = float(row[columns])
            self._kept[k] = row[columns + 1 :].tolist()
            if row[0] < self.bars:
                place = bars.index(int(row[0]))
                self._pruned[k] = self._said(self._parts[place])
        self._first = np.union1d(self._next(), self._failed)
        return self._pruned

    def _check_batch(self) -> None:
        """Refuse a search that proposes other points than the one it resumes."""
        points = self.grid.points
        for k in self._batch:
            if k in self._marks and self._marks[k] != _mark(points[k]):
                raise UsageError(
                    f"the search to resume had another point {k} than {points[k]!r}: give the "
                    "constraint it was given, or sweep anew without resume",
                    point=k,
                )

    def _settle(self) -> None:
        points = self.grid.points
        pruned = {points[k]: self._seen[k] for k in self._batch if k in self._pruned}
        self._from.tell(
            {points[k]: self._values[k] for k in self._batch if k in self._values}, pruned
        )

    # who computes them

    def run(self, numbers: Integers) -> Generator[Done, None, None]:
        """Run a batch: on the parts of the bars where points may be given up, then on all."""
        alive = yield from self._alive()
        # What failed before is run on all bars: it fails again, and says why.
        numbers = np.intersect1d(numbers, np.union1d(alive, self._failed))
        if len(numbers):
            yield from self._ran(numbers, self._simulation)

    def _alive(self) -> Generator[Done, None, Integers]:
        """Return the points of the batch that are not given up."""
        numbers = np.array(self._batch, dtype=np.int64)
        if self._pruning is not None:
            for place, part in enumerate(self._parts):
                numbers = yield from self._judged(numbers, place, part)
        return numbers

    def _judged(
        self, numbers: Integers, place: int, part: Simulation
    ) -> Generator[Done, None, Integers]:
        """Run points on a part of the bars, give some of them up and return the others.

        Those of a search that is resumed are judged by what is kept of them.
        """
        rows = np.full((len(numbers), len(STATS)), np.nan)
        is_open = np.array([k not in self._kept for k in numbers.tolist()], bool)
        for done in self._ran(numbers[is_open], part):
            rows[np.searchsorted(numbers, done.numbers)] = done.rows
        values = rows[:, self._column].copy()
        values[~is_open] = [self._kept[k][place] for k in numbers[~is_open].tolist()]
        for k, value in zip(numbers.tolist(), values.tolist(), strict=True):
            self._seen.setdefault(k, []).append(value)
        assert self._pruning is not None  # noqa: S101 - the caller looks
        kept = self._pruning.goes_on(place, values)
        is_gone = ~kept & is_open
        if is_gone.any():
            pruned = dict.fromkeys(numbers[is_gone].tolist(), self._said(part))
            self._pruned |= pruned
            yield Done(numbers[is_gone], rows[is_gone], pruned=pruned)
        return numbers[kept]

    def _said(self, part: Simulation) -> Part:
        return Part(len(part.bars), part.bars.index[-1].isoformat())

    def _ran(self, numbers: Integers, simulation: Simulation) -> Iterator[Done]:
        if not len(numbers):
            return
        runner = self._make(self.grid.part(numbers), simulation)
        runner.cost = self._costs.get(id(simulation))
        with closing(runner.run(np.arange(len(numbers)))) as chunks:
            for done in chunks:
                self._costs[id(simulation)] = runner.cost
                if simulation is self._simulation:
                    self.engine, self.cost = runner.engine, runner.cost
                    self.findings = runner.findings
                failures = {int(numbers[k]): error for k, error in done.failures.items()}
                yield Done(numbers[done.numbers], done.rows, failures)

    # at the end

    def told(self) -> dict[str, str]:
        """Return what is searched and how."""
        learns = {"optuna": version("optuna")} if self.asked.how == "tpe" else {}
        return _told(self._space, self.asked) | {"trials": str(self.asked.trials)} | learns

    def found(self, is_over: bool) -> Scatter:
        """Return the points as they are at the end, those that were not reached included."""
        points = self.grid.points
        some = Scatter.at(self._space.base, list(self.grid.values), points)
        return some if is_over else replace(some, numbers=self.grid.numbers)

    def searched(self) -> Searched:
        """Return what the search did."""
        numbers = sorted(self._pruned)
        names = list(self.grid.values)
        rows = [(*self.grid.points[k], self._pruned[k].bars, self._seen[k][-1]) for k in numbers]
        columns = [*names, "bars", self.asked.objective]
        frame = pd.DataFrame(rows, columns=columns, index=pd.Index(numbers, name="point"))
        done = len(self.grid.points)
        came = self._from
        return Searched(self.asked, frame, came.again, came.refused, done, self._space.size)


def _mark(point: tuple[Any, ...]) -> float:
    """Return a number a point is known by again."""
    return float(crc32(repr(point).encode()))


def _told(space: Space, asked: Search) -> dict[str, str]:
    return {"search": str(asked), "space": ", ".join(map(str, space.axes))}


def _part(simulation: Simulation, part: float) -> Simulation:
    rows = max(2, round(len(simulation.bars) * part))
    bars = simulation.bars.iloc[:rows]
    return replace(simulation, bars=bars, market=Market(*(a[:rows] for a in simulation.market)))


class _Drawn(Whole):
    """Points that were drawn beforehand and are all run."""

    def __init__(self, space: Space, asked: Search) -> None:
        self._space = space
        drawn = draw(space, asked.how, asked.trials, asked.seed)
        names = [axis.name for axis in space.axes]
        super().__init__(Scatter.at(space.base, names, drawn.points))
        columns = [*names, "bars", asked.objective]
        none = pd.DataFrame([], columns=columns, index=pd.Index([], name="point", dtype="int64"))
        self._searched = Searched(
            asked, none, drawn.again, drawn.refused, len(drawn.points), space.size
        )

    def told(self) -> dict[str, str]:
        """Return what is searched and how."""
        return _told(self._space, self._searched.asked)

    def searched(self) -> Searched:
        """Return what was drawn."""
        return self._searched


def source_of(
    strategy: type[Strategy] | Strategy,
    given: Mapping[str, Any],
    constraint: Constraint | None,
    asked: Search | None,
) -> Source:
    """Return where the points of a sweep come from: a grid, or what a search proposes.

    Parameters
    ----------
    strategy, constraint
        As in ``wb.sweep``.
    given : mapping
        What was given for the parameters.
    asked : Search or None
    """
    if asked is None:
        return Whole(Grid.of(strategy, given, constraint))
    space = Space.of(strategy, given, constraint)
    return Searching(space, asked) if asked.is_told else _Drawn(space, asked)


def runner_of(source: Source, simulation: Simulation, make: Make) -> Runner:
    """Return who computes the points of a source, `make` as in `Searching.begin`."""
    if isinstance(source, Searching):
        return source.begin(simulation, make)
    return make(source.grid, simulation)
