"""Holding the winners."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from workbench import indicators as ta
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param


class Momentum(Strategy):
    """Hold the symbols that rose most, chosen anew each week, month or quarter.

    Ranked by the return over `lookback` bars, the last `skip` bars left out (Jegadeesh and
    Titman, *Returns to Buying Winners and Selling Losers*, 1993), the best `top` are held with
    equal weights; one that fell is not held, so that a single symbol is held while it rises.
    Between the choices the target is NaN: keep what is held. The choice falls on the first bar
    of a calendar period, not on each n-th row, so that it does not depend on where the
    history begins.

    Examples
    --------
    >>> Momentum(top=2)
    Momentum(lookback=120, skip=20, top=2, every='month')
    """

    lookback: int = param(120, low=2, high=1000, doc="Bars of the return.")
    skip: int = param(20, low=0, high=250, doc="Last bars left out of it.")
    top: int = param(3, low=1, high=100, doc="How many are held.")
    every: Literal["day", "week", "month", "quarter"] = param("month", doc="When to choose anew.")

    @property
    def warmup(self) -> int:
        """The bars of the return and those left out."""
        return self.lookback + self.skip

    def targets(self, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Give the best equal weights on the first bar of a period, 0 for the rest, NaN between."""
        close = bars["close"]
        past = ta.rocp(close, self.lookback).ffill().shift(self.skip).where(close.notna())
        past = past.to_frame() if close.ndim == 1 else past
        rank = past.rank(axis=1, ascending=False, method="first")
        held = (rank <= self.top) & (past > 0)
        weights = held / min(self.top, past.shape[1])
        known = past.notna().any(axis=1) & self._first(pd.DatetimeIndex(bars.index))
        targets: pd.DataFrame = weights.where(known, np.nan)
        return targets.iloc[:, 0] if close.ndim == 1 else targets

    def _first(self, index: pd.DatetimeIndex) -> np.ndarray:
        """Whether a row is the first of its period; of the first row it is not known."""
        code = {"day": "D", "week": "W", "month": "M", "quarter": "Q"}[self.every]
        period = index.tz_localize(None).to_period(code).asi8
        first: np.ndarray = np.diff(period, prepend=period[:1]) != 0
        return first
