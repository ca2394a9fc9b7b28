"""Integer ticks: exact to the bit, or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.data import ticks


def back(values):
    column = pa.chunked_array([ticks.encode(pd.Series(values))])
    out = np.empty(len(values))
    ticks.decode(column, out)
    return column.type, out


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([100.0, 3e9], 0),
        ([101.25, 3.1], 2),
        ([0.00000123, 1.0], 8),
        ([np.nan, 1.5], 1),
        ([], 0),
        ([1 / 3], None),
        ([-0.0], None),
        ([np.inf], None),
        ([1e300], None),
        ([0.1 + 0.2], None),
    ],
)
def test_the_fewest_places_that_hold_all(values, count):
    assert ticks.places(np.array(values, dtype=float)) == count


def test_a_value_the_sample_misses_is_not_lost():
    values = np.full(100_000, 1.25)
    values[777] = np.nextafter(1.25, 2)
    assert ticks.places(values) is None
    kind, out = back(values)
    assert pa.types.is_float64(kind)
    assert out.tobytes() == values.tobytes()


@given(st.lists(st.floats(width=64) | st.integers(-(10**9), 10**9).map(lambda n: n / 100)))
@example([float("nan"), 1.01, -0.0])
@example([9007199254740993.0, 0.5])
def test_what_is_stored_comes_back_to_the_bit(values):
    numbers = np.array(values, dtype=float)
    assert back(numbers)[1].tobytes() == numbers.tobytes()


# Beyond 2**50 a division and a multiplication may end half a tick away, and floats are kept.
@given(st.integers(0, 9), st.lists(st.integers(-(2**50), 2**50), min_size=1))
def test_prices_on_a_tick_are_decimals(count, steps):
    numbers = np.array(steps, dtype=float) / 10.0**count
    kind, out = back(numbers)
    assert pa.types.is_decimal64(kind)
    assert kind.scale <= count
    assert out.tobytes() == numbers.tobytes()


def test_slices_and_gaps_are_read_where_they_lie():
    values = np.array([1.5, np.nan, 2.25, 3.0, np.nan])
    whole = ticks.encode(pd.Series(values))
    column = pa.chunked_array([whole.slice(1, 2), whole.slice(3)])
    out = np.empty(4)
    ticks.decode(column, out)
    assert out.tobytes() == values[1:].tobytes()
