"""A deployment is made again of what is stored of it."""

import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.live.decisions.choices import choice
from workbench.live.decisions.deployment import Deployment


@pytest.mark.parametrize(
    "facts",
    [
        {"sizing": wb.Sizing(lot=1, at="decision", rebalance="always", leverage=2.0)},
        {"sizing": wb.Sizing(at="decision", drift=0.1)},
        {"sizing": wb.Sizing(at="decision", rebalance="month")},
        {"stops": wb.Stops(loss=0.1, trail=0.2)},
        {"costs": wb.Costs(fee=wb.fees.PerShare(0.005, minimum=1.0), slippage_bps=1)},
        {"costs": wb.Costs(fee=wb.fees.Bps(3), slippage=wb.slippage.Bps(2))},
        {"costs": wb.Costs(fee=wb.fees.Tiered(((0, 10, 12), (1e6, 5, 7))), max_participation=0.1)},
        {"costs": wb.Costs(fee=wb.fees.MakerTaker(1, 2), slippage=wb.slippage.VolumeShare(0.1))},
        {"costs": wb.Costs(financing=wb.financing.Financing(borrow_bps=20))},
    ],
)
def test_all_choices_are_made_again(facts):
    one = Deployment(
        strategy=wb.strategies.SmaCross(fast=3), symbols=("A/USD",), timeframe="1m", **facts
    )
    again = Deployment.read("SmaCross", one.identity())
    assert again is not None
    assert again.identity() == one.identity()
    assert repr(again.terms) == repr(one.terms)


@pytest.mark.parametrize(
    "text",
    [
     "__import__('os').system('true')", "Costs(fee=Financing())", "Sizing(lot=-1)", "open('x')",
     "Stops(loss=exit())", "Sizing(", "Costs(fee=number('x', 1))"],
)  # fmt: skip
def test_nothing_else_is_made(text):
    with pytest.raises(UsageError):
        choice(text)
