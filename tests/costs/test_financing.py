"""Rates of borrowing."""

import pytest

import workbench as wb
from workbench.backtest import terms
from workbench.costs.encode import encode
from workbench.costs.financing import Financing
from workbench.errors import UsageError


@pytest.mark.parametrize("bad", [{"borrow_bps": -1}, {"margin_bps": -1}, {"cash_bps": "5"}])
def test_rates_that_are_none_are_refused(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        Financing(**bad)


def test_a_rate_alone_is_no_financing():
    with pytest.raises(UsageError, match="financing must be"):
        wb.Costs(financing=0.05)


def test_rates_reach_the_kernel_as_fractions_and_come_back_from_words():
    costs = wb.Costs(financing=Financing(borrow_bps=300, margin_bps=600, cash_bps=-50))
    code = encode(costs)
    assert (code.borrow, code.margin, code.credit) == (0.03, 0.06, -0.005)
    told = {"costs": repr(costs), "sizing": "Sizing()", "stops": "Stops()"}
    assert terms.read(told).costs == costs


def test_free_is_free():
    assert Financing().is_free
    assert not Financing(cash_bps=-1).is_free
