"""The bus inside one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from workbench.errors import UsageError

__all__ = ["Mailbox", "MemoryBus"]

_log = logging.getLogger(__name__)
Receive = Callable[[str, dict[str, Any]], None]


class MemoryBus:
    """Gives each message to those who subscribed to its topic, in the publisher's thread.

    A receiver must return at once; who needs time puts a :class:`Mailbox` in between. A
    receiver that raises is unsubscribed and logged: its fault is not the publisher's.

    Examples
    --------
    >>> bus, got = MemoryBus(), []
    >>> stop = bus.subscribe(["orders"], lambda topic, message: got.append(message))
    >>> bus.publish("orders", {"order_id": "o"})
    >>> stop()
    >>> bus.publish("orders", {"order_id": "p"})
    >>> got
    [{'order_id': 'o'}]
    """

    def __init__(self) -> None:
        self._receivers: dict[str, list[Receive]] = {}
        self._lock = threading.Lock()

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Give a message to all who subscribed to `topic`."""
        with self._lock:
            receivers = list(self._receivers.get(topic, ()))
        for receive in receivers:
            try:
                receive(topic, message)
            except Exception:  # noqa: BLE001 - a stranger's code; one bad reader silences nobody
                _log.exception("a receiver of %r failed and is unsubscribed", topic)
                self._drop(topic, receive)

    def subscribe(self, topics: Iterable[str], receive: Receive) -> Callable[[], None]:
        """Call `receive` for each message of the topics; return the way to stop.

        Raises
        ------
        UsageError
            One text in the place of a list of topics.
        """
        if isinstance(topics, str):
            raise UsageError(f"topics are a list: [{topics!r}]", topics=topics)
        names = list(dict.fromkeys(topics))

        # one object per subscription, so that the same function may subscribe twice
        def given(topic: str, message: dict[str, Any]) -> None:
            receive(topic, message)

        with self._lock:
            for name in names:
                self._receivers.setdefault(name, []).append(given)

        def stop() -> None:
            for name in names:
                self._drop(name, given)

        return stop

    def _drop(self, topic: str, receive: Receive) -> None:
        with self._lock:
            receivers = self._receivers.get(topic, [])
            if receive in receivers:
                receivers.remove(receive)
            if not receivers:
                self._receivers.pop(topic, None)


class Mailbox:
    """Keeps the latest messages for a slow reader, and counts those it had to drop.

    Parameters
    ----------
    size : int
        How many are kept; when it is full the oldest goes.
    wake : callable, optional
        Called after each message, from the publisher's thread; to wake an event loop,
        say.

    Examples
    --------
    >>> box = Mailbox(size=2)
    >>> for i in range(3):
    ...     box.put("system", {"i": i})
    >>> box.take(), box.dropped
    ([('system', {'i': 1}), ('system', {'i': 2})], 1)
    """

    def __init__(self, size: int = 256, wake: Callable[[], None] | None = None) -> None:
        if size < 1:
            raise UsageError(f"a mailbox holds at least one message, not {size}")
        self.dropped = 0
        self._size = size
        self._wake = wake
        self._messages: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def put(self, topic: str, message: dict[str, Any]) -> None:
        """Take a message in; has the shape that `MemoryBus.subscribe` wants."""
        with self._lock:
            self._messages.append((topic, message))
            if len(self._messages) > self._size:
                del self._messages[0]
                self.dropped += 1
        if self._wake is not None:
            self._wake()

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what came since the last time, oldest first."""
        with self._lock:
            messages, self._messages = self._messages, []
        return messages
