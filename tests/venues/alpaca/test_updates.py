from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from workbench.core.fill import Fill
from workbench.core.order import OrderState, OrderType, Protection
from workbench.errors import UsageError
from workbench.testing.brokers.alpaca.papers import frame
from workbench.testing.brokers.alpaca.server import AlpacaServer
from workbench.testing.brokers.venue import AlpacaUnderTest, settings_for
from workbench.venues.alpaca.broker import AlpacaBroker
from workbench.venues.alpaca.messages import Names, instant
from workbench.venues.alpaca.updates import Pace, TradeUpdates

LIMIT = {"type": OrderType.LIMIT, "limit_price": D(100)}


class Ear:
    """What a broker tells, as it comes."""

    def __init__(self):
        self.fills, self.orders, self.all = [], [], []

    async def listen(self, updates):
        async for update in updates:
            self.all.append(update)
            (self.fills if isinstance(update, Fill) else self.orders).append(update)

    async def until(self, said):
        async with asyncio.timeout(20):
            while not said():
                await asyncio.sleep(0.01)

    def state(self, name):
        return next((o.state for o in reversed(self.orders) if o.order_id == name), None)


@asynccontextmanager
async def ear(venue):
    made = Ear()
    connections = venue.server.stream.count
    task = asyncio.create_task(made.listen(venue.broker.updates()))
    await made.until(lambda: venue.server.stream.count > connections)
    await asyncio.sleep(0.05)  # the first look at what was before
    try:
        yield made
        assert len({fill.execution_id for fill in made.fills}) == len(made.fills)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def faults(venue, **told):
    with venue.server.book.lock:
        venue.server.book.faults = venue.server.book.faults.changed(told)


@pytest.fixture
async def still(tmp_path):
    """A venue whose stream has to tell everything: nobody asks beside it."""
    made = AlpacaUnderTest(tmp_path, pull=600.0)
    yield made
    await made.close()


async def test_the_stream_and_the_list_name_executions_alike(still, order):
    async with ear(still) as heard:
        wish = order(**LIMIT)
        await still.broker.submit(wish)
        for size in (2.0, 3.0, 0.5, 100.0):
            still.server.book.quote("AAPL", 98.0, 99.0, size)
        await heard.until(lambda: heard.state(wish.order_id) is OrderState.FILLED)
    assert [f.quantity for f in heard.fills] == [D(2), D(3), D("0.5"), D("4.5")]
    assert heard.fills == await still.broker.fills()
    places = [heard.all.index(fill) for fill in heard.fills]
    ended = next(n for n, u in enumerate(heard.all)
                 if not isinstance(u, Fill) and u.state is OrderState.FILLED)  # fmt: skip
    assert max(places) < ended


@pytest.mark.parametrize("seed", range(3))
async def test_frames_that_are_lost_late_or_doubled(venue, order, seed):
    async with ear(venue) as heard:
        faults(venue, seed=seed, lose=0.3, late=0.2, duplicate=0.3)
        wishes = [order(**LIMIT) for _ in range(4)]
        for wish in wishes:
            await venue.broker.submit(wish)
        for size in (3.0, 1.0, 4.0, 2.0, 30.0, 40.0):
            venue.server.book.quote("AAPL", 98.0, 99.0, size)
        await heard.until(lambda: all(heard.state(w.order_id) is OrderState.FILLED for w in wishes))
        await heard.until(lambda: sum(f.quantity for f in heard.fills) == 40)
    assert {f.execution_id for f in heard.fills} == {
        f.execution_id for f in await venue.broker.fills()
    }


async def test_what_happened_while_nobody_listened(venue, order):
    async with ear(venue) as heard:
        filled, canceled = order(**LIMIT), order(**{**LIMIT, "limit_price": D(50)})
        for wish in (filled, canceled):
            await venue.broker.submit(wish)
        venue.server.stream.refuse(503, times=2)
        await asyncio.to_thread(venue.server.run, venue.server.stream.kick(1011))
        venue.move(98, 99)
        await venue.broker.cancel(canceled.order_id)
        await heard.until(lambda: venue.server.stream.count >= 2)
        await heard.until(lambda: heard.state(filled.order_id) is OrderState.FILLED)
        await heard.until(lambda: heard.state(canceled.order_id) is OrderState.CANCELED)
    assert [f.quantity for f in heard.fills] == [D(10)]


@pytest.mark.parametrize("code", [1000, 1001, 1008])
async def test_a_goodbye_is_answered_with_a_new_connection(still, order, code):
    async with ear(still) as heard:
        await asyncio.to_thread(still.server.run, still.server.stream.kick(code))
        await heard.until(lambda: still.server.stream.count >= 2)
        wish = order()
        await still.broker.submit(wish)
        still.move(98, 99)
        await heard.until(lambda: heard.state(wish.order_id) is OrderState.FILLED)


async def test_the_day_ends(still, order):
    async with ear(still) as heard:
        wish = order(**{**LIMIT, "limit_price": D(50)})
        await still.broker.submit(wish)
        still.server.book.end_session()
        await heard.until(lambda: heard.state(wish.order_id) is OrderState.EXPIRED)
        states = [o.state for o in heard.orders if o.order_id == wish.order_id]
        assert OrderState.CANCELED not in states


async def test_frames_that_cannot_be_read_are_passed_over_and_asked_about(still, order):
    async with ear(still) as heard:
        stream = still.server.stream
        garbage = b'{"stream": "trade_updates", "data": {"event": "fill", "order": {}}}'
        for raw in (b"{", b"\xff\xfe", b"[]", b"7", b'{"stream": "trade_updates"}', garbage):
            still.server.run(stream.raw(raw))
        wish = order()
        faults(still, lose=1.0)
        await still.broker.submit(wish)
        still.move(98, 99)
        still.server.run(stream.raw(b'{"stream": "trade_updates", "data": {"event": "fill"}}'))
        await heard.until(lambda: len(heard.fills) == 1)
        assert stream.count == 1


async def test_an_unknown_event_is_an_order_all_the_same(still, order, caplog):
    async with ear(still) as heard:
        wish = order(**LIMIT)
        await still.broker.submit(wish)
        book = still.server.book
        for _ in range(2):
            told = frame(book.by_client[wish.order_id], "teleported", book.stamps)
            still.server.run(still.server.stream.raw(json.dumps(told).encode()))
        await heard.until(lambda: len(heard.orders) >= 4)
    assert sum("teleported" in record.message for record in caplog.records) == 1


async def test_a_bust_takes_an_execution_back(still, order):
    async with ear(still) as heard:
        await still.broker.submit(order())
        still.move(98, 99)
        await heard.until(lambda: len(heard.fills) == 1)
        still.server.book.bust(0)
        await heard.until(lambda: len(heard.fills) == 2)
    fill, back = heard.fills
    assert (back.reverses, back.quantity, back.price) == (fill.execution_id, D(10), fill.price)
    assert back.side is not fill.side
    assert await still.broker.positions() == []
    assert (await still.broker.account()).cash == still.cash


async def test_a_correction_is_one_entry_back_and_one_anew(still, order):
    async with ear(still) as heard:
        wish = order()
        await still.broker.submit(wish)
        still.move(98, 99)
        await heard.until(lambda: len(heard.fills) == 1)
        book = still.server.book
        told = frame(book.by_client[wish.order_id], "trade_correct", book.stamps,
                     price="98.5", qty="10")  # fmt: skip
        still.server.run(still.server.stream.raw(json.dumps(told).encode()))
        await heard.until(lambda: len(heard.fills) == 3)
    first, back, right = heard.fills
    assert (back.reverses, back.price) == (first.execution_id, 99)
    assert (right.reverses, right.side, right.price) == (None, first.side, D("98.5"))


async def test_a_wrong_key_is_told_once(tmp_path):
    with AlpacaServer(key="PKOTHER") as server:
        broker = AlpacaBroker(settings_for(server, tmp_path))
        with pytest.raises(UsageError, match="refuses the stream"):
            await anext(broker.updates())
        assert len(server.stream.asked) == 1
        await broker.close()


async def test_a_reader_that_comes_late_begins_where_it_began(venue, order):
    await venue.broker.submit(order())
    venue.move(98, 99)
    async with ear(venue) as heard:
        await heard.until(lambda: len(heard.fills) == 1)  # of the last minute
        again = order()
        await venue.broker.submit(again)
        venue.move(98, 99)
        await heard.until(lambda: heard.state(again.order_id) is OrderState.FILLED)


async def test_a_leg_of_an_order_sent_before_the_start_is_told_by_its_name(venue, order, tmp_path):
    guard = Protection(loss_price=D(90), profit_price=D(110))
    wish = order(protection=guard)
    venue.move(98, 99)
    await venue.broker.submit(wish)
    venue.move(98, 99)
    await venue.broker.close()
    venue.broker = AlpacaBroker(settings_for(venue.server, tmp_path), pace=Pace(pull=1.0))
    venue.fail_queries(True)
    async with ear(venue) as heard:
        venue.move(89, 90)
        await asyncio.sleep(0.2)  # the stream has told of it, and nobody could be asked whose it is
        venue.fail_queries(False)
        await heard.until(lambda: heard.state(f"{wish.order_id}-loss") is OrderState.FILLED)
        await heard.until(lambda: heard.state(f"{wish.order_id}-profit") is OrderState.CANCELED)
    told = {o.order_id for o in heard.orders} | {f.order_id for f in heard.fills}
    assert told <= {wish.order_id, f"{wish.order_id}-loss", f"{wish.order_id}-profit"}


class NoBooks:
    names = Names()


def test_fills_that_overtake_each_other_wait_for_the_list():
    made = TradeUpdates(
        NoBooks(), lambda: None, "alpaca-paper", since=datetime(2024, 1, 2, tzinfo=UTC)
    )

    def told(event, cum, qty):
        order = {
            "id": "v", "client_order_id": "o", "symbol": "AAPL", "side": "buy", "type": "market",
            "status": "partially_filled", "qty": "30", "filled_qty": cum, "filled_avg_price": "9",
            "submitted_at": "2024-01-02T00:00:00Z",
        }  # fmt: skip
        data = {"event": event, "order": order, "price": "9", "qty": qty,
                "timestamp": "2024-01-02T00:00:00.123456789Z"}  # fmt: skip
        return [u for u in made._read({"stream": "trade_updates", "data": data})
                if isinstance(u, Fill)]  # fmt: skip

    assert told("partial_fill", "20", "10") == []  # the first ten are missing
    assert made._next_pull == 0.0
    assert [f.execution_id for f in told("partial_fill", "10", "10")] == ["v:10"]
    assert told("partial_fill", "10", "10") == []  # a repeat
    assert [f.execution_id for f in told("partial_fill", "20.0", "10")] == ["v:20"]


def test_times():
    assert instant("2024-01-02T00:00:00.123456789Z").microsecond == 123456
    assert instant("2024-01-02T00:00:00Z") == datetime(2024, 1, 2, tzinfo=UTC)
    with pytest.raises(ValueError, match="zone"):
        instant("2024-01-02T00:00:00")
