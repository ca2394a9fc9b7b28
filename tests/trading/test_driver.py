"""What the order path does where it cannot go on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderType
from workbench.core.signal import Side
from workbench.errors import InvariantError, OutcomeUnknownError


def test_a_decision_that_breaks_off_half_way_ends_the_journal(path, monkeypatch):
    name = path.propose()
    path.quote()
    (good,) = [one for one in path.venue.drain() if isinstance(one, Fill)]
    odd = replace(good, execution_id="odd", side=Side.SELL)
    monkeypatch.setattr(path.venue, "fills", lambda since=None: [good, odd])
    with pytest.raises(InvariantError, match="is a sell of AAPL"):
        path.manager.recover()
    assert "is a sell" in path.manager.failure  # the first is counted here, and nowhere else
    with pytest.raises(InvariantError, match="start again"):
        path.propose()
    monkeypatch.undo()
    path.restart()
    assert path.state(name) == "filled"
    path.check()


def test_an_intent_whose_id_an_order_has_already_changes_nothing(path):
    intent = path.intent(type=OrderType.LIMIT, limit_price=Decimal(90))
    order = Order(
        order_id=intent.intent_id, run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
        type=OrderType.LIMIT, decided_at=path.clock.now(), quantity=Decimal(10),
        limit_price=Decimal(90),
    )  # fmt: skip
    path.manager.update(path.venue.submit(order))  # of a journal that was lost
    assert path.manager.propose(intent, path.context()) is None
    assert path.manager.failure == ""
    path.check()


def test_a_start_looks_up_only_what_is_not_among_the_open_orders(path, monkeypatch):
    resting = [path.propose(type=OrderType.LIMIT, limit_price=Decimal(90)) for _ in range(5)]
    lost = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    path.venue.cancel(lost)  # while nobody listened
    path.venue.drain()
    submit = path.venue.submit

    def losing(order):
        submit(order)
        raise OutcomeUnknownError("no answer")

    monkeypatch.setattr(path.venue, "submit", losing)
    there = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    asked, order = [], path.venue.order
    monkeypatch.setattr(path.venue, "order", lambda name: (asked.append(name), order(name))[1])
    path.restart()
    assert asked == [lost]
    assert path.state(lost) == "canceled"
    assert {path.state(name) for name in (*resting, there)} == {"working"}
    path.check()
