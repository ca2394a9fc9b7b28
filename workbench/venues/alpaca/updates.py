"""Alpaca's stream of trade updates: kept open, and filled up from questions.

The stream tells nothing again. After each connection, and every few seconds beside a
connection that seems well, the list of executions is read and open orders are asked for,
so that what the stream lost comes all the same, only later. An execution has the same
name either way (see :mod:`workbench.venues.alpaca.messages`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order
from workbench.core.ports import Update
from workbench.core.signal import Side
from workbench.errors import UnavailableError, UsageError
from workbench.venues.alpaca.messages import Names, execution_id, instant, order_of
from workbench.venues.socket import Endpoint, Socket, refusal

__all__ = ["Pace", "TradeSocket", "TradeUpdates"]

_LOG = logging.getLogger("workbench.alpaca")
_OVERLAP = timedelta(seconds=60)
_REMEMBERED = 50_000
_FILLS = ("fill", "partial_fill")


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the stream of updates is.

    Parameters
    ----------
    pull : float
        Seconds between two looks at what the stream may have lost.
    backoff, longest : float
        Seconds before the second try to connect, and before any, at most.
    """

    pull: float = 15.0
    backoff: float = 1.0
    longest: float = 60.0


class Books(Protocol):
    """The questions that fill up what the stream lost."""

    @property
    def names(self) -> Names:
        """Which of the venue's orders are called what."""

    async def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions."""

    async def open_orders(self) -> Sequence[Order]:
        """Return open orders."""

    async def order(self, order_id: str) -> Order | None:
        """Look an order up."""

    async def learn(self, symbols: Collection[str]) -> None:
        """Learn whose the legs of some symbols are."""


class TradeSocket(Socket):
    """One connection to the stream of trade updates.

    Parameters
    ----------
    endpoint : Endpoint
    key, secret : str
    """

    def __init__(self, endpoint: Endpoint, key: str, secret: str) -> None:
        super().__init__(endpoint)
        self._key, self._secret = key, secret

    async def _greet(self) -> None:
        await self.send({"action": "auth", "key": self._key, "secret": self._secret})
        told = await self._wait_for("authorization")
        if told.get("status") != "authorized":
            said = self.endpoint.clean(told.get("message") or told.get("status"))
            raise refusal(self.endpoint.vendor, said, key_refused=True)
        await self.send({"action": "listen", "data": {"streams": ["trade_updates"]}})
        told = await self._wait_for("listening")
        if "trade_updates" not in (told.get("streams") or ()):
            raise refusal(self.endpoint.vendor, "no trade updates")

    async def _wait_for(self, stream: str) -> Mapping[str, Any]:
        while True:
            for message in await self.messages():
                if isinstance(message, dict) and message.get("stream") == stream:
                    data = message.get("data")
                    return data if isinstance(data, dict) else {}

    def _decode(self, frame: str | bytes) -> Any:
        # the venue sends JSON in binary frames
        return json.loads(frame)


@dataclass
class TradeUpdates:
    """What happens to our orders, as updates, until closed.

    Parameters
    ----------
    books : Books
    connect : callable
        Makes a connection, not opened yet.
    venue : str
        As fills name it.
    pace : Pace
    since : datetime
        Executions from here on are told.
    """

    books: Books
    connect: Callable[[], TradeSocket]
    venue: str
    pace: Pace = field(default_factory=Pace)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.connections = 0
        self._told: dict[str, None] = {}  # names of executions that were told
        self._sums: dict[str, Decimal] = {}  # units filled per order, as far as told
        self._fills: dict[str, Fill] = {}
        self._open: dict[str, Order] = {}
        self._next_pull = 0.0
        self._strange: set[str] = set()
        self._lone: list[Mapping[str, Any]] = []  # told of, and not known whose they are

    def watch(self, order: Order) -> None:
        """Note the last known state of an order, so that its end is not missed."""
        if order.state.is_open:
            self._open[order.order_id] = order
        else:
            self._open.pop(order.order_id, None)

    async def run(self) -> AsyncIterator[Update]:
        """Yield updates.

        Raises
        ------
        UsageError
            The key is refused; told once, not tried again.
        """
        wait = self.pace.backoff
        while True:
            socket = self.connect()
            try:
                await socket.open()
                self.connections += 1
                self._next_pull = 0.0
                wait = self.pace.backoff
                async for update in self._listen(socket):
                    yield update
            except UnavailableError as error:
                _LOG.warning("trade updates: %s", error.message)
            finally:
                with suppress(UnavailableError):
                    await socket.close()
            for update in await self._pulled():
                yield update
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311  not all at once
            wait = min(wait * 2, self.pace.longest)

    async def _listen(self, socket: TradeSocket) -> AsyncIterator[Update]:
        while True:
            left = self._next_pull - time.monotonic()
            if left <= 0:
                for update in await self._pulled():
                    yield update
                self._next_pull = time.monotonic() + self.pace.pull
                continue
            try:
                async with asyncio.timeout(left):
                    messages = await socket.messages()
            except TimeoutError:
                continue
            for message in messages:
                for update in self._read(message):
                    yield update

    async def _pulled(self) -> list[Update]:
        """Return what questions tell that was not told yet; nothing where they fail."""
        found: list[Update] = []
        try:
            found += self._new(await self.books.fills(self.since - _OVERLAP))
            found += await self._named()
            present = await self.books.open_orders()
            gone = set(self._open) - {order.order_id for order in present}
            asked: list[Awaitable[Order | None]] = [self.books.order(name) for name in gone]
            orders = [*present, *[o for o in await asyncio.gather(*asked) if o is not None]]
        except (UnavailableError, UsageError) as error:
            _LOG.warning("trade updates: %s", error.message)
            return found
        for order in orders:
            if self._open.get(order.order_id) != order:
                self.watch(order)
                found.append(order)
        return found

    async def _named(self) -> list[Update]:
        """Return the orders that waited for their names; their fills are in the list."""
        names, waiting = self.books.names, self._lone
        if any(names.is_lone_leg(body) for body in waiting):
            await self.books.learn({str(body["symbol"]) for body in waiting})
        self._lone = []
        orders = [order_of(body, names) for body in waiting]
        for order in orders:
            self.watch(order)
        return list(orders)

    def _new(self, fills: Sequence[Fill]) -> list[Update]:
        found: list[Update] = []
        for fill in fills:
            if self._tell(fill):
                found.append(fill)
            self.since = max(self.since, fill.time)
        return found

    def _tell(self, fill: Fill) -> bool:
        """Note an execution; return whether it is new."""
        if fill.execution_id in self._told:
            return False
        self._told[fill.execution_id] = None
        self._fills[fill.execution_id] = fill
        if len(self._told) > _REMEMBERED:
            for name in list(self._told)[: _REMEMBERED // 2]:
                del self._told[name]
                self._fills.pop(name, None)
        order, _, total = fill.execution_id.rpartition(":")
        self._sums[order] = max(self._sums.get(order, ZERO), Decimal(total))
        return True

    def _read(self, message: Any) -> Sequence[Update]:
        if not isinstance(message, dict) or message.get("stream") != "trade_updates":
            return ()
        try:
            return self._event(message["data"])
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, UsageError):
            # something happened, and only the questions can say what
            _LOG.warning("trade updates: a message that cannot be read")
            self._next_pull = 0.0
            return ()

    def _event(self, told: Mapping[str, Any]) -> Sequence[Update]:
        event, body = str(told["event"]), told["order"]
        if self.books.names.is_lone_leg(body):
            self._next_pull = 0.0  # whose leg it is can only be asked
            self._lone.append(body)
            return ()
        order = order_of(body, self.books.names)
        found: list[Update] = []
        if event in _FILLS:
            fill = self._execution(told, order)
            if fill is not None and self._tell(fill):
                found.append(fill)
        elif event in ("trade_bust", "trade_correct"):
            found += self._reversed(event, told, order)
        elif event not in _KNOWN and event not in self._strange:
            self._strange.add(event)
            _LOG.warning("trade updates: unknown event %r", event[:40])
        self.watch(order)
        return [*found, order]

    def _execution(self, told: Mapping[str, Any], order: Order) -> Fill | None:
        """Return the execution of a message; None where another came before and is missing."""
        venue_id = str(order.venue_order_id)
        before, quantity = self._sums.get(venue_id, ZERO), decimal(told["qty"])
        if MONEY.add(before, quantity) != order.filled:
            if order.filled > before:
                self._next_pull = 0.0
            return None
        return Fill(
            execution_id=execution_id(venue_id, order.filled),
            order_id=order.order_id,
            venue=self.venue,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=decimal(told["price"]),
            time=instant(told["timestamp"]),
        )

    def _reversed(self, event: str, told: Mapping[str, Any], order: Order) -> list[Update]:
        """Return the entries that take an execution back, and of a correction the new one."""
        known = [fill for fill in self._fills.values() if fill.order_id == order.order_id]
        wanted = [f for f in known if f"{f.execution_id}:bust" not in self._told]
        quantity, price = _number(told.get("qty")), _number(told.get("price"))
        if event == "trade_bust" and quantity is not None:
            wanted = [f for f in wanted if f.quantity == quantity and price in (None, f.price)]
        if len(wanted) != 1:
            _LOG.error("%s of order %s names no execution", event, order.order_id)
            self._next_pull = 0.0
            return []
        old, at = wanted[0], instant(told["timestamp"])
        side = Side.SELL if old.side is Side.BUY else Side.BUY
        name = f"{old.execution_id}:bust"
        self._told[name] = None
        back = replace(
            old, execution_id=name, side=side, time=at, fee=-old.fee, reverses=old.execution_id
        )
        if event == "trade_bust" or quantity is None or price is None:
            return [back]
        right = replace(
            old, execution_id=f"{old.execution_id}:correct", quantity=quantity, price=price, time=at
        )
        self._told[right.execution_id] = None
        return [back, right]


_KNOWN = (
    "new", "accepted", "canceled", "expired", "done_for_day", "replaced", "rejected", "pending_new",
    "pending_cancel", "pending_replace", "stopped", "suspended", "calculated", "held", "restated",
    "order_replace_rejected", "order_cancel_rejected", "pending_review",
)  # fmt: skip


def _number(value: Any) -> Decimal | None:
    return None if value in (None, "") else decimal(value)
