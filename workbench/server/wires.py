"""What runs through the guard: answers with our headers, bodies and sockets that can end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from workbench.server.problems import problem

__all__ = ["App", "Body", "Message", "Outgoing", "Receive", "Scope", "Send", "Socket"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Outgoing:
    """Adds the headers that the application did not set, and remembers the status."""

    def __init__(self, send: Send, headers: dict[bytes, bytes]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            present = {name.lower() for name, _ in message.get("headers", ())}
            extra = [pair for pair in self._headers.items() if pair[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await self._send(message)


class Body:
    """Counts a body that does not tell its length, and answers 413 when it is too long."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive = receive
        self._send = send
        self._left = most
        self._most = most

    async def __call__(self) -> Message:
        """Receive the next part."""
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Send on, or in its place that the body is too long."""
        if self._left >= 0:
            await self._send(message)
        elif message["type"] == "http.response.start":
            answer = problem(413, f"a body has at most {self._most} bytes")
            start = {"type": "http.response.start", "status": 413, "headers": answer.raw_headers}
            await self._send(start)
            await self._send({"type": "http.response.body", "body": bytes(answer.body)})


class Socket:
    """A websocket that can also be ended from outside the application."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._has_left = False
        self._ended: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        """Wait for a message, or for the end."""
        incoming = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({incoming, self._ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not incoming.done():
                incoming.cancel()
        message = self._ended.result() if self._ended.done() else incoming.result()
        self._has_left = message["type"] == "websocket.disconnect"
        return message

    async def send(self, message: Message) -> None:
        """Send on, while somebody is there."""
        # what is sent to a client that has left would be complained of, line by line
        if not (self._has_left or self._ended.done()):
            await self._send(message)

    async def end(self, code: int, reason: str) -> None:
        """Close it, and tell the application that it is closed."""
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
        self._ended.set_result({"type": "websocket.disconnect", "code": code, "reason": reason})
