"""A feed's events on the bus, and its news in the table of messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import asdict
from datetime import datetime
from typing import Any

from workbench.config import Settings, load_settings
from workbench.core.bar import Bar
from workbench.core.clock import WallClock
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.message import Message
from workbench.core.ports import Bus, Clock, Event, Feed
from workbench.core.quote import Quote
from workbench.store.messages import add_messages
from workbench.store.migrate import open_database

__all__ = ["keep_news", "message_of", "publish", "published", "topic_of"]


async def publish(feed: Feed, bus: Bus, timeframe: str = "1m") -> None:
    """Publish a feed's events until it ends.

    Bars go to ``bars:SYMBOL:TIMEFRAME``, quotes to ``quotes:SYMBOL``, trades to
    ``trades:SYMBOL`` and news to ``messages``, as plain JSON values with the feed's name as
    ``source``. Order books are not published. It is a reader among others: what it misses
    by being slow is counted in the feed's metrics.

    Parameters
    ----------
    feed : Feed
    bus : Bus
    timeframe : str
        Of its bars.

    Raises
    ------
    WorkbenchError
        The feed cannot go on.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.bus.memory import MemoryBus
    >>> bus, got = MemoryBus(), []
    >>> _ = bus.subscribe(["bars:AAPL:1d"], lambda topic, message: got.append(message["close"]))
    >>> asyncio.run(publish(wb.feed(wb.bars("AAPL", source="sample").iloc[-2:]), bus, "1d"))
    >>> got
    [441.4, 430.47]
    """
    async for event in feed.events():
        topic = topic_of(event, timeframe)
        if topic is not None:
            bus.publish(topic, {**_row(event), "source": feed.name})
            await asyncio.sleep(0)  # a full feed must not hold up those who listen


@asynccontextmanager
async def published(feed: Feed, bus: Bus, timeframe: str = "1m") -> AsyncIterator[None]:
    """Publish a feed's events inside the block; the feed itself is not closed at its end."""
    task = asyncio.create_task(publish(feed, bus, timeframe), name=f"publish {feed.name}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def keep_news(
    feed: Feed, settings: Settings | None = None, *, clock: Clock | None = None
) -> None:
    """Keep a feed's headlines in the table of messages until it ends.

    Parameters
    ----------
    feed : Feed
        One that was asked for ``news``; they count as known when they are read from it.
    settings : Settings, optional
    clock : Clock, optional

    Raises
    ------
    WorkbenchError
        The feed cannot go on, or the database cannot be written.
    """
    tells = clock or WallClock()
    with closing(await asyncio.to_thread(open_database, settings or load_settings())) as database:

        def keep(message: Message, known: datetime) -> None:
            with database.write() as connection:
                add_messages(connection, [message], known)

        async for event in feed.events():
            if isinstance(event, Headline):
                await asyncio.to_thread(keep, message_of(event, feed.name), tells.now())


def message_of(headline: Headline, source: str) -> Message:
    """Return a headline as a message of a source."""
    return Message(
        source=source,
        vendor_id=headline.news_id,
        published=headline.published or headline.time,
        updated=headline.time,
        symbols=headline.symbols,
        title=headline.title,
        body=headline.text,
        url=headline.url,
        author=headline.source,
    )


def topic_of(event: Event, timeframe: str) -> str | None:
    """Return the topic an event is told on; None where there is none for it.

    Examples
    --------
    >>> topic_of(Quote("AAPL", datetime(2024, 1, 2), 1.0, 2.0), "1m")
    'quotes:AAPL'
    """
    if isinstance(event, Depth):
        return None
    if isinstance(event, Headline):
        return "messages"
    if isinstance(event, Bar):
        return f"bars:{event.symbol}:{timeframe}"
    return f"{'quotes' if isinstance(event, Quote) else 'trades'}:{event.symbol}"


def _row(event: Event) -> dict[str, Any]:
    row = {name: _plain(value) for name, value in asdict(event).items()}
    if isinstance(event, Headline):
        row["author"] = row.pop("source")
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124  # NaN
