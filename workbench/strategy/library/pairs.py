"""Two that move together."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param


class Pairs(Strategy):
    """Sell the dear one of two symbols and buy the cheap one until they meet again.

    A rolling regression of the first log price on the second gives the hedge ratio, and what
    it leaves unexplained of the last bar, in its deviations, the z-score (Gatev, Goetzmann and
    Rouwenhorst, *Pairs Trading*, 2006; the regression as in Engle and Granger, 1987). Beyond
    `entry` the pair is opened with gross weight 1, within `exit` closed; else NaN: keep.

    Examples
    --------
    >>> Pairs(window=120)
    Pairs(window=120, entry=2.0, exit=0.5)
    """

    min_symbols: ClassVar[int] = 2
    max_symbols: ClassVar[int | None] = 2

    window: int = param(60, low=10, high=1000, doc="Bars of the regression.")
    entry: float = param(2.0, low=0.5, high=5, step=0.25, doc="Deviations that open the pair.")
    exit: float = param(0.5, low=0, high=2, step=0.25, doc="Deviations that close it.")

    @property
    def warmup(self) -> int:
        """The bars of the regression, and the one before that a crossing is seen against."""
        return self.window + 1

    def targets(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Give hedged weights when the z-score leaves `entry`, 0 within `exit`, NaN between."""
        close = bars["close"]
        logs = np.log(close).dropna()
        ratio, z = self._fit(logs.iloc[:, 0], logs.iloc[:, 1])
        side = pd.Series(0.0, index=z.index).mask(z > self.entry, -1.0).mask(z < -self.entry, 1.0)
        crossed = (side != 0) & (side != side.shift(1)) & z.shift(1).notna()
        first = side / (1 + ratio.abs())
        weights = pd.concat([first, -first * ratio], axis=1, keys=close.columns)
        near = z.abs() < self.exit
        opinion = weights.where(crossed, np.nan).mask(near, 0.0)
        return opinion.reindex(close.index)

    def _fit(self, y: pd.Series, x: pd.Series) -> tuple[pd.Series, pd.Series]:
        """Return the hedge ratio and the z-score of the last residual of each window."""
        rolling_x, rolling_y = x.rolling(self.window), y.rolling(self.window)
        spread_x = rolling_x.var()
        ratio = rolling_y.cov(x) / spread_x.where(spread_x > 0)
        residual = (y - rolling_y.mean()) - ratio * (x - rolling_x.mean())
        unexplained = (rolling_y.var() - ratio**2 * spread_x).clip(lower=0)
        deviation = np.sqrt(unexplained * (self.window - 1) / (self.window - 2))
        return ratio, residual / deviation.where(deviation > 1e-9)
