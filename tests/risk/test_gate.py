from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.order import Intent, OrderType
from workbench.core.signal import Side
from workbench.errors import UsageError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.risk.halt import HaltLevel, KillSwitch
from workbench.store.migrate import open_database

OFF = RiskLimits(
    max_order_notional=None, max_position_notional=None, max_gross=None, max_daily_loss=None,
    price_collar=None,
)  # fmt: skip
D = Decimal


def an_intent(side="buy", quantity="10", symbol="AAPL", **facts):
    sized = {} if "target" in facts else {"quantity": D(quantity)}
    return Intent(
        intent_id="i", run_id="r", strategy="s", symbol=symbol, side=Side(side),
        decided_at=datetime(2024, 1, 2, tzinfo=UTC), **sized, **facts,
    )  # fmt: skip


def a_context(positions=None, reserved=None, equity="10000", start="10000"):
    return Context(
        D(equity), D(start), {"AAPL": D(100), "IBM": D(50)},
        {k: D(v) for k, v in (positions or {}).items()},
        {k: (D(a), D(b)) for k, (a, b) in (reserved or {}).items()},
    )  # fmt: skip


def judge(intent, context=None, on_breach="refuse", halt=HaltLevel.RUN, **limits):
    gate = Gate.of(OFF.model_copy(update=limits), on_breach=on_breach)
    return gate.judge(intent, context or a_context(), halt)


def test_without_limits_every_rule_runs_and_passes():
    judgement = Gate.of(None).judge(an_intent(quantity="1e9"), a_context())
    assert judgement.outcome == "pass"
    assert [v.rule for v in judgement.verdicts] == [
        "halt", "reduce_only", "symbols", "capable", "paper_live", "market_hours", "stale_data",
        "order_quantity", "order_notional", "fat_finger", "position_notional", "concentration",
        "gross_exposure", "net_exposure", "strategy_gross", "strategy_net", "portfolio_value",
        "margin", "least_equity", "daily_loss", "drawdown", "price_collar",
        "account_orders_per_second", "account_orders_per_minute", "strategy_orders_per_second",
        "strategy_orders_per_minute", "duplicates", "self_trade",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "fine", "too_much"),
    [
        ({"max_order_quantity": 10}, {"quantity": "10"}, {"quantity": "10.001"}),
        ({"max_order_notional": 1000}, {"quantity": "10"}, {"quantity": "10.001"}),
        ({"max_position_notional": 1500}, {"quantity": "5"}, {"quantity": "5.001"}),
        ({"max_gross": 0.15}, {"quantity": "5"}, {"quantity": "5.001"}),
        ({"symbols": ("AAPL",)}, {"symbol": "AAPL"}, {"symbol": "IBM"}),
        (
            {"price_collar": 0.1},
            {"type": OrderType.LIMIT, "limit_price": D(110)},
            {"type": OrderType.LIMIT, "limit_price": D("110.01")},
        ),
    ],
)
def test_each_limit_at_its_edge(limits, fine, too_much):
    # 5 held, and 5 more on their way
    context = a_context({"AAPL": "5"}, {"AAPL": ("5", "0")})
    assert judge(an_intent(**fine), context, **limits).outcome == "pass"
    refused = judge(an_intent(**too_much), context, **limits)
    assert refused.outcome == "refuse"
    assert refused.reason


def test_gross_counts_the_other_symbols_at_their_worst():
    context = a_context({"IBM": "-10"}, {"IBM": ("0", "10")})  # 20 short at worst: 1,000
    assert judge(an_intent(quantity="10"), context, max_gross=0.2).outcome == "pass"
    assert judge(an_intent(quantity="11"), context, max_gross=0.2).outcome == "refuse"


def test_a_collar_watches_the_losing_side_only():
    low_buy = an_intent(type=OrderType.LIMIT, limit_price=D(50))
    low_sell = an_intent("sell", type=OrderType.LIMIT, limit_price=D(89))
    assert judge(low_buy, price_collar=0.1).outcome == "pass"
    assert judge(low_sell, price_collar=0.1).outcome == "refuse"


def test_the_loss_of_the_day_lets_only_reductions_pass():
    context = a_context({"AAPL": "10"}, equity="8900")
    assert judge(an_intent(), context, max_daily_loss=0.1).outcome == "refuse"
    assert judge(an_intent("sell"), context, max_daily_loss=0.1).outcome == "pass"
    assert judge(an_intent("sell", "11"), context, max_daily_loss=0.1).outcome == "refuse"


@pytest.mark.parametrize("limit", ["max_order_notional", "max_position_notional", "max_gross"])
def test_no_limit_locks_anyone_in(limit):
    context = a_context({"AAPL": "1000"})
    assert judge(an_intent("sell", "1000"), context, **{limit: 0.01}).outcome == "pass"


@pytest.mark.parametrize(
    ("limits", "units"),
    [
        ({"max_order_quantity": 4}, 4),
        ({"max_order_notional": 400}, 4),
        ({"max_position_notional": 1400}, 4),
        ({"max_gross": 0.14}, 4),
        ({"max_order_quantity": 6, "max_order_notional": 300}, 3),
    ],
)
def test_a_trim_lets_through_what_is_fine(limits, units):
    context = a_context({"AAPL": "5"}, {"AAPL": ("5", "0")})
    judgement = judge(an_intent(quantity="10"), context, on_breach="trim", **limits)
    assert judgement.outcome == "trim"
    assert judgement.intent.quantity == units
    assert judge(judgement.intent, context, **limits).outcome == "pass"


def test_a_trim_to_nothing_is_a_refusal():
    context = a_context({"AAPL": "14"})
    assert judge(an_intent(), context, on_breach="trim", max_gross=0.14).outcome == "refuse"


def test_a_target_is_trimmed_as_a_target():
    judgement = judge(an_intent(target=D(1)), on_breach="trim", max_order_notional=2500)
    assert judgement.outcome == "trim"
    assert judgement.intent.target == D("0.25")
    assert judgement.intent.quantity is None


def test_what_cannot_be_measured_is_refused():
    assert judge(an_intent(symbol="GOOG"), max_order_notional=1e9).outcome == "refuse"


@pytest.mark.parametrize(
    ("level", "opens", "reduces", "closes"),
    [
        ("run", "pass", "pass", "pass"),
        ("reduce_only", "refuse", "pass", "pass"),
        ("no_new_orders", "refuse", "refuse", "refuse"),
        ("cancel_all", "refuse", "refuse", "refuse"),
        ("flatten", "refuse", "refuse", "pass"),
    ],
)
def test_halt_levels(level, opens, reduces, closes):
    context, halt = a_context({"AAPL": "10"}), HaltLevel(level)
    assert judge(an_intent(), context, halt=halt).outcome == opens
    assert judge(an_intent("sell"), context, halt=halt).outcome == reduces
    assert judge(an_intent("sell", reduce_only=True), context, halt=halt).outcome == closes


def test_reduce_only_counts_what_is_already_closing():
    context = a_context({"AAPL": "10"}, {"AAPL": ("0", "4")})
    assert judge(an_intent("sell", "6", reduce_only=True), context).outcome == "pass"
    assert judge(an_intent("sell", "7", reduce_only=True), context).outcome == "refuse"
    assert judge(an_intent("buy", "1", reduce_only=True), context).outcome == "refuse"


class TestKillSwitch:
    def test_it_survives_and_is_read_by_others(self, tmp_path):
        url = f"sqlite:///{tmp_path / 'k.db'}"
        one, two = open_database(url), open_database(url)
        switch, other = KillSwitch(one, "desk"), KillSwitch(two, "desk")
        assert switch.level is HaltLevel.RUN
        switch.set("flatten", actor="ada", reason="fire")
        assert other.level is HaltLevel.RUN
        assert other.reload() is HaltLevel.FLATTEN
        assert (other.halt.reason, other.halt.actor) == ("fire", "ada")
        assert KillSwitch(two, "elsewhere").level is HaltLevel.RUN
        one.close()
        two.close()

    def test_lowering_needs_a_reason_and_raising_an_actor(self, tmp_path):
        switch = KillSwitch(open_database("sqlite://"), "desk")
        with pytest.raises(UsageError, match="who"):
            switch.set("cancel_all", actor=" ")
        switch.set("cancel_all", actor="ada")
        with pytest.raises(UsageError, match="reason"):
            switch.set("reduce_only", actor="ada")
        assert switch.level is HaltLevel.CANCEL_ALL
        switch.set("run", actor="ada", reason="all clear")
        assert switch.level is HaltLevel.RUN

    def test_it_is_stored_before_it_holds(self, tmp_path):
        database = open_database("sqlite://")
        switch = KillSwitch(database, "desk")
        with database.write() as connection:
            connection.exec_driver_sql("drop table halts")
        with pytest.raises(Exception, match="halts"):
            switch.set("flatten", actor="ada")
        assert switch.level is HaltLevel.RUN

    def test_an_unknown_level_offers_the_nearest(self):
        with pytest.raises(UsageError, match="did you mean 'flatten'"):
            HaltLevel.parse("flaten")


@pytest.mark.parametrize(
    ("limit", "quantity", "words", "measured"),
    [
        (250_000, "126000", "of 12,600,000 is above the limit of 250,000 (money)", "12600000"),
        (1e7, "1e9", "of 100,000,000,000 is above the limit of 10,000,000 (", "100000000000"),
        (1_000, "10.001", "of 1,000.10 is above the limit of 1,000 (", "1000.10"),
        (1_000, "10.0000001", "of 1,000.00001 is above the limit of 1,000 (", "1000"),
        (0.00001, "0.000001", "of 0.0001 is above the limit of 0.00001 (", "0.0001"),
    ],
)
def test_a_refusal_writes_amounts_as_people_read_them(limit, quantity, words, measured):
    judgement = judge(an_intent(quantity=quantity), max_order_notional=limit)
    assert words in judgement.reason
    refused = next(v for v in judgement.verdicts if v.outcome == "refuse")
    assert refused.measured == measured
    assert "e" not in (refused.measured + refused.limit).lower()


def test_a_collar_and_a_loss_write_percent_and_prices_in_full():
    far = an_intent(type=OrderType.LIMIT, limit_price=D("1E+5"))
    assert (
        "a buy at 100,000 is 99,900 % beyond the last price 100"
        in judge(far, price_collar=0.1).reason
    )
    lost = judge(an_intent(), a_context(equity="8900"), max_daily_loss=0.1)
    assert "loss of 11 % is past the limit of 10 %" in lost.reason
