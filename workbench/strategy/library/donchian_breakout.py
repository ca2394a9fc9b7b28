"""Following what breaks out, in doses."""

from __future__ import annotations

import pandas as pd

from workbench import indicators as ta
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param


class DonchianBreakout(Strategy):
    """Long on a close above the channel, flat on a close below the shorter one.

    The channel is that of the bars before (Donchian; the Turtles' rules of 1983). The size is
    set on each new breakout, `target_vol` divided by the realised deviation of returns, at
    most `max_weight`, in whole percent; between signals it is NaN: keep what is held. Several
    symbols share the equity alike.

    Examples
    --------
    >>> DonchianBreakout(entry=55, exit=20).params["target_vol"]
    0.01
    """

    entry: int = param(20, low=2, high=400, doc="Bars of the channel to break out of.")
    exit: int = param(10, low=2, high=400, doc="Bars of the channel that ends it.")
    target_vol: float = param(0.01, low=0.0001, high=1, doc="Wanted deviation of return per bar.")
    vol_window: int = param(20, low=2, high=400, doc="Bars of the realised deviation.")
    max_weight: float = param(1.0, low=0.01, high=10, doc="The weight is not above this.")

    @property
    def warmup(self) -> int:
        """The longest of the windows, and the bars before them that they compare with."""
        return max(self.entry, self.exit, self.vol_window) + 2

    def targets(self, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Give a dose on a new breakout, 0 on a close below the exit channel, NaN between."""
        close = bars["close"]
        share = 1.0 if close.ndim == 1 else 1.0 / close.shape[1]
        # The channel of the bars before; a missing bar leaves it where it was.
        upper = ta.donchian(bars, self.entry)["upperband"].ffill().shift(1)
        lower = ta.donchian(bars, self.exit)["lowerband"].ffill().shift(1)
        above = close > upper
        fresh = above & ~above.shift(1, fill_value=False) & upper.shift(1).notna()
        realised = ta.stddev(ta.rocp(close, 1), self.vol_window)
        weight = (self.target_vol / realised).clip(upper=self.max_weight).mul(share).round(2)
        keep: pd.Series = close * float("nan")
        return keep.mask(fresh, weight).mask(close < lower, 0.0)
