from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.money import decimal, floor_to
from workbench.errors import UsageError


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_crosses_exactly(value):
    assert float(decimal(value)) == value


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), True, "ten", None, "NaN", "9" * 41])
def test_what_is_no_number_is_refused_by_name(bad):
    with pytest.raises(UsageError, match="quantity"):
        decimal(bad, "quantity")


@given(
    st.decimals("-1e9", "1e9", allow_nan=False, places=6),
    st.sampled_from(["1", "0.01", "0.001", "100"]),
)
def test_floor_is_a_multiple_nearer_to_zero(quantity, step):
    floored = floor_to(quantity, Decimal(step))
    assert abs(floored) <= abs(quantity) < abs(floored) + Decimal(step)
    assert floored % Decimal(step) == 0


def test_no_step_leaves_the_quantity():
    assert floor_to(Decimal("1.23456"), Decimal(0)) == Decimal("1.23456")
