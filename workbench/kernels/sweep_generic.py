"""Sweeps of any targets: the simulation itself, over and over in the same memory.

Each point goes through ``workbench.kernels.simulate.play`` and the very functions that
measure a backtest, so its numbers are those of a backtest to the bit. Nothing is kept of a
point but its row of statistics.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.kernels.book import Records, new_book, new_tape
from workbench.kernels.codes import Floats, Market, Terms
from workbench.kernels.compile import jit, part
from workbench.kernels.simulate import Curves, new_curves, play
from workbench.kernels.statistics import curve, traffic, trip_figures
from workbench.kernels.sweep_signals import FLAT, LONG, SHORT, Rules, answer
from workbench.kernels.trips import Carried, round_trips

__all__ = ["Setting", "run_rules", "run_targets"]


class Setting(NamedTuple):
    """What all points share."""

    market: Market
    cash: float
    periods: float
    terms: Terms


@jit
def run_targets(targets: Floats, shared: Setting, table: Floats) -> None:
    """Write the statistics of each point into a row of `table`.

    Parameters
    ----------
    targets : ndarray, shape (P, T, N)
        As in ``simulate``.
    table : ndarray, shape (P, 20)
        The columns are ``backtest.stats.NAMES`` without start and end.
    """
    points, _, n = targets.shape
    curves = new_curves(shared.market)
    tape = new_tape(n)
    for p in range(points):
        book = new_book(shared.cash, n)
        tape = play(shared.market, targets[p], book, tape, curves, shared.terms)
        measure(tape.fills[: book.account[0].fills], curves, shared, table[p])


@jit
def run_rules(begin: int, end: int, rules: Rules, shared: Setting, table: Floats) -> None:
    """Write the statistics of the points from `begin` to before `end` of a rule on one symbol."""
    bars = len(shared.market.close)
    curves = new_curves(shared.market)
    tape = new_tape(1)
    stack = np.zeros((len(rules.program), bars), np.uint8)
    codes = np.zeros(bars, np.uint8)
    targets = np.empty((bars, 1))
    meaning = np.full(4, math.nan)
    meaning[LONG], meaning[FLAT], meaning[SHORT] = 1.0, 0.0, -1.0
    for p in range(begin, end):
        answer(p, 0, rules, stack, codes)
        for t in range(bars):
            targets[t, 0] = meaning[codes[t]]
        book = new_book(shared.cash, 1)
        tape = play(shared.market, targets, book, tape, curves, shared.terms)
        measure(tape.fills[: book.account[0].fills], curves, shared, table[p])


@part
def measure(fills: Records, curves: Curves, shared: Setting, row: Floats) -> None:
    """Write the statistics of a run that has just ended."""
    bars, n = curves.units.shape
    cash, periods = shared.cash, shared.periods
    trips = round_trips(fills, n, Carried(shared.market.events, curves.flows)).closed
    shape = curve(curves.equity, cash, periods)
    of_trips = trip_figures(trips)
    flow = traffic(fills, curves.units)
    row[0] = bars
    row[1] = shape.total_return
    row[2] = shape.cagr
    row[3] = shape.volatility
    row[4] = shape.sharpe
    row[5] = shape.sortino
    row[6] = shape.calmar
    row[7] = shape.max_drawdown
    row[8] = shape.max_drawdown_bars
    row[9] = shape.recovery_bars
    row[10] = of_trips.win_rate
    row[11] = of_trips.profit_factor
    row[12] = of_trips.expectancy
    row[13] = len(trips)
    row[14] = flow.exposure
    yearly = flow.notional * periods / bars
    row[15] = yearly / shape.mean_equity if shape.mean_equity > 0.0 else math.nan
    row[16] = flow.fees
    row[17] = flow.slippage
    row[18] = curves.equity[-1]
    row[19] = periods
