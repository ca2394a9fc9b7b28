from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal

import pytest

from workbench.core.order import OrderState, OrderType
from workbench.errors import InvariantError, RefusedError, UnavailableError
from workbench.risk.gate import Gate
from workbench.trading.core import OrderCore
from workbench.trading.ledger import Ledger
from workbench.trading.manager import OrderManager
from workbench.trading.records import Kind, Record
from workbench.venues.sim.broker import SimBroker


@pytest.fixture
def make(path):
    def make(broker=None):
        path.journal.close()
        path.start()
        core = OrderCore(Gate.of(path.limits), path.journal.load())
        manager = OrderManager(core, path.journal, broker or SimBroker(path.venue), path.clock)
        manager.is_ready = True
        return manager

    return make


@pytest.fixture
def pages(path, make, monkeypatch):
    """A manager, and a list of how many entries each page held."""
    manager, written = make(), []
    write = path.journal.write

    def counting(page):
        written.append(len(page.entries))
        time.sleep(0.02)  # a slow disk
        write(page)

    monkeypatch.setattr(path.journal, "write", counting)
    return manager, written


async def test_orders_proposed_at_once_share_one_write(path, pages):
    manager, written = pages
    await asyncio.gather(*(manager.propose(path.intent(), path.context()) for _ in range(20)))
    assert len(manager.core.ledger.orders) == 20
    assert written[0] == 20 * 3  # intent, order, submitted: of all, before anything was sent
    assert len(written) <= 3
    await manager.drain()
    path.journal.verify()


async def test_an_order_alone_does_not_wait_for_others(path, pages):
    manager, written = pages
    await manager.propose(path.intent(), path.context())
    assert written[0] == 3
    await manager.drain()


async def test_the_event_loop_goes_on_while_the_disk_writes(path, pages):
    manager, _ = pages
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    threads = {threading.get_ident()}
    write = path.journal.write
    path.journal.write = lambda page: (threads.add(threading.get_ident()), write(page))
    await manager.propose(path.intent(), path.context())
    task.cancel()
    assert turns > 10
    assert len(threads) == 2
    await manager.drain()


async def test_nothing_is_sent_before_the_write_is_done(path, make, monkeypatch):
    manager, seen = make(), []
    write, submit = path.journal.write, path.venue.submit
    monkeypatch.setattr(path.journal, "write", lambda page: (write(page), seen.append("written")))
    monkeypatch.setattr(path.venue, "submit", lambda order: (seen.append("sent"), submit(order))[1])
    await asyncio.gather(*(manager.propose(path.intent(), path.context()) for _ in range(5)))
    assert seen[:6] == ["written"] + ["sent"] * 5
    await manager.drain()


async def test_where_the_journal_fails_nothing_is_sent_but_cancels_are(path, make, monkeypatch):
    broker = SimBroker(path.venue)
    manager = make(broker)
    resting = path.intent(type=OrderType.LIMIT, limit_price=Decimal(90))
    await manager.propose(resting, path.context())

    def full(page):
        raise UnavailableError("disk full")

    monkeypatch.setattr(path.journal, "write", full)
    for error in (UnavailableError, InvariantError):
        with pytest.raises(error):
            await manager.propose(path.intent(), path.context())
    assert "disk full" in manager.failure
    assert list(broker.sends) == [resting.intent_id]
    await manager.cancel(resting.intent_id)
    assert path.venue.order(resting.intent_id).state is OrderState.CANCELED
    monkeypatch.undo()
    await manager.drain()
    path.restart()
    assert path.state(resting.intent_id) == "canceled"
    path.check()


def test_a_failed_journal_of_the_synchronous_driver_still_cancels(path, monkeypatch):
    name = path.propose(type=OrderType.LIMIT, limit_price=Decimal(90))

    def full(records, ledger):
        raise UnavailableError("disk full")

    monkeypatch.setattr(path.journal, "append", full)
    path.manager.cancel(name)
    assert path.venue.order(name).state is OrderState.CANCELED
    with pytest.raises(InvariantError, match="start again"):
        path.propose()


async def test_drain_leaves_unknown_what_does_not_end(path, make):
    class Mute(SimBroker):
        async def submit(self, order):
            await asyncio.sleep(60)

    manager = make(Mute(path.venue))
    intents = [path.intent() for _ in range(3)]
    tasks = [asyncio.create_task(manager.propose(one, path.context())) for one in intents]
    await asyncio.sleep(0.05)
    await manager.drain(0.05)
    await asyncio.gather(*tasks, return_exceptions=True)
    states = {manager.core.ledger.orders[one.intent_id].state for one in intents}
    assert states == {OrderState.UNKNOWN}
    path.journal.verify()


async def test_a_note_is_written_with_what_comes(path, make):
    manager = make()
    manager.note("day", date="2024-01-02")
    await manager.flush()
    assert path.journal.head[0] == path.journal.verify()
    await manager.drain()


async def test_trading_off_is_a_refusal(path, make):
    manager = make()
    manager.is_ready = False
    with pytest.raises(RefusedError, match="recovery"):
        await manager.propose(path.intent(), path.context())


async def test_a_page_has_all_that_the_ledger_it_is_made_of_has(path, make, monkeypatch):
    manager = make()
    await manager.flush()
    seen, prepare = [Record(Kind.OPENED, {"USD": "100000"})], path.journal.prepare

    def compared(records, ledger):
        seen.extend(records)
        assert Ledger.fold(seen) == ledger
        return prepare(records, ledger)

    monkeypatch.setattr(path.journal, "prepare", compared)
    manager.note("a page is about to be written")
    task = asyncio.create_task(manager.propose(path.intent(), path.context()))
    await task  # decided between that and the writing
    await manager.drain()
    assert len(seen) > 4
    path.journal.verify()


async def test_whatever_breaks_a_write_off_ends_the_journal(path, make, monkeypatch):
    broker = SimBroker(path.venue)
    manager = make(broker)
    await manager.flush()
    write, broken = path.journal.write, [ValueError("a text of another kind")]

    def once(page):
        if broken:
            raise broken.pop()
        write(page)

    monkeypatch.setattr(path.journal, "write", once)
    with pytest.raises(ValueError, match="another kind"):
        await manager.propose(path.intent(), path.context())
    assert "another kind" in manager.failure
    with pytest.raises(InvariantError, match="start again"):
        await manager.propose(path.intent(), path.context())
    assert broker.sends == {}
    await manager.drain()
    path.restart()
    path.check()
