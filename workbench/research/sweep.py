"""``wb.sweep``: one strategy, many parameters, the statistics of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.backtest.engine import prepare
from workbench.research.budget import Budget
from workbench.research.curves import Chosen, curves
from workbench.research.finished import Books, Finished
from workbench.research.grid import Constraint, Grid
from workbench.research.progress import Listener, Plan, Progress, duration
from workbench.research.resume import check_same, identity
from workbench.research.runner import STATS, Cost, Local, Runner
from workbench.research.source import Source, Whole
from workbench.research.sweep_result import Sweep
from workbench.runs.checkpoint import Checkpoint, Stored
from workbench.runs.ledger import Ledger
from workbench.runs.manifest import Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.entries import Limit
    from workbench.backtest.sizing import Sizing
    from workbench.backtest.stops import Stops
    from workbench.costs.costs import Costs
    from workbench.strategy.base import Strategy

__all__ = ["sweep"]


def sweep(  # noqa: PLR0913 - the public face: the choices of a backtest and two of its own
    strategy: type[Strategy] | Strategy,
    bars: pd.DataFrame,
    *,
    cash: float = 100_000,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str | Limit = "next_open",
    calendar: str | None = None,
    constraint: Constraint | None = None,
    progress: bool | Listener = True,
    engine: str = "auto",
    record: bool = True,
    memory: int | str = "1GiB",
    time: float | str | None = None,
    keep: str | None = None,
    keep_points: Any = 10,
    checkpoint: bool | None = None,
    resume: str | None = None,
    **grid: Any,
) -> Sweep:
    """Backtest a strategy at every point of a grid and keep the statistics.

    Before it starts it says how many points there are, how long they will take and how
    much memory, measured on the first of them. Every finished point is a trial in the
    workspace's ledger.

    An interrupt (Ctrl-C, the stop button) ends the sweep and returns what is finished, and
    so does the end of its `time`. A sweep that runs longer than two seconds, or ends
    unfinished, keeps its finished points in the workspace: after a kill too it goes on with
    ``resume``, repeats none of them and counts none twice. A point whose strategy raises an
    error, or has no opinion on any bar, is left out of the table and told in the findings;
    only where no point succeeds is the first error raised. The same call gives the same
    table to the bit, whatever the number of cores, the memory and the interruptions. The
    points of a strategy that states a rule run on all cores, those of other strategies one
    by one, their indicators computed once.

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
    memory : int or str
        What the sweep may take beyond the bars and the process itself: bytes, or ``"512MiB"``.
        Points are run in parts that stay below it.
    time : float or str, optional
        Seconds, or ``"10min"``: then it ends with the points that are finished, after the one
        (of a rule, the block of 128) that is running.
    keep : {None, "equity"}
        Keeps the equity curves of chosen points, in ``Sweep.equity``. Without, the best point
        run alone gives its own again: ``found.best().run()``.
    keep_points : int, (str, int) or callable
        Which: the ten best by Sharpe ratio by default; ``("cagr", 5)``; or those for whose
        parameters, as a dict, the callable is true.
    checkpoint : bool, optional
        True keeps the finished points from the beginning, False never; by default where it
        runs longer than two seconds or ends unfinished. They lie in ``data/sweeps``.
    resume : str, optional
        The run id of an earlier sweep (``Sweep.run_id``, or the name of its file), to go on
        with. Strategy, code, bars, choices, values and versions must be the same.
    **grid
        For each swept parameter its values, any iterable; a single value is fixed.

    Returns
    -------
    Sweep
        ``.stats``, ``.best()``, ``.heatmap()``, ``.deflated_sharpe()``, ``.equity``.

    Raises
    ------
    UsageError
        An unknown parameter, a value out of its bounds, nothing to sweep, a constraint
        that no point passes, a choice that `backtest` refuses, an engine that would not
        be exact; a grid or a point that does not fit into the memory; a sweep to resume that
        is not there or was another one, which names what differs.
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
    budget, chosen = Budget.of(memory, time), Chosen(keep, keep_points)
    points = Grid.of(strategy, grid, constraint)
    budget = budget.beside(points)
    chosen.check(len(points), len(bars), budget)
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
    runner = Local(points, simulation, engine, budget)
    facts = identity(manifest, points, runner.engine)
    stored = None
    if resume is not None:
        stored = Checkpoint.of(resume).read()
        manifest = check_same(resume, stored, facts)
    books = Books(
        manifest,
        float(simulation.choices["periods_per_year"]),
        Ledger.open() if record else None,
        None if checkpoint is False else Checkpoint.of(manifest.run_id),
        facts,
    )
    kept = Finished(points, books, at_once=checkpoint is True)
    run = _Run(Whole(points), runner, kept, budget)
    with Progress(f"sweep {points.base.name}", len(points), shown=progress) as bar:
        run.start(bar, stored)
    found = Sweep(
        manifest=manifest,
        grid=points,
        simulation=simulation,
        numbers=np.flatnonzero(kept.done),
        table=kept.table if kept.done.all() else kept.table[kept.done],
        names=STATS,
        findings=tuple(run.findings(manifest.run_id)),
        plan=run.plan,
        ledger=books.ledger,
        engine=runner.engine,
    )
    if not chosen.wanted:
        return found
    return replace(found, equity=curves(found, chosen.numbers(found, budget)))


@dataclass
class _Run:
    """A sweep while it runs: points from a source through a runner to those that are kept."""

    source: Source
    runner: Runner
    kept: Finished
    budget: Budget
    plan: Plan | None = None
    interrupted: bool = False
    before: int = 0

    def start(self, bar: Progress, stored: Stored | None) -> None:
        """Run all points; an interrupt ends it and loses none that is finished."""
        kept = self.kept
        self._ends_at = monotonic() + (self.budget.seconds or math.inf)
        if stored is not None:
            self._restore(stored, bar)
        try:
            while not self._is_late() and len(numbers := self.source.ask()):
                self._run(numbers, bar)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            kept.flush(last=True)
        ended = not self.interrupted and not self._is_late()
        if kept.first_failure and ended and not kept.done.any():
            raise kept.first_failure[1]

    def _restore(self, stored: Stored, bar: Progress) -> None:
        self.kept.restore(stored)
        self.source.tell(stored.numbers, stored.rows)
        self.before = len(stored.numbers)
        bar.begin_at(self.before)

    def _run(self, numbers: NDArray[np.int64], bar: Progress) -> None:
        untold = 0  # the plan stands above the bar
        with closing(self.runner.run(numbers)) as chunks:
            for done in chunks:
                self.kept.keep(done)
                self.source.tell(done.numbers, done.rows)
                untold += len(done.numbers)
                if self.runner.cost is not None:
                    if self.plan is None:
                        self._say(self.runner.cost, untold, bar)
                    bar.step(untold)
                    untold = 0
                if self._is_late():
                    return

    def _is_late(self) -> bool:
        return monotonic() >= self._ends_at

    def _say(self, cost: Cost, ran: int, bar: Progress) -> None:
        points = len(self.source.grid)
        self.plan = Plan(
            points=points,
            bars=self.runner.bars,
            seconds=cost.seconds * (points - self.before - ran),
            memory_bytes=cost.memory_bytes + self.budget.taken,
            limit=self.budget.seconds,
        )
        bar.say(str(self.plan))

    def findings(self, run_id: str) -> Iterator[str]:
        """Say what did not go as it should."""
        grid, kept = self.source.grid, self.kept
        if kept.said:
            yield kept.said
        if kept.first_failure is not None:
            first, error = kept.first_failure
            yield (
                f"{int(kept.failed.sum()):,} of {len(grid):,} points failed and are left out; "
                f"the first, {grid.strategy(first)!r}: {error}"
            )
        done, left = int(kept.done.sum()), int((~(kept.done | kept.failed)).sum())
        goes_on = f"; resume={run_id!r} goes on" if kept.is_kept else ""
        if self.interrupted:
            yield f"interrupted: {done:,} of {len(grid):,} points are finished{goes_on}"
        elif left:
            yield (
                f"out of time after {duration(self.budget.seconds or 0)}: {done:,} of "
                f"{len(grid):,} points are finished and {left:,} were not run{goes_on}"
            )
        if kept.kept_said:
            yield f"not kept: {kept.kept_said}; the table of this sweep has them all"
