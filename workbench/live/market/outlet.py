"""What all feeds share: many readers of one stream, its end, and its one start."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from workbench.core.bar import Bar
from workbench.core.ports import Event
from workbench.errors import WorkbenchError
from workbench.live.market.feed_metrics import FeedMetrics, register
from workbench.live.market.market_store import MarketStore

__all__ = ["Outlet"]

_BACKLOG = 100_000
_ENOUGH = 2048


class _Reader:
    """One reader's events. Of a slow one's, quotes and trades go first; bars never do."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.wake = asyncio.Event()
        self.is_over = False

    def put(self, event: Event) -> int:
        """Keep an event; return how many had to go for it."""
        self.events.append(event)
        self.wake.set()
        if len(self.events) <= _BACKLOG:
            return 0
        kept = [e for at, e in enumerate(self.events) if at > _BACKLOG // 2 or isinstance(e, Bar)]
        gone = len(self.events) - len(kept)
        self.events = deque(kept)
        return gone


class Outlet(ABC):
    """A feed: any number of readers get the same events, from when they come.

    The stream begins with the first reader. ``async for event in feed`` is one; ``async
    with`` closes the feed at the end.

    Parameters
    ----------
    name : str
    store : MarketStore
        Is given all events too.
    """

    def __init__(self, name: str, store: MarketStore) -> None:
        self.name = name
        self.metrics = FeedMetrics(name)
        self.store = store
        self._readers: list[_Reader] = []
        self._task: asyncio.Task[None] | None = None
        self._error: WorkbenchError | None = None
        self._is_closed = False
        register(self.metrics)

    async def events(self) -> AsyncIterator[Event]:
        """Yield what happens, oldest first, until closed.

        Raises
        ------
        WorkbenchError
            The feed cannot go on: told to each reader once, and to those who come later.
        """
        reader = _Reader()
        reader.is_over = self._is_closed
        self._readers.append(reader)
        if self._task is None and not self._is_closed:
            self._task = asyncio.create_task(self._guarded())
        try:
            while True:
                while reader.events:
                    yield reader.events.popleft()
                if reader.is_over:
                    break
                reader.wake.clear()
                await reader.wake.wait()
        finally:
            self._readers.remove(reader)
        if self._error is not None:
            raise self._error
        if self._task is not None:
            await self._task  # a fault of our own is told as it is

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    async def close(self) -> None:
        """End the stream; readers get what is there, and then no more."""
        self._is_closed = True
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._finish()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @abstractmethod
    async def _run(self) -> None:
        """Give out events until there are no more."""

    def _give(self, event: Event) -> None:
        """Give an event to the store and to all readers."""
        self.store.put(event)
        for reader in self._readers:
            gone = reader.put(event)
            if gone:
                self.metrics.count("dropped", gone)

    async def _room(self) -> None:
        """Wait for readers who lag behind; for feeds that can wait."""
        await asyncio.sleep(0)
        while any(len(reader.events) > _ENOUGH for reader in self._readers):
            await asyncio.sleep(0.001)

    async def _guarded(self) -> None:
        try:
            await self._run()
        except WorkbenchError as error:
            self._error = error
        except BaseExceptionGroup as group:
            told = [e for e in group.exceptions if isinstance(e, WorkbenchError)]
            if not told:
                raise
            self._error = told[0]
        finally:
            self._is_closed = True
            self._finish()

    def _finish(self) -> None:
        for reader in self._readers:
            reader.is_over = True
            reader.wake.set()
