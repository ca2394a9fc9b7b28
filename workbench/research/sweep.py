"""``wb.sweep``: one strategy, many parameters, the statistics of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.backtest.engine import prepare
from workbench.research.budget import Budget
from workbench.research.curves import Chosen, curves
from workbench.research.finished import Books, Finished
from workbench.research.grid import Constraint, named
from workbench.research.places import runners
from workbench.research.progress import Listener, Progress
from workbench.research.resume import check_same, identity
from workbench.research.runner import STATS
from workbench.research.search import Search
from workbench.research.search_run import runner_of, source_of
from workbench.research.side_by_side import traded
from workbench.research.sweep_result import Sweep
from workbench.research.sweep_run import Run
from workbench.runs.checkpoint import Checkpoint
from workbench.runs.ledger import Ledger
from workbench.runs.manifest import Manifest
from workbench.strategy.sleeves import gather

if TYPE_CHECKING:
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
    search: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    objective: str | None = None,
    prune: str | None = None,
    on: Any = None,
    **grid: Any,
) -> Sweep:
    """Backtest a strategy at every point of a grid, or at some of them, and keep the statistics.

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
    points of a strategy that states a rule run on all cores, and so do those of one whose
    targets can be read as such: comparisons of columns and indicators of ``wb.ta``, joined and
    made into 1, -1, 0 and NaN; the findings then say "traced". Those of other strategies run one
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
    engine : {"auto", "events", "spans", "generic", "each"}
        ``"events"`` works only where the signal changes: all in or flat, one symbol, no stops.
        ``"spans"`` looks only at the bars on which something is held: one symbol, nothing that
        depends on the volume. ``"generic"`` simulates every bar of any strategy under any
        choices. ``"each"`` is the code of a backtest, point by point. All give the same numbers,
        to 1e-9. By default the fastest that is exact; ``Sweep.engine`` tells which.
    record : bool
        Whether the points count as trials in the workspace's ledger.
    memory : int or str
        What the sweep may take beyond the bars and the process itself: bytes, or ``"512MiB"``.
        Points are run in parts that stay below it.
    time : float or str, optional
        Seconds, or ``"10min"``: then it ends with the points that are finished, after the one
        (of a rule, the block of points) that is running.
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
        with. Strategy, code, bars, choices, values and versions must be the same. A search is
        told again what came of its points, in the order in which it asked for them, and so
        proposes what it would have.
    search : {None, "random", "sobol", "tpe"}
        In the place of all points of a grid some of a space: drawn at random; spread evenly by
        Sobol's sequence; or proposed by Optuna (the extra ``search``) where the earlier ones
        were good. A point that comes again is not run again, and the findings say how many did.
    trials : int, optional
        How many distinct points are wanted of a search; 100 by default. A space with no more
        is taken whole.
    seed : int, optional
        Of a search, 0 by default: the same call proposes the same points.
    objective : str, optional
        The statistic a search looks for, and ``Sweep.best`` chooses by; ``"sharpe"`` by default.
        More is better, but for those where less is, as in ``Sweep.best``.
    prune : {None, "median", "halving"}
        Whether a search gives points up after a third or two thirds of the bars: those worse
        than the median of all before, or the worse half of each batch. They have no row, are
        listed in ``Sweep.search.pruned``, count as trials, and may have been good later.
    on : str, Client or cluster, optional
        A Dask cluster (the extra ``dask``) whose workers run the points: the address of its
        scheduler, ``"tcp://host:8786"``, or an object of `distributed`. By default the setting
        ``dask``, or this process, which ``"here"`` always means. The numbers are the same to
        the bit. The loss of workers costs no point; where none is left an `UnavailableError`
        has what is finished as its field ``finished``.
    **grid
        For each swept parameter its values, any iterable; a single value is fixed. For a search
        a tuple of two numbers is the lowest and the highest value, and ``...`` what the class
        declares; where no parameter is given, all that declare limits or choices are searched.
        Those of a strategy in ``wb.Sleeves`` go by both names: ``**{"trend.fast": [5, 10]}``.
        A parameter called like a choice above has an underscore behind its name: ``seed_=[1, 2]``.

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
        is not there or was another one, which names what differs; an extra that is not
        installed.
    UnavailableError
        The Dask cluster cannot be reached, or does not go on.
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
    >>> found = wb.sweep(wb.strategies.SmaCross, bars, search="sobol", trials=50, fast=(5, 40),
    ...                  slow=(50, 200), progress=False)
    >>> len(found), found.search.asked.objective
    (50, 'sharpe')
    """
    asked = Search.of(search, trials=trials, seed=seed, objective=objective, prune=prune)
    budget, chosen = Budget.of(memory, time), Chosen(keep, keep_points)
    source = source_of(strategy, named(strategy, grid), constraint, asked)
    points = source.grid
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
    simulation = prepare(traded(points, bars, costs), **choices)  # type: ignore[arg-type]
    manifest = Manifest.create(
        "sweep",
        points.base,
        gather(simulation.bars),
        {**simulation.choices, **source.told()},
        seed=None if asked is None else asked.seed,
    )
    with runners(on, engine, budget) as make:
        runner = runner_of(source, simulation, make)
        is_told = asked is not None and asked.is_told  # its engine is chosen for each batch
        facts = identity(manifest, points, engine if is_told else runner.engine)
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
            source.beside,
        )
        kept = Finished(points, books, at_once=checkpoint is True)
        run = Run(source, runner, kept, budget)
        with Progress(f"sweep {points.base.name}", len(points), shown=progress) as bar:
            run.start(bar, stored)
    found = Sweep(
        manifest=manifest,
        grid=source.found(run.is_over),
        simulation=simulation,
        numbers=np.flatnonzero(kept.done),
        table=kept.table if kept.done.all() else kept.table[kept.done],
        names=STATS,
        findings=tuple(run.findings(manifest.run_id)),
        plan=run.plan,
        ledger=books.ledger,
        engine=runner.engine,
        search=source.searched(),
    )
    if run.lost is not None:
        raise run.explained(found)
    if not chosen.wanted:
        return found
    return replace(found, equity=curves(found, chosen.numbers(found, budget)))
