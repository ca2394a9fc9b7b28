import numpy as np

import workbench as wb
from workbench.research.parity import _busiest, measure
from workbench.strategy.evaluate import evaluate


def measured(strategy, bars):
    return measure(strategy, bars, evaluate(strategy, bars))


def test_the_library_trades_and_agrees(two):
    found = measured(wb.strategies.Momentum(lookback=20, skip=2, every="week"), two)
    assert found.orders > 5
    assert (found.finding, found.refused) == ("", "")


def test_a_strategy_that_sees_tomorrow_trades_otherwise_in_the_replay(one):
    class _Tomorrow(wb.Strategy):
        def targets(self, bars):
            return (bars["close"].shift(-1) > bars["close"]).astype(float)

    assert "replay and backtest differ" in measured(_Tomorrow(), one).finding


def test_nothing_to_trade_is_nothing_to_compare(one):
    class _Silent(wb.Strategy):
        def targets(self, bars):
            return bars["close"] * np.nan

    assert "UsageError" in measured(_Silent(), one).refused


def test_the_slice_is_where_the_targets_turn():
    base = np.zeros((600, 1))
    base[400:440:2] = 1.0
    part = _busiest(base, warmup=30)
    assert part.start + 30 <= 401 and part.stop >= 440
    assert part.stop - part.start == 90
    assert _busiest(np.zeros((20, 1)), warmup=0) == slice(0, 20)
