"""Leaks planted in the user's own strategy, to see whether the search would find them.

A search that finds nothing says little until it is known what it finds. Known leaks are put
around the strategy, in what it is given or in what it returns, one at a time, and the same
search is run on each: the share it finds is its recall on this strategy and these bars.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.research import leaks
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLANTS", "Hunt", "Plant", "hunt", "plant"]

_PRICES = ("open", "high", "low", "close")
_SECONDS = 4.0
_ROWS = 1_000
_LATER = 63
_WINDOW = 21
_PERIODS = ("D", "W", "M", "Q", "Y")


class Plant(NamedTuple):
    """A known leak.

    Parameters
    ----------
    name : str
        As the report has it.
    inputs : callable, optional
        Takes bars and the strategy's warm-up, and returns what it is shown instead.
    outputs : callable, optional
        Takes the targets and the closes (rows, symbols) and returns other targets.
    """

    name: str
    inputs: Callable[[pd.DataFrame, int], pd.DataFrame] | None = None
    outputs: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] | None = None


@dataclass
class Hunt:
    """How many planted leaks were found.

    Parameters
    ----------
    found, missed : list of str
        The names of the leaks.
    idle : list of str
        Those that change no target of this strategy on these bars, and are no leaks in it.
    untried : list of str
        Those for which no time was left, or which the strategy refused.
    bars : int
        On how many bars.
    """

    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    bars: int = 0

    @property
    def planted(self) -> int:
        """How many leaks took hold and were looked for."""
        return len(self.found) + len(self.missed)


class _Leaky(Strategy):
    """A strategy with a leak around it."""

    _subject: Strategy
    _plant: Plant

    @property
    def name(self) -> str:
        return self._subject.name

    @property
    def warmup(self) -> int:
        return self._subject.warmup

    def targets(self, bars: pd.DataFrame) -> pd.DataFrame:
        given = bars if self._plant.inputs is None else self._plant.inputs(bars, self.warmup)
        close = bars["close"]
        closes = close.to_frame() if isinstance(close, pd.Series) else close
        values = evaluate(self._subject, given)
        honest = pd.DataFrame(values, index=bars.index, columns=closes.columns)
        return honest if self._plant.outputs is None else self._plant.outputs(honest, closes)


def plant(strategy: Strategy, leak: Plant) -> Strategy:
    """Return a strategy that leaks.

    Parameters
    ----------
    strategy : Strategy
    leak : Plant
        One of `PLANTS`.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> days = pd.date_range("2024-01-01", periods=7, tz="UTC", name="time")
    >>> bars = pd.DataFrame({"close": [5.0, 4, 3, 4, 5, 6, 5]}, index=days)
    >>> evaluate(plant(SmaCross(fast=2, slow=5), PLANTS[0]), bars).ravel()
    array([nan, nan, nan, nan,  1.,  0.,  0.])
    """
    leaky: Any = _Leaky  # made without parameters: what it needs is put in behind their back
    made: Strategy = leaky()
    made.__dict__["_subject"] = strategy
    made.__dict__["_plant"] = leak
    return made


def hunt(
    strategy: Strategy,
    bars: pd.DataFrame,
    cuts: int = 64,
    *,
    plants: tuple[Plant, ...] | None = None,
    seconds: float = _SECONDS,
) -> Hunt:
    """Plant leaks in a strategy and look for them.

    Parameters
    ----------
    strategy : Strategy
        One in which no leak was found.
    bars : DataFrame
        Of more than a thousand rows, beside the warm-up, the last ones are taken.
    cuts : int
        As for `workbench.research.leaks.search`.
    plants : tuple of Plant, optional
        What to plant; `PLANTS` by default.
    seconds : float
        Of processor time for all of them together.

    Returns
    -------
    Hunt
    """
    part = bars.iloc[-(_ROWS + min(strategy.warmup, _ROWS)) :]
    told = Hunt(bars=len(part))
    ends = time.process_time() + seconds
    honest = evaluate(strategy, part)
    for leak in PLANTS if plants is None else plants:
        left = ends - time.process_time()
        if left <= 0:
            told.untried.append(leak.name)
            continue
        leaky = plant(strategy, leak)
        try:
            base = evaluate(leaky, part)
        except leaks.ANSWERS:
            told.untried.append(leak.name)
            continue
        if not len(leaks.differing(honest, base, leaks.TOLERANCE)):
            told.idle.append(leak.name)
            continue
        search = leaks.search(leaky, part, base, cuts, seconds=left, first=True)
        shelf = told.found if search.leaks else told.untried if search.stopped else told.missed
        shelf.append(leak.name)
    return told


def _where(targets: pd.DataFrame, held: pd.DataFrame | NDArray[np.bool_]) -> pd.DataFrame:
    """Keep the targets of which something is true; where there is no opinion there is none."""
    return targets.where(targets.isna() | held, 0.0)


def _next_close(targets: pd.DataFrame, closes: pd.DataFrame) -> pd.DataFrame:
    return _where(targets, np.sign(targets) * (closes.shift(-1) - closes) > 0)


def _negative_shift(targets: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return targets.shift(-1)


def _centred_window(targets: pd.DataFrame, closes: pd.DataFrame) -> pd.DataFrame:
    middle = closes.rolling(_WINDOW, center=True, min_periods=1).mean()
    return _where(targets, np.sign(targets) * (middle - closes) > 0)


def _global_scaling(targets: pd.DataFrame, closes: pd.DataFrame) -> pd.DataFrame:
    score = (closes - closes.mean()) / closes.std().where(closes.std() > 0)
    return targets * (1 - score / 4).clip(0, 1).fillna(1.0)


def _early_timeframe(targets: pd.DataFrame, closes: pd.DataFrame) -> pd.DataFrame:
    times = pd.DatetimeIndex(closes.index).tz_localize(None)
    periods = [times.to_period(code).asi8 for code in _PERIODS]
    # the shortest period of several bars; its last close is taken as known from its first bar on
    several = [p for p in periods if len(np.unique(p)) * 3 <= len(p)] or [
        np.zeros(len(times), dtype=np.int64)
    ]
    last = closes.groupby(several[0]).transform("last")
    return _where(targets, np.sign(targets) * (last - closes) >= 0)


def _full_fit(targets: pd.DataFrame, closes: pd.DataFrame) -> pd.DataFrame:
    held = {}
    for number, name in enumerate(closes.columns):
        change = np.log(closes[name]).diff()
        past = change.shift(1)
        both = (change.notna() & past.notna()).to_numpy()
        if both.sum() > 2 and past[both].std() > 0:
            slope, level = np.polyfit(past[both], change[both], 1)
        else:
            slope, level = 0.0, 0.0
        held[number] = np.sign(targets.iloc[:, number]) * (level + slope * past) >= 0
    return _where(targets, np.column_stack(list(held.values())))


def _revised(bars: pd.DataFrame, memory: int) -> pd.DataFrame:
    """Return bars whose prices have been corrected halfway to those of many bars later.

    By more bars than the strategy may leave out of what it remembers, or it were no leak.
    """
    later = min(memory + _LATER, len(bars) // 2)
    changed = bars.copy()
    close = bars["close"]
    factor = np.sqrt((close.shift(-later) / close).fillna(1.0))
    for k, column in enumerate(bars.columns):
        parts: Any = column if bars.columns.nlevels == 2 else (column, None)
        name, symbol = parts
        if name in _PRICES:
            own: Any = factor if symbol is None else factor[symbol]
            changed.isetitem(k, bars.iloc[:, k].to_numpy() * own.to_numpy())
    return changed


PLANTS: tuple[Plant, ...] = (
    Plant("next close", outputs=_next_close),
    Plant("centred window", outputs=_centred_window),
    Plant("global scaling", outputs=_global_scaling),
    Plant("negative shift", outputs=_negative_shift),
    Plant("early higher timeframe", outputs=_early_timeframe),
    Plant("full-sample fit", outputs=_full_fit),
    Plant("revised data", inputs=_revised),
)
"""What is planted, in this order."""
