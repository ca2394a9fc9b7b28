"""Statistics of a run over plain arrays; their conventions are told in ``backtest.stats``.

NaN is the answer where a figure is not defined: it is never infinite.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats
from workbench.kernels.compile import jit, part

__all__ = ["Curve", "Traffic", "TripFigures", "curve", "traffic", "trip_figures"]


class Curve(NamedTuple):
    """What the equity curve tells; see ``backtest.stats`` for each."""

    total_return: float
    cagr: float
    volatility: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    max_drawdown_bars: float
    recovery_bars: float
    mean_equity: float


class TripFigures(NamedTuple):
    """What the closed round trips tell."""

    win_rate: float
    profit_factor: float
    expectancy: float
    path_dependent: float


class Traffic(NamedTuple):
    """What fills and holdings tell."""

    exposure: float
    notional: float
    fees: float
    slippage: float


@jit
def curve(equity: Floats, cash: float, periods: float) -> Curve:
    """Measure an equity curve.

    Parameters
    ----------
    equity : ndarray, shape (T,)
        Marked at the closes.
    cash : float
        What it began with; the first return is counted from here.
    periods : float
        Bars per year.
    """
    bars = len(equity)
    total = below = held = 0.0
    before = cash
    for t in range(bars):
        # After ruin there is nothing left for a return to be a fraction of.
        change = equity[t] / before - 1.0 if before > 0.0 else math.nan
        before = equity[t]
        total += change
        held += equity[t]
        if change < 0.0:
            below += change * change
    mean = total / bars
    spread = 0.0
    before = cash
    for t in range(bars):
        off = equity[t] / before - 1.0 - mean
        before = equity[t]
        spread += off * off
    deviation = math.sqrt(spread / (bars - 1)) if bars > 1 else math.nan
    downside = math.sqrt(below / bars)
    root = math.sqrt(periods)
    growth = equity[-1] / cash
    cagr = math.nan if growth < 0.0 else growth ** (periods / bars) - 1.0
    depth, fall, recovery = deepest(equity, cash)
    # A curve that does not move has no ratio; what rounding leaves of it is not a movement.
    is_flat = not deviation > 1e-14
    return Curve(
        growth - 1.0,
        cagr,
        deviation * root,
        math.nan if is_flat else mean / deviation * root,
        mean / downside * root if downside > 1e-14 else math.nan,
        cagr / -depth if depth < 0.0 else math.nan,
        depth,
        fall,
        recovery,
        held / bars,
    )


@part
def deepest(equity: Floats, cash: float) -> tuple[float, float, float]:
    """Return the deepest drawdown, the bars from its peak to its trough, and those back up.

    The starting cash is the first peak, one bar before the first; where the old peak was
    not reached again the last is NaN.
    """
    peak, top, start, trough = cash, -1, -1, -1
    depth, level = 0.0, cash
    for t in range(len(equity)):
        if equity[t] >= peak:
            peak, top = equity[t], t
        elif equity[t] / peak - 1.0 < depth:
            depth, level, start, trough = equity[t] / peak - 1.0, peak, top, t
    if trough < 0:
        return 0.0, 0.0, 0.0
    for t in range(trough + 1, len(equity)):
        if equity[t] >= level:
            return depth, float(trough - start), float(t - trough)
    return depth, float(trough - start), math.nan


@jit
def trip_figures(closed: Records) -> TripFigures:
    """Measure closed round trips; profits are after fees."""
    won = lost = 0.0
    wins = flagged = 0
    for k in range(len(closed)):
        trip = closed[k]
        profit = trip.side * (trip.gained - trip.spent) - trip.fees + trip.carried
        flagged += trip.both
        if profit > 0.0:
            wins += 1
            won += profit
        else:
            lost -= profit
    count = len(closed)
    if count == 0:
        return TripFigures(math.nan, math.nan, math.nan, 0.0)
    factor = won / lost if lost > 0.0 else math.nan
    return TripFigures(wins / count, factor, (won - lost) / count, float(flagged))


@jit
def traffic(fills: Records, units: Floats) -> Traffic:
    """Sum up fills, and count the bars that ended with a position."""
    notional = fees = slippage = 0.0
    for k in range(len(fills)):
        fill = fills[k]
        notional += fill.quantity * fill.price
        fees += fill.fee
        slippage += fill.slippage
    inside = 0
    for t in range(units.shape[0]):
        for j in range(units.shape[1]):
            if units[t, j] != 0.0:
                inside += 1
                break
    return Traffic(inside / units.shape[0], notional, fees, slippage)
