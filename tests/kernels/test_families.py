"""Many windows at once: the bits of TA-Lib, and of a plain definition."""

import math

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.indicators.families import FAMILIES, fill
from workbench.kernels.families import exponential_averages, known_from

few = settings(max_examples=40, deadline=None, derandomize=True)

one_by_one = {
    "sma": talib.SMA, "ema": talib.EMA, "sum": talib.SUM, "max": talib.MAX, "min": talib.MIN,
    "rsi": talib.RSI,
}  # fmt: skip


def prices(seed, rows, scale, tick):
    rng = np.random.default_rng(seed)
    values = scale * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    return np.round(values / tick) * tick if tick else values


@few
@given(
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([2, 3, 60, 1024, 1025, 3000]),
    scale=st.sampled_from([1e-6, 50.0, 1e9]),
    tick=st.sampled_from([0.0, 0.05]),
    windows=st.sets(st.integers(2, 1500), min_size=1, max_size=9),
)
def test_the_bits_of_talib(seed, rows, scale, tick, windows):
    column = prices(seed, rows, scale, tick)
    windows = [w for w in windows if w <= rows] or [2]
    places = {w: r for r, w in enumerate(windows)}
    for name in FAMILIES:
        table = np.full((len(windows) + 1, rows), 7.0)
        assert fill(name, column, places, table)
        for window, r in places.items():
            np.testing.assert_array_equal(table[r], one_by_one[name](column, window))
        assert (table[-1] == 7.0).all()


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_long_series_stays_near_the_exact_sums(scale):
    column = prices(3, 60_000, scale, 0.0)
    windows = [2, 7, 50, 399, 5000]
    table = np.empty((5, len(column)))
    assert fill("sma", column, {w: r for r, w in enumerate(windows)}, table)
    for r, window in enumerate(windows):
        for t in (window - 1, 9_999, 59_999):
            exact = math.fsum(column[t - window + 1 : t + 1]) / window
            assert table[r, t] == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(
    ("column", "windows"),
    [
        ([1.0, 2.0, 3.0], [1, 2]),
        ([1.0, 2.0, 3.0], [2, 4]),
        ([1.0, np.nan, 3.0], [2]),
        ([1.0, np.inf, 3.0], [2]),
    ],
)
def test_what_is_asked_for_one_by_one(column, windows):
    table = np.full((2, 3), 7.0)
    for name in FAMILIES:
        assert not fill(name, np.array(column), {w: r for r, w in enumerate(windows)}, table)
    assert (table == 7.0).all()


@pytest.mark.parametrize("name", ["ema", "rsi"])
def test_those_of_a_talib_that_is_set_otherwise_are_asked_for_one_by_one(name):
    column, table = prices(3, 100, 1.0, 0.0), np.full((1, 100), 7.0)
    talib.set_unstable_period(name.upper(), 5)
    try:
        assert not fill(name, column, {9: 0}, table)
    finally:
        talib.set_unstable_period(name.upper(), 0)
    assert (table == 7.0).all()
    assert fill(name, column, {9: 0}, table)


def test_the_strength_of_what_never_moves_or_stops_moving():
    stops = np.append(prices(3, 400, 50.0, 0.0), np.full(6000, 50.0))
    for column in (stops, stops[400:], stops[::-1].copy()):
        table = np.empty((3, len(column)))
        assert fill("rsi", column, {2: 0, 5: 1, 14: 2}, table)
        for window, row in zip((2, 5, 14), table, strict=True):
            np.testing.assert_array_equal(row, talib.RSI(column, window))


@pytest.mark.parametrize("is_fused", [True, False])
def test_exponential_averages_either_way_of_rounding(is_fused):
    column, windows = prices(5, 4000, 50.0, 0.0), np.array([2, 3, 10, 40, 399])
    table = np.empty((5, 4000))
    exponential_averages(column, windows, np.arange(5), is_fused, table)
    for row, window in zip(table, windows.tolist(), strict=True):
        np.testing.assert_allclose(row, talib.EMA(column, window), rtol=1e-10)


def test_from_where_a_row_is_known():
    first = np.zeros(3, np.int64)
    table = np.array([[np.nan, 1, 2], [1, 2, 3], [np.nan, np.nan, np.nan]])
    assert known_from(table, first) and first.tolist() == [1, 0, 3]
    assert not known_from(np.array([[np.nan, 1, np.nan]]), first[:1])
