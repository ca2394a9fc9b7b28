"""Sweeps of strategies that share an account, each with books of its own (``wb.Sleeves``).

They are traded on bars that were spread: a column per strategy and symbol, with its share of
the volume. All points of a sweep run on the same bars, so what spreads them cannot be swept.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.costs.encode import encode
from workbench.errors import UsageError
from workbench.strategy.sleeves import Sleeves, spread

if TYPE_CHECKING:
    import pandas as pd

    from workbench.backtest.engine import Simulation
    from workbench.costs.costs import Costs
    from workbench.research.grid import Grid

__all__ = ["own", "refuse", "traded"]


def traded(points: Grid, bars: pd.DataFrame, costs: Costs | None) -> pd.DataFrame:
    """Return the bars that the points of a grid are traded on.

    Raises
    ------
    UsageError
        The points would not be traded on the same bars, or are none.
    """
    if not isinstance(points.base, Sleeves):
        return bars
    code = encode(costs)
    by_volume = code.impact > 0 or code.max_participation < math.inf
    if "net" in points.values:
        raise UsageError(
            "net cannot be swept: with books of their own the strategies trade other columns; "
            "sweep twice",
            parameter="net",
        )
    if not points.base.net and "shares" in points.values and by_volume:
        raise UsageError(
            "shares cannot be swept where fills depend on the volume, of which each strategy has "
            "its share: run wb.backtest for each, give Sleeves(net=True), or costs without "
            "impact and max_participation",
            parameter="shares",
        )
    for name in ("strategies", "shares"):
        for value in points.values.get(name, ()):
            points.base.replace(**{name: value})  # what does not fit is told before anything runs
    return spread(points.base, bars)


def own(simulation: Simulation, strategy: Any) -> Simulation:
    """Return the simulation of one point: bars spread by its own shares."""
    bars = spread(strategy, simulation.bars)
    if bars is simulation.bars:
        return simulation
    volume = np.require(bars["volume"].to_numpy("float64"), requirements=["C", "W"])
    return replace(simulation, bars=bars, market=simulation.market._replace(volume=volume))


def refuse(strategy: Any) -> None:
    """Refuse strategies with books of their own where they cannot be told apart.

    Raises
    ------
    UsageError
        It is one of `Sleeves` that are not netted.
    """
    if isinstance(strategy, Sleeves) and not strategy.net:
        raise UsageError(
            "strategies with books of their own cannot be walked forward together: walk each by "
            "itself, or give Sleeves(net=True)",
            strategy=strategy.name,
        )
