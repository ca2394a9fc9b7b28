import pytest

from workbench.backtest.sizing import Sizing
from workbench.errors import UsageError


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"lot": -1}, "lot"),
        ({"lot": float("nan")}, "lot"),
        ({"at": "fills"}, "did you mean 'fill'"),
        ({"rebalance": "allways"}, "did you mean 'always'"),
        ({"overdraw": "cut"}, "'fill' or 'trim'"),
        ({"cash_buffer": 1}, "cash_buffer"),
        ({"leverage": 0}, "leverage"),
        ({"drift": -0.1}, "drift"),
    ],
)
def test_bad_values_are_named(values, word):
    with pytest.raises(UsageError, match=word):
        Sizing(**values)


def test_drift_takes_the_place_of_rebalance():
    assert Sizing().code().mode == 0.0
    assert Sizing(rebalance="always").code().mode == 1.0
    assert Sizing(rebalance="always", drift=0.05).code()[3:5] == (2.0, 0.05)
