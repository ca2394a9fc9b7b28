from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.order import Intent, OrderState, OrderType, Protection
from workbench.core.signal import Side
from workbench.errors import UsageError

FACTS = {
    "intent_id": "r-1",
    "run_id": "r",
    "strategy": "S",
    "symbol": "AAPL",
    "side": Side.BUY,
    "decided_at": datetime(2024, 1, 2, tzinfo=UTC),
}


def test_a_quantity_a_target_or_a_notional():
    assert Intent(**FACTS, notional=Decimal(50)).quantity is None
    assert Intent(**FACTS, quantity=Decimal(1)).target is None
    assert Intent(**FACTS, target=Decimal("0.5")).quantity is None
    for wrong in ({}, {"quantity": Decimal(1), "target": Decimal(1)}):
        with pytest.raises(UsageError, match="a quantity, a target or a notional"):
            Intent(**FACTS, **wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quantity": Decimal(0)}, "positive"),
        ({"notional": Decimal(-1)}, "positive"),
        ({"quantity": Decimal(1), "side": Side.FLAT}, "buys or sells"),
        ({"quantity": Decimal(1), "type": OrderType.LIMIT}, "needs a limit price"),
        ({"quantity": Decimal(1), "type": OrderType.STOP_LIMIT}, "needs a limit price"),
        ({"quantity": Decimal(1), "type": OrderType.STOP}, "needs a stop price"),
        ({"quantity": Decimal(1), "post_only": True}, "post_only is of limit orders"),
        ({"quantity": Decimal(1), "limit_price": Decimal(-1)}, "limit_price must be positive"),
    ],
)
def test_a_senseless_intent_is_refused(change, said):
    with pytest.raises(UsageError, match=said):
        Intent(**{**FACTS, **change})


def test_five_states_are_the_end():
    ended = {s.value for s in OrderState if not s.is_open}
    assert ended == {"filled", "canceled", "expired", "rejected", "replaced"}
    assert OrderState.UNKNOWN.is_open


@pytest.mark.parametrize(
    ("side", "loss", "profit"), [(Side.BUY, "95", "110"), (Side.SELL, "105", "90")]
)
def test_protection_as_prices(side, loss, profit):
    told = Protection(loss=Decimal("0.05"), profit=Decimal("0.1"), trail=Decimal("0.02"))
    made = told.at(Decimal(100), side)
    assert made == Protection(
        trail=Decimal("0.02"), loss_price=Decimal(loss), profit_price=Decimal(profit)
    )
    assert made.at(Decimal(50), side) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss_price": Decimal(0)},
        {"loss_limit": Decimal(9)},
        {"loss": Decimal("0.1"), "loss_price": Decimal(9)},
    ],
)
def test_protection_that_is_none(wrong):
    with pytest.raises(UsageError):
        Protection(**wrong)
