"""The crossing of two averages."""

from __future__ import annotations

from workbench.strategy import rules
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

    def rule(self) -> rules.Rule:
        """1 while the fast average is above the slow one, else 0; NaN until both are known."""
        return rules.hold(rules.sma(self.fast) > rules.sma(self.slow))
