"""The simulated venue behind the port to trade, with the faults of real ones on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from workbench.core.account import Account
from workbench.core.bar import Bar
from workbench.core.capabilities import Capabilities, IdScope
from workbench.core.fill import Fill
from workbench.core.order import Order, OrderType, TimeInForce
from workbench.core.ports import Update
from workbench.core.position import Position
from workbench.core.quote import Quote
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError
from workbench.venues.sim.venue import SimVenue

__all__ = ["Faults", "SimBroker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, as probabilities by seed.

    Parameters
    ----------
    lose_request : float
        The order never arrives, and the caller gets no answer.
    lose_response : float
        The order arrives, and the caller gets no answer.
    reject : float
        The venue refuses.
    duplicate : float
        An update is told twice.
    late : float
        An update is told only with the next ones.
    fail_query : float
        A question goes unanswered.
    """

    seed: int = 0
    lose_request: float = 0.0
    lose_response: float = 0.0
    reject: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    fail_query: float = 0.0


class SimBroker:
    """A :class:`~workbench.core.ports.Broker` over a :class:`SimVenue`.

    Parameters
    ----------
    venue : SimVenue
    faults : Faults, optional
        None goes wrong by default.
    """

    name = "sim"
    capabilities = Capabilities(
        ids=IdScope.EVER,
        finds_ended=True,
        types=frozenset(OrderType) - {OrderType.TRAILING_STOP},
        tifs=frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK}),
        replaces=True,
        protects=frozenset({"loss", "profit", "trail"}),
        sizes_targets=True,
        shorts=True,
        post_only=True,
        request_lifetime=timedelta(0),
        lookup_lag=timedelta(0),
        fill_lag=timedelta(0),
    )

    def __init__(self, venue: SimVenue, faults: Faults | None = None) -> None:
        self.venue = venue
        self.faults = faults or Faults()
        self.sends: dict[str, int] = {}
        self._random = Random(self.faults.seed)  # noqa: S311 - faults, not secrets
        self._late: list[Update] = []
        self._readers: list[asyncio.Queue[Update]] = []

    async def submit(self, order: Order) -> Order:
        """Send an order; return it as the venue acknowledged it, or has it already.

        Raises
        ------
        RefusedError
            The venue refuses it, or cannot do what it asks for.
        OutcomeUnknownError
            There was no answer.
        """
        self._check(order)
        self._count(order)
        answer = self.venue.order(order.order_id) or self.venue.submit(order)
        self._tell()
        self._answer(order)
        return answer

    async def cancel(self, order_id: str) -> None:
        """Ask for an order's end; the outcome comes as an update."""
        self.venue.cancel(order_id)
        self._tell()

    async def replace(self, order_id: str, new: Order) -> Order:
        """Put `new` in the place of an open order, as one step."""
        self._check(new)
        self._count(new)
        answer = self.venue.replace(order_id, new)
        self._tell()
        self._answer(new)
        return answer

    async def open_orders(self) -> Sequence[Order]:
        """Return the orders that may still be filled."""
        self._ask()
        return self.venue.open_orders()

    async def order(self, order_id: str) -> Order | None:
        """Look an order up by its client order id, ended ones included."""
        self._ask()
        return self.venue.order(order_id)

    async def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions from an instant on, oldest first."""
        self._ask()
        return self.venue.fills(since)

    async def positions(self) -> Sequence[Position]:
        """Return what is held."""
        self._ask()
        return self.venue.positions()

    async def account(self) -> Account:
        """Return cash and equity."""
        self._ask()
        return self.venue.account()

    def updates(self) -> AsyncIterator[Update]:
        """Yield order updates and fills as they happen, from this call on."""
        queue: asyncio.Queue[Update] = asyncio.Queue()
        self._readers.append(queue)
        return self._read(queue)

    def on_quote(self, quote: Quote) -> None:
        """Let the market move: the venue fills what it can."""
        self.venue.on_quote(quote)
        self._tell()

    def on_bar(self, bars: Mapping[str, Bar]) -> None:
        """Let the market move by a bar of each symbol, up to its close.

        Orders that wait are filled at the open, as in a backtest.
        """
        self.venue.on_bar(bars)
        self.venue.mark({symbol: bar.close for symbol, bar in bars.items()})
        self._tell()

    async def settle(self) -> None:
        """Wait until all readers have taken in what was told."""
        for queue in self._readers:
            await queue.join()

    async def _read(self, queue: asyncio.Queue[Update]) -> AsyncIterator[Update]:
        try:
            while True:
                yield await queue.get()
                queue.task_done()
        finally:
            self._readers.remove(queue)

    def _tell(self) -> None:
        now, late = [*self._late], []
        for update in self.venue.drain():
            if self._happens(self.faults.late):
                late.append(update)
                continue
            now += [update, update] if self._happens(self.faults.duplicate) else [update]
        self._late = late
        for queue in self._readers:
            for update in now:
                queue.put_nowait(update)

    def _check(self, order: Order) -> None:
        lacks = self.capabilities.missing_for(order)
        if lacks:
            raise RefusedError(f"the simulated venue has no {lacks}", order_id=order.order_id)

    def _count(self, order: Order) -> None:
        self.sends[order.order_id] = self.sends.get(order.order_id, 0) + 1
        if self._happens(self.faults.lose_request):
            raise OutcomeUnknownError(f"no answer to order {order.order_id}", order=order.order_id)
        if self._happens(self.faults.reject):
            raise RefusedError(f"the venue refused order {order.order_id}", order=order.order_id)

    def _answer(self, order: Order) -> None:
        if self._happens(self.faults.lose_response):
            raise OutcomeUnknownError(f"no answer to order {order.order_id}", order=order.order_id)

    def _ask(self) -> None:
        if self._happens(self.faults.fail_query):
            raise UnavailableError("the venue did not answer", retry_after=0.1)

    def _happens(self, probability: float) -> bool:
        return probability > 0.0 and self._random.random() < probability
