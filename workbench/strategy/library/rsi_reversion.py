"""Buying weakness."""

from __future__ import annotations

from workbench.strategy import rules
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param


class RsiReversion(Strategy):
    """Long from an oversold RSI until it has recovered.

    Below `oversold` the target is long, above `exit` flat; between them it is NaN: keep what
    is held. Several symbols share the equity alike. The index is Wilder's (*New Concepts in
    Technical Trading Systems*, 1978).

    Examples
    --------
    >>> RsiReversion(oversold=25)
    RsiReversion(window=14, oversold=25.0, exit=55.0)
    """

    window: int = param(14, low=2, high=100, doc="Bars of the index.")
    oversold: float = param(30.0, low=1, high=50, step=1, doc="Long below this.")
    exit: float = param(55.0, low=50, high=99, step=1, doc="Flat above this.")

    @property
    def warmup(self) -> int:
        """Twenty windows: by then less than 1e-8 is left of where Wilder's average began."""
        return 20 * self.window

    def rule(self) -> rules.Rule:
        """Give an equal share below `oversold`, 0 above `exit`, NaN between."""
        rsi = rules.rsi(self.window)
        return rules.enter(rsi < self.oversold, exit=rsi > self.exit, shared=True)
