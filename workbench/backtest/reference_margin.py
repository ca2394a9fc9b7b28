"""Maintenance margin, as the reference has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.backtest.reference_words import Bar, Holding, highest

if TYPE_CHECKING:
    from workbench.backtest.reference import Reference

__all__ = ["call_margin"]


def call_margin(run: Reference, now: int, bars: Sequence[Bar]) -> None:
    """Liquidate all that is held where the bar's prices, on their way, leave too little equity."""
    asked = run.sizing.maintenance
    if not asked or not any(holding.units for holding in run.held):
        return
    legs = [ends(holding, bar) for holding, bar in zip(run.held, bars, strict=True)]

    def bears(share: float) -> bool:
        equity, gross = run.cash, 0.0
        for holding, (start, end) in zip(run.held, legs, strict=True):
            if holding.units:
                value = holding.units * (start + share * (end - start))
                equity += value
                gross += abs(value)
        return equity >= asked * gross

    if bears(0.0) and bears(1.0):
        return
    share = highest(bears, 0.0, 1.0) if bears(0.0) else 0.0
    for symbol, (holding, (start, end)) in enumerate(zip(run.held, legs, strict=True)):
        if not holding.units or run.is_leaving(holding):
            continue
        price = math.nan if math.isnan(bars[symbol][0]) else start + share * (end - start)
        run.leave(now, symbol, ("liquidation", price, math.nan, False), bars[symbol][4])


def ends(holding: Holding, bar: Bar) -> tuple[float, float]:
    """Return the price a bar begins at for a holding, and the worst it has for it."""
    opened, high, low, _, _ = bar
    if math.isnan(opened):
        return holding.mark, holding.mark
    return holding.entered or opened, low if holding.units > 0 else high
