from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.signal import Side
from workbench.errors import InvariantError
from workbench.trading.states import TRANSITIONS, OrderEvent, Step, apply, is_legal, is_news

AT = datetime(2024, 1, 2, tzinfo=UTC)
ENDED = [s for s in OrderState if not s.is_open]


def an_order(state=OrderState.WORKING, quantity="10", **facts):
    return Order(
        order_id="o", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
        type=OrderType.MARKET, decided_at=AT, state=state,
        quantity=None if quantity is None else Decimal(quantity), **facts,
    )  # fmt: skip


def an_event(step, quantity=None, **facts):
    fill = None
    if step is Step.FILL:
        fill = Fill(
            execution_id="e", order_id="o", venue="sim", symbol="AAPL", side=Side.BUY,
            quantity=Decimal(quantity or "4"), price=Decimal(100), time=AT,
        )  # fmt: skip
    return OrderEvent(step=step, order_id="o", time=AT, fill=fill, **facts)


def test_the_table_is_complete():
    assert set(TRANSITIONS) == set(OrderState)


@pytest.mark.parametrize("state", ENDED)
def test_only_a_fill_moves_what_has_ended(state):
    assert TRANSITIONS[state] <= {state, OrderState.FILLED}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("working", "rejected"),
        ("partially_filled", "rejected"),
        ("partially_filled", "working"),
        ("working", "unknown"),
        ("unknown", "submitted"),
        ("accepted", "submitted"),
        ("filled", "canceled"),
        ("canceled", "working"),
        ("rejected", "filled"),
    ],
)
def test_what_must_never_happen(before, after):
    assert not is_legal(OrderState(before), OrderState(after))


@pytest.mark.parametrize(("state", "step"), list(product(OrderState, Step)))
def test_apply_follows_the_table_or_raises(state, step):
    order, event = an_order(state), an_event(step)
    if is_news(order, event):
        after = apply(order, event)
        assert is_legal(state, after.state)
        assert 0 <= after.filled <= after.quantity
    else:
        try:
            assert apply(order, event) == order  # at most it says what is known
        except InvariantError as error:
            assert error.before == state.value


@pytest.mark.parametrize("state", OrderState)
def test_a_fill_always_counts(state):
    after = apply(an_order(state), an_event(Step.FILL))
    assert after.filled == 4
    assert after.average_price == 100
    if state in (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REPLACED):
        assert after.state is state
    if state is not OrderState.REJECTED:
        whole = apply(after, an_event(Step.FILL, quantity="6"))
        assert whole.state is OrderState.FILLED


def test_a_fill_while_a_cancel_is_pending_leaves_it_pending():
    asked = apply(an_order(), an_event(Step.CANCEL_ASKED))
    assert asked.state is OrderState.PENDING_CANCEL
    partly = apply(asked, an_event(Step.FILL))
    assert partly.state is OrderState.PENDING_CANCEL
    assert apply(partly, an_event(Step.CANCEL_REFUSED)).state is OrderState.PARTIALLY_FILLED
    assert not is_news(partly, an_event(Step.WORKING))


def test_an_order_sized_by_the_venue_is_not_filled_before_its_size_is_known():
    order = apply(an_order(OrderState.ACCEPTED, None, target=Decimal(1)), an_event(Step.FILL))
    assert order.state is OrderState.PARTIALLY_FILLED
    sized = apply(order, an_event(Step.ACCEPTED))
    assert sized.state is OrderState.PARTIALLY_FILLED
    assert apply(sized, an_event(Step.FILLED)).state is OrderState.FILLED


def test_a_fill_of_another_symbol_is_refused():
    event = an_event(Step.FILL)
    other = Order(
        order_id="o", run_id="r", strategy="s", symbol="IBM", side=Side.BUY,
        type=OrderType.MARKET, decided_at=AT, quantity=Decimal(10),
    )  # fmt: skip
    with pytest.raises(InvariantError, match="AAPL"):
        apply(other, event)


def test_the_average_price_is_exact():
    order = apply(an_order(), an_event(Step.FILL, quantity="1"))
    two = OrderEvent(
        step=Step.FILL, order_id="o", time=AT,
        fill=Fill(execution_id="f", order_id="o", venue="sim", symbol="AAPL", side=Side.BUY,
                  quantity=Decimal(3), price=Decimal("100.04"), time=AT),
    )  # fmt: skip
    assert apply(order, two).average_price == Decimal("100.03")
