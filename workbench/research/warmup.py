"""How much history a strategy needs, measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.research.leaks import ANSWERS, differing
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FORGOTTEN", "Warmup", "measure"]

# A millionth of equity is no trade: what an exponential average remembers below is forgotten.
FORGOTTEN = 1e-6
_SEED = 20_140_731
_ROUNDING = 1e-12
_SHAKES = 12


@dataclass(frozen=True)
class Warmup:
    """The history a strategy declares, and the one it needs.

    Parameters
    ----------
    declared : int
        ``strategy.warmup``.
    needed : int or None
        From this row on the targets did not depend on how many rows came before, to a
        millionth of equity; None where they still did at the end of the shortest history.
    starts : int
        With how many starts of the history it was measured.
    row : Timestamp or None
        The last row that showed it.
    ties : int
        Targets left out of it because rounding decides them: a trillionth more or less in
        the prices turns them, as where two running averages are equal.
    bars : int
        The length of the whole history; where `needed` is a third of it or more, it may as
        well have no end.
    """

    declared: int
    needed: int | None
    starts: int
    row: pd.Timestamp | None = None
    ties: int = 0
    bars: int = 0

    @property
    def endless(self) -> bool:
        """Whether so much of the history is needed that there may be no end to it."""
        return self.needed is None or 0 < self.bars <= self.needed * 3

    @property
    def finding(self) -> str:
        """What is wrong, or an empty text."""
        if self.needed is None:
            return (
                f"warm-up: the target at {self.row} still depends on where the history starts; "
                "no warm-up is enough, and live will differ from the backtest"
            )
        if self.needed > self.declared and self.endless:
            return (
                f"warm-up: declared {self.declared}, but after {self.needed} of {self.bars} bars "
                f"the target at {self.row} still depends on where the history starts: it may have "
                "no end, as an expanding mean or a highest price so far; use a rolling window, or "
                f"return at least {self.needed} from `warmup` if you know that it ends there"
            )
        if self.needed > self.declared:
            return (
                f"warm-up: declared {self.declared}, but {self.needed} bars are needed: until then "
                f"the targets depend on where the history starts (seen at {self.row}); "
                f"return at least {self.needed} from `warmup`"
            )
        return ""


def measure(
    strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64], starts: int = 12
) -> Warmup:
    """Measure the history that a strategy needs.

    It is run on histories that start later, at seeded rows of the first half. The last row
    whose target differs from the one on all bars tells what that start needed; the worst
    start counts. It is a lower bound: rarer bars might need more.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
    base : ndarray
        (rows, symbols), the targets on `bars`.
    starts : int
        How many starts to try.
    """
    rng = np.random.default_rng(_SEED)
    half = len(bars) // 2
    at = sorted({1, 2, half, *rng.integers(1, max(half, 2), max(starts - 3, 0)).tolist()})
    histories: dict[int, NDArray[np.float64]] = {}
    for start in at:
        if 0 < start < len(bars) - 1:
            try:
                histories[start] = evaluate(strategy, bars.iloc[start:])
            except ANSWERS:
                continue
    found = _needed(strategy, bars, base, histories)
    if not found.finding:
        return found
    tied = _tied(strategy, bars, base)
    if not tied.any():
        return found
    blank = np.where(tied, np.nan, base)
    shorter = {start: np.where(tied[start:], np.nan, one) for start, one in histories.items()}
    return replace(_needed(strategy, bars, blank, shorter), ties=int(tied.sum()))


def _needed(
    strategy: Strategy,
    bars: pd.DataFrame,
    base: NDArray[np.float64],
    histories: dict[int, NDArray[np.float64]],
) -> Warmup:
    needed, row, tried = 0, None, 0
    for start, found in histories.items():
        tried += 1
        rows = differing(base[start:], found, FORGOTTEN)
        if not len(rows):
            continue
        last = int(rows[-1][0])
        if last >= len(found) - 1 and start + strategy.warmup < len(bars) - 1:
            return Warmup(strategy.warmup, None, tried, bars.index[start + last], bars=len(bars))
        if last + 1 > needed:
            needed, row = last + 1, bars.index[start + last]
    return Warmup(strategy.warmup, needed, tried, row, bars=len(bars))


def _tied(strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which targets turn when the bars change by no more than rounding does.

    A running sum rounds differently from another start on: where two averages are equal
    that decides which one is above, and no history is long enough.
    """
    tied = np.zeros(base.shape, dtype=bool)
    rng = np.random.default_rng(_SEED)
    numbers = [k for k, kind in enumerate(bars.dtypes) if kind.kind == "f"]
    for _ in range(_SHAKES):
        shaken = bars.copy()
        factors = 1 + rng.normal(0, _ROUNDING, (len(bars), 1))  # one per bar: high stays high
        shaken.iloc[:, numbers] = bars.iloc[:, numbers].to_numpy() * factors
        try:
            found = evaluate(strategy, shaken)
        except ANSWERS:
            continue
        tied[tuple(differing(base, found, FORGOTTEN).T)] = True
    return tied
