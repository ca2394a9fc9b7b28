"""Whether a strategy's replay through the order path is its backtest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import InvariantError
from workbench.research.leaks import ANSWERS
from workbench.strategy.base import Strategy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Parity", "measure"]

_ROWS = 60
_MOST_BEFORE = 150


@dataclass(frozen=True)
class Parity:
    """A backtest and a replay of the same bars, side by side.

    Parameters
    ----------
    bars, orders : int
        How many bars were run, and how many orders they gave.
    finding : str
        The first difference, or an empty text.
    refused : str
        Why there was nothing to compare, or an empty text.
    """

    bars: int
    orders: int = 0
    finding: str = ""
    refused: str = ""


def measure(strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64]) -> Parity:
    """Backtest and replay a slice of the bars and compare orders and fills row by row.

    The slice is the sixty bars in which the targets turn most often, and what comes before
    them to warm up. In the replay the strategy sees one bar more at a time, so that a leak
    shows as well.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
    base : ndarray
        (rows, symbols), the targets on `bars`.

    Raises
    ------
    InvariantError
        The books of the replay do not close: a fault of the workbench, not of the strategy.
    """
    from workbench.backtest.engine import backtest
    from workbench.live.replay.compare import compare
    from workbench.live.replay.replay import replay

    part = bars.iloc[_busiest(base, strategy.warmup)]
    try:
        one = backtest(strategy, part.copy(deep=False), record=False)
        other = replay(strategy, part.copy(deep=False))
    except InvariantError:
        raise
    except ANSWERS as error:
        return Parity(len(part), refused=f"{type(error).__name__}: {error}")
    found = compare(one, other)
    text = f"parity: replay and backtest differ: {found.first}" if not found.ok else ""
    return Parity(len(part), len(one.orders), text)


def _busiest(base: NDArray[np.float64], warmup: int) -> slice:
    held = pd.DataFrame(base).ffill().fillna(0.0).to_numpy()
    turns = np.concatenate([[0], (np.diff(held, axis=0) != 0).any(axis=1).cumsum()])
    rows = min(_ROWS, len(base))
    inside = turns[rows - 1 :] - turns[: len(turns) - rows + 1]
    start = int(inside.argmax())
    return slice(max(start - min(warmup, _MOST_BEFORE), 0), start + rows)
