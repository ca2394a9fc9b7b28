"""The future cannot change the past: the search for targets that know later bars.

The strategy is run on its bars, then again on bars whose rows after some row are changed
or cut off. A target at or before that row that comes out differently has used a later
bar. Whatever the strategy derives from its bars, a higher timeframe or a second symbol,
is changed with them; frames it carries as attributes are changed too. What it reads from
elsewhere (a file, a global, a closure) is out of reach.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import WorkbenchError
from workbench.research.changes import (
    CARRIED,
    GAPPY,
    Kind,
    borrowed,
    carried,
    carrying,
    kinds,
    symbols_of,
    with_gap,
)
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ANSWERS", "TOLERANCE", "Leak", "LeakSearch", "Trial", "differing", "search"]

# What a strategy may raise on bars it does not like: shorter ones, or ones with gaps.
ANSWERS = (
    WorkbenchError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
# Targets are fractions of equity; a sum may round differently when fewer rows follow it.
TOLERANCE = 1e-12
_SEED = 20_140_731
_SECONDS = 20.0


@dataclass(frozen=True)
class Leak:
    """A target that used a later bar.

    Parameters
    ----------
    change : str
        What was done to the bars after `cut`.
    cut : Timestamp
        The last row that was left as it was.
    row : Timestamp
        The first row whose target changed.
    symbol : str
        Of that target.
    before, after : float
        The target on the true and on the changed bars.
    ahead : int
        How many bars ahead it looks, at least.
    """

    change: str
    cut: pd.Timestamp
    row: pd.Timestamp
    symbol: str
    before: float
    after: float
    ahead: int

    def __str__(self) -> str:
        return (
            f"leak: the target of {self.symbol} at {self.row} turned from {self.before:g} to "
            f"{self.after:g} when only bars after {self.cut} were changed ({self.change}); "
            f"it looks at least {self.ahead} bar{'s' * (self.ahead > 1)} ahead"
        )


@dataclass
class LeakSearch:
    """What was found, and how hard it was looked for.

    Parameters
    ----------
    leaks : list of Leak
        The first one of each kind of change that showed any.
    changes : dict of str to int
        How often each kind of change was tried.
    cuts : int
        At how many rows.
    refused : list of str
        What the strategy raised on changed bars; such a try says nothing.
    stopped : bool
        Whether time ran out before all cuts were tried.
    borrowed : list of str
        Frames that the strategy's code reads from around it, which could not be changed.
    """

    leaks: list[Leak] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    cuts: int = 0
    refused: list[str] = field(default_factory=list)
    stopped: bool = False
    borrowed: list[str] = field(default_factory=list)


def search(
    strategy: Strategy,
    bars: pd.DataFrame,
    base: NDArray[np.float64],
    cuts: int = 64,
    *,
    seconds: float = _SECONDS,
    first: bool = False,
) -> LeakSearch:
    """Look for targets that know later bars.

    Cut points are drawn with a fixed seed: around the warm-up (a filled warm-up shows
    there), at rows where a target changes (a leak that decides is seen there), just before
    the end, and spread over the rest.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
        Not changed.
    base : ndarray
        (rows, symbols), the targets on `bars`.
    cuts : int
        How many cut points.
    seconds : float
        Of processor time, after which no further cut point is tried.
    first : bool
        Whether the first leak ends the search.

    Returns
    -------
    LeakSearch
    """
    found = LeakSearch(borrowed=borrowed(strategy))
    ends = time.process_time() + seconds  # a busy machine must not change what is found
    frames = carried(strategy)
    unseen = kinds(bars, carries=bool(frames))
    for number, cut in enumerate(_cuts(base, strategy.warmup, cuts, eager=first)):
        if not unseen or time.process_time() > ends:
            found.stopped = bool(unseen)
            break
        found.cuts += 1
        trial = Trial(strategy, bars, base, cut)
        for kind in [kind for kind in unseen if number % kind.every == kind.turn]:
            rng = np.random.default_rng([_SEED, cut])
            try:
                leak = trial.leak(kind, rng, frames)
            except ANSWERS as error:
                found.refused.append(f"{type(error).__name__}: {error}")
                continue
            found.changes[kind.name] = found.changes.get(kind.name, 0) + 1
            if leak is not None:
                found.leaks.append(leak)
                if first:
                    return found
                unseen.remove(kind)
    found.leaks.sort(key=lambda leak: leak.row)
    return found


@dataclass(frozen=True)
class Trial:
    """One cut point: what comes after row `cut` may be changed, what comes before must stay.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
    base : ndarray
        (rows, symbols), the targets on `bars`.
    cut : int
        The last row that is left as it was.
    """

    strategy: Strategy
    bars: pd.DataFrame
    base: NDArray[np.float64]
    cut: int

    def leak(
        self,
        kind: Kind,
        rng: np.random.Generator,
        frames: dict[str, pd.DataFrame | pd.Series],
    ) -> Leak | None:
        """Change what comes after and return the first target before that turns.

        Parameters
        ----------
        kind : Kind
            The change.
        rng : Generator
        frames : dict
            What the strategy carries, as `workbench.research.changes.carried` has it.
        """
        bars, base, cut = self.bars, self.base, self.cut
        if kind.name == GAPPY:
            bars = with_gap(bars, cut)
            base = evaluate(self.strategy, bars)
        strategy = self.strategy
        if kind.name == CARRIED:
            strategy = carrying(strategy, frames, bars.index[cut], rng)
        found = evaluate(strategy, kind.change(bars, cut, rng))
        rows = differing(base[: cut + 1], found[: cut + 1], TOLERANCE)
        if not len(rows):
            return None
        row, column = rows[0]
        return Leak(
            change=kind.name,
            cut=bars.index[cut],
            row=bars.index[row],
            symbol=symbols_of(bars)[column],
            before=float(base[row, column]),
            after=float(found[row, column]),
            ahead=int(cut + 1 - row),
        )


def differing(
    one: NDArray[np.float64], other: NDArray[np.float64], tolerance: float
) -> NDArray[np.intp]:
    """Return (row, column) of all cells that differ, in the order of rows; NaN equals NaN.

    Examples
    --------
    >>> one = np.array([[1.0], [np.nan], [2.0]])
    >>> differing(one, np.array([[1.0], [np.nan], [2.1]]), 1e-12).tolist()
    [[2, 0]]
    """
    near = np.abs(one - other) <= tolerance * np.maximum(1.0, np.abs(one))
    return np.argwhere(~(near | (np.isnan(one) & np.isnan(other))))


def _cuts(base: NDArray[np.float64], warmup: int, count: int, *, eager: bool) -> list[int]:
    rows = len(base)
    if rows < 3:
        return list(range(rows - 1))
    rng = np.random.default_rng(_SEED)
    last = rows - 2
    edge = min(max(warmup, 8), last)
    chosen = {last, last - 1, max(last - 5, 0), edge, edge - 1, edge // 2, 1}
    chosen |= set(rng.integers(0, min(2 * edge, last) + 1, count // 8).tolist())
    silent = np.isnan(base)  # from no opinion to none is no turn
    turned = (base[1:] != base[:-1]) & ~(silent[1:] & silent[:-1])
    turns = np.flatnonzero(turned.any(axis=1)) + 1
    turns = turns[turns <= last]
    turning = set(turns.tolist())
    if len(turns):
        chosen |= set(rng.choice(turns, min(len(turns), count // 3), replace=False).tolist())
    spread = np.linspace(0, last, max(count - len(chosen), 0) + 2)[1:-1]
    jitter = rng.uniform(-0.5, 0.5, len(spread)) * last / (len(spread) + 1)
    chosen |= set(np.clip(spread + jitter, 0, last).astype(int).tolist())
    # Where targets turn a leak is most likely: whoever wants just one looks there first.
    return sorted(chosen, key=lambda cut: (eager and cut not in turning, cut))
