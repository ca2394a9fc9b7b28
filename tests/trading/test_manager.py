from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.clock import WallClock
from workbench.core.order import OrderState, OrderType
from workbench.core.quote import Quote
from workbench.costs.costs import Costs
from workbench.errors import (
    InvariantError,
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
)
from workbench.risk.gate import Gate
from workbench.risk.halt import HaltLevel
from workbench.trading.core import OrderCore
from workbench.trading.manager import OrderManager
from workbench.venues.sim.broker import SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms


def test_an_intent_becomes_an_order_and_a_fill(path):
    name = path.propose()
    assert path.state(name) == "accepted"
    path.quote()
    path.listen()
    assert path.state(name) == "filled"
    assert path.ledger.books.position("AAPL").quantity == 10
    assert path.ledger.books.cash["USD"] == 100_000 - 10 * Decimal("100.01") - Decimal("0.3")
    path.check()


def test_the_same_intent_twice_is_one_order(path):
    intent = path.intent()
    assert path.manager.propose(intent, path.context()).outcome == "pass"
    assert path.manager.propose(intent, path.context()) is None
    path.restart()
    assert path.manager.propose(intent, path.context()) is None
    assert list(path.venue.state.slots) == [intent.intent_id]
    path.check()


def test_the_intent_is_on_the_disk_before_anything_is_sent(path, monkeypatch):
    present = []

    def submit(order):
        present.append(path.journal.load().orders[order.order_id].state)
        raise OutcomeUnknownError("no answer")

    monkeypatch.setattr(path.venue, "submit", submit)
    path.propose()
    assert present == [OrderState.SUBMITTED]
    path.check()


def test_nothing_is_sent_where_nothing_could_be_written(path, monkeypatch):
    def full(records, ledger):
        raise UnavailableError("disk full")

    monkeypatch.setattr(path.journal, "append", full)
    with pytest.raises(UnavailableError):
        path.propose()
    assert path.venue.state.slots == {}
    monkeypatch.undo()
    with pytest.raises(InvariantError, match="start again"):
        path.propose()
    path.restart()
    path.propose()
    path.check()


def test_a_refusal_of_the_gate_is_kept_with_its_chain(path):
    path.limits = RiskLimits(max_order_notional=500)
    path.restart()
    name = path.propose()
    assert name not in path.ledger.orders
    judged = path.ledger.intents[name]
    assert judged.outcome == "refuse"
    said = {verdict["rule"]: verdict for verdict in judged.verdicts}
    assert said["order_notional"]["measured"] == "1000"
    assert said["order_notional"]["limit"] == "500.0"
    assert said["price_collar"]["outcome"] == "pass"  # the chain goes on after a refusal
    path.check()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RefusedError("no"), "rejected"),
        (UnavailableError("no route"), "rejected"),
        (OutcomeUnknownError("no answer"), "unknown"),
    ],
)
def test_how_sending_can_fail(path, monkeypatch, error, state):
    def submit(order):
        raise error

    monkeypatch.setattr(path.venue, "submit", submit)
    name = path.propose()
    assert path.state(name) == state
    buys, _ = path.ledger.reserved("AAPL")
    assert buys == (10 if state == "unknown" else 0)  # unknown keeps its reservation
    path.check()


def lose(path, monkeypatch, arrives):
    submit, sent = path.venue.submit, []

    def losing(order):
        sent.append(order.order_id)
        if arrives:
            submit(order)
        raise OutcomeUnknownError("no answer")

    monkeypatch.setattr(path.venue, "submit", losing)
    return sent


def test_an_unknown_order_that_arrived_is_adopted(path, monkeypatch):
    sent = lose(path, monkeypatch, arrives=True)
    name = path.propose()
    assert path.manager.resolve_unknown() == 0
    assert path.state(name) == "accepted"
    path.quote()
    path.listen()
    assert path.state(name) == "filled"
    assert sent == [name]
    path.check()


def test_absence_needs_evidence(path, monkeypatch):
    sent = lose(path, monkeypatch, arrives=False)
    name = path.propose()
    for _ in range(5):
        assert path.manager.resolve_unknown() == 1  # too early to tell: it may be on its way
    path.later(6)
    assert path.manager.resolve_unknown() == 1  # one look is no proof
    assert path.manager.resolve_unknown() == 0
    assert path.state(name) == "rejected"
    assert "absent" in path.ledger.orders[name].reason
    assert sent == [name]
    path.check()


def test_a_failed_question_proves_nothing(path, monkeypatch):
    lose(path, monkeypatch, arrives=False)
    name = path.propose()
    path.later(60)

    def silent(order_id):
        raise UnavailableError("no answer")

    monkeypatch.setattr(path.venue, "order", silent)
    for _ in range(10):
        assert path.manager.resolve_unknown() == 1
    assert path.state(name) == "unknown"
    path.check()


def test_an_unknown_order_that_was_filled_meanwhile(path, monkeypatch):
    lose(path, monkeypatch, arrives=True)
    name = path.propose()
    path.quote()
    path.venue.drain()  # the messages are lost as well
    assert path.manager.resolve_unknown() == 0
    assert path.state(name) == "filled"
    assert path.ledger.books.position("AAPL").quantity == 10
    path.check()


def test_messages_twice_and_in_any_order(path):
    name = path.propose()
    path.quote()
    updates = path.venue.drain()
    for update in [*reversed(updates), *updates, *updates]:
        path.manager.update(update)
    assert path.state(name) == "filled"
    assert len(path.ledger.fills) == 1
    path.check()


def test_a_late_fill_moves_the_position(path):
    name = path.propose(type=OrderType.LIMIT, limit_price=Decimal(101))
    path.quote()
    messages = path.venue.drain()
    canceled = replace(path.venue.order(name), state=OrderState.CANCELED, filled=Decimal(0))
    path.manager.update(canceled)
    assert path.state(name) == "canceled"
    for message in messages:
        path.manager.update(message)
    assert path.state(name) == "filled"
    assert path.ledger.books.position("AAPL").quantity == 10
    path.check()


def test_cancel_and_its_race_with_a_fill(path):
    name = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    path.manager.cancel(name)
    assert path.state(name) == "pending_cancel"
    path.listen()
    assert path.state(name) == "canceled"
    path.manager.cancel(name)  # again: nothing happens

    name = path.propose(type=OrderType.LIMIT, limit_price=Decimal(101))
    path.quote()  # filled at the venue, and we do not know yet
    path.manager.cancel(name)
    path.listen()
    assert path.state(name) == "filled"
    path.check()


def test_canceling_what_is_not_there_offers_the_nearest(path):
    name = path.propose()
    with pytest.raises(UsageError, match=f"did you mean '{name}'"):
        path.manager.cancel(f"{name}x")


def test_replace_is_one_step(path):
    old = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    new = path.intent(type=OrderType.LIMIT, limit_price=Decimal(95))
    path.manager.replace(old, new, path.context())
    path.listen()
    assert path.state(old) == "replaced"
    assert path.state(new.intent_id) == "working"
    assert [o.order_id for o in path.venue.open_orders()] == [new.intent_id]
    path.check()


def test_a_fill_that_overtakes_a_replacement_is_taken_off_its_units(path):
    path.venue.state.terms = plain_terms(Costs(max_participation=1.0))
    old = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    path.venue.on_quote(Quote("AAPL", path.clock.now(), 88.0, 89.0), 4.0)  # nobody listened
    new = path.intent(quantity="12", type=OrderType.LIMIT, limit_price=Decimal(95))
    path.manager.replace(old, new, path.context())
    path.listen()
    filled = path.ledger.orders[old].filled
    assert 0 < filled < 10
    assert path.ledger.orders[new.intent_id].quantity == 12 - filled
    assert path.ledger.reserved("AAPL")[0] == 12 - filled
    path.quote(80.0)
    path.listen()
    assert path.ledger.books.position("AAPL").quantity == 12
    path.check()


def test_a_refused_replace_leaves_the_old_order(path):
    old = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    trailing = path.intent(type=OrderType.TRAILING_STOP)  # with no distance
    path.manager.replace(old, trailing, path.context())
    path.listen()
    assert path.state(old) == "working"
    assert path.state(trailing.intent_id) == "rejected"
    path.check()


def test_trading_waits_for_recovery(path):
    path.manager.is_ready = False
    with pytest.raises(RefusedError, match="recovery"):
        path.propose()


def test_recovery_doubts_what_was_under_way_and_asks(path, monkeypatch):
    sent = lose(path, monkeypatch, arrives=True)
    name = path.propose()
    resting = path.intent(type=OrderType.LIMIT, limit_price=Decimal(90))
    monkeypatch.undo()
    path.manager.propose(resting, path.context())
    path.quote()
    path.venue.drain()  # nobody listened
    path.restart()
    assert path.state(name) == "filled"
    assert path.state(resting.intent_id) == "working"
    assert sent == [name]
    path.check()


def test_recovery_adopts_what_is_none_of_ours(path):
    stranger = path.intent()
    path.venue.submit(replace(_order(stranger), order_id="by-hand"))
    path.quote()
    path.restart()
    assert path.state("by-hand") == "filled"
    assert path.ledger.orders["by-hand"].strategy == "external"
    path.check()


def test_recovery_does_not_start_on_books_that_differ(path):
    path.propose()
    path.quote()
    path.listen()
    path.venue.state.statement.cash += 1
    with pytest.raises(InvariantError, match="USD") as caught:
        path.restart()
    assert len(caught.value.differences) == 1
    assert not path.manager.is_ready


def test_halts_reach_the_gate(path):
    judgement = path.manager.propose(path.intent(), path.context(), HaltLevel.NO_NEW_ORDERS)
    assert judgement.outcome == "refuse"
    assert path.venue.state.slots == {}
    path.check()


def test_a_halt_stops_replacing_too(path):
    old = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))
    new = path.intent(type=OrderType.LIMIT, limit_price=Decimal(95))
    judgement = path.manager.replace(old, new, path.context(), HaltLevel.NO_NEW_ORDERS)
    assert judgement.outcome == "refuse"
    assert path.state(old) == "working"
    assert [o.order_id for o in path.venue.open_orders()] == [old]
    path.check()


def test_a_venue_that_cannot_write_leaves_the_order_unknown(path, tmp_path):
    path.venue.state.memory = memory = Memory(tmp_path / "venue.jsonl")
    kept, memory._file = memory._file, open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
    first = path.propose()
    assert path.state(first) == "unknown"
    memory._file.close()
    memory._file = kept
    path.manager.resolve_unknown()
    assert path.state(first) == "accepted"
    path.check()
    memory.close()


def _order(intent):
    from workbench.core.order import Order

    return Order(
        order_id=intent.intent_id, run_id="r", strategy="s", symbol=intent.symbol,
        side=intent.side, type=intent.type, decided_at=intent.decided_at, quantity=intent.quantity,
    )  # fmt: skip


async def test_a_sending_goes_on_without_who_asked_and_is_unknown_where_it_does_not_end(path):
    class Slow(SimBroker):
        async def submit(self, order):
            await super().submit(order)
            await asyncio.sleep(60)

    path.journal.close()
    path.start()
    broker = Slow(path.venue)
    core = OrderCore(Gate.of(None), path.journal.load())
    manager = OrderManager(core, path.journal, broker, WallClock())
    manager.is_ready = True
    intent = path.intent()
    task = asyncio.create_task(manager.propose(intent, path.context()))
    while path.venue.order(intent.intent_id) is None:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert core.ledger.orders[intent.intent_id].state is OrderState.SUBMITTED
    await manager.drain(0.01)
    assert core.ledger.orders[intent.intent_id].state is OrderState.UNKNOWN
    assert await manager.resolve_unknown() == 0
    assert core.ledger.orders[intent.intent_id].state is OrderState.ACCEPTED
    assert broker.sends == {intent.intent_id: 1}
    path.journal.verify()


async def test_what_the_stream_tells_before_an_answer_is_journaled_before_it(path):
    class Held(SimBroker):
        async def submit(self, order):
            told = await super().submit(order)
            self.answer = asyncio.get_running_loop().create_future()
            await self.answer
            return replace(told, state=OrderState.WORKING)

    path.journal.close()
    path.start()
    broker = Held(path.venue)
    manager = OrderManager(
        OrderCore(Gate.of(None), path.journal.load()), path.journal, broker, WallClock()
    )
    manager.is_ready = True
    intent = path.intent()
    asked = asyncio.create_task(manager.propose(intent, path.context()))
    while not hasattr(broker, "answer"):
        await asyncio.sleep(0.001)
    broker.answer.set_result(None)  # it is here, and nobody has looked at it yet
    await manager.update(path.venue.order(intent.intent_id))
    await asked
    assert manager.core.ledger.orders[intent.intent_id].state is OrderState.WORKING
    path.journal.verify()
    assert path.journal.load() == manager.core.ledger


def test_an_order_ends_when_its_fills_are_here_not_when_somebody_says_so(path, monkeypatch):
    name = path.propose()
    path.quote()
    ended = path.venue.order(name)
    path.venue.drain()

    def silent(since=None):
        raise UnavailableError("no answer")

    monkeypatch.setattr(path.venue, "fills", silent)
    path.manager.update(ended)
    assert path.state(name) == "accepted"
    monkeypatch.undo()
    path.manager.update(ended)
    assert path.state(name) == "filled"
    path.check()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_start_doubts_what_was_being_sent(path, monkeypatch, arrives):
    class Crash(BaseException):
        pass

    submit = path.venue.submit

    def crashing(order):
        if arrives:
            submit(order)
        raise Crash

    monkeypatch.setattr(path.venue, "submit", crashing)
    with pytest.raises(Crash):
        path.propose()
    monkeypatch.undo()
    path.restart()
    assert path.state("i1") == ("accepted" if arrives else "unknown")
    path.later(10)
    path.manager.resolve_unknown()
    path.manager.resolve_unknown()
    assert path.state("i1") == ("accepted" if arrives else "rejected")
    path.check()
