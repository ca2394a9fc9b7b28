"""Feeds of one process at a vendor that lets in one connection per key."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgpack
import pytest
from websockets.asyncio.client import connect

from workbench.core.bar import Bar
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.errors import UsageError
from workbench.live.market.feeds import feed

BTC, ETH, SOL = "BTC/USD", "ETH/USD", "SOL/USD"
QUICK = "\n[feeds]\nmute_seconds = 30\nlongest_wait_seconds = 0.1\ntolerance_seconds = 0.0\n"


def now():
    return datetime.now(UTC).replace(microsecond=0)


def trade(number, symbol=BTC):
    return Trade(symbol, now(), 100.0, 1.0, str(number))


def bar(symbol=BTC):
    time = datetime.now(UTC).replace(second=0, microsecond=0)
    return Bar(symbol, time, 1.0, 2.0, 0.5, 1.5, 10.0, time + timedelta(minutes=1))


class Reader:
    """Reads a feed in the background."""

    def __init__(self, opened):
        self.opened = opened
        self._found = asyncio.Queue()
        self._task = asyncio.create_task(self._read())

    async def _read(self):
        async for event in self.opened:
            await self._found.put(event)

    async def next(self):
        async with asyncio.timeout(15):
            got = asyncio.create_task(self._found.get())
            await asyncio.wait([got, self._task], return_when=asyncio.FIRST_COMPLETED)
            if not got.done():
                got.cancel()
                await self._task
            return got.result()

    async def close(self):
        await self.opened.close()
        await asyncio.gather(self._task, return_exceptions=True)


async def until(is_so):
    async with asyncio.timeout(15):
        while not is_so():
            await asyncio.sleep(0.01)


def channels(server):
    """What the one connection is subscribed to."""
    (only,) = server.live or [None]
    return server.channels.get(only, set())


def trades_of(*symbols):
    return {("trades", symbol) for symbol in symbols}


def connection(reader):
    (line,) = reader.opened._lines
    return line.connection


@pytest.fixture
async def at_alpaca(vendor):
    server, _, settings = await vendor("alpaca", QUICK)
    readers = []

    def open_feed(symbols, kinds="trades"):
        made = Reader(feed(symbols, kinds, source="alpaca", settings=settings))
        readers.append(made)
        return made

    yield server, open_feed
    for reader in readers:
        await reader.close()


async def test_each_feed_gets_its_own_over_one_connection(at_alpaca):
    server, open_feed = at_alpaca
    first, second = open_feed([BTC, ETH]), open_feed([BTC], ["quotes", "trades"])
    await until(lambda: channels(server) == {*trades_of(BTC, ETH), ("quotes", BTC)})
    quote = Quote(BTC, now(), 99.0, 101.0, 1.0, 1.0)
    await server.tell(quote, trade(1), trade(2, ETH), bar(SOL))
    assert [(await first.next()).symbol for _ in range(2)] == [BTC, ETH]
    got = [await second.next() for _ in range(2)]
    assert {type(event).__name__ for event in got} == {"Quote", "Trade"}
    assert server.count == 1
    assert first.opened.metrics.snapshot()["messages"] == 2
    assert second.opened.metrics.snapshot()["messages"] == 2


async def test_who_leaves_takes_only_what_nobody_else_wants(at_alpaca):
    server, open_feed = at_alpaca
    first, second = open_feed([BTC, ETH]), open_feed([BTC, SOL])
    await until(lambda: channels(server) == trades_of(BTC, ETH, SOL))
    await first.close()
    await until(lambda: channels(server) == trades_of(BTC, SOL))
    await server.tell(trade(1))
    assert (await second.next()).symbol == BTC
    await second.close()
    await until(lambda: not server.live)
    third = open_feed([ETH])
    await server.subscribed(2)
    await server.tell(trade(2, ETH))
    assert (await third.next()).symbol == ETH
    assert third.opened.metrics.snapshot()["reconnects"] == 0


async def test_what_is_refused_to_one_is_no_matter_of_the_other(at_alpaca):
    server, open_feed = at_alpaca
    server.most = 2
    first = open_feed([BTC, ETH])
    await server.subscribed(1)
    second = open_feed([SOL])
    with pytest.raises(UsageError, match="symbol limit exceeded"):
        await second.next()
    await server.tell(trade(1), trade(2, SOL), trade(3, ETH))
    assert [(await first.next()).symbol for _ in range(2)] == [BTC, ETH]
    third = open_feed([ETH])  # nothing new is asked for
    await until(lambda: third.opened.metrics.snapshot()["messages"] == 0 and server.count == 1)
    await asyncio.sleep(0.1)
    await server.tell(trade(4, ETH))
    assert (await third.next()).symbol == ETH


async def test_a_connection_that_breaks_is_made_anew_once_for_all(at_alpaca):
    server, open_feed = at_alpaca
    readers = [open_feed([symbol]) for symbol in (BTC, ETH, SOL)]
    await until(lambda: channels(server) == trades_of(BTC, ETH, SOL))
    await server.kick(1011, "internal error")
    await until(lambda: channels(server) == trades_of(BTC, ETH, SOL))
    await server.tell(*(trade(1, symbol) for symbol in (BTC, ETH, SOL)))
    assert [(await reader.next()).symbol for reader in readers] == [BTC, ETH, SOL]
    assert server.count == 2
    assert [reader.opened.metrics.snapshot()["reconnects"] for reader in readers] == [1, 1, 1]


async def test_a_frame_that_cannot_be_read_is_counted_by_all(at_alpaca):
    server, open_feed = at_alpaca
    readers = [open_feed([symbol]) for symbol in (BTC, ETH)]
    await until(lambda: channels(server) == trades_of(BTC, ETH))
    await server.raw(b"\xc1\xff\x00")
    await server.tell(trade(1), trade(2, ETH))
    for reader in readers:
        await reader.next()
        assert reader.opened.metrics.snapshot()["malformed"] == 1


async def test_who_hears_nothing_ends_the_connection_only_where_nobody_does(at_alpaca):
    server, open_feed = at_alpaca
    busy, quiet = open_feed([BTC]), open_feed([ETH])
    await until(lambda: channels(server) == trades_of(BTC, ETH))
    await server.tell(trade(1))
    await busy.next()
    await connection(quiet).give_up()
    await until(lambda: quiet.opened.metrics.snapshot()["reconnects"] == 1)
    await until(lambda: channels(server) == trades_of(BTC, ETH))
    assert server.count == 1
    assert busy.opened.metrics.snapshot()["reconnects"] == 0
    await connection(busy).give_up()
    await until(lambda: server.count == 2 and channels(server) == trades_of(BTC, ETH))
    await server.tell(trade(2), trade(3, ETH))
    assert [(await one.next()).symbol for one in (busy, quiet)] == [BTC, ETH]


async def test_who_joins_an_order_book_gets_a_snapshot_of_it(at_alpaca):
    server, open_feed = at_alpaca
    open_feed([BTC], "books")
    await until(lambda: server.live and ("orderbooks", BTC) in channels(server))
    open_feed([BTC], ["books", "trades"])
    await until(lambda: ("trades", BTC) in channels(server))
    said = [{**one} for one in server.asked if one["action"] != "auth"]
    assert said == [
        {"action": "subscribe", "orderbooks": [BTC]},
        {"action": "unsubscribe", "orderbooks": [BTC]},
        {"action": "subscribe", "trades": [BTC], "orderbooks": [BTC]},
    ]


async def test_news_of_a_pair_come_by_the_vendor_s_name_and_are_told_by_ours(at_alpaca):
    server, open_feed = at_alpaca
    reader = open_feed([BTC], "news")
    await until(lambda: channels(server) == {("news", "BTCUSD")})
    told = {
        "T": "n", "id": 7, "headline": "up", "summary": "", "content": "", "url": "u",
        "source": "s", "symbols": ["BTCUSD", "MSTR"], "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    await server.raw(server.packed([told]))
    assert (await reader.next()).symbols == (BTC, "MSTR")


async def test_a_second_connection_is_let_in_once_the_first_is_gone(at_alpaca):
    """Of another process: it is tried again until there is room."""
    server, open_feed = at_alpaca
    async with connect(f"{server.url}/v1beta3/crypto/us") as elsewhere:
        told = {"action": "auth", "key": server.key, "secret": server.secret}
        for said in (told, {"action": "subscribe", "trades": [ETH]}):
            await elsewhere.recv()
            await elsewhere.send(msgpack.packb(said))
        await server.subscribed(1)
        reader = open_feed([BTC])
        await until(lambda: len(server.asked) >= 4)  # it was not let in, and tries again
        assert server.count == 1
        metrics = reader.opened.metrics
        assert metrics.state == "waiting: connection limit"
        assert "another key" in metrics.advice
    await server.subscribed(2)
    await until(lambda: metrics.state == "open")
    await server.tell(trade(1))
    assert (await reader.next()).symbol == BTC
