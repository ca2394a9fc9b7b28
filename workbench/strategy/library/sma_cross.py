"""The crossing of two averages."""

from __future__ import annotations

import pandas as pd

from workbench import indicators as ta
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param


class SmaCross(Strategy):
    """Long while the fast average is above the slow one.

    Examples
    --------
    >>> SmaCross(fast=20)
    SmaCross(fast=20, slow=50)
    """

    fast: int = param(10, low=2, high=100, doc="Bars of the fast average.")
    slow: int = param(50, low=5, high=400, doc="Bars of the slow average.")

    @property
    def warmup(self) -> int:
        """The bars of the slow average."""
        return self.slow

    def targets(self, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """1 while the fast average is above the slow one, else 0; NaN until both are known."""
        fast, slow = ta.sma(bars["close"], self.fast), ta.sma(bars["close"], self.slow)
        held: pd.Series = (fast > slow).astype(float).where(slow.notna())
        return held
