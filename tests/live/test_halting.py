"""What a halt asks for, by scope, until it is proven."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderType
from workbench.core.signal import Side
from workbench.live.accounts.halting import Close, Halting, closing_intent
from workbench.risk.halt import KillSwitch
from workbench.store.migrate import open_database
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record
from workbench.trading.states import OrderEvent, Step

NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def switch():
    return KillSwitch(open_database("sqlite://"), "desk")


@pytest.fixture
def ledger():
    """Of two strategies: 10 and 5 AAPL, 7 IBM short; an order of each symbol and strategy."""
    made = Ledger()
    held = [("Cross", "AAPL", "buy", 10), ("Other", "AAPL", "buy", 5), ("Other", "IBM", "sell", 7)]
    for number, (strategy, symbol, side, quantity) in enumerate(held):
        _order(made, f"h{number}", strategy, symbol, side, quantity)
        fill = Fill(
            execution_id=f"e{number}", order_id=f"h{number}", symbol=symbol, side=Side(side),
            quantity=Decimal(quantity), price=Decimal(100), time=NOW, venue="sim",
        )  # fmt: skip
        event = OrderEvent(step=Step.FILL, order_id=f"h{number}", time=NOW, fill=fill)
        made.apply(Record(Kind.FILL, event, f"h{number}"))
    _order(made, "w1", "Cross", "MSFT", "buy", 1)
    _order(made, "w2", "Other", "GOOG", "sell", 1)
    return made


def _order(ledger, name, strategy, symbol, side, quantity):
    order = Order(
        order_id=name, run_id="r", strategy=strategy, symbol=symbol, side=Side(side),
        type=OrderType.MARKET, decided_at=NOW, quantity=Decimal(quantity),
    )  # fmt: skip
    ledger.apply(Record(Kind.ORDER, order, name))


@pytest.mark.parametrize(
    ("level", "scope", "cancels", "closes"),
    [
        ("no_new_orders", "all", (), ()),
        ("cancel_all", "all", ("w1", "w2"), ()),
        ("cancel_all", "strategy:Cross", ("w1",), ()),
        ("cancel_all", "symbol:GOOG", ("w2",), ()),
        ("flatten", "symbol:IBM", (), (Close("IBM", Decimal(-7)),)),
        ("flatten", "strategy:Cross", ("w1",), (Close("AAPL", Decimal(10), "Cross"),)),
        (
            "flatten",
            "account:desk",
            ("w1", "w2"),
            (Close("AAPL", Decimal(15)), Close("IBM", Decimal(-7))),
        ),
    ],
)
def test_each_scope_ends_its_own(switch, ledger, level, scope, cancels, closes):
    switch.set(level, actor="ada", scope=scope)
    step = Halting().step(ledger, switch, NOW)
    assert (step.cancels, step.closes) == (cancels, closes)
    assert Halting.is_proven(ledger, switch) is not bool(cancels or closes)


def test_a_cancel_is_asked_again_until_the_order_is_gone(switch, ledger):
    switch.set("cancel_all", actor="ada", scope="symbol:GOOG")
    halting = Halting()
    asked = [
        second
        for second in range(61)
        if halting.step(ledger, switch, NOW + timedelta(seconds=second)).cancels
    ]
    assert asked == [0, 20, 40, 60]
    ended = OrderEvent(step=Step.CANCELED, order_id="w2", time=NOW)
    ledger.apply(Record(Kind.EVENT, ended, "w2"))
    assert halting.step(ledger, switch, NOW + timedelta(seconds=99)).cancels == ()
    assert Halting.is_proven(ledger, switch)


def test_an_order_of_unknown_fate_keeps_it_unproven(switch, ledger):
    switch.set("cancel_all", actor="ada")
    for name in ("w1", "w2"):
        event = OrderEvent(step=Step.UNKNOWN, order_id=name, time=NOW)
        ledger.apply(Record(Kind.EVENT, event, name))
    assert Halting().step(ledger, switch, NOW).cancels == ("w1", "w2")
    assert not Halting.is_proven(ledger, switch)


def test_a_strategy_closes_no_more_than_is_there(switch, ledger):
    _order(ledger, "h9", "halt", "AAPL", "sell", 9)
    fill = Fill(
        execution_id="e9", order_id="h9", symbol="AAPL", side=Side.SELL, quantity=Decimal(9),
        price=Decimal(100), time=NOW, venue="sim",
    )  # fmt: skip
    ledger.apply(
        Record(Kind.FILL, OrderEvent(step=Step.FILL, order_id="h9", time=NOW, fill=fill), "h9")
    )
    switch.set("flatten", actor="ada", scope="strategy:Cross")
    (close,) = Halting().step(ledger, switch, NOW).closes
    assert close == Close("AAPL", Decimal(6), "Cross")
    intent = closing_intent("flat-1", close, NOW)
    assert (intent.side, intent.quantity, intent.reduce_only) == (Side.SELL, 6, True)


@pytest.mark.parametrize(
    ("owner", "side", "quantity", "closes"),
    [
        ("Cross", "sell", 1, ()),
        ("Other", "buy", 3, (Close("AAPL", Decimal(10), "Cross"),)),
        ("Other", "sell", 5, (Close("AAPL", Decimal(10), "Cross"),)),
        ("Other", "sell", 9, (Close("AAPL", Decimal(6), "Cross"),)),  # no further than flat
        ("Other", "sell", 15, ()),
    ],
)
def test_a_strategy_waits_for_its_own_orders_only(switch, ledger, owner, side, quantity, closes):
    _order(ledger, "w3", owner, "AAPL", side, quantity)
    switch.set("flatten", actor="ada", scope="strategy:Cross")
    assert Halting().step(ledger, switch, NOW).closes == closes
