from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.order import Intent, OrderState, OrderType
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


def test_a_quantity_or_a_target():
    assert Intent(**FACTS, quantity=Decimal(1)).target is None
    assert Intent(**FACTS, target=Decimal("0.5")).quantity is None
    for wrong in ({}, {"quantity": Decimal(1), "target": Decimal(1)}):
        with pytest.raises(UsageError, match="quantity or a target"):
            Intent(**FACTS, **wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quantity": Decimal(0)}, "positive"),
        ({"quantity": Decimal(1), "side": Side.FLAT}, "buys or sells"),
        ({"quantity": Decimal(1), "type": OrderType.LIMIT}, "needs a limit price"),
        ({"quantity": Decimal(1), "type": OrderType.STOP_LIMIT}, "needs a limit price"),
        ({"quantity": Decimal(1), "type": OrderType.STOP}, "needs a stop price"),
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
