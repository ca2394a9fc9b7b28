"""One connection to a vendor for all feeds of a process: some vendors let in no second one.

::

    feed ─▶ Member ─┐
                    ├─▶ SharedSocket ─▶ vendor
    feed ─▶ Member ─┘

What several feeds want is asked for once, and told to each. What the vendor refuses to one of
them is no matter of the others; where the connection ends, it ends for all, and whoever comes
first makes the next.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from workbench.core.ports import Event
from workbench.errors import UnavailableError, UsageError
from workbench.venues.calls import unavailable
from workbench.venues.socket import Endpoint, Socket
from workbench.venues.stream import Connection

__all__ = ["Channel", "Member", "SharedSocket"]

Channel = tuple[str, str]
"""A kind of event as the vendor calls it, and the symbol."""

_Answer = asyncio.Future[None]


class SharedSocket(Socket):
    """A vendor's WebSocket and those who listen to it; a vendor says how it asks and tells.

    Parameters
    ----------
    endpoint : Endpoint
    """

    fresh: frozenset[str] = frozenset()
    """Kinds that begin with a snapshot, which only a new subscription brings."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.error: Exception | None = None
        self.heard = 0
        self._lock = asyncio.Lock()
        self._members: list[Member] = []
        self._routes: dict[Channel, list[Member]] = {}
        self._told: set[Channel] = set()
        self._answers: deque[tuple[_Answer | None, list[Channel]]] = deque()
        self._reader: asyncio.Task[None] | None = None

    async def admit(self, member: Member) -> bool:
        """Let a feed listen; return whether that was still possible.

        Raises
        ------
        UsageError
            The key, or what this feed asks for, is refused.
        UnavailableError
            Safe to try again.
        """
        async with self._lock:
            if self.error is not None:
                return False
            if self._reader is None:
                try:
                    await self.open()
                except BaseException:
                    self.error = unavailable(self.endpoint.vendor, "no connection")
                    await self.close()
                    raise
                self._reader = asyncio.create_task(self._read())
            self._members.append(member)
            await self._add(member, member.channels)
            if member.pulse:
                try:
                    await self._add(member, member.pulse)
                except UsageError:
                    member.has_pulse = False
                    await self._drop(member, member.pulse)
            return True

    async def dismiss(self, member: Member) -> None:
        """Let a feed go; the last one closes the connection."""
        if member not in self._members:
            return
        self._members.remove(member)
        with suppress(UnavailableError):
            await self._drop(member, (*member.channels, *member.pulse))
        async with self._lock:  # whoever comes waits for the end: a second one is not let in
            if not self._members and self.error is None:
                await self.end(unavailable(self.endpoint.vendor, "nobody listens"))

    async def end(self, error: Exception) -> None:
        """Close the connection, and tell all who listen."""
        if self.error is not None:
            return
        self.error = error
        try:
            await self.close()
        finally:
            for answer, _ in self._answers:
                if answer is not None and not answer.done():
                    answer.set_exception(error)
            self._answers.clear()
            for member in self._members:
                member.end(error)

    @abstractmethod
    def _asking(self, channels: Collection[Channel], *, is_wanted: bool) -> Any:
        """Return the message that subscribes to channels, or ends that."""

    @abstractmethod
    def _take(self, message: Any) -> tuple[Event, Sequence[Channel]] | None:
        """Return what a message tells and on which channels; None where it is no event.

        An answer to `_asking` is given to `_answered`. KeyError, TypeError or ValueError say
        that it cannot be read.

        Raises
        ------
        UsageError, UnavailableError
            It is the vendor's word that this ends here.
        """

    def _answered(self, refusal: UsageError | None = None) -> bool:
        """Take the vendor's answer to what was asked first; return whether something was."""
        if not self._answers:
            return False
        answer, channels = self._answers.popleft()
        if refusal is None:
            self._told.update(channels)
        if answer is not None and not answer.done():
            if refusal is None:
                answer.set_result(None)
            else:
                answer.set_exception(refusal)
        return True

    async def _add(self, member: Member, channels: Collection[Channel]) -> None:
        for channel in channels:
            listeners = self._routes.setdefault(channel, [])
            if member not in listeners:
                listeners.append(member)
        await self._unsubscribe([one for one in channels if one[0] in self.fresh])
        new = [one for one in channels if one not in self._told]
        if not new:
            return
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._answers.append((answer, new))
        await self.send(self._asking(new, is_wanted=True))
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                await answer
        except TimeoutError:
            raise unavailable(self.endpoint.vendor, "no answer to a subscription") from None

    async def _drop(self, member: Member, channels: Collection[Channel]) -> None:
        unused = []
        for channel in channels:
            listeners = self._routes.get(channel, [])
            if member in listeners:
                listeners.remove(member)
            if not listeners:
                self._routes.pop(channel, None)
                unused.append(channel)
        if self._members and self.error is None:
            await self._unsubscribe(unused)

    async def _unsubscribe(self, channels: Collection[Channel]) -> None:
        told = [one for one in channels if one in self._told]
        if told:
            self._told.difference_update(told)
            self._answers.append((None, []))
            await self.send(self._asking(told, is_wanted=False))

    async def _read(self) -> None:
        try:
            while True:
                malformed = self.malformed
                for message in await self.messages():
                    self._give(message)
                if self.malformed > malformed:
                    for member in self._members:
                        member.malformed += self.malformed - malformed
                        member.wake.set()
        except Exception as error:  # noqa: BLE001 - whoever listens raises it
            await self.end(error)

    def _give(self, message: Any) -> None:
        try:
            told = self._take(message)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            self.malformed += 1
            return
        if told is None:
            return
        event, channels = told
        self.heard += 1
        for channel in channels:
            for member in self._routes.get(channel, ()):
                member.put(event, self.heard)


_SOCKETS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[object, SharedSocket]]
_SOCKETS = WeakKeyDictionary()


class Member(Connection):
    """One feed's part of a shared connection.

    Parameters
    ----------
    key : object
        Feeds with equal ones share a connection.
    make : callable
        Makes the connection where there is none.
    channels, pulse : collection of Channel
        What is to be told; the pulse may be refused.
    """

    def __init__(
        self,
        key: object,
        make: Callable[[], SharedSocket],
        channels: Collection[Channel],
        pulse: Collection[Channel] = (),
    ) -> None:
        super().__init__([symbol for _, symbol in pulse])
        self.channels, self.pulse = tuple(channels), tuple(pulse)
        self.wake = asyncio.Event()
        self._key, self._make = key, make
        self._events: list[Event] = []
        self._seen = 0
        self._error: Exception | None = None
        self._socket: SharedSocket | None = None

    async def open(self) -> None:
        """Join the connection there is, or make it."""
        sockets = _SOCKETS.setdefault(asyncio.get_running_loop(), {})
        while True:
            found = sockets.get(self._key)
            if found is None or found.error is not None:
                found = sockets[self._key] = self._make()
            self._socket, self._seen = found, found.heard
            if await found.admit(self):
                return

    async def receive(self) -> Sequence[Event]:
        """Return what was told since."""
        await self.wake.wait()
        self.wake.clear()
        events, self._events = self._events, []
        if self._error is not None and not events:
            self.wake.set()
            raise self._error
        if self._error is not None:
            self.wake.set()
        return events

    async def close(self) -> None:
        """Leave; the connection lives on for others."""
        if self._socket is not None:
            self.end(unavailable(self._socket.endpoint.vendor, "the feed has left"))
            await self._socket.dismiss(self)

    async def give_up(self) -> None:
        """Leave, and end the connection where others have heard nothing since either."""
        found = self._socket
        if found is not None and found.heard == self._seen:
            await found.end(unavailable(found.endpoint.vendor, "the connection is mute"))
        await self.close()

    def put(self, event: Event, number: int) -> None:
        """Take an event, the so-manieth of the connection."""
        if number != self._seen:  # it may come on several channels
            self._seen = number
            self._events.append(event)
            self.wake.set()

    def end(self, error: Exception) -> None:
        """Take the end of the connection."""
        if self._error is None:
            self._error = error
            self.wake.set()
