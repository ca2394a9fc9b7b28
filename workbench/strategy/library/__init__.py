"""Worked examples, one file each: ``wb.strategies.SmaCross`` and its siblings."""

from workbench.strategy.library.sma_cross import SmaCross

__all__ = ["SmaCross"]
