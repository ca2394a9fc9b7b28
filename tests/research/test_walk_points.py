"""Points of a walk on the engines of a sweep: the numbers of a backtest of the window."""

import numpy as np
import pytest

import workbench as wb
from workbench.backtest.engine import prepare
from workbench.backtest.stats import NAMES
from workbench.errors import UsageError
from workbench.research.grid import Grid
from workbench.research.progress import Progress
from workbench.research.walk_points import WindowPoints
from workbench.strategy.evaluate import evaluate

LIBRARY = wb.strategies


class _Averages(wb.Strategy):
    """The cross in plain pandas: its targets are read."""

    fast: int = wb.param(10, low=2, high=100)
    slow: int = wb.param(50, low=5, high=400)

    def targets(self, bars):
        fast, slow = wb.ta.ema(bars["close"], self.fast), wb.ta.ema(bars["close"], self.slow)
        return (fast > slow).astype(float).where(slow.notna())


class _Sized(wb.Strategy):
    """Targets between 0 and 1, which only the general engines take; 13 brings bad luck."""

    window: int = wb.param(10, low=2, high=100)

    def targets(self, bars):
        if self.window == 13:
            raise ValueError("bad luck")
        change = bars["close"].pct_change(self.window)
        return change.clip(0, 0.2).mul(5).where(change.abs() > 0.02)


class _Writes(wb.Strategy):
    """Writes to what an indicator gave it, which must change nothing for the next point."""

    window: int = wb.param(10, low=2, high=100)

    def targets(self, bars):
        average = wb.ta.sma(bars["close"], 20)
        average.iloc[-100:] += self.window / 100
        return (bars["close"] > average).astype(float)


FEE = wb.Costs(fee=wb.fees.Bps(9))
WINDOWS = ((0, 200), (120, 320), (320, 400), (590, 600))
WAYS = [
    (LIBRARY.SmaCross, {"fast": [3, 5, 10, 20], "slow": [30, 50, 60, 100]}, {}),
    (LIBRARY.SmaCross, {"fast": [5, 10], "slow": [30, 50]}, {"costs": FEE}),
    (LIBRARY.SmaCross, {"fast": [5, 10]}, {"stops": wb.Stops(loss=0.03, trail=0.05)}),
    (LIBRARY.SmaCross, {"fast": [5, 10]}, {"sizing": wb.Sizing(rebalance="week")}),
    (LIBRARY.RsiReversion, {"window": [3, 7, 14], "oversold": [20, 35]}, {"fill": "close"}),
    (LIBRARY.DonchianBreakout, {"entry": [10, 20, 55], "exit": [5, 9]}, {}),
    (_Averages, {"fast": [3, 5, 8, 13, 20], "slow": [30, 50, 70, 90]}, {}),
    (_Sized, {"window": [5, 13, 21]}, {"costs": wb.Costs(slippage_bps=5)}),
    (_Writes, {"window": [5, 13, 21]}, {}),
]  # fmt: skip


def alone(simulation, grid, k, start, end):
    """Return what a backtest of the window says, of targets made one point at a time."""
    shown = evaluate(grid.strategy(k), simulation.bars.iloc[:end].copy())
    before = shown[start - 1 :: -1] if start else shown[:0]
    window = shown[start:].copy()
    for j in np.flatnonzero(np.isnan(window[0])):
        known = before[~np.isnan(before[:, j]), j]
        window[0, j] = known[0] if len(known) else np.nan
    return WindowPoints(grid, simulation).part(start, end).stats(window)


@pytest.mark.parametrize(("strategy", "values", "choices"), WAYS)
def test_the_numbers_are_those_of_a_backtest_of_the_window(one, strategy, values, choices):
    simulation, grid = prepare(one, **choices), Grid.of(strategy, values)
    points = WindowPoints(grid, simulation)
    for start, end in WINDOWS:
        found = points.stats(start, end)
        for k, row in enumerate(found):
            if k in points.failures:
                assert row == {}
                continue
            wanted = alone(simulation, grid, k, start, end)
            assert list(row) == list(NAMES[2:])
            np.testing.assert_allclose(
                list(row.values()), [wanted[n] for n in row], rtol=1e-9, atol=1e-9
            )
    assert list(points.failures) == ([1] if strategy is _Sized else [])


def test_several_symbols_as_well(two):
    simulation, grid = prepare(two), Grid.of(LIBRARY.Momentum, {"lookback": [20, 60], "skip": [5]})
    points = WindowPoints(grid, simulation)
    for start, end in WINDOWS[1:3]:
        for k, row in enumerate(points.stats(start, end)):
            wanted = alone(simulation, grid, k, start, end)
            np.testing.assert_allclose(list(row.values()), [wanted[n] for n in row], rtol=1e-9)


def test_what_was_wanted_before_the_window_is_held_from_its_first_bar(one):
    """A rule that has no opinion on most bars: the window begins with the latest it had."""
    simulation = prepare(one)
    grid = Grid.of(LIBRARY.RsiReversion, {"window": [5, 7]})
    points = WindowPoints(grid, simulation)
    shown = evaluate(grid.strategy(0), simulation.bars)[:, 0]
    silent = np.isnan(shown)
    begins = [t for t in range(60, 560) if silent[t : t + 5].all() and not silent[:t].all()]
    held = {shown[:t][~silent[:t]][-1]: t for t in begins}
    assert held.keys() >= {1.0, 0.0}
    for wanted, start in held.items():
        found = points.stats(start, start + 5)[0]
        assert found["exposure"] == (0.8 if wanted else 0.0)  # filled at the open of the second bar


def test_every_point_is_told_to_progress_once(one):
    told = []
    points = WindowPoints(Grid.of(_Sized, {"window": [5, 13, 21]}), prepare(one))
    with Progress("walk", 3, shown=lambda done, _: told.append(done)) as bar:
        points.stats(0, 100, bar)
    assert told[-1] == 3


def test_a_rule_that_an_indicator_refuses_fails_alone(one):
    class Far(wb.Strategy):
        window: int = wb.param(10, low=-9, high=100)

        def rule(self):
            return wb.rules.hold(wb.rules.close > wb.rules.sma(self.window))

    points = WindowPoints(Grid.of(Far, {"window": [-3, 5, 9]}), prepare(one))
    rows = points.stats(0, 300)
    assert [bool(row) for row in rows] == [False, True, True]
    assert isinstance(points.failures[0], UsageError)
