"""A strategy of your own: buy the dip in a rising market."""

import workbench as wb


class Pullback(wb.Strategy):
    """Long while prices rise over the long run and have just fallen over the short one.

    Enters when the close is above its long average and the RSI is low, leaves when the
    RSI is high again or the long trend is broken. In between it keeps what it holds: NaN
    means "no opinion".
    """

    trend: int = wb.param(100, low=20, high=300, doc="Bars of the long average.")
    period: int = wb.param(5, low=2, high=30, doc="Bars of the RSI.")
    enter: float = wb.param(35.0, low=5.0, high=50.0, doc="Buy below this RSI.")
    leave: float = wb.param(65.0, low=50.0, high=95.0, doc="Sell above this RSI.")

    @property
    def warmup(self) -> int:
        """RSI remembers long: ten periods until its start no longer matters."""
        return max(self.trend, 10 * self.period)

    def targets(self, bars):
        close = bars["close"]
        average = wb.ta.sma(close, self.trend)
        rsi = wb.ta.rsi(close, self.period)
        wanted = close * float("nan")
        wanted[(close > average) & (rsi < self.enter)] = 1.0
        wanted[(rsi > self.leave) | (close < average)] = 0.0
        return wanted
