"""What a strategy wants, asked bar by bar: it is shown the past and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import numpy as np
import pandas as pd

from workbench.core.bar import Bar
from workbench.core.signal import Signal
from workbench.errors import UsageError, nearest
from workbench.strategy.base import BaseStrategy, EventStrategy, Strategy
from workbench.strategy.evaluate import evaluate

__all__ = ["BarOpinions", "EventOpinions", "Opinions", "opinions_of"]


class Opinions(Protocol):
    """Asks a strategy about one bar after the other."""

    limits: dict[str, Decimal]

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

    def at(self, row: int) -> np.ndarray:
        """Return the targets at the close of bar `row`."""
        seen = self.bars.iloc[: row + 1]
        found = self.strategy.targets(seen)
        last = _last(found, len(seen), self.columns)
        # anything less usual goes through the whole check, which says what is wrong with it
        return evaluate(self.strategy, seen)[-1] if last is None else last


@dataclass
class EventOpinions:
    """A strategy on events: each symbol's bar is told in the order of the columns."""

    strategy: EventStrategy
    symbols: tuple[str, ...]
    times: list[datetime]
    prices: np.ndarray
    limits: dict[str, Decimal]

    def at(self, row: int) -> np.ndarray:
        """Return the targets at the close of bar `row`: of each symbol the last signal."""
        targets = np.full(len(self.symbols), np.nan)
        self.limits.clear()
        for place, symbol in enumerate(self.symbols):
            fields = self.prices[:, row, place].tolist()
            if np.isnan(fields[3]):
                continue
            for signal in _signals(self.strategy.on_bar(Bar(symbol, self.times[row], *fields))):
                targets[self._place(signal)] = signal.target
                if signal.limit_price is not None:
                    self.limits[signal.symbol] = signal.limit_price
        return targets

    def _place(self, signal: Signal) -> int:
        if signal.symbol not in self.symbols:
            raise UsageError(
                f"{self.strategy.name} signalled {signal.symbol!r}, which is not among the bars"
                f"{nearest(signal.symbol, self.symbols)}",
                symbol=signal.symbol,
            )
        return self.symbols.index(signal.symbol)


def opinions_of(
    strategy: BaseStrategy,
    bars: pd.DataFrame,
    symbols: tuple[str, ...],
    times: list[datetime],
    prices: np.ndarray,
) -> Opinions:
    """Return the way to ask a strategy.

    Parameters
    ----------
    bars : DataFrame
        Checked.
    prices : ndarray, shape (5, T, N)
        The same as arrays: open, high, low, close, volume.

    Raises
    ------
    UsageError
        It is no strategy.
    """
    if isinstance(strategy, EventStrategy):
        return EventOpinions(strategy, symbols, times, prices, {})
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


def _signals(answer: Signal | Iterable[Signal] | None) -> Iterable[Signal]:
    if answer is None:
        return ()
    return (answer,) if isinstance(answer, Signal) else answer
