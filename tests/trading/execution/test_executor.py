"""Parents over the real order path: in one thread, and beside an event loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.config import RiskLimits
from workbench.core.clock import EventClock
from workbench.core.order import OrderState, TimeInForce
from workbench.core.parent import Parent, ParentState
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.core.trade import Trade
from workbench.errors import RefusedError, UsageError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.execution.executor import Executor
from workbench.trading.execution.flow import Pov
from workbench.trading.execution.quoting import Peg
from workbench.trading.execution.schedules import Twap
from workbench.trading.execution.tape import Tape
from workbench.trading.journal import Journal
from workbench.trading.manager import OrderManager
from workbench.trading.records import Kind, Record
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, 15, tzinfo=UTC)


class Desk:
    """An account on a simulated venue that can be left and come back to."""

    def __init__(self, database, faults=None, limits=None):
        self.database = database
        self.clock = EventClock(START)
        self.venue = SimVenue(["AAPL", "IBM"], 1e6, plain_terms())
        self.broker = SimBroker(self.venue, faults)
        self.limits = limits
        self._reader = None

    async def start(self):
        self.journal = Journal(self.database, "desk", self.clock)
        core = OrderCore(Gate.of(self.limits), self.journal.load())
        self.manager = OrderManager(core, self.journal, self.broker, self.clock)
        self.manager.open_book({"USD": Decimal(1_000_000)})
        updates = self.broker.updates()
        await self.manager.recover()
        self._reader = asyncio.create_task(self._read(updates))
        self.tape = Tape()
        self.executor = Executor(self.manager, self.tape, self._propose)

    async def leave(self):
        self._reader.cancel()
        await self.manager.drain()
        self.journal.close()

    async def _read(self, updates):
        async for update in updates:
            await self.manager.update(update)

    def _propose(self, intent):
        context = Context(Decimal(1_000_000), Decimal(1_000_000))
        return self.manager.propose(intent, context)

    async def at(self, seconds, price=100.0):
        self.clock.advance(START + timedelta(seconds=seconds))
        quote = Quote("AAPL", self.clock.now(), price - 0.5, price + 0.5)
        self.tape.take(quote)
        self.broker.on_quote(quote)
        await self.broker.settle()
        await self.executor.look()
        self.broker.on_quote(quote)
        await self.broker.settle()
        await self.executor.look()

    @property
    def ledger(self):
        return self.manager.core.ledger


def parent(algorithm, name="p", **facts):
    return Parent(
        **{
            "algo_id": name, "run_id": "r", "strategy": "s", "symbol": "AAPL", "side": Side.BUY,
            "quantity": Decimal(100), "algorithm": algorithm.name, "settings": algorithm.settings,
            "start": START, "end": START + timedelta(seconds=100), "lot": Decimal(1), **facts,
        }
    )  # fmt: skip


@pytest.fixture
async def desk(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'desk.db'}")
    desk = Desk(database)
    await desk.start()
    yield desk
    await desk.leave()
    database.close()


async def test_a_parent_is_worked_to_its_end(desk):
    await desk.executor.start(parent(Twap(slices=4)))
    for seconds in range(0, 100, 5):
        await desk.at(seconds)
    assert desk.executor.execution("p").state is ParentState.DONE
    filled = [desk.ledger.orders[f"p-{n}-0"].filled for n in range(4)]
    assert filled == [25, 25, 25, 25]
    assert {order.reason for order in desk.ledger.orders.values()} == {
        f"twap p, slice {n}" for n in (1, 2, 3, 4)
    }
    desk.journal.verify()


async def test_a_restart_goes_on_where_it_was_and_repeats_nothing(desk):
    await desk.executor.start(parent(Twap(slices=4)))
    for seconds in (0, 26):
        await desk.at(seconds)
    await desk.leave()
    await desk.start()
    assert desk.executor.progress("p").filled == 50
    for seconds in (27, 51, 76, 80):
        await desk.at(seconds)
    assert desk.executor.execution("p").state is ParentState.DONE
    assert sorted(desk.broker.sends.items()) == [(f"p-{n}-0", 1) for n in range(4)]


async def test_a_share_of_the_volume_does_not_catch_up_on_what_was_not_watched(desk):
    await desk.executor.start(parent(Pov(share=Decimal("0.1"))))
    await desk.at(0)
    desk.tape.take(Trade("AAPL", desk.clock.now(), 100.0, 300.0))
    await desk.at(1)
    assert desk.executor.progress("p").filled == 30
    await desk.leave()
    await desk.start()
    await desk.at(10)
    desk.tape.take(Trade("AAPL", desk.clock.now(), 100.0, 100.0))
    await desk.at(11)
    assert desk.executor.progress("p").filled == 40


async def test_pause_resume_cancel(desk):
    await desk.executor.start(parent(Peg()))
    await desk.at(0)
    (name,) = desk.ledger.open
    await desk.executor.pause("p", "lunch")
    await desk.broker.settle()
    assert desk.ledger.orders[name].state is OrderState.CANCELED
    await desk.at(10)
    assert not desk.ledger.open
    await desk.executor.resume("p")
    await desk.at(11)
    assert list(desk.ledger.open) == ["p-1-0"]
    await desk.executor.cancel("p", "no more")
    await desk.broker.settle()
    await desk.at(12)
    assert desk.executor.execution("p").state is ParentState.CANCELED
    with pytest.raises(RefusedError, match="canceled"):
        await desk.executor.resume("p")


async def test_the_same_parent_again_is_the_one_there_is(desk):
    await desk.executor.start(parent(Twap()))
    await desk.executor.start(parent(Twap()))
    with pytest.raises(UsageError, match="another parent"):
        await desk.executor.start(parent(Twap(slices=3)))
    with pytest.raises(UsageError, match="no parent"):
        desk.executor.execution("q")


async def test_a_parent_with_settings_nobody_knows_is_not_written(desk):
    with pytest.raises(UsageError, match="slices"):
        await desk.executor.start(parent(Twap(), settings={"slice": 3}))
    assert not desk.executor.executions


async def test_nothing_is_done_while_trading_is_off(desk):
    await desk.executor.start(parent(Twap()))
    desk.manager.is_ready = False
    with pytest.raises(RefusedError):
        await desk.executor.start(parent(Twap(), "q"))
    await desk.at(0)
    assert not desk.ledger.orders


async def test_parents_run_side_by_side_and_a_slow_answer_holds_up_one(desk):
    submit, gate = desk.broker.submit, asyncio.Event()

    async def slow(order):
        if order.order_id.startswith("p-"):
            await gate.wait()
        return await submit(order)

    desk.broker.submit = slow
    await desk.executor.start(parent(Twap(slices=1)))
    await desk.executor.start(parent(Twap(slices=1), "q"))
    looking = asyncio.create_task(desk.executor.look())
    while "q-0-0" not in desk.broker.sends:
        await asyncio.sleep(0)
    await desk.executor.look()  # p is at work already: it is left alone
    gate.set()
    await looking
    assert desk.broker.sends == {"p-0-0": 1, "q-0-0": 1}


async def test_what_the_gate_refuses_five_times_is_paused_with_its_reason(desk):
    await desk.leave()
    desk.limits = RiskLimits(symbols=["IBM"])
    await desk.start()
    await desk.executor.start(parent(Twap(slices=1)))
    for seconds in range(0, 90, 2):
        await desk.at(seconds)
    execution = desk.executor.execution("p")
    assert execution.state is ParentState.PAUSED
    assert execution.reason == "its last 5 parts were refused"
    assert list(execution.children) == [f"p-0-{n}" for n in range(5)]
    assert not desk.broker.sends
    await desk.executor.resume("p", "looked at")
    assert list(execution.children)[5:] == ["p-0-5"]  # tried anew, and not held at once
    assert execution.state is ParentState.RUNNING


async def test_what_is_asked_of_each_part_is_asked_of_the_parent(desk):
    asked = parent(Twap(slices=1), tif=TimeInForce.DAY, extended_hours=True, reduce_only=True)
    await desk.executor.start(asked)
    await desk.executor.look()
    intent = desk.ledger.intents["p-0-0"].intent
    assert (intent.tif, intent.extended_hours, intent.reduce_only) == (TimeInForce.DAY, True, True)


async def test_trading_that_is_switched_off_meanwhile_ends_no_executor(desk):
    await desk.executor.start(parent(Twap(slices=1)))

    async def off(intent):
        desk.manager.is_ready = False
        return await desk.manager.propose(intent, Context(Decimal(1), Decimal(1)))

    desk.executor._propose = off
    await desk.executor.look()
    assert desk.executor.execution("p").state is ParentState.RUNNING
    assert not desk.ledger.intents


async def test_a_parent_of_another_version_is_paused_and_the_others_go_on(desk):
    for name, algorithm in (("o", "guess"), ("p", "twap")):
        told = replace(parent(Twap(slices=1), name), algorithm=algorithm)
        desk.manager.enter(Record(Kind.PARENT, told))
    await desk.at(0)
    execution = desk.executor.execution("o")
    assert (execution.state, execution.reason) == (
        ParentState.PAUSED, "no execution algorithm 'guess'",
    )  # fmt: skip
    assert desk.broker.sends == {"p-0-0": 1}
    await desk.at(100)
    assert desk.executor.execution("o").state is ParentState.ENDED


async def test_a_bad_line_sends_no_part_twice(tmp_path):
    faults = Faults(seed=3, lose_response=0.3, lose_request=0.2, duplicate=0.3)
    desk = Desk(open_database(f"sqlite:///{tmp_path / 'desk.db'}"), faults)
    await desk.start()
    await desk.executor.start(parent(Twap(slices=20), quantity=Decimal(200)))
    for seconds in range(100):
        await desk.at(seconds)
        await desk.manager.resolve_unknown()
    assert max(desk.broker.sends.values()) == 1
    assert sum(fill.quantity for fill in desk.venue.fills()) <= 200
    held = desk.ledger.books.position("AAPL").quantity
    assert held == sum(fill.quantity for fill in desk.venue.fills())
    await desk.leave()
    desk.database.close()
