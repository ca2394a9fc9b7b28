"""Vendors' streams on loopback that a test scripts: what is told, and faults on the way."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self

import msgpack
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from workbench.core.bar import Bar
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade

__all__ = ["STREAMS", "AlpacaSocket", "FinnhubSocket", "PolygonSocket", "SocketServer"]

_ALPACA = ("trades", "quotes", "bars", "news", "orderbooks")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SocketServer:
    """A stream's server in the test's own event loop.

    ``asked`` has what came in, ``live`` the connections that are subscribed.

    Parameters
    ----------
    key : str
        The one that is accepted.
    """

    path = ""
    greets_once = True

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.asked: list[Any] = []
        self.live: list[ServerConnection] = []
        self.count = 0
        self.refusals: list[Callable[[], Response | None]] = []
        self._came = asyncio.Condition()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, process_request=self._admit, max_size=32 << 20
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close(close_connections=True)
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        assert self._server is not None  # noqa: S101  it was entered
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}"

    async def subscribed(self, count: int = 1) -> None:
        """Wait until so many connections have subscribed, those that ended included."""
        async with self._came, asyncio.timeout(20):
            await self._came.wait_for(lambda: self.count >= count)

    async def came(self) -> None:
        """Count a subscription."""
        async with self._came:
            self.count += 1
            self._came.notify_all()

    async def tell(self, *events: Event) -> None:
        """Tell events to all who are subscribed, in one frame."""
        await self.raw(self.packed([self.wire(event) for event in events]))

    async def raw(self, frame: str | bytes) -> None:
        """Send a frame as it is."""
        for connection in list(self.live):
            with suppress(ConnectionClosed):  # whoever serves it takes it off the list
                await connection.send(frame)

    async def kick(self, code: int = 1000, reason: str = "") -> None:
        """Close all connections."""
        for connection in list(self.live):
            await connection.close(code, reason)
        self.live.clear()

    def refuse(self, status: int, times: int = 1, **headers: str) -> None:
        """Answer the next requests to connect with an HTTP status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        def answer() -> Response:
            kind = HTTPStatus(status)
            return Response(status, kind.phrase, Headers({"Content-Length": "0", **named}), b"")

        self.refusals += [answer] * times

    def expects(self, symbols: Iterable[str], kinds: Iterable[str]) -> int:
        """Return how many times a feed of these symbols and kinds subscribes."""
        del symbols, kinds
        return 1

    @abstractmethod
    async def greet(self, connection: ServerConnection) -> bool:
        """Let a client in and take its subscription; return whether it was let in."""

    @abstractmethod
    def wire(self, event: Event) -> Any:
        """Return an event as the vendor writes it."""

    def packed(self, messages: list[Any]) -> str | bytes:
        """Return messages as one frame."""
        return json.dumps(messages)

    def unpacked(self, frame: str | bytes) -> Any:
        """Return what a client said."""
        return json.loads(frame)

    async def heard(self, connection: ServerConnection) -> Any:
        """Wait for a client's next word."""
        said = self.unpacked(await connection.recv())
        self.asked.append(said)
        return said

    async def on_message(self, connection: ServerConnection, said: Any) -> None:
        """Answer what a client says after it has subscribed."""

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        del connection
        self.path = request.path
        return self.refusals.pop(0)() if self.refusals else None

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            if not await self.greet(connection):
                await connection.wait_closed()
                return
            self.live.append(connection)
            if self.greets_once:
                await self.came()
            while True:
                await self.on_message(connection, await self.heard(connection))
        except ConnectionClosed:
            if connection in self.live:
                self.live.remove(connection)


class AlpacaSocket(SocketServer):
    """Alpaca's data stream, in msgpack.

    ``channels`` has what each connection is subscribed to, ``most`` how many of them the plan
    allows, each symbol of each kind counted.
    """

    most: int | None = None

    def __init__(self, key: str = "alpaca-key", secret: str = "alpaca-secret") -> None:  # noqa: S107
        super().__init__(key)
        self.secret = secret
        self.channels: dict[ServerConnection, set[tuple[str, str]]] = {}

    async def greet(self, connection: ServerConnection) -> bool:
        """Say connected, ask for the key, take a subscription."""
        await connection.send(self.packed([{"T": "success", "msg": "connected"}]))
        said = await self.heard(connection)
        if (said.get("key"), said.get("secret")) != (self.key, self.secret):
            await connection.send(self.packed([{"T": "error", "code": 402, "msg": "auth failed"}]))
            return False
        if _path(connection) in map(_path, self.live):
            told = {"T": "error", "code": 406, "msg": "connection limit exceeded"}
            await connection.send(self.packed([told]))
            return False
        await connection.send(self.packed([{"T": "success", "msg": "authenticated"}]))
        await self.on_message(connection, await self.heard(connection))
        return True

    async def on_message(self, connection: ServerConnection, said: Any) -> None:
        """Add to what is told or take from it; what is too much changes nothing."""
        asked = {(kind, name) for kind in _ALPACA for name in said.get(kind, ())}
        had = self.channels.setdefault(connection, set())
        has = had | asked if said.get("action") == "subscribe" else had - asked
        if self.most is not None and len(has) > self.most:
            told = {"T": "error", "code": 405, "msg": "symbol limit exceeded"}
        else:
            self.channels[connection] = has
            lists = {kind: sorted(name for of, name in has if of == kind) for kind in _ALPACA}
            told = {"T": "subscription", **lists}
        await connection.send(self.packed([told]))

    def packed(self, messages: list[Any]) -> bytes:
        """Return msgpack with its own timestamps."""
        made: bytes = msgpack.packb(messages, datetime=True)
        return made

    def unpacked(self, frame: str | bytes) -> Any:
        """Read msgpack."""
        return msgpack.unpackb(frame)

    def wire(self, event: Event) -> dict[str, Any]:
        """Return ``t``, ``q`` or ``b``."""
        if isinstance(event, Trade):
            number = int(event.trade_id or 0)
            return {
                "T": "t", "S": event.symbol, "i": number, "x": "V", "p": event.price,
                "s": event.size, "c": ["@"], "z": "C", "t": event.time,
            }  # fmt: skip
        if isinstance(event, Quote):
            return {
                "T": "q", "S": event.symbol, "bx": "V", "bp": event.bid, "bs": event.bid_size,
                "ax": "V", "ap": event.ask, "as": event.ask_size, "c": ["R"], "z": "B",
                "t": event.time,
            }  # fmt: skip
        assert isinstance(event, Bar)  # noqa: S101  the test's own events
        return {"T": "b", "S": event.symbol, **_letters(event), "t": event.time, "n": 7, "vw": 1.0}


class PolygonSocket(SocketServer):
    """Polygon's stream of stocks.

    ``lacks`` has what is not in the plan, as ``("T.",)``.
    """

    lacks: tuple[str, ...] = ()

    def __init__(self, key: str = "polygon-key") -> None:
        super().__init__(key)

    async def greet(self, connection: ServerConnection) -> bool:
        """Say connected, ask for the key, take a subscription."""
        await self._status(connection, "connected", "Connected Successfully")
        said = await self.heard(connection)
        if said.get("params") != self.key:
            await self._status(connection, "auth_failed", "authentication failed")
            return False
        await self._status(connection, "auth_success", "authenticated")
        await self.on_message(connection, await self.heard(connection))
        return True

    async def on_message(self, connection: ServerConnection, said: Any) -> None:
        """Tell of each channel whether it is subscribed."""
        for channel in said["params"].split(","):
            if channel.startswith(self.lacks):
                await self._status(connection, "error", f"not authorized: {channel}")
            else:
                await self._status(connection, "success", f"subscribed to: {channel}")

    def wire(self, event: Event) -> dict[str, Any]:
        """Return ``T``, ``Q`` or ``AM``."""
        if isinstance(event, Trade):
            return {
                "ev": "T", "sym": event.symbol, "x": 4, "i": event.trade_id, "z": 3,
                "p": event.price, "s": event.size, "c": [0], "t": _ms(event.time), "q": 1,
            }  # fmt: skip
        if isinstance(event, Quote):
            return {
                "ev": "Q", "sym": event.symbol, "bx": 4, "bp": event.bid, "bs": event.bid_size,
                "ax": 7, "ap": event.ask, "as": event.ask_size, "c": 0, "t": _ms(event.time),
            }  # fmt: skip
        assert isinstance(event, Bar)  # noqa: S101  the test's own events
        start = _ms(event.time)
        return {"ev": "AM", "sym": event.symbol, **_letters(event), "s": start, "e": start + 60_000}

    async def _status(self, connection: ServerConnection, status: str, message: str) -> None:
        told = {"ev": "status", "status": status, "message": message}
        await connection.send(json.dumps([told]))


class FinnhubSocket(SocketServer):
    """Finnhub's stream of trades; the key is in the address."""

    def __init__(self, key: str = "finnhub-key") -> None:
        super().__init__(key)

    async def greet(self, connection: ServerConnection) -> bool:
        """Take a subscription."""
        await self.heard(connection)
        return True

    def wire(self, event: Event) -> dict[str, Any]:
        """Return a row of a trade message."""
        assert isinstance(event, Trade)  # noqa: S101  it has nothing else
        return {
            "c": None, "p": event.price, "s": event.symbol, "t": _ms(event.time), "v": event.size,
        }  # fmt: skip

    def packed(self, messages: list[Any]) -> str:
        """Return one message with all rows."""
        return json.dumps({"type": "trade", "data": messages})

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if f"token={self.key}" not in request.path:
            self.refuse(401)
        return super()._admit(connection, request)


def _path(connection: ServerConnection) -> str:
    return connection.request.path if connection.request is not None else ""


def _ms(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _letters(bar: Bar) -> dict[str, float]:
    return {"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "v": bar.volume}


STREAMS = {"alpaca": AlpacaSocket, "polygon": PolygonSocket, "finnhub": FinnhubSocket}
