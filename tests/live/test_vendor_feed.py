"""Vendors' streams kept alive: breaks, gaps, silence, bad frames, bad keys."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgpack
import pandas as pd
import pytest

from workbench.core.bar import Bar
from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.errors import UsageError
from workbench.live.market.feeds import feed
from workbench.testing.market import Market
from workbench.testing.wire import hang, instead

MINUTE = timedelta(minutes=1)
PAIR = "BTC/USD"


def now():
    return datetime.now(UTC)


def this_minute():
    return now().replace(second=0, microsecond=0)


def bar(time, symbol="AAPL", price=100.0):
    return Bar(symbol, time, price, price + 1, price - 1, price, 10.0, time + MINUTE)


def trade(number, price=100.0, symbol="AAPL", time=None):
    return Trade(symbol, time or now().replace(microsecond=0), price, 1.0, str(number))


def numbers(events):
    return [int(event.trade_id.rpartition("-")[2]) for event in events]


def crypto(server, told):
    """Return a bar as Polygon's stream of crypto writes it."""
    row = {key: value for key, value in server.wire(told).items() if key != "sym"}
    return json.dumps([{**row, "ev": "XA", "pair": "BTC-USD"}])


async def take(stream, count, seconds=15):
    """Return the next events; the stream stays open."""
    found = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found.append(await anext(stream))
    return found


async def ready(opened, server, count=1):
    """Start reading, and return the reader once it is subscribed."""
    reader = opened.events()
    first = asyncio.ensure_future(anext(reader))
    await server.subscribed(count)
    return _Reader(reader, first)


class _Reader:
    def __init__(self, reader, first):
        self._reader, self._first = reader, first

    async def __anext__(self):
        if self._first is not None:
            first, self._first = self._first, None
            return await first
        return await anext(self._reader)


@pytest.mark.parametrize("kinds", ["trades", "bars"])
async def test_a_mute_connection_is_found_and_made_anew(vendor, kinds):
    server, _, settings = await vendor(
        "polygon", "\n[feeds]\nmute_seconds = 0.6\nlongest_wait_seconds = 0.1\n"
    )
    async with feed([PAIR], kinds, source="polygon", settings=settings) as opened:
        await ready(opened, server)
        await server.subscribed(2)
        snapshot = opened.metrics.snapshot()
        assert (snapshot["mute"], snapshot["reconnects"]) == (1, 1)


async def test_trades_that_are_heard_as_a_sign_of_life_are_not_given_out(vendor):
    server, _, settings = await vendor("alpaca")
    async with feed(["AAPL"], "bars", source="alpaca", settings=settings) as opened:
        reader = await ready(opened, server)
        told = bar(this_minute())
        await server.tell(trade(1), told)
        assert (await take(reader, 1)) == [told]


@pytest.mark.parametrize("name", ["alpaca", "polygon"])
async def test_a_sign_of_life_that_the_plan_refuses_costs_no_feed(vendor, name):
    quick = "\n[feeds]\nmute_seconds = 0.4\nlongest_wait_seconds = 0.1\n"
    server, _, settings = await vendor(name, quick)
    server.most, server.lacks = 30, ("XT.", "T.")
    symbols = [PAIR, *(f"S{number:02}/USD" for number in range(29))]
    async with feed(symbols, "bars", source=name, settings=settings) as opened:
        reader = await ready(opened, server)
        await asyncio.sleep(1.0)  # silent for longer than trades would be
        told = bar(this_minute(), PAIR)
        await server.raw(
            crypto(server, told) if name == "polygon" else server.packed([server.wire(told)])
        )
        assert (await take(reader, 1)) == [told]
        snapshot = opened.metrics.snapshot()
        assert (snapshot["mute"], snapshot["reconnects"], snapshot["stale"]) == (0, 0, ())


@pytest.mark.parametrize("name", ["alpaca", "polygon"])
async def test_what_was_asked_for_and_is_not_in_the_plan_ends_the_feed(vendor, name):
    server, _, settings = await vendor(name)
    server.most, server.lacks = 1, ("XA.",)
    async with feed([PAIR, "ETH/USD"], "bars", source=name, settings=settings) as opened:
        with pytest.raises(UsageError, match=r"symbol limit|not authorized"):
            await take(opened.events(), 1)


@pytest.mark.parametrize("name", ["alpaca", "polygon"])
async def test_trades_quotes_and_bars_come_as_the_vendor_told_them(vendor, name):
    server, _, settings = await vendor(name)
    kinds = ("trades", "quotes", "bars")
    async with feed(["AAPL", "MSFT"], kinds, source=name, settings=settings) as opened:
        reader = await ready(opened, server)
        at = now().replace(microsecond=0)
        told = [
            Quote("MSFT", at, 50.0, 50.5, 3.0, 4.0),
            trade(7, 100.25, time=at + timedelta(milliseconds=5)),
        ]
        await server.tell(*told)
        first, second = await take(reader, 2)
        assert first == told[0]
        assert (second.symbol, second.price, second.time) == ("AAPL", 100.25, told[1].time)
        last = bar(this_minute())
        await server.tell(last)
        assert (await take(reader, 1)) == [last]
        assert opened.store.quote("MSFT") == told[0]
        assert opened.metrics.snapshot()["by_kind"] == {"trade": 1, "quote": 1, "bar": 1}


@pytest.mark.parametrize("name", ["alpaca", "polygon", "finnhub"])
async def test_a_frame_that_cannot_be_read_is_counted_and_passed_over(vendor, name):
    server, _, settings = await vendor(name)
    bad = [
        b"\xc1\xff\x00", "{", "[1, null]", '[{"ev": "T"}]', '[{"T": "t", "S": "AAPL"}]',
        '{"type": "trade", "data": [{"s": "AAPL"}]}', "NaN",
    ]  # fmt: skip
    async with feed(["AAPL"], "trades", source=name, settings=settings) as opened:
        reader = await ready(opened, server)
        for frame in bad:
            await server.raw(frame)
        await server.tell(trade(1, float("inf")), trade(2, -5.0), trade(3, 10.0))
        (got,) = await take(reader, 1)
        assert got.price == 10.0
        told = opened.metrics.snapshot()
        assert told["malformed"] >= len(bad) - 3
        assert (told["reconnects"], told["messages"]) == (0, 1)


async def test_a_text_frame_where_msgpack_is_usual_is_read(vendor):
    server, _, settings = await vendor("alpaca")
    async with feed(["AAPL"], "trades", source="alpaca", settings=settings) as opened:
        reader = await ready(opened, server)
        row = {"T": "t", "S": "AAPL", "i": 5, "x": "V", "p": 12.5, "s": 2, "z": "C"}
        await server.raw(json.dumps([{**row, "t": "2024-01-02T15:04:05.123456789Z"}]))
        (got,) = await take(reader, 1)
        assert got.time == datetime(2024, 1, 2, 15, 4, 5, 123456, UTC)


async def test_a_frame_of_two_megabytes_is_accepted(vendor):
    server, _, settings = await vendor("alpaca")
    async with feed(["AAPL"], "trades", source="alpaca", settings=settings) as opened:
        reader = await ready(opened, server)
        row = server.wire(trade(1))
        frame = msgpack.packb([{**row, "padding": "x" * (2 << 20)}], datetime=True)
        assert len(frame) > 2 << 20
        await server.raw(frame)
        await take(reader, 1)
        assert opened.metrics.snapshot()["reconnects"] == 0


async def test_repeats_go_and_what_came_out_of_order_is_sorted(vendor):
    server, _, settings = await vendor("polygon", "\n[feeds]\ntolerance_seconds = 0.3\n")
    async with feed(["AAPL"], "trades", source="polygon", settings=settings) as opened:
        reader = await ready(opened, server)
        at = now()
        told = [trade(i, 10.0 + i, time=at + timedelta(milliseconds=20 * i)) for i in range(4)]
        await server.tell(told[2], told[0], told[1], told[1], told[3])
        assert numbers(await take(reader, 4)) == [0, 1, 2, 3]
        await server.tell(trade(9, time=at - timedelta(seconds=30)), trade(10, time=now()))
        assert numbers(await take(reader, 1)) == [10]
        told = opened.metrics.snapshot()
        assert (told["duplicates"], told["late"]) == (1, 1)


async def test_the_gap_is_filled_before_the_next_bar(vendor):
    server, history, settings = await vendor("polygon")
    start = this_minute() - 6 * MINUTE
    async with feed([PAIR], "bars", source="polygon", settings=settings) as opened:
        reader = await ready(opened, server)
        await server.raw(crypto(server, bar(start)))
        first = await take(reader, 1)
        await server.kick(1001)
        await server.subscribed(2)
        await server.raw(crypto(server, bar(start + 4 * MINUTE)))
        rest = await take(reader, 4)
        assert [b.time for b in first + rest] == [start + i * MINUTE for i in range(5)]
        (gap,) = [g for g in opened.metrics.gaps if g.start == start + MINUTE]
        wanted = Market().bars(
            PAIR, Timeframe(1, "m"), pd.Timestamp(gap.start), pd.Timestamp(gap.end)
        )
        missed = [b.close for b in rest][: gap.bars]
        assert missed == wanted["close"].tolist()[: len(missed)]
        assert len(missed) >= 3
        assert history.paths("/range/1/minute/")


async def test_a_gap_that_cannot_be_filled_is_told_and_holds_nothing_up(vendor):
    server, history, settings = await vendor("alpaca", attempts=1)
    history.fail(instead({"message": "no"}, 403), times=10)
    start = this_minute() - 8 * MINUTE
    async with feed(["AAPL"], "bars", source="alpaca", settings=settings) as opened:
        reader = await ready(opened, server)
        await server.tell(bar(start))
        await take(reader, 1)
        await server.kick(1000)
        await server.subscribed(2)
        await server.tell(bar(this_minute() - MINUTE))
        (got,) = await take(reader, 1)
        assert got.time >= this_minute() - 2 * MINUTE
        assert "refuses" in opened.metrics.gaps[0].trouble


async def test_others_go_on_while_one_s_gap_is_filled(vendor):
    server, history, settings = await vendor("alpaca")
    start = this_minute() - 9 * MINUTE
    async with feed(["AAPL"], ("bars", "trades"), source="alpaca", settings=settings) as opened:
        reader = await ready(opened, server)
        await server.tell(bar(start))
        await take(reader, 1)
        await server.kick(1000)
        await server.subscribed(2)
        history.fail(hang(1.5), times=3)
        await server.tell(bar(start + 3 * MINUTE))
        await server.tell(trade(1))
        assert isinstance((await take(reader, 1))[0], Trade)


async def test_bars_are_built_of_trades_where_the_vendor_has_none(vendor):
    server, _, settings = await vendor("finnhub")
    symbol = "BINANCE:BTCUSDT"
    async with feed([symbol], "bars", "5s", source="finnhub", settings=settings) as opened:
        reader = await ready(opened, server)
        # the bar under way lacks its beginning, and is not given
        begun = datetime.fromtimestamp(now().timestamp() // 5 * 5 + 5, UTC)
        await server.tell(trade(0, 1.0, symbol, begun - timedelta(seconds=1)))
        for i, price in enumerate((10.0, 12.0, 9.0)):
            await server.tell(trade(i, price, symbol, begun + timedelta(seconds=i)))
        (got,) = await take(reader, 1)
        assert got == Bar(symbol, begun, 10.0, 12.0, 9.0, 9.0, 3.0, begun + timedelta(seconds=5))
        assert server.asked[0] == {"type": "subscribe", "symbol": symbol}


async def test_several_readers_get_the_same_and_a_reader_may_leave(vendor):
    server, _, settings = await vendor("polygon")
    async with feed(["AAPL"], "trades", source="polygon", settings=settings) as opened:
        one, two = await ready(opened, server), opened.events()
        other = asyncio.ensure_future(take(two, 2))
        await asyncio.sleep(0)
        await server.tell(trade(1), trade(2))
        assert numbers(await take(one, 2)) == numbers(await other) == [1, 2]
        await two.aclose()
        await server.tell(trade(3))
        assert numbers(await take(one, 1)) == [3]
        assert server.count == 1


async def test_the_vendors_own_clients_read_what_the_servers_write(vendor):
    alpaca_live = pytest.importorskip("alpaca.data.live")
    server, _, _ = await vendor("alpaca")
    client = alpaca_live.StockDataStream(
        server.key, server.secret, url_override=f"{server.url}/v2/iex"
    )
    got = asyncio.Queue()
    client.subscribe_trades(got.put, "AAPL")
    running = asyncio.create_task(client._run_forever())
    await server.subscribed()
    told = trade(7, 101.5)
    await server.tell(told)
    seen = await asyncio.wait_for(got.get(), 10)
    assert (seen.symbol, seen.price, seen.timestamp) == ("AAPL", 101.5, told.time)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_news_and_order_books_come_where_they_are_asked_for(vendor):
    server, _, settings = await vendor("alpaca")
    kinds = ("news", "books")
    async with feed([PAIR], kinds, source="alpaca", settings=settings) as opened:
        reader = await ready(opened, server, 2)
        at = now().replace(microsecond=0)
        level, ask = {"p": 10.0, "s": 1.0}, {"p": 11.0, "s": 2.0}
        whole = {"T": "o", "S": PAIR, "t": at, "b": [level], "a": [ask], "r": True}
        change = {"T": "o", "S": PAIR, "t": at, "b": [{"p": 10.5, "s": 3.0}], "a": []}
        news = {
            "T": "n", "id": 7, "headline": "up", "summary": "", "content": "", "url": "u",
            "source": "s", "symbols": ["BTCUSD"], "created_at": at, "updated_at": at,
        }  # fmt: skip
        # both connections are told all of it: each gives what was asked for on it
        await server.raw(server.packed([whole, change, news]))
        found = await take(reader, 3)
        assert [type(event).__name__ for event in found].count("Headline") == 1
        assert opened.store.headlines(PAIR)[0].title == "up"
        assert opened.store.book(PAIR).bids == ((10.5, 3.0), (10.0, 1.0))


async def test_one_silent_symbol_is_told_and_the_others_go_on(vendor):
    server, _, settings = await vendor("polygon", "\n[feeds]\nmute_seconds = 0.8\n")
    pairs = [PAIR, "ETH/USD"]
    async with feed(pairs, "trades", source="polygon", settings=settings) as opened:
        reader = await ready(opened, server)
        for number in range(12):
            row = {"ev": "XT", "pair": "BTC-USD", "p": 5.0, "t": 1000 + number, "s": 1.0}
            await server.raw(json.dumps([{**row, "i": number, "x": 1}]))
            await take(reader, 1)
            await asyncio.sleep(0.1)
        assert opened.metrics.stale == ("ETH/USD",)
        assert opened.metrics.snapshot()["mute"] == 0


async def test_a_built_bar_that_lacks_trades_is_had_from_the_history(vendor):
    server, history, settings = await vendor("finnhub")
    symbol, start = "BINANCE:BTCUSDT", this_minute() - 4 * MINUTE
    since = (start - MINUTE).isoformat()
    opened = feed([symbol], "bars", source="finnhub", settings=settings, since=since)
    async with opened:
        reader = await ready(opened, server)
        got = await take(reader, 4)
        assert [b.time for b in got] == [start + i * MINUTE for i in range(-1, 3)]
        assert history.paths("/crypto/candle")


@pytest.mark.parametrize("name", ["alpaca", "polygon"])
async def test_a_mute_connection_of_many_symbols_is_found_without_waiting_for_a_bar(vendor, name):
    server, _, settings = await vendor(
        name, "\n[feeds]\nmute_seconds = 0.8\nlongest_wait_seconds = 0.1\n"
    )
    symbols = [f"C{number}/USD" for number in range(14)] + ["BTC/USD"]
    async with feed(symbols, source=name, settings=settings) as opened:
        reader = asyncio.create_task(anext(opened.events()))
        async with asyncio.timeout(10):
            await server.subscribed(2)
        assert opened.metrics.snapshot()["mute"] >= 1
        assert not set(opened.metrics.stale) & {"C9/USD", "C13/USD"}, "of these bars are told only"
        reader.cancel()
    asked, pulse = server.asked[1:3]
    if name == "alpaca":
        assert asked["bars"] == symbols
        assert len(pulse["trades"]) == 10
        assert pulse["trades"][0] == "BTC/USD"
    else:
        assert asked["params"].count("XA.") == 15
        assert pulse["params"].count("XT.") == 10
