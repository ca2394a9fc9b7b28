"""What a walk forward found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.kernels.statistics import curve
from workbench.research.folds import Fold
from workbench.research.grid import Grid
from workbench.runs.manifest import Manifest

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["LESS_IS_BEST", "WalkForward", "Walked"]

LESS_IS_BEST = {
    *("volatility", "max_drawdown_bars", "recovery_bars", "turnover", "fees", "slippage"),
}
"""Statistics of which the smallest is chosen."""


@dataclass(frozen=True)
class Walked:
    """Stands for the strategy of a stitched result, whose parameters changed on the way.

    Parameters
    ----------
    name : str
    params : mapping
        The grid, the plan of the folds, and the digest of the strategy's code.
    """

    name: str
    params: Mapping[str, Any] = field(hash=False)
    warmup: int = 0

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class WalkForward:
    """Parameters chosen in training and judged by the tests; made by ``wb.walk_forward``.

    Parameters
    ----------
    manifest : Manifest
        The pedigree; its conventions hold the plan of the folds.
    scheme : str
        ``"rolling"``, ``"anchored"`` or ``"combinatorial"``.
    stat : str
        By which was chosen.
    grid : Grid
        All points.
    folds : tuple of Fold
        The windows, as row numbers of the bars.
    table : DataFrame
        One row per fold: its windows (first and last bar), the number and the parameters of the
        chosen point, its statistic ``in_sample`` and ``out_of_sample``, ``rank_correlation``
        (Spearman's, of all points, training against test) and ``rank``, where the chosen one
        ended among all in the test: near 1 is best, 0.5 the middle.
    paths : DataFrame
        Returns per bar out of sample, a column per path: one, or those of the combinations.
    result : Result or None
        The out-of-sample windows traded in one piece; None for combinatorial folds.
    trials : int
        How many rows the ledger was given.
    findings : tuple of str
        What one must know before believing the numbers.
    """

    manifest: Manifest
    scheme: str
    stat: str
    grid: Grid
    folds: tuple[Fold, ...]
    table: pd.DataFrame
    paths: pd.DataFrame
    result: Result | None
    trials: int
    findings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def returns(self) -> pd.Series | pd.DataFrame:
        """Out-of-sample returns per bar: a Series, or a column per path."""
        return self.paths if self.result is None else self.result.returns

    @property
    def equity(self) -> pd.Series | pd.DataFrame:
        """Out-of-sample equity, from the starting cash on: a Series, or a column per path."""
        if self.result is not None:
            return self.result.equity
        return (1 + self.paths).cumprod() * self._cash

    @cached_property
    def decay(self) -> pd.Series:
        """What is left of the statistic: means over the folds.

        ``in_sample`` and ``out_of_sample`` of the chosen points; ``kept``, the second over the
        first (NaN unless the first is positive); ``rank_correlation`` of all points;
        ``rank`` of the chosen; ``positive``, the share of folds above 0 out of sample;
        ``folds``, how many had a chosen point.
        """
        known = self.table[self.table["point"] >= 0]
        past, future = known["in_sample"].mean(), known["out_of_sample"].mean()
        figures = {
            "in_sample": past,
            "out_of_sample": future,
            "kept": future / past if past > 0 else np.nan,
            "rank_correlation": known["rank_correlation"].mean(),
            "rank": known["rank"].mean(),
            "positive": (known["out_of_sample"] > 0).mean() if len(known) else np.nan,
            "folds": float(len(known)),
        }
        return pd.Series(figures, name=self.stat)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """How steady the choice was, a row per swept parameter.

        ``values`` in the grid; ``chosen``, how many of them ever were; ``most_chosen`` and its
        ``share`` of the folds; ``moved``, the mean way from one choice to the next, in parts
        of the whole range of the grid (0 is none, a third is what dice would do).
        """
        known = self.table[self.table["point"] >= 0]
        rows = {}
        for name, values in self.grid.values.items():
            places = np.array([values.index(value) for value in known[name]], dtype=float)
            counts = np.bincount(places.astype(int), minlength=len(values))
            steps = np.abs(np.diff(places)) / max(len(values) - 1, 1)
            rows[name] = {
                "values": len(values),
                "chosen": int((counts > 0).sum()),
                "most_chosen": values[int(counts.argmax())] if len(known) else None,
                "share": counts.max() / len(known) if len(known) else np.nan,
                "moved": steps.mean() if len(steps) else np.nan,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")

    @cached_property
    def stats(self) -> pd.DataFrame:
        """Statistics of the out-of-sample returns, a row per path, by the same conventions."""
        periods = float(self.manifest.conventions["periods_per_year"])
        rows = {}
        for name in self.paths.columns:
            equity = np.cumprod(1 + self.paths[name].to_numpy("float64"))
            rows[name] = curve(equity, 1.0, periods)._asdict()
        return pd.DataFrame.from_dict(rows, orient="index").drop(columns="mean_equity")

    def plot(self, **options: Any) -> Any:
        """Return Bokeh figures: equity with the folds shaded, and what the statistic kept.

        Parameters
        ----------
        **options
            Passed to ``workbench.plots.walk_forward.figure``: ``theme``, ``height``.
        """
        from workbench.plots.walk_forward import figure

        equity = self.equity
        frame = equity.to_frame("out of sample") if isinstance(equity, pd.Series) else equity
        return figure(frame, self.table, self.stat, **options)

    def explain(self) -> str:
        """Say it in a sentence."""
        told = self.decay
        paths = f", {self.paths.shape[1]} paths" if self.result is None else ""
        return (
            f"{self.scheme} walk of {self.manifest.strategy}: {len(self)} folds{paths}, "
            f"{self.stat} {told['in_sample']:.2f} in sample, {told['out_of_sample']:.2f} out of "
            f"sample; rank correlation of the {len(self.grid):,} points "
            f"{told['rank_correlation']:.2f}"
        )

    @property
    def _cash(self) -> float:
        return float(self.manifest.conventions["cash"])

    def __repr__(self) -> str:
        return f"<{self.explain()}>"

    def _repr_html_(self) -> str:
        shown = self.table.drop(columns=["train_start", "point", "tested"], errors="ignore").copy()
        for name in ("train_end", "test_start", "test_end"):
            shown[name] = pd.DatetimeIndex(shown[name]).strftime("%Y-%m-%d")
        table = shown.head(20).to_html(float_format="{:.3g}".format, na_rep="")
        steady = self.stability.to_html(float_format="{:.2f}".format)
        notes = "".join(f"<li>{escape(text)}</li>" for text in self.findings)
        more = f"<p>… and {len(self) - 20} more folds: .table</p>" if len(self) > 20 else ""
        return (
            f"<div><b>{escape(self.explain())}</b>{table}{more}"
            f"how steady the choice was{steady}<ul>{notes}</ul></div>"
        )
