"""Feeds on the bus, and their news in the table of messages."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import workbench as wb
from workbench.bus.memory import Mailbox, MemoryBus
from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.message import Message
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.live.market.market_store import MarketStore
from workbench.live.market.publish import keep_news, publish, published
from workbench.live.market.replay_feed import ReplayFeed
from workbench.testing.vendors import AlpacaWire

AT = datetime(2024, 5, 2, 14, 30, tzinfo=UTC)
STORY = Message(
    source="?", vendor_id="7", published=AT, symbols=("AAPL",), title="Apple buys a kiln",
    body="It is hot.", url="https://x/7", author="benzinga",
)  # fmt: skip


def news(**more):
    return {
        "T": "n", "id": 7, "headline": STORY.title, "summary": STORY.body, "author": "J",
        "created_at": "2024-05-02T14:30:00Z", "updated_at": "2024-05-02T14:30:00Z",
        "url": STORY.url, "content": "", "symbols": ["AAPL"], "source": "benzinga",
    } | more  # fmt: skip


def replayed(*events):
    return ReplayFeed(list(events), None, MarketStore(timeframe="1m", source="replay"))


async def test_each_kind_has_its_topic_and_is_plain_json():
    bus, box = MemoryBus(), Mailbox(100)
    bus.subscribe(["bars:X/USD:1m", "quotes:X/USD", "trades:X/USD", "messages"], box.put)
    nan = float("nan")
    await publish(
        replayed(
            Bar("X/USD", AT, 1.0, 2.0, 1.0, 2.0, nan, AT + timedelta(minutes=1)),
            Quote("X/USD", AT + timedelta(minutes=1), 1.0, 2.0),
            Trade("X/USD", AT + timedelta(minutes=1), 1.5, 10.0, "t1", "buy"),
            Trade("Y", AT + timedelta(minutes=1), 9.0, 1.0),
            Depth("X/USD", AT + timedelta(minutes=1), ((1.0, 1.0),), ((2.0, 1.0),), True),
            Headline("1", AT + timedelta(minutes=2), ("X/USD",), "told", source="wire"),
        ),
        bus,
    )
    got = box.take()
    assert [topic for topic, _ in got] == [
        "bars:X/USD:1m", "quotes:X/USD", "trades:X/USD", "messages",
    ]  # fmt: skip
    bar, _, trade, told = (message for _, message in got)
    assert (bar["close"], bar["volume"], bar["time"]) == (2.0, None, "2024-05-02T14:30:00Z")
    assert (trade["price"], trade["trade_id"], trade["source"]) == (1.5, "t1", "replay")
    assert (told["author"], told["symbols"], told["source"]) == ("wire", ["X/USD"], "replay")
    json.dumps([message for _, message in got], allow_nan=False)


async def test_publishing_ends_with_the_block_and_the_feed_goes_on(vendor):
    stream, _, settings = await vendor("alpaca")
    bus, box = MemoryBus(), Mailbox(100)
    bus.subscribe(["trades:AAPL"], box.put)
    async with wb.feed("AAPL", "trades", source="alpaca", settings=settings) as feed:
        reader = feed.events()
        async with published(feed, bus):
            await stream.subscribed()
            now = datetime.now(UTC)
            await stream.tell(Trade("AAPL", now, 10.0, 1.0, "1"))
            assert (await anext(reader)).price == 10.0
            async with asyncio.timeout(10):
                while not (got := box.take()):
                    await asyncio.sleep(0.01)
        assert [message["price"] for _, message in got] == [10.0]
        await stream.tell(Trade("AAPL", now + timedelta(seconds=1), 11.0, 1.0, "2"))
        assert (await anext(reader)).price == 11.0
        assert box.take() == []


async def test_live_news_are_kept_with_their_edits_and_not_fetched_a_second_time(vendor):
    stream, history, settings = await vendor("alpaca")
    assert isinstance(history._answer, AlpacaWire)
    before = datetime.now(UTC)
    async with wb.feed("AAPL", "news", source="alpaca", settings=settings) as feed:
        keeper = asyncio.create_task(keep_news(feed, settings))
        await stream.subscribed()
        await stream.raw(stream.packed([news(), news(id=8, headline="another")]))
        await stream.raw(stream.packed([news()]))
        edit = news(id=8, headline="another, edited", updated_at="2024-05-02T15:00:00Z")
        await stream.raw(stream.packed([edit]))
        async with asyncio.timeout(20):
            while len(found := wb.messages(editions=True, settings=settings)) < 3:
                await asyncio.sleep(0.02)
        keeper.cancel()
    found = found.sort_values("known")
    assert found["title"].tolist() == [STORY.title, "another", "another, edited"]
    assert found["source"].unique().tolist() == ["alpaca"]
    assert (found["published"] == AT).all()
    assert (found["known"] >= before).all()
    history._answer.stories = [STORY]
    again = await asyncio.to_thread(
        wb.fetch_messages, "AAPL", "2024-05-02", "2024-05-03", source="alpaca", settings=settings
    )
    assert again.empty
