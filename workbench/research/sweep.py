"""``wb.sweep``: one strategy, many parameters, the statistics of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.backtest.engine import prepare
from workbench.research.finished import Finished
from workbench.research.grid import Constraint, Grid
from workbench.research.progress import Listener, Plan, Progress
from workbench.research.runner import STATS, Cost, Local, Runner
from workbench.research.source import Source, Whole
from workbench.research.sweep_result import Sweep
from workbench.runs.ledger import Ledger
from workbench.runs.manifest import Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    runner = Local(points, simulation, engine)
    ledger = Ledger.open() if record else None
    kept = Finished(points, manifest, float(simulation.choices["periods_per_year"]), ledger)
    run = _Run(Whole(points), runner, kept, len(simulation.bars))
    with Progress(f"sweep {points.base.name}", len(points), shown=progress) as bar:
        run.start(bar)
    return Sweep(
        manifest=manifest,
        grid=points,
        simulation=simulation,
        numbers=np.flatnonzero(kept.done),
        table=kept.table[kept.done],
        names=STATS,
        findings=tuple(run.findings()),
        plan=run.plan,
        ledger=ledger,
        engine=runner.engine,
    )


@dataclass
class _Run:
    """A sweep while it runs: points from a source through a runner to those that are kept."""

    source: Source
    runner: Runner
    kept: Finished
    bars: int
    plan: Plan | None = None
    interrupted: bool = False

    def start(self, bar: Progress) -> None:
        """Run all points; an interrupt ends it and loses none that is finished."""
        kept = self.kept
        try:
            while len(numbers := self.source.ask()):
                self._run(numbers, bar)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            kept.flush()
        if kept.failures and not self.interrupted and not kept.done.any():
            raise next(iter(kept.failures.values()))

    def _run(self, numbers: NDArray[np.int64], bar: Progress) -> None:
        untold = 0  # the plan stands above the bar
        with closing(self.runner.run(numbers)) as chunks:
            for done in chunks:
                self.kept.keep(done)
                self.source.tell(done.numbers, done.rows)
                untold += len(done.numbers)
                if self.runner.cost is None:
                    continue
                if self.plan is None:
                    self._say(self.runner.cost, untold, bar)
                bar.step(untold)
                untold = 0

    def _say(self, cost: Cost, ran: int, bar: Progress) -> None:
        points = len(self.source.grid)
        swept = len(self.source.grid.values)
        self.plan = Plan(
            points=points,
            bars=self.bars,
            seconds=cost.seconds * (points - ran),
            memory_bytes=cost.memory_bytes + points * (len(STATS) + swept) * 8,
        )
        bar.say(str(self.plan))

    def findings(self) -> Iterator[str]:
        """Say what did not go as it should."""
        grid, kept = self.source.grid, self.kept
        if kept.said:
            yield kept.said
        if kept.failures:
            first, error = next(iter(kept.failures.items()))
            yield (
                f"{len(kept.failures):,} of {len(grid):,} points failed and are left out; "
                f"the first, {grid.strategy(first)!r}: {error}"
            )
        if self.interrupted:
            yield f"interrupted: {int(kept.done.sum()):,} of {len(grid):,} points are finished"
