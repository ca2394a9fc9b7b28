"""The rules of bars: the quick look and the thorough one say the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.venues.rows import _BLOCK, FIELDS, is_sound, violations

VALUES = st.sampled_from([1.0, 2.0, 3.0, 0.0, -1.0, np.nan, np.inf, -np.inf])


@given(st.lists(st.tuples(*[VALUES] * len(FIELDS)), max_size=4))
def test_the_quick_look_finds_what_the_thorough_one_finds(rows):
    table = np.array(rows, dtype=float).reshape(len(rows), len(FIELDS))
    values = {name: table[:, k : k + 1] for k, name in enumerate(FIELDS)}
    assert is_sound(values) == (not any(bad.any() for _, bad in violations(values)))


@pytest.mark.parametrize("row", [0, _BLOCK - 1, _BLOCK, 2 * _BLOCK])
@pytest.mark.parametrize("field", FIELDS)
def test_one_bad_value_is_seen_in_every_block(row, field):
    values = {name: np.full((2 * _BLOCK + 1, 2), 5.0) for name in FIELDS}
    assert is_sound(values)
    values[field][row, 1] = -1.0
    assert not is_sound(values)
