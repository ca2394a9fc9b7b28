"""Parents in the journal, and the one rule that holds their parts together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from workbench.core.order import OrderType, Slice
from workbench.core.parent import Parent, ParentEvent, ParentState
from workbench.core.signal import Side
from workbench.errors import InvariantError, OutcomeUnknownError, RefusedError, UsageError
from workbench.trading.journal import Journal
from workbench.trading.parents import committed
from workbench.trading.records import Kind, Record
from workbench.trading.snapshot import read_ledger, write_ledger


def parent(path, **facts):
    now = path.clock.now()
    return Parent(
        **{
            "algo_id": "p", "run_id": "run", "strategy": "test", "symbol": "AAPL",
            "side": Side.BUY, "quantity": Decimal(100), "algorithm": "twap", "start": now,
            "end": now + timedelta(hours=1), "settings": {"slices": "10"},
            "max_participation": Decimal("0.1"), "arrival": Decimal("99.5"), **facts,
        }
    )  # fmt: skip


@pytest.fixture
def executed(path):
    path.manager.enter(Record(Kind.PARENT, parent(path)))
    return path


def part(path, number, quantity, attempt=0, **facts):
    made = Slice("p", number, attempt)
    facts = {"intent_id": made.intent_id, "slice": made, **facts}
    path.propose("buy", str(quantity), **facts)
    return made.intent_id


def refusal(path, name):
    judged = path.ledger.intents[name]
    if judged.outcome != "refuse":
        return ""
    return "; ".join(v["reason"] for v in judged.verdicts if v["outcome"] == "refuse")


def left(path):
    execution = path.ledger.executions["p"]
    return execution.parent.quantity - committed(path.ledger, execution)


def test_a_parent_and_its_parts_come_back_from_the_journal(executed):
    name = part(executed, 0, 40)
    executed.quote()
    executed.listen()
    event = ParentEvent(algo_id="p", to=ParentState.PAUSED, time=executed.clock.now(), reason="x")
    executed.manager.enter(Record(Kind.PARENT_EVENT, event))
    executed.check()
    executed.restart()
    execution = executed.ledger.executions["p"]
    assert execution.parent == parent(executed)
    assert list(execution.children) == [name]
    assert (execution.state, execution.reason) == (ParentState.PAUSED, "x")
    assert left(executed) == 60
    assert read_ledger(write_ledger(executed.ledger)) == executed.ledger


def test_what_its_parts_come_to_is_held_below_it_whatever_their_state(executed):
    open_part = part(executed, 0, 60)
    assert refusal(executed, open_part) == ""
    assert refusal(executed, part(executed, 1, 41)) == "its parts would come to 101 of 100"
    assert refusal(executed, part(executed, 2, 40)) == ""
    assert left(executed) == 0
    executed.manager.cancel(open_part)
    executed.listen()
    assert left(executed) == 60
    assert refusal(executed, part(executed, 3, 60)) == ""
    executed.check()


def test_a_part_of_unknown_fate_counts_whole(executed):
    def silent(order):
        raise OutcomeUnknownError("no answer")

    executed.venue.submit = silent
    name = part(executed, 0, 60)
    assert executed.state(name) == "unknown"
    assert left(executed) == 40
    assert refusal(executed, part(executed, 1, 50)) == "its parts would come to 110 of 100"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"side": Side.SELL}, "its parent is a buy of AAPL"),
        ({"symbol": "IBM"}, "its parent is a buy of AAPL"),
        ({"quantity": None, "notional": Decimal(10)}, "a part has a quantity"),
    ],
)
def test_a_part_that_does_not_belong_is_refused(executed, facts, reason):
    made = Slice("p", 0)
    intent = replace(executed.intent(intent_id=made.intent_id, slice=made), **facts)
    executed.manager.propose(intent, executed.context())
    assert reason in refusal(executed, made.intent_id)


def test_only_a_part_of_the_same_parent_takes_the_place_of_a_part(executed):
    facts = {"type": OrderType.LIMIT, "limit_price": Decimal(90)}
    name = part(executed, 0, 40, **facts)
    made = Slice("q", 1)
    for other in ({}, {"slice": made, "intent_id": made.intent_id}):
        by_hand = executed.intent(quantity="40", **facts, **other)
        with pytest.raises(RefusedError, match="is a part of p, which would not count"):
            executed.manager.replace(name, by_hand, executed.context())
    made = Slice("p", 0, 1)
    fits = executed.intent(quantity="30", intent_id=made.intent_id, slice=made, **facts)
    assert executed.manager.replace(name, fits, executed.context()).outcome == "pass"
    executed.listen()
    assert left(executed) == 70
    executed.check()


def test_a_part_of_no_parent_is_refused(path):
    assert refusal(path, part(path, 0, 1)) == "there is no such parent"
    assert not path.ledger.orders


@pytest.mark.parametrize(("limit", "fits"), [(None, False), ("100.5", False), ("99", True)])
def test_the_limit_of_the_parent_is_that_of_its_parts(path, limit, fits):
    path.manager.enter(Record(Kind.PARENT, parent(path, limit_price=Decimal(100))))
    facts = {} if limit is None else {"type": OrderType.LIMIT, "limit_price": Decimal(limit)}
    name = part(path, 0, 10, **facts)
    assert (refusal(path, name) == "") is fits


@pytest.mark.parametrize("state", ["paused", "canceling"])
def test_a_parent_that_is_not_at_work_takes_no_parts(executed, state):
    event = ParentEvent(algo_id="p", to=ParentState(state), time=executed.clock.now())
    executed.manager.enter(Record(Kind.PARENT_EVENT, event))
    assert refusal(executed, part(executed, 0, 10)) == f"its parent is {state}"


def test_a_parent_that_is_over_stays_over(executed):
    now = executed.clock.now()
    for to in (ParentState.CANCELING, ParentState.CANCELED):
        event = ParentEvent(algo_id="p", to=to, time=now)
        executed.manager.enter(Record(Kind.PARENT_EVENT, event))
    again = ParentEvent(algo_id="p", to=ParentState.RUNNING, time=now)
    with pytest.raises(InvariantError, match="from canceled to running"):
        executed.ledger.apply(Record(Kind.PARENT_EVENT, again))
    with pytest.raises(InvariantError, match="already"):
        executed.ledger.apply(Record(Kind.PARENT, parent(executed)))


def test_parts_of_a_parent_at_work_are_not_forgotten(executed):
    names = [part(executed, n, 10) for n in range(5)]
    executed.quote()
    executed.listen()
    executed.journal.close()
    journal = Journal(executed.database, "test", executed.clock, keep=0)
    ledger = journal.load()
    ledger.forget(0)
    assert names[0] in list(ledger.orders)
    event = ParentEvent(algo_id="p", to=ParentState.DONE, time=executed.clock.now())
    ledger.apply(Record(Kind.PARENT_EVENT, event))
    ledger.forget(0)
    assert list(ledger.orders) == []
    assert (ledger.executions, ledger.retired) == ({}, {"p": None})
    assert read_ledger(write_ledger(ledger)) == ledger
    with pytest.raises(InvariantError, match="already"):
        ledger.apply(Record(Kind.PARENT, parent(executed)))
    assert ledger.orders[names[0]].filled == 10
    journal.close()


def test_the_id_of_a_part_is_its_slices(path):
    with pytest.raises(UsageError, match="made from it"):
        path.intent(slice=Slice("p", 0))


@pytest.mark.parametrize(
    "facts",
    [
        {"quantity": Decimal(0)}, {"quantity": Decimal("1.5"), "lot": Decimal(1)},
        {"max_participation": Decimal(2)}, {"limit_price": Decimal(0)}, {"side": Side.FLAT},
    ],
)  # fmt: skip
def test_a_parent_that_makes_no_sense_is_refused(path, facts):
    with pytest.raises(UsageError):
        parent(path, **facts)


def test_a_parent_ends_after_it_starts(path):
    with pytest.raises(UsageError, match="end"):
        parent(path, end=path.clock.now())
