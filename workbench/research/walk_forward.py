"""``wb.walk_forward``: parameters chosen on the past, judged by what came after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.backtest import stats
from workbench.backtest.engine import prepare
from workbench.errors import UsageError, nearest
from workbench.kernels.statistics import Curve
from workbench.research.folds import Scheme, Size, combinatorial, windows
from workbench.research.grid import Constraint, Grid
from workbench.research.progress import Listener, Progress
from workbench.research.side_by_side import refuse
from workbench.research.walk_result import WalkForward
from workbench.research.walk_run import Walk

if TYPE_CHECKING:
    from workbench.backtest.entries import Limit
    from workbench.backtest.sizing import Sizing
    from workbench.backtest.stops import Stops
    from workbench.costs.costs import Costs
    from workbench.strategy.base import Strategy

__all__ = ["walk_forward"]

_SCHEMES = ("rolling", "anchored", "combinatorial")
_OF_RETURNS = tuple(name for name in Curve._fields if name != "mean_equity")


def walk_forward(  # noqa: PLR0913 - the public face: a backtest's choices and those of the folds
    strategy: type[Strategy] | Strategy,
    bars: pd.DataFrame,
    *,
    train: Size,
    test: Size,
    step: Size | None = None,
    anchored: bool = False,
    purge: Size = 0,
    embargo: int = 0,
    scheme: Scheme = "rolling",
    stat: str = "sharpe",
    cash: float = 100_000,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str | Limit = "next_open",
    calendar: str | None = None,
    constraint: Constraint | None = None,
    progress: bool | Listener = True,
    **grid: Any,
) -> WalkForward:
    """Choose parameters on a train window, judge them on the test window behind it, and move on.

    A strategy is shown the bars up to the end of a window and none beyond, all history before
    it included, so that its indicators are warm; only the window is traded, from cash. All
    points of the grid are run on both windows of a fold, so that one sees not only what the
    chosen one lost, but whether the order of the points carried over. Each run is a trial in
    the workspace's ledger.

    Of ``rolling`` and ``anchored`` folds the targets chosen ahead of each test window are then
    run once more in one piece, as somebody would have traded who chose anew at each: that is
    `WalkForward.result`. ``combinatorial`` folds (combinatorial purged cross-validation) give
    many paths instead.

    Parameters
    ----------
    strategy : strategy class or object
        The parameters that are not in the grid are its own, or the defaults.
    bars : DataFrame
        One symbol or several, see ``wb.bars``.
    train, test : int or str
        Bars, or spans of the calendar: ``"2y"``, ``"6M"``, ``"8w"``, ``"90d"``. Combinatorial:
        numbers of groups of equal length, ``train=4, test=2`` is 6 groups, 15 folds, 5 paths.
    step : int or str, optional
        How far the windows move on; `test` by default, more leaves bars out.
    anchored : bool
        The same as ``scheme="anchored"``: each train window begins at the first bar.
    purge : int or str
        Bars left out between training and the test behind it, where what is learned looks
        ahead as far.
    embargo : int
        Bars left out between a test and training behind it. Only combinatorial folds train
        on what comes after a test: elsewhere it changes nothing.
    scheme : {"rolling", "anchored", "combinatorial"}
    stat : str
        By which the best is chosen, and which is compared; see ``wb.stats.CONVENTIONS``.
    cash, costs, sizing, stops, fill, calendar
        As in ``wb.backtest``.
    constraint, **grid
        As in ``wb.sweep``.
    progress : bool or callable
        As in ``wb.sweep``; a step is one point in one fold.

    Returns
    -------
    WalkForward
        ``.table``, ``.decay``, ``.stability``, ``.result``, ``.paths``, ``.plot()``.

    Raises
    ------
    UsageError
        Folds that do not fit the bars, a train window not longer than the warm-up, an empty
        grid, an unknown scheme or statistic, a choice that ``wb.backtest`` refuses.
    DataError
        Bars that break the contract.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2006", end="2010", source="sample")
    >>> walk = wb.walk_forward(wb.strategies.SmaCross, bars, train="2y", test="6M",
    ...                        fast=[5, 10], slow=[30, 60], progress=False)
    >>> len(walk.table), walk.returns.index[0].year
    (4, 2008)
    """
    points = Grid.of(strategy, grid, constraint)
    refuse(points.base)
    simulation = prepare(
        bars, cash=cash, costs=costs, sizing=sizing, stops=stops, fill=fill, calendar=calendar
    )
    known = _scheme(scheme, anchored)
    _check_stat(stat, known)
    index = pd.DatetimeIndex(simulation.bars.index)
    if known == "combinatorial":
        if step is not None:
            raise UsageError("combinatorial folds have no step: they are all there are", step=step)
        folds = combinatorial(len(index), train, test, purge, embargo)  # type: ignore[arg-type]
    else:
        if isinstance(embargo, bool) or not isinstance(embargo, int) or embargo < 0:
            raise UsageError(f"embargo must be a count of bars, not {embargo!r}", embargo=embargo)
        folds = windows(index, train, test, step=step, anchored=known == "anchored", purge=purge)
    plan = {"scheme": known, "train": train, "test": test, "step": step, "purge": purge}
    run = Walk(points, simulation, folds, stat, plan | {"embargo": embargo, "stat": stat})
    run.check_warmup()
    total = len(points) * (len(run.groups) if known == "combinatorial" else len(folds))
    with Progress(f"walk forward {points.base.name}", total, shown=progress) as bar:
        return run.combined(bar) if known == "combinatorial" else run.walked(bar)


def _scheme(scheme: str, anchored: bool) -> str:
    if scheme not in _SCHEMES:
        raise UsageError(
            f"scheme may not be {scheme!r}{nearest(str(scheme), _SCHEMES)}; use rolling, anchored "
            "or combinatorial",
            scheme=scheme,
        )
    if anchored and scheme == "combinatorial":
        raise UsageError("combinatorial folds cannot be anchored", scheme=scheme)
    return "anchored" if anchored else scheme


def _check_stat(stat: str, scheme: str) -> None:
    known = _OF_RETURNS if scheme == "combinatorial" else stats.NAMES[2:]
    if stat not in known:
        why = (
            " of combinatorial folds, which are told by their returns,"
            if stat in (stats.NAMES)
            else ""
        )
        raise UsageError(
            f"there is no statistic {stat!r}{why}{nearest(stat, known)}; use {', '.join(known)}",
            stat=stat,
        )
