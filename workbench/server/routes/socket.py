"""What happens at the desk, as it happens: one WebSocket, topics as in the bus.

A client sends ``{"subscribe": ["quotes:ACME/USD", "orders"]}`` (or ``unsubscribe``) and
gets ``{"topic": …, "message": …}``. The guard has checked cookie and origin, and ends the
socket with the session. A client that reads too slowly loses the oldest messages and is
told how many.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from workbench.bus.memory import Mailbox
from workbench.core.ports import Bus
from workbench.server.identity import Identity
from workbench.server.services import Services

__all__ = ["router"]

router = APIRouter(prefix="/api/v1")

_TOPICS = frozenset({"orders", "positions", "system"})
_MOST_WAITING = 256
_MOST_SOCKETS = 10
_LONGEST = 64 * 1024
_OPEN: Counter[str] = Counter()


class Socket(Protocol):
    """What messages are sent through."""

    async def send_json(self, data: Any) -> None:
        """Send one message."""


@router.websocket("/ws")
async def stream(socket: WebSocket) -> None:
    """Serve one client until it leaves."""
    services: Services = socket.app.state.services
    who: Identity = socket.scope["wb.identity"]
    if _OPEN[who.username] >= _MOST_SOCKETS:
        await socket.close(4429, f"at most {_MOST_SOCKETS} sockets for each user")
        return
    _OPEN[who.username] += 1
    await socket.accept()
    letters = Letters(services.desk.bus)
    sender = asyncio.create_task(letters.send(socket))
    try:
        while True:
            answer = _answer(letters, await socket.receive_text(), services.desk.symbols)
            letters.box.put("system", answer)
    except (WebSocketDisconnect, RuntimeError, KeyError):
        # gone, or ended by the guard; a frame that is no text is the client's mistake
        pass
    finally:
        letters.unsubscribe(list(letters.topics))
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        _OPEN[who.username] -= 1


class Letters:
    """A client's topics, and the mailbox in which their messages wait for it.

    Parameters
    ----------
    bus : Bus
        May publish from any thread.
    size : int
        How many messages wait at most.
    """

    def __init__(self, bus: Bus, size: int = _MOST_WAITING) -> None:
        self._loop, self._ready = asyncio.get_running_loop(), asyncio.Event()
        self.box = Mailbox(size, wake=self._wake)
        self.topics: dict[str, Callable[[], None]] = {}
        self._bus = bus

    def subscribe(self, topics: list[str]) -> None:
        """Take the messages of these topics as well."""
        for topic in topics:
            if topic not in self.topics:
                self.topics[topic] = self._bus.subscribe([topic], self.box.put)

    def unsubscribe(self, topics: list[str]) -> None:
        """Take those of these topics no more."""
        for topic in topics:
            self.topics.pop(topic, _nothing)()

    async def send(self, socket: Socket) -> None:
        """Hand over what comes, until cancelled, and say how many were lost before it."""
        told = 0
        while True:
            await self._ready.wait()
            self._ready.clear()
            messages, dropped = self.box.take(), self.box.dropped
            if dropped > told:
                await socket.send_json({"topic": "system", "message": {"lost": dropped - told}})
                told = dropped
            for topic, message in messages:
                await socket.send_json({"topic": topic, "message": message})

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._ready.set)


def _answer(letters: Letters, text: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Do what a frame asks for; say what is subscribed, or what was wrong."""
    try:
        asked = json.loads(text) if len(text) <= _LONGEST else None
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not asked.keys() <= {"subscribe", "unsubscribe"}:
        return {"error": 'send {"subscribe": [topics]} or {"unsubscribe": [topics]}'}
    known = _TOPICS | {f"quotes:{symbol}" for symbol in symbols}
    for word, wanted in asked.items():
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            return {"error": f"{word} takes a list of topics"}
        unknown = sorted(set(wanted) - known)
        if unknown:
            there = ", ".join(sorted(known))
            return {"error": f"no topic {unknown[0][:60]!r}; there are {there}"}
        if word == "subscribe":
            letters.subscribe(wanted)
        else:
            letters.unsubscribe(wanted)
    return {"subscribed": sorted(letters.topics)}


def _nothing() -> None:
    """Stop a subscription that is none."""
