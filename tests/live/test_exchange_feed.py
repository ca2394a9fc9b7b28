"""Crypto exchanges' streams through ccxt.pro, on a server that speaks their wire."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.order_book import kraken_checksum
from workbench.core.trade import Trade
from workbench.errors import UsageError
from workbench.live.market.feeds import feed

PAIR = "BTC/USDT"
NAMES = ["binance", "bybit", "coinbase", "kraken"]
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def now():
    return datetime.now(UTC).replace(microsecond=0)


def trade(number, price=100.0):
    return Trade(PAIR, now(), price, 0.5, str(number))


async def take(reader, count, seconds=20):
    found = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found.append(await anext(reader))
    return found


async def begun(opened, server, count=1):
    reader = opened.events()
    first = asyncio.ensure_future(anext(reader))
    await server.subscribed(count)

    async def rest():
        yield await first
        async for event in reader:
            yield event

    return rest()


@pytest.mark.parametrize("name", ["binance", "bybit", "kraken"])
async def test_a_candle_is_a_bar_once_another_has_begun(vendor, name):
    server, _, settings = await vendor(name)
    start = now().replace(second=0) - MINUTE
    async with feed(PAIR, "bars", source=name, settings=settings) as opened:
        reader = await begun(opened, server)
        for price in (10.0, 12.0):  # the same candle, as it grows
            growing = Bar(PAIR, start + MINUTE, 10.0, price, 9.0, price, price)
            await server.tell(growing)
        await server.tell(Bar(PAIR, start + 2 * MINUTE, 12.0, 12.0, 12.0, 12.0, 1.0))
        (got,) = await take(reader, 1)
        assert got == Bar(PAIR, start + MINUTE, 10.0, 12.0, 9.0, 12.0, 12.0, start + 2 * MINUTE)


async def test_a_candle_ends_by_the_clock_where_nobody_trades(vendor):
    server, _, settings = await vendor("binance")
    start = now().replace(second=0) - 2 * MINUTE
    async with feed(PAIR, "bars", source="binance", settings=settings) as opened:
        reader = await begun(opened, server)
        await server.tell(Bar(PAIR, start, 10.0, 12.0, 9.0, 11.0, 5.0))
        assert [b.time for b in await take(reader, 1)] == [start]


async def test_a_candle_that_grows_is_a_sign_of_life(vendor):
    server, _, settings = await vendor("binance", "\n[feeds]\nmute_seconds = 1.2\n")
    start = now().replace(second=0) + MINUTE
    async with feed(PAIR, "bars", source="binance", settings=settings) as opened:
        await begun(opened, server)
        for _ in range(8):
            await server.tell(Bar(PAIR, start, 10.0, 12.0, 9.0, 11.0, 5.0))
            await asyncio.sleep(0.25)
        assert opened.metrics.snapshot()["mute"] == 0
        await server.subscribed(2)
        assert opened.metrics.snapshot()["mute"] == 1


async def test_a_large_frame_is_accepted(vendor):
    server, _, settings = await vendor("bybit")
    async with feed(PAIR, "trades", source="bybit", settings=settings) as opened:
        reader = await begun(opened, server)
        row = server.wire(trade(1))
        await server.raw(json.dumps({**row, "padding": "x" * (2 << 20)}))
        await take(reader, 1)
        assert opened.metrics.snapshot()["reconnects"] == 0


async def test_a_symbol_that_is_not_there_is_told_once(vendor):
    server, _, settings = await vendor("kraken")
    opened = feed("BTC/USDC", "trades", source="kraken", settings=settings)
    with pytest.raises(UsageError, match="did you mean 'BTC/USDT'"):
        await take(opened.events(), 1)
    assert server.count == 0


async def test_kraken_s_book_is_checked_and_asked_for_anew_where_it_is_wrong(vendor):
    server, _, settings = await vendor("kraken")
    bids = tuple((100.0 - i, 1.0 + i) for i in range(10))
    asks = tuple((101.0 + i, 2.0 + i) for i in range(10))
    checksum = kraken_checksum(1, 8)
    whole = Depth(PAIR, now(), bids, asks, True, checksum=checksum(bids, asks))
    better = ((100.5, 3.0), *bids[:9])
    good = Depth(PAIR, now(), ((100.5, 3.0),), (), checksum=checksum(better, asks))
    bad = Depth(PAIR, now(), ((100.6, 3.0),), (), checksum=1)
    async with feed(PAIR, "books", source="kraken", settings=settings) as opened:
        reader = await begun(opened, server)
        await server.tell(whole)
        await take(reader, 1)
        await server.tell(good)
        (book,) = await take(reader, 1)
        assert book.bids[:2] == better[:2]
        assert opened.store.book(PAIR, 1).bids == ((100.5, 3.0),)
        await server.tell(bad)
        await server.subscribed(2)
        await server.tell(whole)
        (book,) = await take(reader, 1)
        assert book.bids == bids
        snapshot = opened.metrics.snapshot()
        assert (snapshot["reconnects"], snapshot["malformed"]) == (1, 0)
