"""One suite for whatever tells live market data."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from workbench.config import load_settings
from workbench.core.bar import Bar
from workbench.core.ports import Feed
from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.live.market import feeds
from workbench.live.market.replay_feed import ReplayFeed, SimFeed
from workbench.testing.exchange_sockets import EXCHANGE_STREAMS
from workbench.testing.sockets import STREAMS
from workbench.testing.wire import WireServer
from workbench.testing.workspace import VENDORS, point_at

SYMBOLS = {"finnhub": ("BINANCE:BTCUSDT", "BINANCE:ETHUSDT")} | dict.fromkeys(
    ("binance", "bybit", "coinbase", "kraken"), ("BTC/USDT", "ETH/USDT")
)
STOCKS = ("AAPL", "MSFT")
KINDS = {"finnhub": ("trades",), "sim": ("quotes", "bars")} | dict.fromkeys(
    ("binance", "bybit", "coinbase", "kraken"), ("trades",)
)
QUICK = "\n[feeds]\nmute_seconds = 60\ntolerance_seconds = 0.05\nlongest_wait_seconds = 0.2\n"


def told(symbols, kinds):
    """Return events of all kinds in the order in which they happen."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
    events = []
    for number in range(60):
        at, symbol = start + timedelta(seconds=3 * number), symbols[number % 2]
        if "trades" in kinds:
            events.append(Trade(symbol, at, 100.0 + number, 1.0, str(number + 1)))
        if "quotes" in kinds:
            events.append(Quote(symbol, at, 99.0 + number, 101.0 + number, 1.0, 2.0))
        if "bars" in kinds and number % 20 == 19:
            begun = start + timedelta(minutes=number // 20)
            events += [
                Bar(name, begun, 9.0, 11.0, 8.0, 10.0, 5.0, begun + timedelta(minutes=1))
                for name in symbols
            ]
    return events


@pytest.fixture(params=[*feeds.names(), "replay"])
async def case(request, tmp_path):
    """Return a feed, how to make it tell, and how many events that will be at least."""
    name = request.param
    symbols, kinds = SYMBOLS.get(name, STOCKS), KINDS.get(name, ("trades", "quotes", "bars"))
    if name == "sim":
        five = Timeframe(5, "s")
        yield SimFeed(("ACME/USD", "BOLT/USD"), five, SimFeed.kinds), None, 9
        return
    events = told(symbols, kinds)
    if name == "replay":
        yield ReplayFeed(events[::-1]), None, len(events)
        return
    async with contextlib.AsyncExitStack() as stack:
        history = stack.enter_context(WireServer(VENDORS[name]()))
        server = await stack.enter_async_context({**STREAMS, **EXCHANGE_STREAMS}[name]())
        point_at(tmp_path, {name: history}, {name: server.url})
        with (tmp_path / "workbench.toml").open("a") as file:
            file.write(QUICK)
        made = feeds.feed(symbols, kinds, source=name, settings=load_settings(tmp_path))

        async def tell():
            await server.subscribed(server.expects(symbols, kinds))
            for event in events:
                await server.tell(event)

        yield made, tell, len(events)
        await made.close()


async def some(made, tell, count):
    telling = asyncio.ensure_future(tell()) if tell else None
    found = []
    async with asyncio.timeout(30):
        async for event in made.events():
            found.append(event)
            if len(found) == count:
                break
    if telling is not None:
        await telling
    return found


async def test_events_are_told_in_order_and_end_when_it_is_closed(case):
    made, tell, count = case
    assert isinstance(made, Feed)
    assert made.name
    found = await some(made, tell, count)
    series = {}
    for event in found:
        assert event.time.utcoffset() == timedelta(0)
        series.setdefault((event.symbol, type(event)), []).append(event)
    assert len(series) >= 2
    for (symbol, kind), events in series.items():
        times = [event.time for event in events]
        assert times == sorted(times), (symbol, kind)
        if kind is Bar:
            assert len(set(times)) == len(times)
            assert all(bar.low <= bar.open <= bar.high for bar in events)
            assert all(bar.known_at > bar.time for bar in events)
        elif kind is Quote:
            assert all(0 < quote.bid <= quote.ask for quote in events)
        else:
            assert all(trade.price > 0 and trade.size >= 0 for trade in events)
    await made.close()
    assert [event async for event in made.events()] == []
    await made.close()


async def test_all_of_it_stands_in_the_store_and_is_counted(case):
    made, tell, count = case
    found = await some(made, tell, count)
    last = {(type(event), event.symbol): event for event in found}
    for (kind, symbol), event in last.items():
        read = {Trade: made.store.trade, Quote: made.store.quote, Bar: made.store.bar}[kind]
        assert read(symbol, as_of=getattr(event, "known_at", None) or event.time) is not None
    snapshot = made.metrics.snapshot()
    assert snapshot["messages"] >= len(found)
    assert (snapshot["malformed"], snapshot["late"], snapshot["dropped"]) == (0, 0, 0)
    assert snapshot["lag"]["p99"] is not None
    await made.close()
