"""Each rule at its edge, and what no limit may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.capabilities import Capabilities
from workbench.core.fill import Fill
from workbench.core.order import Intent, Order, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.risk.activity import Activity
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.risk.usage import usage

D = Decimal
NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)
OFF = RiskLimits(
    **{
        name: False if name in ("market_hours", "match_paper", "prevent_self_trade") else None
        for name in RiskLimits.model_fields
    }
)


def an_intent(side="buy", quantity="10", symbol="AAPL", strategy="s", **facts):
    sized = {} if "target" in facts or "notional" in facts else {"quantity": D(quantity)}
    return Intent(
        intent_id="i", run_id="r", strategy=strategy, symbol=symbol, side=Side(side),
        decided_at=NOW, **sized, **facts,
    )  # fmt: skip


def an_order(side="sell", quantity="5", limit="101", symbol="AAPL", strategy="s", **facts):
    return Order(
        **{
            "order_id": "o", "run_id": "r", "strategy": strategy, "symbol": symbol,
            "side": Side(side), "type": OrderType.LIMIT, "decided_at": NOW,
            "quantity": D(quantity), "limit_price": D(limit), **facts,
        }
    )  # fmt: skip


def a_fill(side="buy", quantity="10", symbol="AAPL"):
    return Fill(
        execution_id="e", order_id="o", venue="sim", symbol=symbol, side=Side(side),
        quantity=D(quantity), price=D(100), time=NOW,
    )  # fmt: skip


def a_context(positions=None, reserved=None, equity="10000", **facts):
    return Context(
        D(equity), D(10_000), {"AAPL": D(100), "IBM": D(50)},
        {k: D(v) for k, v in (positions or {}).items()},
        {k: (D(a), D(b)) for k, (a, b) in (reserved or {}).items()}, **facts,
    )  # fmt: skip


def verdict(rule, intent, context=None, on_breach="refuse", **limits):
    gate = Gate.of(OFF.model_copy(update=limits), on_breach=on_breach)
    judgement = gate.judge(intent, context or a_context())
    found = next(one for one in judgement.verdicts if one.rule == rule)
    others = [v.rule for v in judgement.verdicts if v.outcome != "pass" and v.rule != rule]
    assert others == []
    return found


@pytest.mark.parametrize(
    ("rule", "limits", "fine", "too_much"),
    [  # 5 AAPL held and 5 on their way; 20 IBM short, 1,000 in money
        ("concentration", {"max_concentration": 0.15}, "5", "5.001"),
        ("portfolio_value", {"max_portfolio_value": 2_500}, "5", "5.001"),
        ("margin", {"max_margin": 0.125}, "5", "5.001"),
        ("net_exposure", {"max_net": 0.05}, "5", "5.001"),
    ],
)
def test_exposures_at_their_edge(rule, limits, fine, too_much):
    context = a_context({"AAPL": "5", "IBM": "-20"}, {"AAPL": ("5", "0")}, margin_rate=D("0.5"))
    passed = verdict(rule, an_intent(quantity=fine), context, **limits)
    assert (passed.outcome, bool(passed.measured), bool(passed.unit)) == ("pass", True, True)
    refused = verdict(rule, an_intent(quantity=too_much), context, **limits)
    assert (refused.outcome, bool(refused.reason)) == ("refuse", True)
    trimmed = verdict(rule, an_intent(quantity="50"), context, on_breach="trim", **limits)
    assert (trimmed.outcome, trimmed.quantity) == ("trim", D(fine))


def test_a_short_is_net_exposure_too():
    context = a_context({"IBM": "-20"})
    assert verdict("net_exposure", an_intent("sell"), context, max_net=0.19).outcome == "refuse"
    assert verdict("net_exposure", an_intent("sell"), context, max_net=0.2).outcome == "pass"
    # what brings the net back towards zero passes however far off it is
    assert verdict("net_exposure", an_intent(), context, max_net=0.01).outcome == "pass"


def test_to_sell_one_side_of_a_hedge_makes_the_net_larger():
    context = a_context({"AAPL": "10", "IBM": "-30"})  # 1,000 long, 1,500 short
    one_side = verdict("net_exposure", an_intent("sell"), context, max_net=0.1)
    assert (one_side.outcome, one_side.measured) == ("refuse", "0.15")
    asked = an_intent("sell", reduce_only=True)
    assert verdict("net_exposure", asked, context, max_net=0.1).outcome == "pass"


def test_a_strategy_is_held_to_what_it_did_itself():
    activity = Activity()
    activity.filled("mine", a_fill(quantity="10"))
    activity.filled("other", a_fill("sell", "10"))  # the account is flat
    resting = [an_order("buy", "5", "99", strategy="mine")]
    context = a_context({}, {"AAPL": ("5", "0")}, activity=activity, resting=resting)
    for name, rule in (
        ("max_strategy_gross", "strategy_gross"),
        ("max_strategy_net", "strategy_net"),
    ):
        mine = an_intent(quantity="5", strategy="mine")
        assert verdict(rule, mine, context, **{name: 0.2}).outcome == "pass"
        assert verdict(rule, mine, context, **{name: 0.199}).outcome == "refuse"
        fresh = an_intent(quantity="15", strategy="third")
        assert verdict(rule, fresh, context, **{name: 0.15}).outcome == "pass"
        closing = an_intent("sell", "10", strategy="mine")
        assert verdict(rule, closing, context, **{name: 0.01}).outcome == "pass"


def test_a_loss_since_the_highest_lets_only_reductions_pass():
    context = a_context({"AAPL": "10"}, equity="9400", peak_equity=D(11_000))
    assert verdict("drawdown", an_intent(), context, max_drawdown=0.15).outcome == "pass"
    refused = verdict("drawdown", an_intent(), context, max_drawdown=0.145)
    assert "14.5455 % below" in refused.reason
    assert verdict("drawdown", an_intent("sell"), context, max_drawdown=0.01).outcome == "pass"


def test_an_account_worth_too_little_opens_nothing():
    context = a_context({"AAPL": "10"})
    assert verdict("least_equity", an_intent(), context, min_equity=10_000).outcome == "pass"
    assert verdict("least_equity", an_intent(), context, min_equity=10_001).outcome == "refuse"
    assert verdict("least_equity", an_intent("sell"), context, min_equity=1e9).outcome == "pass"


class TestPace:
    def gate(self, **limits):
        return Gate.of(OFF.model_copy(update=limits))

    def outcomes(self, gate, seconds, **facts):
        activity = Activity()
        return [
            gate.judge(
                an_intent(quantity=str(number + 1), **facts),
                a_context(activity=activity, now=NOW + timedelta(seconds=second)),
            ).outcome
            for number, second in enumerate(seconds)
        ]

    def test_orders_a_second_and_what_was_refused_does_not_count(self):
        gate = self.gate(max_orders_per_second=2)
        assert self.outcomes(gate, [0, 0.5, 0.9, 1.0, 1.2, 1.5]) == [
            "pass", "pass", "refuse", "pass", "refuse", "pass"
        ]  # fmt: skip

    def test_orders_a_minute(self):
        gate = self.gate(max_orders_per_minute=3)
        assert self.outcomes(gate, [0, 20, 40, 59, 60]) == [
            "pass", "pass", "pass", "refuse", "pass"
        ]  # fmt: skip

    @pytest.mark.parametrize("window", ["second", "minute"])
    def test_each_strategy_has_its_own_rate(self, window):
        gate, activity = self.gate(**{f"max_strategy_orders_per_{window}": 1}), Activity()
        context = a_context(activity=activity, now=NOW)
        said = [
            gate.judge(an_intent(quantity=str(number + 1), strategy=name), context).outcome
            for number, name in enumerate(["a", "b", "a"])
        ]
        assert said == ["pass", "pass", "refuse"]

    def test_the_same_wish_a_fourth_time_within_a_second(self):
        gate, activity = self.gate(max_duplicates=3), Activity()

        def ask(second, **facts):
            context = a_context(activity=activity, now=NOW + timedelta(seconds=second))
            return gate.judge(an_intent(**facts), context).outcome

        assert [ask(0.1 * n) for n in range(5)] == ["pass"] * 3 + ["refuse"] * 2
        assert ask(0.5, quantity="11") == "pass"
        assert ask(0.5, side="sell") == "pass"
        assert ask(2.0) == "pass"

    def test_a_size_out_of_the_usual(self):
        gate, activity = self.gate(max_order_multiple=10), Activity()
        context = a_context(activity=activity, now=NOW)
        assert (
            gate.judge(an_intent(quantity="1000"), context).outcome == "pass"
        )  # nothing usual yet
        for _ in range(5):
            gate.judge(an_intent(quantity="2"), context)
        assert gate.judge(an_intent(quantity="20"), context).outcome == "pass"
        refused = gate.judge(an_intent(quantity="21"), context)
        assert "times the usual 200 in AAPL" in refused.reason
        assert gate.judge(an_intent(quantity="5000", symbol="IBM"), context).outcome == "pass"

    def test_no_rate_keeps_anyone_from_closing(self):
        gate, activity = self.gate(max_orders_per_second=1, max_duplicates=1), Activity()
        context = a_context({"AAPL": "100"}, activity=activity, now=NOW)
        said = [gate.judge(an_intent("sell"), context).outcome for _ in range(3)]
        assert said == ["pass"] * 3


def test_a_quote_that_is_too_old():
    seen = {"AAPL": NOW - timedelta(seconds=15)}
    for held, age, outcome in (("0", 15, "pass"), ("0", 14.9, "refuse"), ("-10", 1, "pass")):
        context = a_context({"AAPL": held}, seen=seen, now=NOW)
        assert verdict("stale_data", an_intent(), context, max_quote_age=age).outcome == outcome
    context = a_context(seen=seen, now=NOW)
    never = verdict("stale_data", an_intent(symbol="IBM"), context, max_quote_age=15)
    assert "nothing was heard of IBM" in never.reason


DAY, LIMIT = {"tif": TimeInForce.DAY}, {"type": OrderType.LIMIT, "limit_price": D(100)}


@pytest.mark.parametrize(
    ("phase", "facts", "outcome"),
    [
        ("open", DAY, "pass"),
        ("closed", DAY, "refuse"),
        ("closed", {"tif": TimeInForce.IOC}, "refuse"),
        ("closed", {}, "pass"),  # good till canceled: it waits for the open
        ("closed", {**DAY, **LIMIT, "extended_hours": True}, "refuse"),
        ("extended", DAY, "refuse"),
        ("extended", {**DAY, **LIMIT}, "refuse"),
        ("extended", {**DAY, **LIMIT, "extended_hours": True}, "pass"),
    ],
)
def test_the_hours_of_a_market(phase, facts, outcome):
    context = a_context(phases={"AAPL": phase})
    found = verdict("market_hours", an_intent(**facts), context, market_hours=True)
    assert found.outcome == outcome
    assert verdict("market_hours", an_intent(**facts), context).outcome == "pass"
    held = replace(context, positions={"AAPL": D(-10)})
    assert verdict("market_hours", an_intent(**facts), held, market_hours=True).outcome == "pass"


def test_data_may_be_as_old_as_three_of_its_intervals():
    context = a_context(
        seen={"AAPL": NOW - timedelta(seconds=180)}, now=NOW, every={"AAPL": timedelta(minutes=1)}
    )
    assert verdict("stale_data", an_intent(), context, max_quote_age=15).outcome == "pass"
    late = replace(context, now=NOW + timedelta(seconds=1))
    assert verdict("stale_data", an_intent(), late, max_quote_age=15).outcome == "refuse"


def test_paper_stays_on_paper():
    context = a_context(mode="paper", venue_mode="live")
    refused = verdict("paper_live", an_intent(), context, match_paper=True)
    assert (refused.outcome, refused.measured, refused.limit) == ("refuse", "live", "paper")
    same = replace(context, venue_mode="paper")
    assert verdict("paper_live", an_intent(), same, match_paper=True).outcome == "pass"


@pytest.mark.parametrize(
    ("resting", "facts", "outcome"),
    [
        ({}, {}, "refuse"),  # a market order may reach 1 % past the last price
        ({"limit": "101.01"}, {}, "pass"),
        ({"side": "buy"}, {}, "pass"),
        ({"symbol": "IBM"}, {}, "pass"),
        ({"parent_id": "p"}, {}, "pass"),
        ({}, {"type": OrderType.LIMIT, "limit_price": D(101)}, "refuse"),
        ({}, {"type": OrderType.LIMIT, "limit_price": D("100.99")}, "pass"),
        ({"side": "buy", "limit": "99"}, {"side": "sell"}, "refuse"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(101)}, {}, "pass"),
        ({}, {"type": OrderType.STOP, "stop_price": D(150)}, "pass"),
    ],
)
def test_no_order_meets_one_of_our_own(resting, facts, outcome):
    context = a_context(resting=[an_order(**resting)])
    found = verdict("self_trade", an_intent(**facts), context, prevent_self_trade=True)
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("facts", "lacks"),
    [
        ({}, ""),
        ({"type": OrderType.STOP, "stop_price": D(90)}, "stop orders"),
        ({"side": "sell", "quantity": "11"}, "short positions"),
        ({"side": "sell", "quantity": "10"}, ""),
        ({"target": D(1)}, "orders without a quantity"),
        ({"notional": D(100)}, "orders of an amount"),
    ],
)
def test_what_a_venue_lacks_is_refused_before_there_is_an_order(facts, lacks):
    gate = Gate.of(OFF, capabilities=Capabilities())
    judgement = gate.judge(an_intent(**facts), a_context({"AAPL": "10"}))
    assert judgement.outcome == ("refuse" if lacks else "pass")
    assert lacks in judgement.reason


PRICES = {"ETH/BTC": D("0.05"), "BTC/USD": D(60_000), "SAP": D(200), "AAPL": D(100)}


def abroad(rates=(("BTC", 60_000),), positions=None, **facts):
    held = {k: D(v) for k, v in (positions or {}).items()}
    return Context(
        D(10_000), D(10_000), PRICES, held, currency="USD", currencies={"SAP": "EUR"},
        rates={name: D(rate) for name, rate in rates}, **facts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "value", "fits", "exceeds"),
    [
        ("max_order_notional", 3_000, "1", "1.01"),  # 0.05 BTC are 3,000 USD
        ("max_position_notional", 3_000, "1", "1.01"),
        ("max_gross", 0.3, "1", "1.01"),
        ("max_net", 0.3, "1", "1.01"),
        ("max_concentration", 0.3, "1", "1.01"),
        ("max_margin", 0.3, "1", "1.01"),
        ("max_portfolio_value", 3_000, "1", "1.01"),
    ],
)
def test_what_is_priced_in_another_currency_is_valued_by_its_rate(limit, value, fits, exceeds):
    gate = Gate.of(OFF.model_copy(update={limit: value}))
    for quantity, outcome in ((fits, "pass"), (exceeds, "refuse")):
        judged = gate.judge(an_intent(quantity=quantity, symbol="ETH/BTC"), abroad())
        assert judged.outcome == outcome, judged.reason
    judged = gate.judge(an_intent(quantity=fits, symbol="ETH/BTC"), abroad(()))
    assert judged.outcome == "refuse"
    assert judged.reason == "no rate for BTC in USD to measure the order by"
    reduction = an_intent("sell", "1", symbol="ETH/BTC", reduce_only=True)
    assert gate.judge(reduction, abroad((), {"ETH/BTC": 2})).outcome == "pass"


def test_what_is_held_in_another_currency_counts_by_its_rate():
    gate = Gate.of(OFF.model_copy(update={"max_gross": 1.0}))
    for rate, outcome in (("1.0", "pass"), ("1.2", "refuse")):  # 40 SAP, and 20 AAPL
        context = abroad([("EUR", rate)], {"SAP": 40})
        assert gate.judge(an_intent(quantity="20"), context).outcome == outcome
    reason = gate.judge(an_intent(quantity="20"), abroad((), {"SAP": 40})).reason
    assert "no rate for EUR in USD, which SAP is held" in reason


def test_a_target_in_another_currency_is_sized_and_trimmed_by_its_rate():
    gate = Gate.of(OFF.model_copy(update={"max_gross": 0.3}), on_breach="trim")
    judged = gate.judge(an_intent(symbol="ETH/BTC", target=D("0.6")), abroad())
    assert (judged.outcome, judged.intent.target) == ("trim", D("0.3"))


def test_where_no_currency_is_told_prices_are_in_that_of_the_account():
    gate = Gate.of(OFF.model_copy(update={"max_order_notional": 3_000}))
    context = replace(abroad(()), currency="")
    assert gate.judge(an_intent(quantity="60000", symbol="ETH/BTC"), context).outcome == "pass"


def test_usage_counts_other_currencies_by_their_rate():
    limits = RiskLimits(max_position_notional=10_000)
    found = {use.name: use.used for use in usage(limits, abroad(positions={"ETH/BTC": 2}))}
    assert found["max_position_notional"] == found["max_portfolio_value"] == 6_000
    without = {use.name: use.used for use in usage(limits, abroad((), {"ETH/BTC": 2}))}
    assert without["max_position_notional"] == 0
