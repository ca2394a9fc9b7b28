"""Worked examples, one file each: ``wb.strategies.SmaCross`` and its siblings."""

from workbench.strategy.library.donchian_breakout import DonchianBreakout
from workbench.strategy.library.momentum import Momentum
from workbench.strategy.library.pairs import Pairs
from workbench.strategy.library.rsi_reversion import RsiReversion
from workbench.strategy.library.sma_cross import SmaCross

__all__ = ["DonchianBreakout", "Momentum", "Pairs", "RsiReversion", "SmaCross"]
