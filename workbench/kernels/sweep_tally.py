"""What a point of a sweep counts while it goes, and its row of statistics.

Sums take the bars of a span together; they agree with ``workbench.kernels.statistics`` to 1e-9.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats
from workbench.kernels.compile import part, step

__all__ = [
    "STATE",
    "Scale",
    "add_return",
    "end_trip",
    "look",
    "new_states",
    "rise",
    "sink",
    "trough",
    "write_row",
]

STATE = np.dtype(
    [
        ("cash", "f8"),
        ("units", "f8"),
        ("spent", "f8"),  # notional of the entry
        ("paid", "f8"),  # its fee
        ("since", "i8"),  # first bar of the present span
        ("code", "i8"),  # last answer of the rule
        ("failed", "i8"),  # 1 where a fill was not of the plain kind
        ("total", "f8"),  # sum of returns
        ("squares", "f8"),
        ("below", "f8"),  # sum of squares of the negative ones
        ("worth", "f8"),  # sum of equity
        ("inside", "i8"),
        ("peak", "f8"),
        ("top", "i8"),
        ("depth", "f8"),
        ("floor", "f8"),  # an equity above which the deepest drawdown stays as it is
        # of the deepest drawdown: its peak, the bars among which its trough is, what was held there
        ("level", "f8"),
        ("fell_from", "i8"),
        ("fell_first", "i8"),
        ("fell_last", "i8"),
        ("fell_cash", "f8"),
        ("fell_units", "f8"),
        ("recovered", "i8"),  # the bar that reached its peak again; -1 is none yet
        ("trips", "i8"),
        ("wins", "i8"),
        ("won", "f8"),
        ("lost", "f8"),
        ("notional", "f8"),
        ("fees", "f8"),
        ("slippage", "f8"),
    ],
    align=True,
)

_NOISE = 1e-9


class Scale(NamedTuple):
    """What turns sums into figures: bars, the cash at the start, bars per year."""

    bars: int
    cash: float
    periods: float


@part
def new_states(count: int, cash: float) -> Records:
    """Return the states before the first bar."""
    states = np.zeros(count, STATE)
    for j in range(count):
        states[j].cash = cash
        states[j].peak = cash
        states[j].floor = floor_of(cash, 0.0)
        states[j].top = -1
        states[j].fell_first = -1
    return states


@step
def add_return(change: float, state: Records) -> None:
    """Count the return of a bar."""
    state.total += change
    state.squares += change * change
    loss = min(change, 0.0)
    state.below += loss * loss


@step
def end_trip(profit: float, state: Records) -> None:
    """Count a round trip."""
    state.trips += 1
    state.wins += profit > 0.0
    state.won += max(profit, 0.0)
    state.lost -= min(profit, 0.0)


@step
def floor_of(peak: float, depth: float) -> float:
    """Return an equity above which a drawdown from a peak is less deep."""
    return peak * (1.0 + depth) * (1.0 + _NOISE) if peak > 0.0 else math.inf


@step
def rise(worth: float, first: int, last: int, state: Records) -> None:
    """Take a new peak, reached at bar `first` and last seen at `last`."""
    if state.recovered < 0:
        state.recovered = first
    state.peak = worth
    state.floor = floor_of(worth, state.depth)
    state.top = last


@step
def sink(worth: float, first: int, last: int, state: Records) -> None:
    """Take a new deepest drawdown, whose bar is from `first` to `last`."""
    state.depth = worth / state.peak - 1.0
    state.floor = worth * (1.0 + _NOISE)
    state.level = state.peak
    state.fell_from = state.top
    state.fell_first = first
    state.fell_last = last
    state.fell_cash = state.cash
    state.fell_units = state.units
    state.recovered = -1


@step
def look(worth: float, t: int, state: Records) -> None:
    """Take a new peak or a new deepest drawdown, if bar `t` is one."""
    if worth >= state.peak:
        rise(worth, t, t, state)
    elif worth < state.floor and worth / state.peak - 1.0 < state.depth:
        sink(worth, t, t, state)


@step
def trough(state: Records, closes: Floats) -> int:
    """Return the bar of the deepest drawdown; -1 is none."""
    first = state.fell_first
    if state.fell_units != 0.0:
        while first < state.fell_last:
            worth = state.fell_cash + state.fell_units * closes[first]
            if worth / state.level - 1.0 <= state.depth:
                break
            first += 1
    return first  # type: ignore[no-any-return]


@part
def write_row(last: float, fell: int, state: Records, scale: Scale, row: Floats) -> int:
    """Write the statistics, with NaN in the first column and 1 returned where not exact.

    Parameters
    ----------
    last : float
        Equity at the end.
    fell : int
        The bar of the deepest drawdown; -1 is none.
    row : ndarray, shape (20,)
        The columns are ``backtest.stats.NAMES`` without start and end.
    """
    bars = scale.bars
    mean = state.total / bars
    spread = state.squares - bars * mean * mean
    # Where all returns are alike the difference keeps no digits.
    if state.failed > 0 or (state.squares > 0.0 and not spread > 1e-5 * state.squares):
        row[0] = math.nan
        return 1
    write_curve(last, spread, state, scale, row)
    row[8] = fell - state.fell_from if fell >= 0 else 0.0
    row[9] = 0.0
    if fell >= 0:
        row[9] = state.recovered - fell if state.recovered >= 0 else math.nan
    count = state.trips
    row[10] = state.wins / count if count > 0 else math.nan
    row[11] = state.won / state.lost if state.lost > 0.0 else math.nan
    row[12] = (state.won - state.lost) / count if count > 0 else math.nan
    row[13] = count
    row[14] = state.inside / bars
    held = state.worth / bars
    row[15] = state.notional * scale.periods / bars / held if held > 0.0 else math.nan
    row[16] = state.fees
    row[17] = state.slippage
    row[18] = last
    row[19] = scale.periods
    return 0


@part
def write_curve(last: float, spread: float, state: Records, scale: Scale, row: Floats) -> None:
    """Write what `workbench.kernels.statistics.curve` measures, but for the drawdown's bars."""
    bars, periods = scale.bars, scale.periods
    mean = state.total / bars
    deviation = math.sqrt(spread / (bars - 1))
    downside = math.sqrt(max(state.below, 0.0) / bars)
    root = math.sqrt(periods)
    growth = last / scale.cash
    cagr = math.nan if growth < 0.0 else growth ** (periods / bars) - 1.0
    row[0] = bars
    row[1] = growth - 1.0
    row[2] = cagr
    row[3] = deviation * root
    row[4] = mean / deviation * root if deviation > 1e-14 else math.nan
    row[5] = mean / downside * root if downside > 1e-14 else math.nan
    row[6] = cagr / -state.depth if state.depth < 0.0 else math.nan
    row[7] = state.depth
