"""The neighbourhood of a sweep's points: a plateau holds, a cliff does not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.research.walk_result import LESS_IS_BEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.sweep_result import Sweep

__all__ = ["Surface", "surface"]


@dataclass(frozen=True, eq=False)
class Surface:
    """How the points of a sweep stand among their neighbours.

    Parameters
    ----------
    table : DataFrame
        A row per finished point: the swept parameters, the statistic, ``neighbours`` (how many
        are finished within the radius), ``around`` (their mean), ``worst`` (of them), ``plateau``
        and ``cliff``.
    stat : str
    best, steady : int
        The numbers of the best point, and of the one whose neighbourhood, itself included, has
        the best mean: usually the wiser choice.

    Notes
    -----
    ``plateau`` is the share of the neighbours that keep at least half of the point's lead over
    the median of the sweep; 1 is a table mountain. ``cliff`` is the drop to the worst
    neighbour, in units of that lead: above 1 a step to the side falls below the median. Both
    are NaN for a point without neighbours or not ahead of the median. These are conventions
    of this workbench.
    """

    table: pd.DataFrame
    stat: str
    best: int
    steady: int

    def explain(self) -> str:
        """Say it in a sentence."""
        row = self.table.loc[self.best]
        if np.isnan(row["plateau"]):
            return f"the best point by {self.stat} has no neighbours to be compared with"
        kind = (
            "a plateau"
            if row["plateau"] >= 0.75 and row["cliff"] < 1
            else ("a cliff" if row["plateau"] < 0.5 else "a slope")
        )
        return (
            f"the best {self.stat} {row['value']:.2f} stands on {kind}: {row['plateau']:.0%} of "
            f"its {row['neighbours']:.0f} neighbours keep half of its lead, the worst has "
            f"{row['worst']:.2f}"
        )

    def _repr_html_(self) -> str:
        from html import escape

        rows = self.table.loc[list(dict.fromkeys([self.best, self.steady]))]
        table = rows.to_html(float_format="{:.3g}".format)
        return f"<div><b>{escape(self.explain())}</b>{table}</div>"


def surface(sweep: Sweep, stat: str = "sharpe", *, radius: int = 1) -> Surface:
    """Return how the points of a sweep stand among their neighbours.

    Neighbours differ by at most `radius` steps of the grid in each swept parameter.

    Parameters
    ----------
    sweep : Sweep
    stat : str
        A statistic of the sweep.
    radius : int
        At least 1.

    Raises
    ------
    UsageError
        No such statistic, no point that has it, a radius that is none, or the points of a
        search, which lie on no grid.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012", source="sample")
    >>> found = wb.sweep(wb.strategies.SmaCross, bars, fast=[5, 10, 15], slow=[30, 40],
    ...                  progress=False)
    >>> surface(found).table["neighbours"].tolist()
    [3, 3, 5, 5, 3, 3]
    """
    if not isinstance(radius, int) or radius < 1:
        raise UsageError(f"radius must be at least 1, not {radius!r}", radius=radius)
    if not sweep.grid.is_full:
        raise UsageError(
            "the points of a search have no neighbours: sweep a grid around the best one first",
            search=str(sweep.search.asked) if sweep.search else None,
        )
    best = int(str(sweep.best(stat).stats.name))
    sign = -1.0 if stat in LESS_IS_BEST else 1.0
    shape = tuple(len(values) for values in sweep.grid.values.values())
    values = sign * sweep.table[:, sweep.names.index(stat)]
    cells = np.full(shape, np.nan)
    at = np.unravel_index(sweep.grid.numbers[sweep.numbers], shape)
    cells[at] = values
    count, mean, worst, kept = _around(cells, radius, float(np.nanmedian(values)))
    lead = values - np.nanmedian(values)
    ahead = (lead > 0) & (count[at] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        table: dict[str, Any] = {
            "value": sign * values,
            "neighbours": count[at],
            "around": sign * mean[at],
            "worst": sign * worst[at],
            "plateau": np.where(ahead, kept[at] / count[at], np.nan),
            "cliff": np.where(ahead, (values - worst[at]) / lead, np.nan),
        }
        whole = np.where(count[at] > 0, (mean[at] * count[at] + values) / (count[at] + 1), np.nan)
    points = [sweep.grid.point(int(k)) for k in sweep.numbers]
    swept = {name: [point[k] for point in points] for k, name in enumerate(sweep.grid.values)}
    frame = pd.DataFrame(swept | table, index=pd.Index(sweep.numbers, name="point"))
    steady = best if np.isnan(whole).all() else int(sweep.numbers[int(np.nanargmax(whole))])
    return Surface(frame, stat, best, steady)


def _around(
    cells: NDArray[np.float64], radius: int, median: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return per cell the number of neighbours, their mean, their worst, and who keeps half."""
    count = np.zeros(cells.shape, dtype=np.int64)
    kept = np.zeros(cells.shape, dtype=np.int64)
    total, worst = np.zeros(cells.shape), np.full(cells.shape, np.inf)
    half = (cells + median) / 2
    for shift in product(range(-radius, radius + 1), repeat=cells.ndim):
        if not any(shift):
            continue
        here = tuple(
            slice(max(0, -s), min(n, n - s)) for s, n in zip(shift, cells.shape, strict=True)
        )
        there = tuple(
            slice(max(0, s), min(n, n + s)) for s, n in zip(shift, cells.shape, strict=True)
        )
        if any(part.stop <= part.start for part in (*here, *there)):
            continue
        other = cells[there]
        known = np.isfinite(other)
        count[here] += known
        total[here] += np.where(known, other, 0.0)
        worst[here] = np.minimum(worst[here], np.where(known, other, np.inf))
        kept[here] += known & (other >= half[here])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, total / count, np.nan)
    return count, mean, np.where(count > 0, worst, np.nan), kept
