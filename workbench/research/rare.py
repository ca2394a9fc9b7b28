"""The search for leaks that touch few bars: bars are changed one at a time, many at once.

A cut point shows a look one bar ahead only at its own row, so that sixty cut points leave a
leak of a single week in thirteen years unseen. A strategy that remembers `m` bars lets many
rows be tried in one run: single bars, further apart than `m`, are changed together, and the
targets just before each of them must stay. This is group testing (Dorfman, *The Detection of
Defective Members of Large Populations*, 1943); what looks suspicious is tried alone, with
all earlier bars as they were, so that a longer memory than supposed raises no false alarm.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.research.changes import Kind, changed_bars
from workbench.research.leaks import ANSWERS, Leak, Trial, differing
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RareSearch", "search", "touched"]

_SEED = 20_140_731
_REACH = 5
_RUNS = 800
_SECONDS = 2.5
_DOUBTS = 6
_FACTORS = (3.0, 1 / 3)
# A running sum rounds differently ever after; only what matters to a trade is suspicious.
_SUSPICIOUS = 1e-6


@dataclass(frozen=True)
class RareSearch:
    """What changing single bars showed.

    Parameters
    ----------
    leak : Leak or None
        The first one that was confirmed.
    tried, bars : int
        How many bars were changed, up and down, of how many.
    """

    leak: Leak | None
    tried: int
    bars: int


def touched(tried: int, bars: int, confidence: float = 0.95) -> int:
    """Return how many bars a leak must touch to be found with a probability.

    Parameters
    ----------
    tried, bars : int
        How many bars were tried, of how many; the leak's bars are taken as drawn at random.
    confidence : float

    Returns
    -------
    int
        The smallest n with 1 - C(bars - n, tried) / C(bars, tried) >= confidence (the
        hypergeometric chance that none of n bars is among those tried); 1 where all were.

    Examples
    --------
    >>> touched(1000, 1000), touched(64, 3270), touched(0, 10)
    (1, 149, 10)
    """
    missed, count = 1.0, 0
    while missed > 1 - confidence and count < bars:
        missed *= max(bars - tried - count, 0) / (bars - count)
        count += 1
    return count


def search(
    strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64], memory: int
) -> RareSearch:
    """Change bars one at a time and look at the targets just before them.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
        Not changed.
    base : ndarray
        (rows, symbols), the targets on `bars`.
    memory : int
        How many bars a target depends on, as declared or measured. Where it is too small,
        it is doubled until nothing honest is suspected.

    Returns
    -------
    RareSearch
        Bounded by 800 runs and a few seconds of processor time.
    """
    ends = time.process_time() + _SECONDS
    runs = _RUNS
    best = RareSearch(None, 0, len(bars) - 1)
    while runs > 1 and memory < len(bars):
        found, used, trusted = _round(_Field(strategy, bars, base, memory), runs, ends)
        if found.leak is not None or (trusted and found.tried >= best.tried):
            return found
        runs -= used
        memory = 2 * max(memory, _REACH)
    return best


@dataclass(frozen=True)
class _Field:
    """The strategy, its bars and targets, and the memory it is taken to have."""

    strategy: Strategy
    bars: pd.DataFrame
    base: NDArray[np.float64]
    memory: int

    def suspects(self, rows: NDArray[np.intp], factor: float) -> list[int]:
        """Return those of `rows` before which a target turned though it should not."""
        found = evaluate(self.strategy, changed_bars(self.bars, rows, factor))
        turned = np.zeros(len(self.base) + 1, dtype=int)
        turned[np.unique(differing(self.base, found, _SUSPICIOUS)[:, 0]) + 1] = 1
        sums = turned.cumsum()
        first = np.concatenate([[0], rows[:-1] + self.memory + 1])
        first = np.maximum(first, rows - _REACH)
        return [int(row) for row in rows[sums[rows] > sums[np.minimum(first, rows)]]]

    def confirm(self, row: int, factor: float) -> Leak | None:
        """Change that bar alone."""
        at = np.array([row])
        kind = Kind(
            f"the next bar alone × {factor:.3g}",
            lambda bars, _c, _r: changed_bars(bars, at, factor),
        )
        trial = Trial(self.strategy, self.bars, self.base, row - 1)
        return trial.leak(kind, np.random.default_rng(_SEED), {})


def _round(field: _Field, runs: int, ends: float) -> tuple[RareSearch, int, bool]:
    """Return what was found, the runs it took, and whether the memory seems long enough."""
    rows = len(field.bars)
    stride = field.memory + 1 + _REACH
    tried = used = doubts = 0
    for offset in np.random.default_rng(_SEED).permutation(min(stride, rows - 1)):
        at = np.arange(1 + offset, rows, stride)
        if used + len(_FACTORS) > runs or time.process_time() > ends:
            break
        for factor in _FACTORS:
            used += 1
            try:
                suspects = field.suspects(at, factor)
                for row in suspects[:2]:
                    used += 1
                    if leak := field.confirm(row, factor):
                        return RareSearch(leak, tried, rows - 1), used, True
                    doubts += 1
            except ANSWERS:
                doubts += 1
        if doubts > _DOUBTS:
            return RareSearch(None, 0, rows - 1), used, False
        tried += len(at)
    return RareSearch(None, tried, rows - 1), used, True
