"""What happens to our orders at an exchange, as updates: a bell, and questions when it rings."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order
from workbench.core.ports import Update
from workbench.errors import UnavailableError, UsageError

__all__ = ["AccountUpdates", "Pace"]

_LOG = logging.getLogger("workbench.ccxt")
_OVERLAP = timedelta(seconds=60)
_REMEMBERED = 50_000
_PATIENCE = 3  # looks for the executions of an order before it is told without them


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the stream of updates is.

    Parameters
    ----------
    pull : float
        Seconds between two looks, where the bell does not ring.
    backoff, longest : float
        Seconds before the second try to connect, and before any, at most.
    """

    pull: float = 15.0
    backoff: float = 1.0
    longest: float = 60.0


class Asked(Protocol):
    """Who can be asked what happened."""

    async def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions."""

    async def open_orders(self) -> Sequence[Order]:
        """Return open orders."""

    async def order(self, order_id: str) -> Order | None:
        """Look an order up."""


class Bell(Protocol):
    """What rings when something happened."""

    async def open(self) -> None:
        """Begin to listen."""

    async def ring(self, seconds: float) -> bool:
        """Wait until it rings, or so long."""

    async def close(self) -> None:
        """End."""


@dataclass
class AccountUpdates:
    """Updates of one account, until closed.

    Parameters
    ----------
    asked : Asked
    connect : callable
        Makes a bell, not opened yet.
    pace : Pace
    since : datetime
        Executions from here on are told.
    """

    asked: Asked
    connect: Callable[[], Bell]
    pace: Pace = field(default_factory=Pace)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.connections = 0
        self._start = self.since
        self._told: dict[str, None] = {}
        self._sums: dict[str, Decimal] = {}  # units filled per order, as far as told
        self._open: dict[str, Order] = {}
        self._held_back: dict[str, int] = {}

    def watch(self, order: Order) -> None:
        """Note the last known state of an order, so that its end is not missed."""
        if order.state.is_open:
            self._open.setdefault(order.order_id, order)

    async def run(self) -> AsyncIterator[Update]:
        """Yield updates.

        Raises
        ------
        UsageError
            The key is refused; told once, not tried again.
        """
        wait = self.pace.backoff
        while True:
            bell, began = self.connect(), time.monotonic()
            try:
                await bell.open()
                self.connections += 1
                while True:
                    for update in await self._pulled():
                        yield update
                    pause = min(self.pace.pull, 1.0) if self._held_back else self.pace.pull
                    await bell.ring(pause)
            except UnavailableError as error:
                _LOG.warning("account updates: %s", error.message)
            finally:
                with suppress(UnavailableError):
                    await bell.close()
            for update in await self._pulled():
                yield update
            if time.monotonic() - began > self.pace.longest:
                wait = self.pace.backoff
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311  not all at once
            wait = min(wait * 2, self.pace.longest)

    async def _pulled(self) -> list[Update]:
        """Return what questions tell that was not told yet; what fails is asked again later."""
        found: list[Update] = []
        try:
            found += await self._fills()
            orders = await self._orders()
            if any(self._lacks(order) for order in orders):
                found += await self._fills()  # filled between the two questions
        except (UnavailableError, UsageError) as error:
            if error.facts.get("key_refused"):
                raise
            _LOG.warning("account updates: %s", error.message)
            return found
        for order in orders:
            if self._open.get(order.order_id) == order or self._waits(order):
                continue
            found.append(order)
            self._open.pop(order.order_id, None)
            self.watch(order)
        return found

    async def _fills(self) -> list[Update]:
        found: list[Update] = []
        for fill in await self.asked.fills(self.since - _OVERLAP):
            if fill.execution_id in self._told:
                continue
            self._told[fill.execution_id] = None
            total = self._sums.get(fill.order_id, ZERO)
            self._sums[fill.order_id] = MONEY.add(total, fill.quantity)
            self.since = max(self.since, fill.time)
            found.append(fill)
        if len(self._told) > _REMEMBERED:
            for name in list(self._told)[: _REMEMBERED // 2]:
                del self._told[name]
        return found

    async def _orders(self) -> list[Order]:
        """Return open orders, and those that were open when they were last told of."""
        present = await self.asked.open_orders()
        gone = set(self._open) - {order.order_id for order in present}
        looked = await asyncio.gather(*[self.asked.order(name) for name in gone])
        return [*present, *[order for order in looked if order is not None]]

    def _lacks(self, order: Order) -> bool:
        """Tell whether an order is filled for more than its executions that were told."""
        known = self._sums.get(order.order_id, ZERO)
        return order.filled > known and order.decided_at >= self._start - _OVERLAP

    def _waits(self, order: Order) -> bool:
        """Hold an order back until its executions are told, but not for ever."""
        if not self._lacks(order):
            self._held_back.pop(order.order_id, None)
            return False
        looks = self._held_back[order.order_id] = self._held_back.get(order.order_id, 0) + 1
        if looks <= _PATIENCE:
            self.watch(order)
            return True
        self._held_back.pop(order.order_id)
        return False
