"""Where a limit could be passed, or lock somebody in: no price, no units, no equity."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.order import Intent, Order, OrderType
from workbench.core.signal import Side
from workbench.risk.activity import Activity
from workbench.risk.context import Context, under_way
from workbench.risk.gate import Gate

D = Decimal
NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)
PRICES = {"AAPL": D(100), "IBM": D(50)}
OFF = RiskLimits(
    **{
        name: False if name in ("market_hours", "match_paper", "prevent_self_trade") else None
        for name in RiskLimits.model_fields
    }
)


def an_intent(side="buy", quantity="10", symbol="AAPL", **facts):
    sized = {} if {"target", "notional"} & facts.keys() else {"quantity": D(quantity)}
    return Intent(
        intent_id="i", run_id="r", strategy="s", symbol=symbol, side=Side(side), decided_at=NOW,
        **sized, **facts,
    )  # fmt: skip


def an_order(side="buy", symbol="AAPL", **facts):
    return Order(
        **{
            "order_id": "o", "run_id": "r", "strategy": "s", "symbol": symbol,
            "side": Side(side), "type": OrderType.MARKET, "decided_at": NOW, **facts,
        }
    )  # fmt: skip


def a_context(positions=None, resting=(), prices=PRICES, equity="10000", **facts):
    def sized(symbol):
        rest = [o.quantity - o.filled for o in resting if o.symbol == symbol and o.quantity]
        return sum(rest, D(0)), D(0)

    reserved, aimed = under_way(resting, sized, prices, D(equity))
    held = {name: D(units) for name, units in (positions or {}).items()}
    return Context(
        D(equity), facts.pop("start", D(10_000)), prices, held, reserved, resting=resting,
        aimed=aimed, **facts,
    )  # fmt: skip


def outcome(intent, context=None, **limits):
    gate = Gate.of(OFF.model_copy(update=limits))
    return gate.judge(intent, context or a_context()).outcome


@pytest.mark.parametrize(
    "limits", [{"max_order_quantity": 5}, {"symbols": ("IBM",)}, {"max_order_notional": 500}]
)
def test_no_limit_locks_a_position_in(limits):
    held = a_context({"AAPL": "10"})
    assert outcome(an_intent("sell"), held, **limits) == "pass"
    assert outcome(an_intent("sell", "11"), held, **limits) == "refuse"
    assert outcome(an_intent(), held, **limits) == "refuse"


def test_a_sale_is_judged_at_what_it_may_be_filled_at():
    low = an_intent("sell", "10", type=OrderType.LIMIT, limit_price=D(1))
    assert outcome(low, max_order_notional=500) == "refuse"
    assert outcome(low, max_position_notional=500) == "refuse"
    below = an_intent("sell", "10", type=OrderType.STOP_LIMIT, limit_price=D(1), stop_price=D(40))
    assert outcome(below, max_order_notional=400) == "pass"
    assert outcome(below, max_order_notional=399) == "refuse"


@pytest.mark.parametrize("price", ["0", "-5"])
def test_a_price_that_is_none_measures_nothing(price):
    odd = an_intent(reference_price=D(price))
    assert outcome(odd, a_context(prices={}), max_order_notional=1e9) == "refuse"
    assert outcome(odd, max_order_notional=999) == "refuse"  # the last price is there


@pytest.mark.parametrize(
    "limits",
    [{"max_gross": 2}, {"max_net": 2}, {"max_portfolio_value": 1e6}, {"max_margin": 1}],
)
def test_what_is_held_without_a_price_does_not_count_as_nothing(limits):
    held = a_context({"XYZ": "1000000"})
    assert outcome(an_intent(), held, **limits) == "refuse"
    assert outcome(an_intent(), a_context({"XYZ": "0"}), **limits) == "pass"


@pytest.mark.parametrize("limits", [{"price_collar": 0.1}, {"max_order_multiple": 5}])
def test_what_cannot_be_measured_is_refused(limits):
    activity = Activity()
    for number in range(5):
        activity.note(an_intent("buy", str(number + 1)), NOW, sent=True, notional=D(1000))
    blind = a_context(prices={}, activity=activity)
    asked = {"price_collar": {"type": OrderType.LIMIT, "limit_price": D(1)}}
    assert outcome(an_intent(**asked.get(next(iter(limits)), {})), blind, **limits) == "refuse"


@pytest.mark.parametrize("start", ["0", "-100"])
def test_a_day_that_began_with_nothing_opens_nothing(start):
    poor = a_context({"AAPL": "10"}, start=D(start), peak_equity=D(start))
    for limits in ({"max_daily_loss": 0.1}, {"max_drawdown": 0.1}):
        assert outcome(an_intent(), poor, **limits) == "refuse"
        assert outcome(an_intent("sell"), poor, **limits) == "pass"


def test_open_orders_of_an_amount_count():
    resting = (an_order(notional=D(4_000)),)
    more = an_intent(notional=D(1_001))
    for limits in ({"max_position_notional": 5_000}, {"max_gross": 0.5}, {"max_net": 0.5}):
        assert outcome(more, a_context(resting=resting), **limits) == "refuse"
        assert outcome(an_intent(notional=D(1_000)), a_context(resting=resting), **limits) == "pass"
    own = a_context(resting=resting, activity=Activity())
    assert outcome(more, own, max_strategy_gross=0.5) == "refuse"
    half = (an_order(notional=D(4_000), filled=D(20)),)
    assert outcome(more, a_context({"AAPL": "20"}, half), max_gross=0.5) == "refuse"


def test_open_target_orders_of_other_symbols_count():
    resting = (an_order(symbol="IBM", target=D("1.5")),)
    wanted = an_intent(target=D(1))
    for limits in ({"max_gross": 2}, {"max_net": 2}):
        assert outcome(wanted, a_context(resting=resting), **limits) == "refuse"
        assert outcome(wanted, a_context(), **limits) == "pass"
    again = (an_order(target=D(1)),)  # the newer aim takes the place of the older
    assert outcome(wanted, a_context(resting=again), max_gross=1) == "pass"


def test_an_order_that_is_replaced_was_never_there():
    old = an_order(quantity=D(10), filled=D(4), type=OrderType.LIMIT, limit_price=D(100))
    there = a_context({"AAPL": "4"}, (old,))
    assert outcome(an_intent("buy", "10"), there, max_position_notional=1_000) == "refuse"
    assert (
        outcome(an_intent("buy", "10"), there.without(old), max_position_notional=1_000) == "pass"
    )
    assert (
        outcome(an_intent("buy", "11"), there.without(old), max_position_notional=1_000) != "pass"
    )
    leg = an_order("sell", quantity=D(10), parent_id="entry")
    free = a_context({"AAPL": "10"}, ()).without(leg)  # nothing was reserved for it
    assert outcome(an_intent("sell", "30"), free, max_position_notional=1_500) == "refuse"


def test_numbers_that_no_rule_can_work_with_are_refused():
    odd = a_context(margin_rate=D(0))
    assert outcome(an_intent(), odd, max_margin=1) == "refuse"


def test_amounts_that_differ_are_no_repeats():
    activity = Activity()
    for amount in (100, 200, 300):
        activity.note(an_intent(notional=D(amount)), NOW, sent=True)
    assert activity.repeats(an_intent(notional=D(400)), NOW) == 0
    assert activity.repeats(an_intent(notional=D(300)), NOW) == 1
