import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.errors import UsageError
from workbench.strategy import rules
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate
from workbench.strategy.lines import Lines
from workbench.strategy.rules import stated


def computed(rule, bars):
    return Lines(bars).targets(rule)


def market(seed, rows=300, gaps=False):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, rows)))
    index = pd.date_range("2020-01-01", periods=rows, tz="UTC", name="time")
    bars = pd.DataFrame(
        {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1e6},
        index=index,
    )
    if gaps:
        bars[rng.random(rows) < 0.05] = np.nan
    return bars


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6), fast=st.integers(2, 20), add=st.integers(1, 60), gaps=st.booleans()
)
def test_the_crossing_is_to_the_bit_what_it_was_in_pandas(seed, fast, add, gaps):
    bars, slow = market(seed, gaps=gaps), max(fast + add, 5)
    quick, late = wb.ta.sma(bars["close"], fast), wb.ta.sma(bars["close"], slow)
    expected = (quick > late).astype(float).where(late.notna())
    found = wb.strategies.SmaCross(fast=fast, slow=slow).targets(bars)
    np.testing.assert_array_equal(found, expected)
    index = wb.ta.rsi(bars["close"], fast)
    expected = (index * np.nan).mask(index > 60.0, 0.0).mask(index < 40.0, 1.0)
    reversion = wb.strategies.RsiReversion(window=fast, oversold=40.0, exit=60.0)
    np.testing.assert_array_equal(reversion.targets(bars), expected)


def test_conditions_join_and_keep_what_is_not_known_apart():
    bars = market(3)
    close, average = bars["close"], wb.ta.sma(bars["close"], 20)
    line = rules.sma(20)
    cases = {
        (rules.close > line) & (rules.close < 60): (close > average) & (close < 60),
        (rules.close > line) | (rules.close < 40): (close > average) | (close < 40),
        ~(rules.close > line): ~(close > average),
        rules.close.between(45, 55) & (line > 0): (close >= 45) & (close <= 55),
    }
    for condition, expected in cases.items():
        found = computed(rules.hold(condition), bars)[:, 0]
        np.testing.assert_array_equal(found, expected.astype(float).where(average.notna()))


def test_a_crossing_is_the_bar_on_which_it_happens():
    bars = market(4)
    above = bars["close"] > wb.ta.sma(bars["close"], 20)
    fresh = above & ~above.shift(1, fill_value=True)
    fresh.iloc[:20] = False
    crossing = rules.close.crosses_above(rules.sma(20))
    found = computed(rules.enter(crossing, exit=rules.close < 0), bars)[:, 0]
    np.testing.assert_array_equal(found == 1.0, fresh)


def test_long_goes_before_short_and_short_before_flat():
    bars = market(5)
    everywhere = rules.close > 0
    assert (computed(rules.enter(everywhere, everywhere, exit=everywhere), bars) == 1).all()
    assert (computed(rules.enter(None, everywhere, exit=everywhere), bars) == -1).all()
    assert (computed(rules.hold(~everywhere, everywhere), bars) == -1).all()


def test_a_breakout_and_an_indicator_of_a_line():
    bars = market(6)
    breakout = rules.hold(rules.high > rules.max(20, of=rules.high).shift())
    top = bars["high"].rolling(20).max().shift(1)
    expected = (bars["high"] > top).astype(float).where(top.notna())
    np.testing.assert_array_equal(computed(breakout, bars)[:, 0], expected)


def test_expressions_print_compare_hash_and_pickle():
    rule = wb.strategies.RsiReversion().rule()
    assert repr(rule) == "enter(rsi(14) < 30.0, exit=rsi(14) > 55.0, shared=True)"
    assert rule == pickle.loads(pickle.dumps(rule)) and len({rule, rule}) == 1
    assert rule != wb.strategies.RsiReversion(window=15).rule()


def test_what_cannot_be_a_rule_is_refused():
    with pytest.raises(UsageError, match="did you mean 'sma'"):
        _ = rules.smaa
    with pytest.raises(UsageError, match="no truth of its own"):
        _ = 30 < rules.rsi(14) < 70
    with pytest.raises(UsageError, match="whole number"):
        rules.sma(2.5)
    with pytest.raises(UsageError, match="conditions such as"):
        rules.hold(rules.sma(5))
    with pytest.raises(UsageError, match="takes a line or a number"):
        _ = rules.close > "sma"
    with pytest.raises(UsageError, match="whole bars"):
        rules.close.shift(-1)
    with pytest.raises(UsageError, match="one of them must be the source"):

        class Twice(Strategy):
            def rule(self):
                return rules.hold(rules.close > 1)

            def targets(self, bars):
                return bars["close"]


def test_targets_of_a_subclass_replace_the_rule():
    class Contrary(wb.strategies.SmaCross):
        def targets(self, bars):
            return bars["close"] * 0.0

    assert stated(Contrary()) is None and stated(wb.strategies.SmaCross()) is not None
    assert (evaluate(Contrary(), market(1)) == 0).all()


def test_several_symbols_share_where_they_are_told_to():
    one = market(7)
    bars = pd.concat({"A": one, "B": one * 2}, axis=1).swaplevel(axis=1)
    bars = bars.sort_index(axis=1)
    bars.columns.names = ["field", "symbol"]
    found = wb.strategies.RsiReversion(window=3).targets(bars)
    assert list(found.columns) == ["A", "B"]
    assert set(np.unique(found.to_numpy()[~np.isnan(found.to_numpy())])) == {0.0, 0.5}
