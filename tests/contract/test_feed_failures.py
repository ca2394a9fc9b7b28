"""What goes wrong on the way through a live feed: the same for every vendor."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from workbench.core.trade import Trade
from workbench.errors import UsageError
from workbench.live.market.feeds import feed
from workbench.testing.exchange_sockets import EXCHANGE_STREAMS
from workbench.testing.sockets import STREAMS

# markets that never close, so that silence is a fault at any hour
SYMBOLS = {"polygon": "BTC/USD", "alpaca": "BTC/USD", "finnhub": "BINANCE:BTCUSDT"} | dict.fromkeys(
    EXCHANGE_STREAMS, "BTC/USDT"
)
# the same text is not broken for all: what one cannot read is of no concern to another
BROKEN = ('{"a', "[1,", "NaN{", "{'T': 't'}")
TORN = {
    "polygon": '[{"ev": "T"}, null]',
    "alpaca": '[{"T": "t", "S": "BTC/USD"}]',
    "finnhub": '{"type": "trade", "data": [{"s": "BINANCE:BTCUSDT"}]}',
    "binance": '{"e": "trade", "s": "BTCUSDT", "p": "ten"}',
    "bybit": '{"topic": "publicTrade.BTCUSDT", "data": [{"s": "BTCUSDT", "p": "ten"}]}',
    "coinbase": '{"channel": "market_trades", "events": [{"trades": [{"price": "ten"}]}]}',
    "kraken": '{"channel": "trade", "data": [{"symbol": "BTC/USDT", "price": "ten"}]}',
}
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # ccxt's own sockets
    pytest.mark.parametrize("name", SYMBOLS),
]


def test_every_vendor_with_a_stream_is_here(name):
    assert {**STREAMS, **EXCHANGE_STREAMS}.keys() == SYMBOLS.keys() == TORN.keys()
    assert name in SYMBOLS


def trade(name, number, price=100.0):
    time = datetime.now(UTC).replace(microsecond=0)
    return Trade(SYMBOLS[name], time, price, 0.5, str(number))


class Reader:
    """Reads a feed that is subscribed when this is made."""

    def __init__(self, opened):
        self._events = opened.events()
        self._next = asyncio.ensure_future(anext(self._events))

    async def price(self):
        async with asyncio.timeout(20):
            found = await self._next
        self._next = asyncio.ensure_future(anext(self._events))
        return found.price

    async def error(self):
        async with asyncio.timeout(20):
            with pytest.raises(UsageError) as caught:
                await self._next
        return caught.value


def trades(name, settings):
    return feed(SYMBOLS[name], "trades", source=name, settings=settings)


async def test_a_mute_socket_is_found_and_made_anew(name, vendor):
    server, _, settings = await vendor(
        name, "\n[feeds]\nmute_seconds = 0.8\nlongest_wait_seconds = 0.1\n"
    )
    async with trades(name, settings) as opened:
        reader = Reader(opened)
        await server.subscribed(1)
        await server.tell(trade(name, 1, 10.0))
        assert await reader.price() == 10.0
        await server.subscribed(2)
        await server.tell(trade(name, 2, 11.0))
        assert await reader.price() == 11.0
        told = opened.metrics.snapshot()
        assert told["mute"] >= 1
        assert told["reconnects"] >= 1


async def test_frames_that_cannot_be_read_are_counted_and_passed_over(name, vendor):
    server, _, settings = await vendor(name)
    async with trades(name, settings) as opened:
        reader = Reader(opened)
        await server.subscribed(1)
        for frame in (*BROKEN, TORN[name]):
            await server.raw(frame)
        await server.tell(trade(name, 1, 10.0))
        assert await reader.price() == 10.0
        told = opened.metrics.snapshot()
        assert told["malformed"] >= len(BROKEN) + 1
        assert (told["reconnects"], told["messages"]) == (0, 1)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_whatever_the_server_says_at_parting_it_is_connected_again(name, code, vendor):
    server, _, settings = await vendor(name)
    async with trades(name, settings) as opened:
        reader = Reader(opened)
        await server.subscribed(1)
        await server.tell(trade(name, 1, 10.0))
        assert await reader.price() == 10.0
        await server.kick(code, "bye")
        await server.subscribed(2)
        await server.tell(trade(name, 2, 11.0))
        assert await reader.price() == 11.0
        assert opened.metrics.snapshot()["reconnects"] >= 1


async def test_a_server_that_is_busy_is_asked_again(name, vendor):
    server, _, settings = await vendor(name)
    server.refuse(503, times=2)
    server.refuse(429, Retry_After="0")
    async with trades(name, settings) as opened:
        reader = Reader(opened)
        await server.subscribed(1)
        await server.tell(trade(name, 1, 10.0))
        assert await reader.price() == 10.0


async def test_wrong_credentials_are_told_once_and_end_it(name, vendor):
    server, _, settings = await vendor(name)
    server.key = "another"
    async with trades(name, settings) as opened:
        error = await Reader(opened).error()
        assert name in str(error)
        assert f"{name}-key" not in str(error)
        tries = len(server.asked)
        await asyncio.sleep(0.5)
        assert len(server.asked) == tries
        with pytest.raises(UsageError):
            await anext(opened.events())


@pytest.mark.parametrize("status", [401, 403])
async def test_a_door_that_stays_shut_is_told_once_and_ends_it(name, status, vendor):
    server, _, settings = await vendor(name)
    server.refuse(status, times=50)
    async with trades(name, settings) as opened:
        error = await Reader(opened).error()
        assert str(status) in json.dumps(error.facts, default=str) + str(error)
        left = len(server.refusals)
        await asyncio.sleep(0.5)
        assert len(server.refusals) == left
