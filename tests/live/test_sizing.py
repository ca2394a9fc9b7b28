from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.backtest.engine import terms_of
from workbench.backtest.sizing import Sizing
from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.signal import Side
from workbench.live.decisions.sizing import TargetDecider, protection_of
from workbench.venues.sim.floats import FloatBook

AT = datetime(2024, 1, 2, tzinfo=UTC)


def a_decider(**sizing):
    decider = TargetDecider(FloatBook.of(["AAPL"], 1000.0), terms_of(sizing=Sizing(**sizing)))
    decider.book.mark({"AAPL": 10.0})
    return decider


def an_order(order_id="o", state=OrderState.ACCEPTED, parent_id=None):
    return Order(
        order_id=order_id, run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
        type=OrderType.MARKET, decided_at=AT, state=state, parent_id=parent_id,
    )  # fmt: skip


def buy(decider, quantity=100):
    decider.learn(
        Fill(execution_id="e", order_id="o", venue="sim", symbol="AAPL", side=Side.BUY,
             quantity=Decimal(quantity), price=Decimal(10), time=AT)
    )  # fmt: skip


def test_only_a_change_decides():
    decider = a_decider()
    assert decider.decide("AAPL", 0.0, 1000.0) is None  # flat is where it begins
    assert decider.decide("AAPL", math.nan, 1000.0) is None
    assert decider.decide("AAPL", 1.0, 1000.0).side is Side.BUY
    assert decider.decide("AAPL", 1.0, 1000.0) is None


def test_a_newer_decision_takes_the_place_of_a_pending_one():
    decider = a_decider()
    decider.decide("AAPL", 1.0, 1000.0)
    decider.sent("AAPL", "o")
    back = decider.decide("AAPL", 0.0, 1000.0)
    assert (back.cancels, back.side) == ("o", None)  # nothing is held: there is nothing to sell
    decider.learn(an_order(state=OrderState.CANCELED))
    assert decider.decide("AAPL", 1.0, 1000.0).cancels is None


def test_quantities_are_fixed_at_the_decision_where_asked():
    assert a_decider(at="decision", lot=7).decide("AAPL", 1.0, 1000.0).quantity == 98
    assert a_decider().decide("AAPL", 1.0, 1000.0).quantity is None


def test_after_a_stop_the_same_target_does_not_enter_again():
    decider = a_decider(rebalance="always")
    decider.decide("AAPL", 1.0, 1000.0)
    buy(decider)
    decider.learn(an_order("o-loss", parent_id="o"))
    assert decider.decide("AAPL", 0.5, 1000.0) is None  # the leg is still at work
    decider.learn(an_order("o-loss", OrderState.FILLED, parent_id="o"))
    assert decider.decide("AAPL", 1.0, 1000.0) is None
    assert decider.decide("AAPL", 0.5, 1000.0) is not None


@pytest.mark.parametrize(("drift", "decides"), [(0.05, True), (0.2, False)])
def test_drift(drift, decides):
    decider = a_decider(drift=drift)
    buy(decider, 90)
    assert (decider.decide("AAPL", 1.0, 1000.0) is not None) is decides


def test_no_stops_are_no_protection():
    assert protection_of(terms_of().stops) is None
