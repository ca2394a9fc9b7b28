from decimal import Decimal

import pytest

from workbench.core.signal import Side, Signal
from workbench.errors import UsageError


def test_the_target_is_side_times_strength():
    assert [Signal("A", s, 0.5).target for s in ("buy", "sell", "flat")] == [0.5, -0.5, 0.0]
    assert Signal("A", "buy").side is Side.BUY


@pytest.mark.parametrize(
    ("side", "strength"), [("hold", 1), ("buy", -0.1), ("buy", 1.1), ("buy", float("nan"))]
)
def test_nonsense_is_refused(side, strength):
    with pytest.raises(UsageError):
        Signal("A", side, strength)


def test_a_limit_below_zero_is_refused():
    with pytest.raises(UsageError, match="limit_price"):
        Signal("A", "buy", limit_price=Decimal(-1))
