"""Limits as data: changed, kept, told; how much of them is used; what trips by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.clock import EventClock
from workbench.errors import UsageError
from workbench.risk.breakers import Breakers
from workbench.risk.context import Context
from workbench.risk.limits import LimitBook, loosened
from workbench.risk.usage import usage
from workbench.store.migrate import open_database

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    made = open_database(f"sqlite:///{tmp_path / 'limits.db'}")
    yield made
    made.close()


def test_what_is_changed_outlives_a_restart_and_the_file(database):
    book, other = (LimitBook(database, "desk", RiskLimits(max_gross=3)) for _ in range(2))
    assert (book.limits.max_gross, book.version) == (3, 0)
    book.change({"max_gross": 1.5, "symbols": ["IBM"]}, actor="ada", reason="nervous")
    assert other.reload()
    assert (other.limits.max_gross, other.limits.symbols) == (1.5, ("IBM",))
    assert not other.reload()
    again = LimitBook(database, "desk", RiskLimits(max_gross=9))
    assert (again.limits, again.version) == (book.limits, 1)
    assert LimitBook(database, "other", RiskLimits()).version == 0


def test_who_changed_what_from_what_to_what_and_why(database):
    book = LimitBook(database, "desk", RiskLimits())
    book.change({"max_net": 1}, actor="ada", reason="a new rule")
    book.change({"max_net": None}, actor="ben", reason="an old rule")
    last, first = book.history()
    assert (first.version, first.actor, first.reason) == (1, "ada", "a new rule")
    assert RiskLimits.model_validate_json(first.before) == RiskLimits()
    assert RiskLimits.model_validate_json(first.after).max_net == 1
    assert (last.before, last.actor) == (first.after, "ben")


def test_a_change_keeps_what_another_process_changed_a_moment_ago(database, monkeypatch):
    mine, other = (LimitBook(database, "desk", RiskLimits()) for _ in range(2))
    write, waiting = database.write, [other]

    def late():
        if waiting:  # after my look, before my write
            waiting.pop().change({"max_gross": 0.5}, actor="ben", reason="stricter")
        return write()

    monkeypatch.setattr(database, "write", late)
    mine.change({"max_net": 1}, actor="ada", reason="a new rule")
    kept = LimitBook(database, "desk", RiskLimits()).limits
    assert (kept.max_net, kept.max_gross) == (1, 0.5)


def test_the_last_change_holds_though_the_clock_was_set_back(database):
    clock = EventClock(NOW)
    LimitBook(database, "desk", RiskLimits(), clock).change({"max_net": 2}, actor="a", reason="x")
    clock = EventClock(NOW - timedelta(hours=1))
    book = LimitBook(database, "desk", RiskLimits(), clock)
    book.change({"max_net": 1}, actor="a", reason="stricter")
    assert LimitBook(database, "desk", RiskLimits()).limits.max_net == 1
    assert [one.version for one in book.history()] == [2, 1]


@pytest.mark.parametrize(
    ("updates", "who", "why", "words"),
    [
        ({"max_gros": 1}, "ada", "x", "did you mean 'max_gross'"),
        ({"max_gross": -1}, "ada", "x", "max_gross: "),
        ({"max_gross": "much"}, "ada", "x", "max_gross: "),
        ({"max_gross": 2}, "ada", "x", "already"),
        ({"max_gross": 1}, "ada", " ", "reason"),
        ({"max_gross": 1}, "", "x", "somebody"),
    ],
)
def test_what_cannot_be_a_limit_changes_nothing(database, updates, who, why, words):
    book = LimitBook(database, "desk", RiskLimits())
    with pytest.raises(UsageError, match=words):
        book.change(updates, actor=who, reason=why)
    assert (book.reload(), book.limits, book.history()) == (False, RiskLimits(), [])


@pytest.mark.parametrize(
    ("before", "after", "looser"),
    [
        ({"max_gross": 2}, {"max_gross": 3}, ("max_gross",)),
        ({"max_gross": 3}, {"max_gross": 2}, ()),
        ({"max_gross": 2}, {"max_gross": None}, ("max_gross",)),
        ({"max_gross": None}, {"max_gross": 2}, ()),
        ({"min_equity": 2}, {"min_equity": 1}, ("min_equity",)),
        ({"min_equity": 2}, {"min_equity": 3}, ()),
        ({"symbols": ("A",)}, {"symbols": ("A", "B")}, ("symbols",)),
        ({"symbols": ("A", "B")}, {"symbols": ("A",)}, ()),
        ({"market_hours": True}, {"market_hours": False}, ("market_hours",)),
        ({"market_hours": False}, {"market_hours": True}, ()),
        ({"halt_at_loss": 0.1}, {"halt_at_loss": 0.2}, ("halt_at_loss",)),
    ],
)
def test_what_is_looser(before, after, looser):
    assert loosened(RiskLimits(**before), RiskLimits(**after)) == looser


def test_usage_counts_what_open_orders_can_still_add():
    context = Context(
        D(1_000), D(2_000), {"A": D(10), "B": D(10)}, {"A": D(50), "B": D(-20)},
        {"A": (D(10), D(0))}, peak_equity=D(4_000), margin_rate=D("0.5"),
    )  # fmt: skip
    limits = RiskLimits(max_net=1, max_concentration=1, max_margin=1, max_drawdown=0.5,
                        min_equity=500, max_order_quantity=5, max_gross=None)  # fmt: skip
    used = {use.name: use for use in usage(limits, context)}
    assert used["max_position_notional"].used == 600
    assert used["max_gross"].used == D("0.8")
    assert used["max_gross"].limit == ""
    assert used["max_net"].used == D("0.4")
    assert used["max_concentration"].share == 0.6
    assert used["max_margin"].share == 0.4
    assert used["max_daily_loss"].share == 5.0
    assert used["max_drawdown"].share == 1.5
    assert used["min_equity"].share == 0.5
    assert (used["max_order_quantity"].limit, used["max_order_quantity"].share) == ("5.0", None)
    assert used["market_hours"].limit == "on"
    assert [use.name for use in usage(limits, context)] == list(RiskLimits.model_fields)


class TestBreakers:
    def test_the_loss_of_the_day(self):
        breakers, limits = Breakers(), RiskLimits(halt_at_loss=0.1)

        def check(equity):
            trip = breakers.check(limits, NOW, equity=D(equity), day_start=D(1000))
            return None if trip is None else (trip.name, trip.level.value)

        assert check("900.01") is None
        assert check("900") == ("loss", "cancel_all")
        assert check("890") is None  # an admin has let it go on
        assert check("850") == ("loss", "cancel_all")
        breakers.new_day()
        assert check("850") == ("loss", "cancel_all")

    def test_a_share_of_rejects_of_enough_orders(self):
        breakers, limits = Breakers(), RiskLimits(halt_at_reject_share=0.5)
        for number in range(19):
            breakers.sent(NOW)
            breakers.rejected(NOW)
            assert breakers.check(limits, NOW) is None, number
        breakers.sent(NOW)
        assert breakers.check(limits, NOW + timedelta(seconds=61)) is None
        for _ in range(20):
            breakers.sent(NOW)
        for _ in range(10):
            breakers.rejected(NOW)
        trip = breakers.check(limits, NOW)
        assert (trip.name, trip.level.value) == ("rejects", "no_new_orders")
        assert "10 of the last minute's 20" in trip.reason
        assert breakers.check(limits, NOW) is None

    def test_orders_of_unknown_fate(self):
        breakers, limits = Breakers(), RiskLimits()
        for second in (0, 10, 20, 31, 32):
            breakers.unknown(NOW + timedelta(seconds=second))
        assert breakers.check(limits, NOW + timedelta(seconds=32)) is None
        breakers.unknown(NOW + timedelta(seconds=33))
        breakers.unknown(NOW + timedelta(seconds=33))
        assert breakers.check(limits, NOW + timedelta(seconds=33)).name == "venue"

    def test_a_breaker_that_is_off(self):
        off = RiskLimits(halt_at_loss=None, halt_at_reject_share=None, halt_at_unknown=None)
        breakers = Breakers()
        for _ in range(50):
            breakers.sent(NOW)
            breakers.rejected(NOW)
            breakers.unknown(NOW)
        assert breakers.check(off, NOW, equity=D(1), day_start=D(1000)) is None
