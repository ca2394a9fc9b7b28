"""What happens at the desk, as it happens: one WebSocket, topics as in the bus.

A client sends ``{"subscribe": ["quotes:ACME/USD", "orders"]}`` (or ``unsubscribe``) and
gets ``{"topic": …, "message": …}``. The guard has checked cookie and origin, and ends the
socket with the session. A client that reads too slowly loses the oldest messages and is
told how many.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from workbench.server.identity import Identity
from workbench.server.services import Services

__all__ = ["router"]

router = APIRouter(prefix="/api/v1")

_TOPICS = frozenset({"orders", "positions", "system"})
_MOST_WAITING = 256
_MOST_SOCKETS = 10
_LONGEST = 64 * 1024
_OPEN: Counter[str] = Counter()


class _Outbox:
    """Messages for one client, bounded; filled from any thread."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[dict[str, Any]] = deque()
        self._ready = asyncio.Event()
        self._lost = 0

    def receive(self, topic: str, message: dict[str, Any]) -> None:
        """Take a message of the desk, from its thread."""
        if topic in self.topics:
            self._loop.call_soon_threadsafe(self.put, {"topic": topic, "message": message})

    def put(self, message: dict[str, Any]) -> None:
        """Add a message; the oldest makes room."""
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(message)
        self._ready.set()

    async def get(self) -> dict[str, Any]:
        """Return the next message."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        if self._lost:
            told, self._lost = {"topic": "system", "message": {"lost": self._lost}}, 0
            return told
        return self._waiting.popleft()


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
    outbox = _Outbox()
    stop = services.desk.listen(outbox.receive)
    sender = asyncio.create_task(_send(socket, outbox))
    try:
        while True:
            outbox.put(_answer(outbox, await socket.receive_text(), services.desk.symbols))
    except (WebSocketDisconnect, RuntimeError, KeyError):
        # gone, or ended by the guard; a frame that is no text is the client's mistake
        pass
    finally:
        stop()
        sender.cancel()
        _OPEN[who.username] -= 1


async def _send(socket: WebSocket, outbox: _Outbox) -> None:
    while True:
        await socket.send_json(await outbox.get())


def _answer(outbox: _Outbox, text: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Do what a frame asks for; say what is subscribed, or what was wrong."""
    try:
        asked = json.loads(text) if len(text) <= _LONGEST else None
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not asked.keys() <= {"subscribe", "unsubscribe"}:
        return _wrong('send {"subscribe": [topics]} or {"unsubscribe": [topics]}')
    known = _TOPICS | {f"quotes:{symbol}" for symbol in symbols}
    for word, wanted in asked.items():
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            return _wrong(f"{word} takes a list of topics")
        unknown = sorted(set(wanted) - known)
        if unknown:
            return _wrong(f"no topic {unknown[0][:60]!r}; there are {', '.join(sorted(known))}")
        if word == "subscribe":
            outbox.topics.update(wanted)
        else:
            outbox.topics.difference_update(wanted)
    return {"topic": "system", "message": {"subscribed": sorted(outbox.topics)}}


def _wrong(what: str) -> dict[str, Any]:
    return {"topic": "system", "message": {"error": what}}
