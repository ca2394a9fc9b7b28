"""An exchange that listens: public data, signed calls, and its private stream."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from websockets.asyncio.server import ServerConnection

from workbench.core.order import Order, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.testing.brokers.alpaca.faults import GATEWAY
from workbench.testing.brokers.exchanges.book import Entry, ExchangeBook, Refused
from workbench.testing.brokers.threads import LoopThread
from workbench.testing.exchanges import EXCHANGES
from workbench.testing.sockets import SocketServer
from workbench.testing.wire import Asked, Reply, WireServer

__all__ = ["KEY", "SECRET", "ExchangeServer", "PrivateSocket", "ordered"]

KEY, SECRET = "exchange-key", "c2VjcmV0c2VjcmV0"


class PrivateSocket(SocketServer):
    """A stream of one account; frames are written by the exchange.

    Parameters
    ----------
    exchange : ExchangeServer
    """

    greets_once = False

    def __init__(self, exchange: ExchangeServer) -> None:
        super().__init__()
        self.exchange = exchange

    async def greet(self, connection: ServerConnection) -> bool:
        """Let anybody connect; who subscribes must sign."""
        del connection
        return True

    async def on_message(self, connection: ServerConnection, said: Any) -> None:
        """Answer what a client says, and count its subscription."""
        answer, is_subscribed = self.exchange.heard(said)
        if answer is not None:
            await connection.send(json.dumps(answer))
        if is_subscribed:
            await self.came()

    def wire(self, event: Any) -> Any:
        """Return a message as it is."""
        return event


class ExchangeServer(ABC):
    """One exchange with one account, until closed.

    Parameters
    ----------
    book : ExchangeBook
    skew : float
        Seconds that its clock is before ours.

    Attributes
    ----------
    posts : Counter
        How often each order was sent, by its client id.
    trouble : str
        What becomes of order calls: one of the faults of a gateway, with ``" lost"`` behind
        it where the call is not carried out; ``""`` is "nothing".
    fails_queries : bool
        Whether signed questions are answered with 503.
    hosts : set of str
        Where the requests were meant to go, had they not been led here.
    """

    name: ClassVar[str]  # of its public side
    key: ClassVar[str] = KEY
    secret: ClassVar[str] = SECRET
    terms: ClassVar[dict[str, Any]] = {}

    def __init__(self, *, skew: float = 0.0, **terms: Any) -> None:
        self.public: Any = EXCHANGES[self.name]()
        told = {"symbols": self.public.market.pairs, **self.terms, **terms}
        self.book = ExchangeBook(tell=self._tell, **told)
        self.posts: Counter[str] = Counter()
        self.trouble, self.fails_queries, self.is_mute = "", False, False
        self.skew = skew
        self.hosts: set[str] = set()
        self.rest = WireServer(self._answer)
        self.stream = PrivateSocket(self)
        self._loop = LoopThread()
        self._loop.run(self.stream.__aenter__())

    @property
    def url(self) -> str:
        """Where its REST interface is."""
        return self.rest.url

    @property
    def stream_url(self) -> str:
        """Where its stream is."""
        return self.stream.url

    def now(self) -> float:
        """Return its clock, in seconds since 1970."""
        return time.time() + self.skew

    def subscribed(self, count: int = 1) -> None:
        """Wait until so many have subscribed."""
        self._loop.run(self.stream.subscribed(count))

    def kick(self, code: int = 1000) -> None:
        """Close all connections of the stream."""
        self._loop.run(self.stream.kick(code))

    def frame(self, text: str) -> None:
        """Send a frame as it is."""
        self._loop.run(self.stream.raw(text))

    def close(self) -> None:
        """End all."""
        self.rest.close()
        self._loop.run(self.stream.__aexit__())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # of each exchange ---------------------------------------------------------------------

    @abstractmethod
    def private(self, asked: Asked) -> Reply | None:
        """Answer a signed call; None where it is not one of them.

        Raises
        ------
        Refused
            The account says no.
        """

    @abstractmethod
    def refusal(self, why: str, asked: Asked) -> Reply:
        """Return how the exchange says no."""

    @abstractmethod
    def is_order(self, asked: Asked) -> bool:
        """Tell whether a request sends or cancels an order."""

    @abstractmethod
    def client_of(self, asked: Asked) -> str:
        """Return the client id of an order that is sent; ``""`` of anything else."""

    @abstractmethod
    def message(self, entry: Entry) -> dict[str, Any]:
        """Return the frame that tells of an order."""

    @abstractmethod
    def heard(self, said: Any) -> tuple[Any, bool]:
        """Return the answer to a client of the stream, and whether it has now subscribed."""

    # inside -------------------------------------------------------------------------------

    def _answer(self, asked: Asked) -> Reply:
        self.hosts.add(asked.path.split("/")[1])
        client = self.client_of(asked)
        if client:
            self.posts[client] += 1
        if self.trouble and self.is_order(asked):
            word, _, is_lost = self.trouble.partition(" ")
            if not is_lost:
                self._carried_out(asked)
            return GATEWAY[word]
        return self._carried_out(asked)

    def _carried_out(self, asked: Asked) -> Reply:
        try:
            told = self.private(asked)
        except Refused as error:
            return self.refusal(error.why, asked)
        if told is None:
            public: Reply = self.public(asked)
            return public
        if self.fails_queries and not self.is_order(asked):
            return Reply("upstream connect error", 503)
        return told

    def _tell(self, entry: Entry) -> None:
        if not self._loop.is_closed and not self.is_mute:
            self._loop.begin(self.stream.raw(json.dumps(self.message(entry))))


def ordered(symbol: str, side: str, kind: str, **facts: Any) -> Order:
    """Return an order as the matching takes it; it is named when it is taken.

    Parameters
    ----------
    symbol, side, kind : str
        The side in any case, the kind as `OrderType` has it.
    """
    order = Order(
        order_id="",
        run_id="exchange",
        strategy="exchange",
        symbol=symbol,
        side=Side(side.lower()),
        type=OrderType(kind),
        decided_at=datetime.now(UTC),
    )
    return replace(order, tif=facts.pop("tif", TimeInForce.GTC), **facts)
