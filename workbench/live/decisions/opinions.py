"""What a strategy wants, asked bar by bar: it is shown the past and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import repeat
from math import isnan
from typing import Protocol

import numpy as np
import pandas as pd

from workbench.core.bar import Bar
from workbench.core.frozen import maker
from workbench.core.signal import Signal
from workbench.data.message_columns import Told
from workbench.errors import UsageError, nearest
from workbench.strategy.base import BaseStrategy, EventStrategy, Strategy
from workbench.strategy.evaluate import evaluate
from workbench.strategy.rules import stated

__all__ = [
    "BarOpinions",
    "EventOpinions",
    "Opinions",
    "RuleOpinions",
    "combined",
    "opinions_of",
    "signals",
    "told_ahead",
]

_ASKED_AGAIN = 16
_PAGE = 512
_bar = maker(Bar)


class Opinions(Protocol):
    """Asks a strategy about one bar after the other."""

    limits: dict[str, Decimal]

    @property
    def known(self) -> np.ndarray | None:
        """The targets of all bars, where they were shown not to depend on later ones."""

    def at(self, row: int) -> np.ndarray:
        """Return the targets at the close of bar `row`, one per symbol; NaN is none."""


@dataclass
class BarOpinions:
    """A strategy on bars: its targets over an expanding history, of which the last row counts.

    The whole history so far is shown each time, never a window of it: an average with a long
    memory would differ in the last digits, and the replay would not be the backtest.
    """

    strategy: Strategy
    bars: pd.DataFrame
    limits: dict[str, Decimal]
    columns: list[str] | None
    known: np.ndarray | None = None

    def at(self, row: int) -> np.ndarray:
        """Return the targets at the close of bar `row`."""
        seen = self.bars.iloc[: row + 1]
        found = self.strategy.targets(seen)
        last = _last(found, len(seen), self.columns)
        # anything less usual goes through the whole check, which says what is wrong with it
        return evaluate(self.strategy, seen)[-1] if last is None else last


@dataclass
class RuleOpinions:
    """A strategy that states a rule: what it says at each bar, told when that bar is over."""

    known: np.ndarray
    limits: dict[str, Decimal]

    def at(self, row: int) -> np.ndarray:
        """Return the targets at the close of bar `row`."""
        found: np.ndarray = self.known[row]
        return found


def told_ahead(strategy: BaseStrategy, bars: pd.DataFrame) -> RuleOpinions | None:
    """Ask the rule of a strategy about all bars at once; None without one, or if it looks ahead.

    Declared indicators look back only, so that a bar's answer is the same whether later bars
    are there or not. That is not taken on trust: at bars evenly spread, and at those where the
    answer changes, the rule is asked again with nothing later there, and must say the same to
    the bit.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> days = pd.date_range("2024-01-01", periods=6, tz="UTC", name="time")
    >>> bars = pd.DataFrame({"close": [5.0, 4, 3, 4, 5, 6]}, index=days)
    >>> told_ahead(SmaCross(fast=2, slow=5), bars).known.ravel()
    array([nan, nan, nan, nan,  1.,  1.])
    """
    if stated(strategy) is None:
        return None
    found = evaluate(strategy, bars)
    changes = np.flatnonzero((found[1:] != found[:-1]).any(axis=1)) + 1
    for row in {*_spread(np.arange(len(found))), *_spread(changes)}:
        alone = evaluate(strategy, bars.iloc[: row + 1])[-1]
        if not np.array_equal(alone, found[row], equal_nan=True):
            return None
    return RuleOpinions(found, {})


def _spread(rows: np.ndarray) -> list[int]:
    places = np.linspace(0, len(rows) - 1, min(_ASKED_AGAIN, len(rows))).astype(np.int64)
    return [int(row) for row in rows[places]]


@dataclass
class EventOpinions:
    """A strategy on events: what was written first, then each symbol's bar by the columns."""

    strategy: EventStrategy
    symbols: tuple[str, ...]
    times: list[datetime]
    prices: np.ndarray
    limits: dict[str, Decimal]
    told: Told | None = None
    known: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._silent = np.full(len(self.symbols), np.nan)
        self._silent.flags.writeable = False
        self._bars: list[list[Bar]] = []
        self._first = self._ready = 0

    def at(self, row: int) -> np.ndarray:
        """Return the targets at the close of bar `row`, as `combined` has them.

        Where the strategy says nothing it is the same array each time, not to be written to.
        """
        if self.limits:
            self.limits.clear()
        answers = self._answers(row)
        if not answers:
            return self._silent
        targets, limits = combined(answers, self.symbols, self.strategy.name)
        self.limits.update(limits)
        return targets

    def _answers(self, row: int) -> list[Signal]:
        strategy = self.strategy
        found: list[Signal] = []
        if self.told is not None:
            for message in self.told.at(row):
                found += signals(strategy.on_message(message))
        place = row - self._first
        if not 0 <= place < self._ready:
            place = self._make_bars(row)
        for bars in self._bars:
            bar = bars[place]
            if not isnan(bar.close):
                answer = strategy.on_bar(bar)
                if answer is not None:
                    found += signals(answer)
        return found

    def _make_bars(self, row: int) -> int:
        """Make the bars of a page, of which each is shown in its turn; return where `row` is."""
        page = slice(row, row + _PAGE)
        times, self._first = self.times[page], row
        self._ready = len(times)
        self._bars = [
            list(map(_bar, repeat(symbol), times, *self.prices[:, page, place].tolist()))
            for place, symbol in enumerate(self.symbols)
        ]
        return 0


def opinions_of(
    strategy: BaseStrategy,
    bars: pd.DataFrame,
    symbols: tuple[str, ...],
    times: list[datetime],
    prices: np.ndarray,
    told: Told | None = None,
) -> Opinions:
    """Return the way to ask a strategy.

    Parameters
    ----------
    bars : DataFrame
        Checked.
    prices : ndarray, shape (5, T, N)
        The same as arrays: open, high, low, close, volume.
    told : Told, optional
        What a strategy on events is told beside the bars.

    Raises
    ------
    UsageError
        It is no strategy.
    """
    if isinstance(strategy, EventStrategy):
        return EventOpinions(strategy, symbols, times, prices, {}, told)
    if isinstance(strategy, Strategy):
        columns = list(symbols) if bars.columns.nlevels > 1 else None
        return BarOpinions(strategy, bars, {}, columns)
    raise UsageError(
        f"replay needs a strategy object, such as wb.strategies.SmaCross(), not {strategy!r}"
    )


def _last(found: object, rows: int, columns: list[str] | None) -> np.ndarray | None:
    """Return the last row of targets that are plainly as they should be, else None."""
    if not isinstance(found, pd.Series | pd.DataFrame) or len(found) != rows:
        return None
    if isinstance(found, pd.DataFrame) and (columns is None or list(found.columns) != columns):
        return None
    values = found.to_numpy()
    if values.dtype != np.float64 or (values.ndim == 1) != (columns is None):
        return None
    last = np.atleast_1d(values[-1])
    return None if np.isinf(last).any() else np.array(last)


def signals(answer: Signal | Iterable[Signal] | None) -> list[Signal]:
    """Return what a strategy answered as a list."""
    if answer is None:
        return []
    return [answer] if isinstance(answer, Signal) else list(answer)


def combined(
    answers: Iterable[Signal], symbols: tuple[str, ...], name: str
) -> tuple[np.ndarray, dict[str, Decimal]]:
    """Return the targets and limits that signals come to, one per symbol.

    Of several about a symbol the one of the highest priority counts, of these the surest, of
    these the last.

    Raises
    ------
    UsageError
        A signal of another symbol; `name` says whose.

    Examples
    --------
    >>> two = [Signal("X", "buy", priority=1), Signal("X", "sell")]
    >>> combined(two, ("X", "Y"), "mine")[0]
    array([ 1., nan])
    """
    best: dict[str, Signal] = {}
    for signal in answers:
        if signal.symbol not in symbols:
            raise UsageError(
                f"{name} signalled {signal.symbol!r}, which is not among the bars"
                f"{nearest(signal.symbol, symbols)}",
                symbol=signal.symbol,
            )
        other = best.get(signal.symbol)
        rank = (signal.priority, signal.confidence)
        if other is None or rank >= (other.priority, other.confidence):
            best[signal.symbol] = signal
    targets = [best[symbol].target if symbol in best else np.nan for symbol in symbols]
    limits = {s: one.limit_price for s, one in best.items() if one.limit_price is not None}
    return np.array(targets, dtype=np.float64), limits
