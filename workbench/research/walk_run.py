"""A walk forward while it goes: points run on windows, chosen, judged, stitched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.backtest.engine import Simulation
from workbench.errors import UsageError
from workbench.kernels.statistics import curve
from workbench.research.folds import Fold, path_numbers
from workbench.research.grid import Grid
from workbench.research.progress import Progress, size
from workbench.research.walk_points import WindowPoints
from workbench.research.walk_result import LESS_IS_BEST, Walked, WalkForward
from workbench.runs.code_hash import code_hash
from workbench.runs.ledger import Ledger, Trial
from workbench.runs.manifest import Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.result import Result

__all__ = ["Walk"]

_MOST_BYTES = 1 << 30


@dataclass
class Walk:
    """A walk while it goes.

    Parameters
    ----------
    grid : Grid
    simulation : Simulation
        Of all bars.
    folds : list of Fold
    stat : str
        By which is chosen.
    plan : mapping
        What was asked for, for the manifest.
    """

    grid: Grid
    simulation: Simulation
    folds: list[Fold]
    stat: str
    plan: Mapping[str, Any]
    findings: list[str] = field(default_factory=list)
    trials: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger.open()
        choices = {**self.simulation.choices, **self.plan}
        self.manifest = Manifest.create(
            "walk_forward", self.grid.base, self.simulation.bars, choices
        )
        self.points = WindowPoints(self.grid, self.simulation)
        self.sign = -1.0 if self.stat in LESS_IS_BEST else 1.0

    @property
    def groups(self) -> list[tuple[int, int]]:
        """The test windows, each once."""
        return sorted({window for fold in self.folds for window in fold.test})

    def check_warmup(self) -> None:
        """Refuse train windows in which the slowest point has nothing to say."""
        warmups = [self.grid.strategy(k).warmup for k in range(len(self.grid))]
        longest = max(warmups)
        shortest = min(sum(end - start for start, end in fold.train) for fold in self.folds)
        if shortest <= longest:
            slowest = self.grid.strategy(int(np.argmax(warmups)))
            raise UsageError(
                f"train {self.plan['train']!r} holds {shortest:,} bars, and {slowest!r} needs "
                f"{longest:,} to warm up: give a longer train window",
                train=self.plan["train"],
                warmup=longest,
            )

    # rolling and anchored

    def walked(self, bar: Progress) -> WalkForward:
        """Go through folds one after the other."""
        begin, until = self.folds[0].test[0][0], self.folds[-1].test[-1][1]
        stitched = np.zeros((until - begin, len(self.simulation.symbols)))
        rows = []
        for fold in self.folds:
            (start, end), (first, last) = fold.train[0], fold.test[0]
            past = self._measured(start, end, None)
            future = self._measured(first, last, bar)
            row = self._judged(fold, past, future)
            rows.append(row)
            if row["point"] >= 0:
                targets = self.points.targets(row["point"], first, last)
                targets[0] = np.nan_to_num(targets[0])  # what the last choice held is not its own
                stitched[first - begin : last - begin] = targets
        left = len(self.simulation.bars) - until
        if left:
            self.findings.append(f"the last {left:,} bars make no whole test window: not used")
        result = self._stitched(begin, until, stitched)
        paths = result.returns.to_frame("walk forward")
        return self._told(rows, paths, result)

    def _measured(self, start: int, end: int, bar: Progress | None) -> list[dict[str, float]]:
        """Return the statistics of all points on a window; empty where a point failed."""
        found = self.points.stats(start, end, bar)
        if not any(found):
            raise next(iter(self.points.failures.values()))
        self._count(self.points.part(start, end), [one.get("sharpe") for one in found])
        return found

    def _count(self, part: Simulation, sharpes: list[float | None]) -> None:
        manifest = Manifest.create("walk_forward", self.grid.base, part.bars, part.choices)
        periods = float(part.choices["periods_per_year"])
        seen = [
            Trial(manifest, sharpe, periods, self.grid.params(k))
            for k, sharpe in enumerate(sharpes)
            if sharpe is not None
        ]
        said = self.ledger.record(seen)
        self.trials += len(seen)
        if said and said not in self.findings and len(self.findings) < 5:
            self.findings.append(said)

    def _judged(
        self, fold: Fold, past: list[dict[str, float]], future: list[dict[str, float]]
    ) -> dict[str, Any]:
        before, after = (
            np.array([one.get(self.stat, np.nan) for one in side]) for side in (past, future)
        )
        row = self._chosen(fold, before, after)
        best = future[row["point"]] if row["point"] >= 0 else {}
        for name in ("total_return", "max_drawdown", "round_trips"):
            row[f"test_{name}"] = best.get(name, np.nan)
        return row

    def _chosen(
        self, fold: Fold, before: NDArray[np.float64], after: NDArray[np.float64]
    ) -> dict[str, Any]:
        index = self.simulation.bars.index
        known = np.isfinite(before)
        best = int(np.where(known, self.sign * before, -np.inf).argmax()) if known.any() else -1
        row: dict[str, Any] = {
            "train_start": index[fold.train[0][0]],
            "train_end": index[fold.train[-1][1] - 1],
            "test_start": index[fold.test[0][0]],
            "test_end": index[fold.test[-1][1] - 1],
            "point": best,
        }
        point = self.grid.point(best) if best >= 0 else [None] * len(self.grid.values)
        row |= dict(zip(self.grid.values, point, strict=True))
        row["in_sample"] = before[best] if best >= 0 else np.nan
        row["out_of_sample"] = after[best] if best >= 0 else np.nan
        row["rank_correlation"], row["rank"] = _ranks(self.sign * before, self.sign * after, best)
        return row

    def _stitched(self, begin: int, until: int, targets: NDArray[np.float64]) -> Result:
        base = self.grid.base
        plan = {**base.params, **self.grid.values, "code": code_hash(type(base))}
        plan |= {f"walk_{name}": value for name, value in self.plan.items()}
        result = self.points.part(begin, until).result(
            Walked(f"{base.name} walked forward", plan),  # type: ignore[arg-type]
            targets,
        )
        result.count()
        self.trials += 1
        return result

    # combinatorial

    def combined(self, bar: Progress) -> WalkForward:
        """Run each point on each group once, and judge all folds by these returns."""
        rows, count = len(self.simulation.bars), len(self.grid)
        if rows * count * 8 > _MOST_BYTES:
            raise UsageError(
                f"the returns of {count:,} points on {rows:,} bars take {size(rows * count * 8)}, "
                f"more than {size(_MOST_BYTES)}: widen the steps of the grid",
                points=count,
                bars=rows,
            )
        returns = np.full((count, rows), np.nan)
        for start, end in self.groups:
            self._group(start, end, returns[:, start:end], bar)
        if np.isnan(returns).all():
            raise next(iter(self.points.failures.values()))
        numbers = path_numbers(self.folds)
        paths = np.zeros((rows, int(numbers.max()) + 1))
        table = []
        for fold, of in zip(self.folds, numbers, strict=True):
            row = self._chosen(fold, self._of(returns, fold.train), self._of(returns, fold.test))
            row["tested"] = tuple(self.groups.index(window) for window in fold.test)
            table.append(row)
            for (start, end), path in zip(fold.test, of.tolist(), strict=True):
                if row["point"] >= 0:
                    paths[start:end, path] = returns[row["point"], start:end]
        columns = [f"path {k + 1}" for k in range(paths.shape[1])]
        frame = pd.DataFrame(paths, index=self.simulation.bars.index, columns=columns)
        return self._told(table, frame, None)

    def _group(self, start: int, end: int, into: NDArray[np.float64], bar: Progress) -> None:
        part, cash = self.points.part(start, end), self.simulation.cash
        sharpes: list[float | None] = []
        for k, targets in self.points.each(range(len(self.grid)), start, end):
            if targets is None:
                sharpes.append(None)
            else:
                equity = part.run(targets).equity
                before = np.concatenate(([cash], equity[:-1]))
                with np.errstate(divide="ignore", invalid="ignore"):
                    into[k] = np.where(before > 0, equity / before - 1, 0.0)
                sharpes.append(self._figure(into[k], "sharpe"))
            bar.step()
        self._count(part, sharpes)

    def _of(
        self, returns: NDArray[np.float64], parts: tuple[tuple[int, int], ...]
    ) -> NDArray[np.float64]:
        rows = np.concatenate([np.arange(start, end) for start, end in parts])
        return np.array([self._figure(one[rows], self.stat) for one in returns])

    def _figure(self, returns: NDArray[np.float64], stat: str) -> float:
        if np.isnan(returns).any():
            return float("nan")
        equity = np.cumprod(1 + returns).astype(np.float64)
        periods = float(self.simulation.choices["periods_per_year"])
        return float(getattr(curve(equity, 1.0, periods), stat))

    # both

    def _told(
        self, rows: list[dict[str, Any]], paths: pd.DataFrame, result: Result | None
    ) -> WalkForward:
        failures = self.points.failures
        if failures:
            first, error = next(iter(failures.items()))
            self.findings.append(
                f"{len(failures):,} of {len(self.grid):,} points failed in some window and "
                f"could not be chosen there; the first, {self.grid.strategy(first)!r}: {error}"
            )
        idle = sum(row["point"] < 0 for row in rows)
        if idle:
            self.findings.append(
                f"in {idle:,} of {len(rows):,} folds no point had a {self.stat} in training: "
                "nothing was traded in their tests"
            )
        return WalkForward(
            manifest=self.manifest,
            scheme=str(self.plan["scheme"]),
            stat=self.stat,
            grid=self.grid,
            folds=tuple(self.folds),
            table=pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold")),
            paths=paths,
            result=result,
            trials=self.trials,
            findings=tuple(self.findings),
        )


def _ranks(
    before: NDArray[np.float64], after: NDArray[np.float64], best: int
) -> tuple[float, float]:
    """Return Spearman's correlation over all points, and where the best ends, in (0, 1)."""
    both = np.isfinite(before) & np.isfinite(after)
    if both.sum() < 3:
        return np.nan, np.nan
    ranks = rankdata(before[both]), rankdata(after[both])
    place = np.nan
    if best >= 0 and both[best]:
        place = float(ranks[1][int(both[:best].sum())] / (both.sum() + 1))
    if min(np.ptp(side) for side in ranks) == 0:
        return np.nan, place
    return float(np.corrcoef(*ranks)[0, 1]), place
