"""The steps of the sweep kernels that look at many bars at once."""

import numpy as np
import pytest

from workbench.kernels.codes import Market
from workbench.kernels.compile import jit
from workbench.kernels.sweep_held import together
from workbench.kernels.sweep_signals import begun, lowest
from workbench.kernels.sweep_tables import BLOCK, bounds


@jit
def _bounds(f, x, blocks):
    return bounds(f, x, blocks)


@jit
def _begun(size, codes, words, places, out):
    """Write the bars on which an opinion begins; return how many."""
    found = 0
    for k in range(begun(size, codes, words, places)):
        word = words[places[k]]
        while word != np.uint64(0):
            out[found] = 8 * places[k] + lowest(word)
            found += 1
            word &= word - np.uint64(1)
    return found


def prices(rows, seed=1, missing=0.1):
    rng = np.random.default_rng(seed)
    columns = rng.normal(100, 1, (4, rows, 1))
    columns[rng.random(columns.shape) < missing] = np.nan
    columns[3, 0] = 100.0
    opened, low, high, close = columns
    return Market(opened, high, low, close, np.ones((rows, 1)))


def test_what_stops_look_at():
    market = prices(500)
    found = together(market)
    trades = market.open[:, 0] > 0
    np.testing.assert_array_equal(
        found.lows, np.where(trades, np.nan_to_num(market.low[:, 0], nan=np.inf), np.inf)
    )
    np.testing.assert_array_equal(
        found.highs, np.where(trades, np.nan_to_num(market.high[:, 0], nan=-np.inf), -np.inf)
    )
    last = np.maximum.accumulate(np.where(np.isnan(market.close[:, 0]), 0, np.arange(500)))
    np.testing.assert_array_equal(found.marks, market.close[last, 0])


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 100, 2500])
def test_bounds_are_those_of_the_blocks(rows):
    found = together(prices(rows))
    rng = np.random.default_rng(rows)
    for _ in range(300):
        f, x = np.sort(rng.choice(rows + 1, 2, replace=False))
        first, end = f // BLOCK * BLOCK, -(-x // BLOCK) * BLOCK
        high, low = _bounds(f, x, found.blocks)
        assert high == found.highs[first:end].max()
        assert low == found.lows[first:end].min()


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 64, 1001])
def test_where_opinions_begin(rows):
    rng = np.random.default_rng(rows)
    codes = np.zeros(8 + rows, np.uint8)
    words = np.full((rows + 7) // 8, 2**64 - 1, np.uint64)
    places, out = np.zeros(len(words) + 1, np.int64), np.zeros(rows, np.int64)
    for share in (0.0, 0.1, 1.0):
        codes[7:] = rng.integers(0, 4, rows + 1) * (rng.random(rows + 1) < share)
        found = _begun(rows, codes, words, places, out)
        wanted = np.flatnonzero((codes[8:] != codes[7:-1]) & (codes[8:] != 0))
        np.testing.assert_array_equal(out[:found], wanted)
