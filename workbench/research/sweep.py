"""``wb.sweep``: one strategy, many parameters, the statistics of each."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.backtest import stats
from workbench.backtest.engine import Simulation, prepare
from workbench.errors import WorkbenchError
from workbench.indicators.memo import forget, remember
from workbench.research.engines import Engine
from workbench.research.grid import Constraint, Grid
from workbench.research.progress import Listener, Plan, Progress
from workbench.research.sweep_result import Sweep
from workbench.runs.ledger import Ledger, Trial
from workbench.runs.manifest import Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.sizing import Sizing
    from workbench.backtest.stops import Stops
    from workbench.costs.costs import Costs
    from workbench.strategy.base import Strategy

__all__ = ["sweep"]

# What one point may raise without ending the others: what a strategy's own code raises.
_FAILURES = (WorkbenchError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_NAMES = stats.NAMES[2:]  # without the labels of the first and the last bar
_BATCH_SECONDS = 2.0
_BATCH_POINTS = 2_000


def sweep(  # noqa: PLR0913 - the public face: the choices of a backtest and two of its own
    strategy: type[Strategy] | Strategy,
    bars: pd.DataFrame,
    *,
    cash: float = 100_000,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str = "next_open",
    calendar: str | None = None,
    constraint: Constraint | None = None,
    progress: bool | Listener = True,
    engine: str = "auto",
    record: bool = True,
    **grid: Any,
) -> Sweep:
    """Backtest a strategy at every point of a grid and keep the statistics.

    Before it starts it says how many points there are, how long they will take and how
    much memory, measured on the first of them. Equity curves are not kept: the best point
    run alone gives them again. Every finished point is a trial in the workspace's ledger.

    An interrupt (Ctrl-C, the stop button) ends the sweep and returns what is finished. A
    point whose strategy raises an error is left out of the table and told in the findings;
    only where no point succeeds is the first error raised. The same call gives the same
    table, whatever the number of cores. The points of a strategy that states a rule run on
    all of them, those of other strategies one by one, their indicators computed once.

    Parameters
    ----------
    strategy : strategy class or object
        The parameters that are not swept are its own, or the defaults.
    bars : DataFrame
        One symbol or several, see ``wb.bars``.
    cash, costs, sizing, stops, fill, calendar
        As in ``wb.backtest``.
    constraint : callable, optional
        Takes a point's parameters as a dict and says whether it counts:
        ``lambda p: p["fast"] < p["slow"]``.
    progress : bool or callable
        Whether to say the plan and show a bar. A callable is told ``(done, total)`` after
        each point or block of points instead, and ends the sweep by raising
        ``KeyboardInterrupt``.
    engine : {"auto", "events", "generic", "each"}
        ``"events"`` works only where the signal changes: all in or flat, one symbol, no stops.
        ``"generic"`` simulates every bar of any strategy under any choices. ``"each"`` is the
        code of a backtest, point by point. All give the same numbers, to 1e-9. By default the
        fastest that is exact; ``Sweep.engine`` tells which.
    record : bool
        Whether the points count as trials in the workspace's ledger.
    **grid
        For each swept parameter its values, any iterable; a single value is fixed.

    Returns
    -------
    Sweep
        ``.stats``, ``.best()``, ``.heatmap()``, ``.deflated_sharpe()``.

    Raises
    ------
    UsageError
        An unknown parameter, a value out of its bounds, nothing to sweep, a constraint
        that no point passes, a choice that `backtest` refuses, an engine that would not
        be exact.
    DataError
        Bars that break the contract, or fewer than two.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012", source="sample")
    >>> found = wb.sweep(wb.strategies.SmaCross, bars, fast=[5, 10], slow=[20, 50, 100],
    ...                  progress=False)
    >>> len(found), found.best("sharpe").strategy.name
    (6, 'SmaCross')
    """
    points = Grid.of(strategy, grid, constraint)
    choices = {
        "cash": cash,
        "costs": costs,
        "sizing": sizing,
        "stops": stops,
        "fill": fill,
        "calendar": calendar,
    }
    simulation = prepare(bars, **choices)  # type: ignore[arg-type]
    manifest = Manifest.create("sweep", points.base, simulation.bars, simulation.choices)
    run = _Run(points, simulation, manifest, Engine(points, simulation, engine), record)
    with Progress(f"sweep {points.base.name}", len(points), shown=progress) as bar:
        run.start(bar)
    return run.sweep()


@dataclass
class _Run:
    """A sweep while it runs: a table that fills up, and what is still to be counted."""

    grid: Grid
    simulation: Simulation
    manifest: Manifest
    engine: Engine
    record: bool = True
    findings: list[str] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)
    plan: Plan | None = None
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.table: NDArray[np.float64] = np.full((len(self.grid), len(_NAMES)), np.nan)
        self.done = np.zeros(len(self.grid), dtype=bool)
        self.ledger = Ledger.open() if self.record else None
        self._uncounted: list[int] = []
        self._counted_at = time.monotonic()

    def start(self, bar: Progress) -> None:
        """Run all points; an interrupt ends it and loses none that is finished."""
        try:
            if self.engine.template is None:
                with self._memo():
                    self._probe(bar)
                    for k in self._open():
                        self._step(k, bar)
            else:
                self._run_blocks(bar)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self._count()
        if self.failures and not self.interrupted and not self.done.any():
            raise next(iter(self.failures.values()))

    def sweep(self) -> Sweep:
        """Return what is finished."""
        if self.failures:
            first, error = next(iter(self.failures.items()))
            self.findings.append(
                f"{len(self.failures):,} of {len(self.grid):,} points failed and are left out; "
                f"the first, {self.grid.strategy(first)!r}: {error}"
            )
        if self.interrupted:
            self.findings.append(
                f"interrupted: {int(self.done.sum()):,} of {len(self.grid):,} points are finished"
            )
        return Sweep(
            manifest=self.manifest,
            grid=self.grid,
            simulation=self.simulation,
            numbers=np.flatnonzero(self.done),
            table=self.table[self.done],
            names=_NAMES,
            findings=tuple(self.findings),
            plan=self.plan,
            ledger=self.ledger,
            engine=self.engine.name,
        )

    def _memo(self) -> AbstractContextManager[object]:
        if self.engine.name == "each":
            return nullcontext()
        bars = self.simulation.bars
        if bars.columns.nlevels > 1:  # the columns of several symbols are copied on their way
            return nullcontext()
        return remember([bars[name].to_numpy() for name in bars.columns])

    def _run_blocks(self, bar: Progress) -> None:
        """Run the points of a rule; the first block tells what the others will cost."""
        started = time.perf_counter()
        for numbers, rows in self.engine.blocks():
            if self.plan is None:
                each = (time.perf_counter() - started) / len(numbers)
                self.plan = Plan(
                    points=len(self.grid),
                    bars=len(self.simulation.bars),
                    seconds=each * (len(self.grid) - len(numbers)) / (os.cpu_count() or 1),
                    memory_bytes=self.engine.memory + self._table_bytes,
                )
                bar.say(str(self.plan))
            self.table[numbers] = rows
            self.done[numbers] = True
            self._uncounted += numbers.tolist()
            self._count_some()
            bar.step(len(numbers))

    @property
    def _table_bytes(self) -> int:
        return len(self.grid) * (len(_NAMES) + len(self.grid.values)) * 8

    def _open(self) -> Iterator[int]:
        return (k for k in range(len(self.grid)) if not self.done[k] and k not in self.failures)

    def _probe(self, bar: Progress) -> None:
        """Run the first points to learn what one costs: the first warms up, then memory, time."""
        ends = [0, len(self.grid) - 1, len(self.grid) // 2]
        probes = list(dict.fromkeys(ends))
        self._step(probes[0], None)
        memory = self._measured_memory(probes[1]) if len(probes) > 1 else 0
        started = time.perf_counter()
        if len(probes) > 2:
            self._step(probes[2], None)
        each = time.perf_counter() - started
        self.plan = Plan(
            points=len(self.grid),
            bars=len(self.simulation.bars),
            seconds=each * (len(self.grid) - len(probes)),
            memory_bytes=memory + self._table_bytes,
        )
        bar.say(str(self.plan))
        bar.step(len(probes))

    def _measured_memory(self, k: int) -> int:
        """Run a point and return the most memory it held, as Python and numpy count it."""
        if tracemalloc.is_tracing():  # someone else measures: leave their figures alone
            self._step(k, None)
            return 0
        tracemalloc.start()
        try:
            self._step(k, None)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def _step(self, k: int, bar: Progress | None) -> None:
        bars = self.simulation.bars.copy(deep=False)  # what a strategy does to its bars stays there
        strategy = self.grid.strategy(k)
        try:
            found = self.engine.point(strategy, bars)
        except _FAILURES:
            self._step_alone(k, strategy)
        else:
            self._keep(k, found)
        if bar is not None:
            bar.step()

    def _step_alone(self, k: int, strategy: Strategy) -> None:
        """Run a point again with nothing kept: what is kept cannot be written to."""
        try:
            with forget():
                bars = self.simulation.bars.copy(deep=False)
                found = self.engine.point(strategy, bars)
        except _FAILURES as error:
            self.failures[k] = error
        else:
            self._keep(k, found)

    def _keep(self, k: int, found: NDArray[np.float64]) -> None:
        self.table[k] = found
        self.done[k] = True
        self._uncounted.append(k)
        self._count_some()

    def _count_some(self) -> None:
        late = time.monotonic() - self._counted_at > _BATCH_SECONDS
        if late or len(self._uncounted) >= _BATCH_POINTS:
            self._count()

    def _count(self) -> None:
        """Write the trials since the last time to the ledger; a kill loses at most a batch."""
        waiting, self._uncounted = self._uncounted, []
        self._counted_at = time.monotonic()
        if not waiting or self.ledger is None:
            return
        sharpe = _NAMES.index("sharpe")
        periods = float(self.simulation.choices["periods_per_year"])
        said = self.ledger.record(
            Trial(self.manifest, float(self.table[k, sharpe]), periods, self.grid.params(k))
            for k in waiting
        )
        if said and not self.findings:
            self.findings.append(said)
