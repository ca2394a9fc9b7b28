"""When a venue is asked what, and which differences count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.config_groups import ReconcileSettings
from workbench.core.position import Position
from workbench.errors import UsageError
from workbench.trading.adjust import Adjustment
from workbench.trading.books import Books, Difference
from workbench.trading.reconcile import Ask, Budget, Planner, Standing

NOW = datetime(2024, 1, 2, tzinfo=UTC)
AAPL = Difference("AAPL", Decimal(10), Decimal(12))
USD = Difference("USD", Decimal(10), Decimal(12), is_cash=True)


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def asked(planner, seconds):
    """How often each question is asked in so many seconds."""
    counts = dict.fromkeys(Ask, 0)
    for second in range(1, seconds + 1):
        for ask in planner.due(at(second)):
            counts[ask] += 1
    return counts


@pytest.fixture
def planner():
    made = Planner(ReconcileSettings())
    made.begin(NOW)
    return made


def test_each_question_has_its_pace(planner):
    counts = asked(planner, 3_600)
    assert counts == {
        Ask.IN_FLIGHT: 3_600, Ask.FILLS: 720, Ask.ORDERS: 360, Ask.STATEMENT: 120, Ask.DEEP: 1,
    }  # fmt: skip


def test_the_pace_is_a_setting():
    planner = Planner(ReconcileSettings(fills_seconds=2, orders_seconds=60))
    planner.begin(NOW)
    counts = asked(planner, 60)
    assert (counts[Ask.FILLS], counts[Ask.ORDERS]) == (30, 1)


def test_what_is_urgent_is_asked_at_once_and_then_as_before(planner):
    planner.hurry(Ask.FILLS)
    assert planner.due(at(0.5)) == [Ask.FILLS]
    assert Ask.FILLS not in planner.due(at(2))
    assert Ask.FILLS in planner.due(at(5.5))


def test_no_more_is_asked_than_the_share_of_the_limit():
    planner = Planner(ReconcileSettings(max_share=0.3), per_minute=40)
    planner.begin(NOW)
    counts = asked(planner, 600)
    cost = counts[Ask.FILLS] + counts[Ask.ORDERS] + 3 * counts[Ask.STATEMENT]
    assert 100 < cost <= 10 + 600 / 60 * 40 * 0.3
    assert counts[Ask.IN_FLIGHT] == 600  # costs by the order, and asks the budget itself
    assert counts[Ask.STATEMENT] > 3


def test_a_question_that_failed_is_asked_again_within_ten_seconds(planner):
    for second in (3_600, 3_610, 3_620):
        assert Ask.DEEP in planner.due(at(second))
        is_alarming = planner.failed(Ask.DEEP, at(second))
    assert is_alarming
    assert not planner.failed(Ask.DEEP, at(3_630))  # told once
    planner.succeeded(Ask.DEEP, at(3_640))
    assert not planner.failed(Ask.DEEP, at(3_650))
    assert planner.answered[Ask.DEEP] == at(3_640)


def test_a_budget_is_all_or_nothing_where_asked():
    budget = Budget(60)
    assert not budget.take_all(11, NOW)
    assert budget.take_all(10, NOW)
    assert not budget.take_all(1, NOW)
    assert budget.take_all(1, at(1))
    assert Budget().take(10_000, NOW) == 10_000


def quiet(difference):
    return None


@pytest.fixture
def standing():
    return Standing(ReconcileSettings())


def test_a_difference_counts_once_it_has_stayed(standing):
    assert standing.check([AAPL], at(0), quiet) == []
    assert standing.check([AAPL], at(29), quiet) == []
    assert standing.check([AAPL], at(30), quiet) == [AAPL]
    assert standing.check([AAPL], at(60), quiet) == []  # told once
    assert standing.found["AAPL"].is_confirmed
    assert standing.found["AAPL"].since == NOW


def test_a_difference_that_went_away_begins_anew(standing):
    standing.check([AAPL], at(0), quiet)
    assert standing.check([], at(30), quiet) == []
    assert standing.found == {}
    assert standing.check([AAPL], at(60), quiet) == []
    assert standing.check([AAPL], at(90), quiet) == [AAPL]


def test_a_difference_while_something_happens_may_be_on_its_way(standing):
    for second in range(0, 300, 30):
        assert standing.check([AAPL], at(second), lambda _: at(second - 4)) == []  # noqa: B023
    last = at(270 - 4)
    assert standing.check([AAPL], at(299), lambda _: last) == []
    assert standing.check([AAPL], at(300), lambda _: last) == [AAPL]


def test_what_happened_between_two_looks_starts_the_time_again(standing):
    standing.check([AAPL], at(0), quiet)
    assert standing.check([AAPL], at(30), lambda _: at(10)) == []
    assert standing.check([AAPL], at(60), lambda _: at(10)) == [AAPL]


def test_each_symbol_has_its_own_time(standing):
    standing.check([AAPL], at(0), quiet)
    assert standing.check([AAPL, USD], at(30), quiet) == [AAPL]
    assert standing.check([AAPL, USD], at(60), quiet) == [USD]


def test_books_are_compared_to_the_last_digit():
    books = Books({"USD": Decimal("10.001")}, {"AAPL": Position("AAPL", Decimal("0.1"))})
    theirs = [Position("AAPL", Decimal("0.10")), Position("IBM", Decimal("-1e-9"))]
    found = books.compare(theirs, Decimal("10.001"))
    assert [str(one) for one in found] == ["IBM: 0 in our books, -0.000000001 at the venue"]
    assert found[0].missing == Decimal("-1e-9")
    (cash,) = books.compare(theirs[:1], Decimal("10.00"))
    assert (cash.name, cash.is_cash, cash.missing) == ("USD", True, Decimal("-0.001"))
    assert books.compare(theirs[:1], Decimal("10.00"), places=2) == []
    assert len(books.compare(theirs[:1], Decimal("9.99"), places=2)) == 1


@pytest.mark.parametrize("facts", [{"actor": " "}, {"reason": ""}, {"difference": None}])
def test_nobody_takes_over_a_difference_without_a_name_and_a_reason(facts):
    same = Difference("AAPL", Decimal(1), Decimal("1.0"))
    given = {"difference": AAPL, "venue": "sim", "actor": "ada", "reason": "why", **facts}
    with pytest.raises(UsageError):
        Adjustment(**{**given, "difference": given["difference"] or same})
