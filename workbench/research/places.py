"""Where the points of a sweep run: in this process, or with the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbench.config import load_settings
from workbench.research.engines import Engine
from workbench.research.runner import Local, Runner

if TYPE_CHECKING:
    from workbench.backtest.engine import Simulation
    from workbench.research.budget import Budget
    from workbench.research.grid import Grid

__all__ = ["HERE", "runners"]

HERE = "here"


@contextmanager
def runners(
    on: Any, engine: str, budget: Budget | None = None
) -> Iterator[Callable[[Grid, Simulation], Runner]]:
    """Return what makes a runner of the points of a grid.

    Parameters
    ----------
    on
        As in ``wb.sweep``; None is what the settings say.
    engine : {"auto", "events", "generic", "each"}
    budget : Budget, optional
        The memory that points may take in this process; workers have their own limits.

    Raises
    ------
    UsageError
        Dask is not installed, `on` is no cluster, or its workers would give other numbers.
    UnavailableError
        No scheduler answers.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.backtest.engine import prepare
    >>> from workbench.research.grid import Grid
    >>> grid = Grid.of(wb.strategies.SmaCross, {"fast": [5, 10]})
    >>> with runners("here", "auto") as make:
    ...     make(grid, prepare(wb.bars("AAPL", start="2011", end="2012"))).engine
    'events'
    """
    where = load_settings().dask if on is None else on
    if where is None or where == HERE:
        yield lambda grid, simulation: Local(grid, simulation, engine, budget)
        return
    from workbench.research.dask_cluster import connect
    from workbench.research.dask_runner import Workers

    with connect(where) as cluster:
        cluster.check()
        yield lambda grid, simulation: Workers(cluster, Engine(grid, simulation, engine))
