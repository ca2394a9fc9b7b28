import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.research.rare import search, touched
from workbench.strategy.evaluate import evaluate


class _Once(wb.Strategy):
    """An average that at one row looks some bars ahead."""

    row: int = 300
    ahead: int = 1

    @property
    def warmup(self):
        return 10

    def targets(self, bars):
        close = bars["close"]
        found = (close > close.rolling(10).mean()).astype(float)
        if len(bars) > self.row + self.ahead:
            rises = close.iloc[self.row + self.ahead] > close.iloc[self.row]
            found.iloc[self.row] = float(rises)
        return found


def tried(strategy, bars, memory):
    return search(strategy, bars, evaluate(strategy, bars), memory)


@settings(max_examples=12, deadline=None)
@given(row=st.integers(10, 590), ahead=st.integers(1, 4))
def test_a_look_ahead_at_one_row_is_found_wherever_it_is(one, row, ahead):
    found = tried(_Once(row=row, ahead=ahead), one, 10)
    assert found.leak is not None
    assert found.leak.row == one.index[row] and 1 <= found.leak.ahead <= ahead


@pytest.mark.parametrize("memory", [0, 3, 10, 40])
def test_a_memory_declared_too_short_raises_no_alarm(one, memory):
    found = tried(wb.strategies.SmaCross(fast=5, slow=30), one, memory)
    assert found.leak is None
    assert found.tried == len(one) - 1


@given(st.integers(2, 400), st.integers(0, 400))
def test_touched_is_the_hypergeometric_count(bars, some):
    some = min(some, bars)
    least = touched(some, bars)

    def met(count):
        return 1 - math.comb(bars - some, count) / math.comb(bars, count)

    assert 1 <= least <= bars
    assert least == bars or met(least) >= 0.95 - 1e-9
    assert least == 1 or met(least - 1) < 0.95 + 1e-9


def test_changed_flags_are_no_trouble(one):
    bars = one.assign(flag=np.arange(len(one)) % 2 == 0)
    assert tried(wb.strategies.SmaCross(), bars, 50).leak is None
