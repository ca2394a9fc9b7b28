"""Frozen objects that are made quickly are the same objects."""

import pickle
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.evolved import evolved
from workbench.core.frozen import maker
from workbench.core.order import Intent, Order, OrderState, OrderType
from workbench.core.position import Position
from workbench.core.signal import Side
from workbench.errors import UsageError

AT = datetime(2024, 1, 2, tzinfo=UTC)
GIVEN = {
    "order_id": "o", "run_id": "r", "strategy": "s", "symbol": "A", "side": Side.BUY,
    "type": OrderType.MARKET, "decided_at": AT,
}  # fmt: skip


def test_what_is_made_quickly_is_the_same():
    made, plain = maker(Order)(**GIVEN), Order(**GIVEN)
    assert made == plain
    assert (type(made), hash(made), repr(made)) == (Order, hash(plain), repr(plain))
    assert pickle.loads(pickle.dumps(made)) == plain
    with pytest.raises(FrozenInstanceError):
        made.reason = "why not"
    with pytest.raises(TypeError, match="symbol"):
        maker(Order)(order_id="o")


def test_what_a_class_asks_of_its_fields_is_asked():
    given = {"intent_id": "i", "run_id": "r", "strategy": "s", "symbol": "A", "decided_at": AT}
    with pytest.raises(UsageError, match="buys or sells"):
        maker(Intent)(side=Side.FLAT, quantity=Decimal(1), **given)
    assert maker(Position)("A", Decimal(2), Decimal(3)).cost == 6


@pytest.mark.parametrize("name", [one.name for one in fields(Order)])
def test_every_field_of_an_order_comes_along(name):
    order = Order(**{one.name: f"the {one.name}" for one in fields(Order)})
    assert evolved(order, {}) == order
    assert evolved(order, {name: 7}) == replace(order, **{name: 7})
    with pytest.raises(FrozenInstanceError):
        evolved(order, {}).state = OrderState.FILLED


def test_what_is_no_field_is_refused():
    with pytest.raises(AttributeError, match="colour"):
        evolved(Order(**GIVEN), {"colour": "red"})
