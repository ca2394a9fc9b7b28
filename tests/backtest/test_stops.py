import math

import pytest

from workbench.backtest.stops import Stops
from workbench.errors import UsageError


@pytest.mark.parametrize("name", ["loss", "profit", "trail"])
@pytest.mark.parametrize("value", [0, -0.1, float("nan"), "5%", True])
def test_bad_values_are_named(name, value):
    with pytest.raises(UsageError, match=name):
        Stops(**{name: value})


def test_a_loss_of_everything_is_no_stop_but_a_profit_may_be_large():
    with pytest.raises(UsageError, match="below 1"):
        Stops(loss=1.0)
    assert Stops(profit=3).code().profit == 3.0


def test_none_is_no_stop():
    assert Stops().code() == (math.inf, math.inf, math.inf)
