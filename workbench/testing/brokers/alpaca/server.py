"""The venue on loopback: its REST interface and its stream, in threads of this process."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from websockets.asyncio.server import ServerConnection

from workbench.testing.brokers.alpaca.book import AlpacaBook
from workbench.testing.brokers.alpaca.faults import AlpacaFaults, happens
from workbench.testing.brokers.alpaca.routes import AlpacaRoutes
from workbench.testing.brokers.threads import LoopThread
from workbench.testing.sockets import SocketServer
from workbench.testing.wire import WireServer

__all__ = ["AlpacaServer", "TradeSocketServer"]

T = TypeVar("T")

KEY, SECRET = "PKSIM", "secret"


class TradeSocketServer(SocketServer):
    """The stream of trade updates: JSON in binary frames.

    Parameters
    ----------
    key, secret : str
        The ones that are let in, in the old form and in the new one.
    """

    def __init__(self, key: str, secret: str) -> None:
        super().__init__(key)
        self.secret = secret

    async def greet(self, connection: ServerConnection) -> bool:
        """Ask for the key, take a subscription."""
        said = await self.heard(connection)
        told = said.get("data") or {}
        given = (said.get("key", told.get("key_id")), said.get("secret", told.get("secret_key")))
        is_in = given == (self.key, self.secret)
        status = {"status": "authorized" if is_in else "unauthorized", "action": said["action"]}
        await connection.send(self.packed([{"stream": "authorization", "data": status}]))
        if not is_in:
            return False
        await self.heard(connection)
        listening = {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        await connection.send(self.packed([listening]))
        return True

    def packed(self, messages: list[Any]) -> bytes:
        """Return one message as the venue sends it."""
        return json.dumps(messages[0]).encode()

    def wire(self, event: Any) -> Any:
        """Return a message as it is."""
        return event


class AlpacaServer:
    """A venue that listens until closed.

    Parameters
    ----------
    symbols : sequence of str
        Pairs such as ``BTC/USD`` are crypto.
    cash : float
    faults : AlpacaFaults, optional
    key, secret : str

    Examples
    --------
    >>> with AlpacaServer(["AAPL"]) as server:
    ...     server.book.quote("AAPL", 99.0, 101.0)
    ...     server.book.price("AAPL")
    100.0
    """

    def __init__(
        self,
        symbols: Sequence[str] = ("AAPL", "MSFT", "BTC/USD"),
        cash: float = 100_000.0,
        faults: AlpacaFaults | None = None,
        *,
        key: str = KEY,
        secret: str = SECRET,
    ) -> None:
        self.book = AlpacaBook(tuple(symbols), cash, self._tell, faults)
        self.routes = AlpacaRoutes(self.book, key, secret)
        self.rest = WireServer(self.routes)
        self.stream = TradeSocketServer(key, secret)
        self._late: list[dict[str, Any]] = []
        self._loop = LoopThread()
        self.run(self.stream.__aenter__())

    @property
    def url(self) -> str:
        """Where its REST interface is."""
        return self.rest.url

    @property
    def stream_url(self) -> str:
        """Where its stream is, without a path."""
        return self.stream.url

    @property
    def posts(self) -> dict[str, int]:
        """How often each order was sent, by its client id."""
        return self.routes.posts

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 20.0) -> T:
        """Do something in the stream's own event loop, and wait for it."""
        return self._loop.run(work, timeout)

    def close(self) -> None:
        """End both."""
        self.rest.close()
        self.run(self.stream.__aexit__())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, message: dict[str, Any]) -> None:
        faults, random = self.book.faults, self.book.random
        if self._loop.is_closed or happens(random, faults.lose):
            return
        if happens(random, faults.late):
            self._late.append(message)
            return
        told = [message] * (2 if happens(random, faults.duplicate) else 1) + self._late
        self._late = []
        for one in told:
            self._loop.begin(self.stream.raw(self.stream.packed([one])))
