"""What a sweep found."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from workbench.backtest.engine import Simulation
from workbench.backtest.result import Result
from workbench.errors import UsageError, nearest
from workbench.research.grid import Grid
from workbench.research.overfit import DeflatedSharpe, Moments, deflated_sharpe_ratio
from workbench.research.progress import Plan
from workbench.research.side_by_side import own
from workbench.runs import registry
from workbench.runs.ledger import Ledger
from workbench.runs.manifest import Manifest
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.search_run import Searched

__all__ = ["Point", "Sweep"]

_LESS_IS_BEST = {
    *("volatility", "max_drawdown_bars", "recovery_bars", "turnover", "fees", "slippage"),
}
_SHOWN = ("total_return", "sharpe", "max_drawdown", "round_trips")
_HEATMAP = ("theme", "height")
_PBO = ("blocks", "stat")
Scope = Literal["data", "strategy", "workspace"]


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Parameters
    ----------
    strategy : Strategy
        The object: give it to ``wb.backtest``, ``wb.replay``, ``wb.check``.
    stats : Series
        Its row of the sweep's table, without the parameters.
    """

    strategy: Strategy
    stats: pd.Series = field(repr=False)
    _simulation: Simulation = field(repr=False, compare=False)

    @property
    def params(self) -> dict[str, Any]:
        """All parameters, those that were not swept included."""
        return dict(self.strategy.params)

    def run(self) -> Result:
        """Return the full result: the same statistics, with equity, orders and fills.

        It is no new trial: the sweep has counted it.
        """
        simulation = own(self._simulation, self.strategy)
        bars = simulation.bars.copy(deep=False)
        return simulation.result(self.strategy, evaluate(self.strategy, bars))


@dataclass(frozen=True, eq=False)
class Sweep:
    """The statistics of the points of a grid; made by ``wb.sweep``.

    Parameters
    ----------
    manifest : Manifest
        The pedigree, one for all points.
    grid : Grid
        All points that were asked for.
    simulation : Simulation
        Bars and choices.
    numbers : ndarray of int
        Which points are finished, as positions in `grid`.
    table : ndarray
        (finished points, statistics).
    names : tuple of str
        The statistics.
    findings : tuple of str
        What one must know before believing the numbers.
    plan : Plan or None
        What it said before it started.
    ledger : Ledger or None
        Where its points were counted; None where they were not.
    engine : str
        What ran the points: ``"events"``, ``"generic"`` or ``"each"``.
    equity : DataFrame or None
        The equity of the points that were chosen with ``keep="equity"``, a column per point.
    search : Searched or None
        What a search asked for, met and gave up; None for a grid.
    """

    manifest: Manifest
    grid: Grid
    simulation: Simulation
    numbers: NDArray[np.int64]
    table: NDArray[np.float64]
    names: tuple[str, ...]
    findings: tuple[str, ...]
    plan: Plan | None
    ledger: Ledger | None
    engine: str = "each"
    equity: pd.DataFrame | None = None
    search: Searched | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def run_id(self) -> str:
        """The name to resume it by, and to find it by once it is saved."""
        return self.manifest.run_id

    @property
    def finished(self) -> bool:
        """Whether every point has its statistics, or was given up by a search."""
        pruned = 0 if self.search is None else len(self.search.pruned)
        return len(self.numbers) + pruned == len(self.grid)

    @cached_property
    def stats(self) -> pd.DataFrame:
        """One row per finished point: the swept parameters, then the statistics of a backtest.

        The index is the point's number in the grid. A parameter that is called like a
        statistic has ``_param`` behind its name.
        """
        points = [self.grid.point(int(k)) for k in self.numbers]
        columns: dict[str, Any] = {
            self._column(name): [point[at] for point in points]
            for at, name in enumerate(self.grid.values)
        }
        columns |= {name: self.table[:, at] for at, name in enumerate(self.names)}
        return pd.DataFrame(columns, index=pd.Index(self.numbers, name="point"))

    def best(self, stat: str | None = None, *, largest: bool | None = None) -> Point:
        """Return the point with the best value of a statistic.

        Parameters
        ----------
        stat : str, optional
            A column of `stats`. By default what the search was for, or the Sharpe ratio.
        largest : bool, optional
            Whether more is better. By default it is, but for volatility, turnover, fees,
            slippage and the lengths of drawdowns. (Drawdowns are negative: the largest is
            the mildest.)

        Returns
        -------
        Point
            Of equal ones the first in the grid. A point without the statistic (NaN) is
            never chosen.

        Raises
        ------
        UsageError
            No such statistic, or no point has it.
        """
        stat = stat or self._objective
        ranked = self.ranked(stat, largest=largest)
        if not len(ranked):
            raise UsageError(
                f"none of the {len(self):,} points has a {stat}: did any of them trade?", stat=stat
            )
        return self.point(int(ranked[0]))

    def ranked(self, stat: str = "sharpe", *, largest: bool | None = None) -> NDArray[np.int64]:
        """Return the numbers of the points by a statistic, the best first.

        Points without the statistic are left out; of equal ones the first in the grid is first.

        Parameters
        ----------
        stat, largest
            As in `best`.

        Raises
        ------
        UsageError
            No such statistic.
        """
        if stat not in self.names:
            raise UsageError(
                f"a sweep has no statistic {stat!r}{nearest(stat, self.names)}; "
                f"it has {', '.join(self.names)}",
                stat=stat,
            )
        values = self.table[:, self.names.index(stat)]
        more = stat not in _LESS_IS_BEST if largest is None else largest
        known = np.flatnonzero(np.isfinite(values))
        order = np.argsort(-values[known] if more else values[known], kind="stable")
        return self.numbers[known[order]]

    def point(self, number: int) -> Point:
        """Return a point by its number, the index of `stats`.

        Raises
        ------
        UsageError
            There is none, or it is not finished.
        """
        at = int(np.searchsorted(self.numbers, number))
        if at == len(self.numbers) or self.numbers[at] != number:
            raise UsageError(f"the sweep has no finished point {number!r}", number=number)
        row = pd.Series(self.table[at], index=list(self.names), name=number)
        return Point(self.grid.strategy(number), row, self.simulation)

    def heatmap(self, x: str, y: str, stat: str = "sharpe", **options: Any) -> Any:
        """Return a Bokeh figure: two parameters, and a statistic in colour.

        Parameters
        ----------
        x, y : str
            Swept parameters; over further ones the best of each cell is shown. The points of
            a search fill no cells: each is a dot.
        stat : str
            A column of `stats`.
        **options
            Passed to ``workbench.plots.heatmap.figure``: ``theme``, ``height``.

        Raises
        ------
        UsageError
            No such parameter, statistic or option.
        DataError
            Not one point has the statistic.
        """
        for name in (x, y):
            if name not in self.grid.values:
                raise UsageError(
                    f"{name!r} was not swept{nearest(name, self.grid.values)}; "
                    f"swept were {', '.join(self.grid.values)}",
                    parameter=name,
                )
        if x == y:
            raise UsageError("a heat map needs two different parameters", parameter=x)
        unknown = next((name for name in options if name not in _HEATMAP), None)
        if unknown is not None:
            raise UsageError(
                f"a heat map takes no {unknown!r}; it takes stat, {', '.join(_HEATMAP)}, as in "
                f"heatmap({x!r}, {y!r}, stat='cagr')",
                option=unknown,
            )
        if self.grid.is_full:
            from workbench.plots.heatmap import figure
        else:
            from workbench.plots.scattered import figure

        return figure(self.stats, self._column(x), self._column(y), stat, **options)

    def deflated_sharpe(self, *, scope: Scope = "data") -> DeflatedSharpe:
        """Return the probability that the best Sharpe ratio is more than luck.

        The best point is run again for the skewness and the kurtosis of its returns. How
        many trials it was the best of, and the variance of their Sharpe ratios, are the
        ledger's: this sweep and everything else that was ever tried in its scope.

        Parameters
        ----------
        scope : {"data", "strategy", "workspace"}
            Which trials count: all on the same bars, whatever the strategy (the default: a
            choice between strategies is a choice too); those of the same strategy on the
            same bars; or all of the workspace.

        Returns
        -------
        DeflatedSharpe
            A float with ``threshold``, ``trials``, ``variance`` and ``explain()``. The trials
            are taken as independent, which errs on the strict side. Where the ledger
            could not be written, this sweep's own points count at least.

        Raises
        ------
        UsageError
            No such scope, or no point has a Sharpe ratio.
        DataError
            The ledger cannot be read.
        """
        scopes: dict[str, tuple[str | None, str | None]] = {
            "data": (None, self.manifest.data.fingerprint),
            "strategy": (self.manifest.strategy, self.manifest.data.fingerprint),
            "workspace": (None, None),
        }
        if scope not in scopes:
            raise UsageError(
                f"scope may not be {scope!r}{nearest(str(scope), scopes)}; use data, "
                "strategy or workspace",
                scope=scope,
            )
        moments = Moments.of(self.best("sharpe").run().returns)
        ledger = self.ledger or Ledger.open()
        trials = ledger.count(*scopes[scope])
        sharpes = ledger.sharpes(*scopes[scope])
        if trials < len(self):
            annual = self.table[:, self.names.index("sharpe")]
            trials = len(self)
            sharpes = annual[np.isfinite(annual)] / np.sqrt(self._periods)
        variance = float(sharpes.var(ddof=1)) if len(sharpes) > 1 else 0.0
        return deflated_sharpe_ratio(moments, trials=trials, variance=variance)

    def pbo(self, **options: Any) -> Any:
        """Return the probability that the choice of the best point is overfitted.

        Parameters
        ----------
        **options
            Passed to ``workbench.research.pbo.pbo_of``: ``blocks``, ``stat``.

        Raises
        ------
        UsageError
            An option is unknown, or `pbo_of` refuses its value.
        """
        from workbench.research.pbo import pbo_of

        for option in options:
            if option not in _PBO:
                raise UsageError(
                    f"pbo() has no option {option!r}{nearest(option, _PBO)}; "
                    f"it takes {' and '.join(_PBO)}",
                    option=option,
                )
        return pbo_of(self, **options)

    def save(self, folder: Path | str | None = None) -> Path:
        """Save the table and the pedigree, under ``data/runs`` by default.

        Returns
        -------
        Path
            The run's folder; ``workbench.runs.registry.load`` reads it.

        Raises
        ------
        DataError
            The folder cannot be written.
        """
        frames = {"points": self.stats}
        if self.equity is not None:
            frames["equity"] = self.equity.rename(columns=str)
        return registry.save(self.manifest, frames, folder)

    @property
    def _objective(self) -> str:
        return "sharpe" if self.search is None else self.search.asked.objective

    @property
    def _periods(self) -> float:
        return float(self.simulation.choices["periods_per_year"])

    def _column(self, name: str) -> str:
        return f"{name}_param" if name in self.names else name

    def __repr__(self) -> str:
        return f"<sweep of {self._told()}>"

    def _told(self) -> str:
        swept = " × ".join(f"{len(values)} {name}" for name, values in self.grid.values.items())
        if self.search is not None:
            swept = f"{self.search.asked} over {', '.join(self.grid.values)}"
        of = "" if self.finished else f" of {len(self.grid):,}"
        data = self.manifest.data
        return (
            f"{self.manifest.strategy} on {', '.join(data.symbols)} {data.timeframe}, "
            f"{data.bars:,} bars: {len(self):,}{of} points ({swept}), engine {self.engine}"
        )

    def _repr_html_(self) -> str:
        columns = [*map(self._column, self.grid.values), *_SHOWN]
        by = self._objective
        ranked = self.stats.sort_values(by, ascending=by in _LESS_IS_BEST, kind="stable")
        top = ranked[list(dict.fromkeys([*columns, by]))].head(10)
        table = top.to_html(float_format="{:.4g}".format)
        notes = "".join(f"<li>{escape(text)}</li>" for text in self.findings)
        return (
            f"<div><b>Sweep</b> of {escape(self._told())}<br>the best by {by}; how much "
            f"of it is luck: <code>.deflated_sharpe()</code>{table}"
            f"<ul>{notes}</ul></div>"
        )
