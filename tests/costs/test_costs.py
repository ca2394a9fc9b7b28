import pytest

from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.errors import UsageError


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"fee": 10}, "wb.fees"),
        ({"slippage": 5}, "wb.slippage"),
        ({"slippage_bps": -1}, "slippage_bps"),
        ({"slippage_bps": 5, "slippage": slippage.Bps(5)}, "not both"),
        ({"max_participation": 0}, "max_participation"),
        ({"max_participation": 1.5}, "max_participation"),
        ({"remainder": "expires"}, "did you mean 'expire'"),
    ],
)
def test_bad_values_are_named(values, word):
    with pytest.raises(UsageError, match=word):
        Costs(**values)


def test_the_short_form_is_the_long_one():
    short, long = Costs(slippage_bps=5), Costs(slippage=slippage.Bps(5))
    assert short.fill_price(100.0, 1) == long.fill_price(100.0, 1) == pytest.approx(100.05)


def test_costs_compare_and_hash():
    assert Costs(fee=fees.Bps(1)) == Costs(fee=fees.Bps(1))
    assert len({Costs(), Costs()}) == 1
