import numpy as np
import pytest

import workbench as wb
from workbench.research.warmup import measure
from workbench.strategy.evaluate import evaluate


class _Rolling(wb.Strategy):
    window: int = wb.param(30, low=2, high=100)

    def targets(self, bars):
        return (bars["close"] / bars["close"].rolling(self.window).mean() - 1).clip(-1, 1)


class _Smooth(wb.Strategy):
    span: int = wb.param(10, low=2, high=100)

    def targets(self, bars):
        return (bars["close"] / bars["close"].ewm(span=self.span).mean() - 1).clip(-1, 1)


class _Counting(wb.Strategy):
    def targets(self, bars):
        return bars["close"] * 0 + np.arange(len(bars)) % 7 / 7


def measured(strategy, bars):
    return measure(strategy, bars, evaluate(strategy, bars))


@pytest.mark.parametrize("window", [2, 30, 100])
def test_a_window_needs_all_its_bars_but_the_last(one, window):
    found = measured(_Rolling(window=window), one)
    assert found.needed == window - 1
    assert found.starts >= 10
    assert "declared 0" in found.finding or window == 1


def test_an_exponential_average_is_forgotten_in_the_end(one):
    short, long = measured(_Smooth(span=10), one), measured(_Smooth(span=20), one)
    # (9/11)**n falls below a millionth of a difference of a few percent
    assert 30 < short.needed < 75
    assert short.needed < long.needed < 150


def test_what_counts_rows_never_forgets(one):
    found = measured(_Counting(), one)
    assert found.needed is None
    assert "no warm-up is enough" in found.finding


def test_a_pure_rule_needs_nothing(one):
    class _Rule(wb.Strategy):
        def targets(self, bars):
            return (bars["close"] > bars["open"]).astype(float)

    found = measured(_Rule(), one)
    assert (found.needed, found.finding, found.row) == (0, "", None)


class _Above(wb.Strategy):
    """Two running averages of few different prices: they are equal again and again."""

    @property
    def warmup(self):
        return 20

    def targets(self, bars):
        fast, slow = wb.ta.sma(bars["close"], 5), wb.ta.sma(bars["close"], 20)
        return (fast > slow).astype(float).where(slow.notna())


@pytest.fixture
def tied(one):
    """Prices in cents among which the averages of `_Above` are equal every few bars."""
    cents = np.random.default_rng(4).integers(0, 4, len(one)) / 100
    bars = one.copy()
    for name in ("open", "high", "low", "close"):
        bars[name] = 24.1 + cents
    return bars


def test_what_rounding_decides_is_no_warmup(tied):
    found = measured(_Above(), tied)
    assert found.ties > 0
    assert not found.finding
    assert found.needed == 19


def test_a_true_dependence_is_found_beside_ties(tied):
    class Never(_Above):
        def targets(self, bars):
            return super().targets(bars) + np.arange(len(bars)) % 7 / 7

    assert "no warm-up is enough" in measured(Never(), tied).finding


def test_nothing_hangs_on_rounding_where_all_is_well(one):
    assert measured(_Rolling(), one).ties == 0
