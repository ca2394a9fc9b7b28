import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.costs.encode import encode
from workbench.errors import UsageError
from workbench.kernels.codes import Quote
from workbench.kernels.rules import fee_of, fill_price

FEES = [
    fees.Bps(12.5),
    fees.PerShare(0.01, minimum=2.0),
    fees.MakerTaker(-1, 6),
    fees.Tiered([(0, 10, 20), (1_000, 5, 10), (50_000, -1, 2)]),
]
SLIPS = [None, slippage.Bps(7), slippage.Fixed(0.05), slippage.VolumeShare(0.3)]
amounts = st.floats(0.001, 1e6)


@pytest.mark.parametrize("fee", FEES, ids=lambda fee: type(fee).__name__)
@settings(deadline=None)
@given(quantity=amounts, price=amounts, is_maker=st.booleans(), traded=st.floats(0, 1e5))
def test_the_code_charges_what_the_class_says(fee, quantity, price, is_maker, traded):
    code = encode(Costs(fee=fee))
    said = fee.amount(quantity, price, is_maker=is_maker, traded=traded)
    assert fee_of(quantity, price, is_maker, traded, code) == pytest.approx(said, rel=1e-12)


@pytest.mark.parametrize("model", SLIPS, ids=lambda model: type(model).__name__)
@settings(deadline=None)
@given(price=amounts, side=st.sampled_from([1.0, -1.0]), quantity=amounts, volume=amounts)
def test_the_code_slips_as_the_class_says(model, price, side, quantity, volume):
    costs = Costs(slippage=model)
    code = encode(costs)
    said = costs.fill_price(price, side, quantity, volume)
    got = fill_price(Quote(price, volume, math.inf), side, quantity, code)
    assert got == pytest.approx(said, rel=1e-12, abs=1e-12)


def test_no_costs_are_free():
    code = encode()
    assert code.max_participation == math.inf
    assert fee_of(100.0, 50.0, False, 0.0, code) == 0.0


def test_something_else_is_refused():
    with pytest.raises(UsageError, match=r"wb\.Costs"):
        encode(10)
