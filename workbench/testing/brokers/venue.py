"""A broker under test, and a hand on its market: what the contract suite needs of a venue.

To add a venue, derive from :class:`VenueUnderTest`: make a broker whose venue is a server
of the test, let :meth:`~VenueUnderTest.move` move its market, count what arrived in
:meth:`~VenueUnderTest.sends`, and spoil the next order call in :meth:`~VenueUnderTest.spoil`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from workbench.config import Settings, load_settings
from workbench.core.ports import Broker
from workbench.core.quote import Quote
from workbench.testing.brokers.alpaca.faults import AlpacaFaults
from workbench.testing.brokers.alpaca.server import KEY, SECRET, AlpacaServer
from workbench.venues.alpaca.broker import AlpacaBroker
from workbench.venues.alpaca.updates import Pace
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["AlpacaUnderTest", "SimUnderTest", "VenueUnderTest", "settings_for"]

_START = datetime(2024, 1, 2, tzinfo=UTC)


class VenueUnderTest(ABC):
    """One venue, freshly made, with 100,000 in cash.

    Parameters
    ----------
    name : str
    symbol : str
        What is traded.
    unclear : tuple of str
        Troubles of an order call after which nobody knows what became of it, though the
        venue has the order.
    lost : tuple of str
        The same, where the venue has not got it.
    """

    name: ClassVar[str]
    symbol: str = "AAPL"
    cash: ClassVar[Decimal] = Decimal(100_000)
    unclear: ClassVar[tuple[str, ...]] = ()
    lost: ClassVar[tuple[str, ...]] = ()
    broker: Broker

    @abstractmethod
    def move(self, bid: float, ask: float) -> None:
        """Let the market move, and the venue fill what it can."""

    @abstractmethod
    def sends(self, order_id: str) -> int:
        """Return how often an order arrived at the venue."""

    @abstractmethod
    def spoil(self, trouble: str) -> None:
        """Let order calls from now on meet one of the troubles, or none where it is ``""``."""

    @abstractmethod
    def fail_queries(self, fails: bool) -> None:
        """Let questions fail, or no longer."""

    async def close(self) -> None:  # noqa: B027  a venue in the same thread has nothing to do
        """Let go of everything."""


class SimUnderTest(VenueUnderTest):
    """The simulated venue in the same thread.

    Parameters
    ----------
    memory : Path, optional
        Where it keeps its account.
    """

    name = "sim"
    unclear = ("lose_response",)
    lost = ("lose_request",)

    def __init__(self, memory: Path | None = None) -> None:
        self._memory = None if memory is None else Memory(memory)
        venue = SimVenue([self.symbol], float(self.cash), plain_terms(), memory=self._memory)
        self.broker: SimBroker = SimBroker(venue)
        self._ticks = 0

    def move(self, bid: float, ask: float) -> None:
        """Give it a quote."""
        self._ticks += 1
        self.broker.on_quote(Quote(self.symbol, _START + timedelta(seconds=self._ticks), bid, ask))

    def sends(self, order_id: str) -> int:
        """Return how often it was handed the order."""
        return self.broker.sends.get(order_id, 0)

    def spoil(self, trouble: str) -> None:
        """Set its faults."""
        self.broker.faults = Faults(**{trouble: 1.0} if trouble else {})  # type: ignore[arg-type]

    def fail_queries(self, fails: bool) -> None:
        """Set its faults."""
        self.broker.faults = Faults(fail_query=float(fails))

    async def close(self) -> None:
        """Close the memory."""
        if self._memory is not None:
            self._memory.close()


class AlpacaUnderTest(VenueUnderTest):
    """Alpaca's own client against a venue on loopback.

    Parameters
    ----------
    folder : Path
        Of the workspace.
    """

    name = "alpaca"
    unclear = ("gateway_timeout", "server_error", "garble", "empty", "html", "reset", "drop",
               "mute")  # fmt: skip
    lost = tuple(f"{name} lost" for name in ("gateway_timeout", "reset", "drop", "mute"))

    def __init__(self, folder: Path, *, cash: float = 100_000.0, pull: float = 0.2) -> None:
        self.server = AlpacaServer([self.symbol, "MSFT", "BTC/USD"], cash)
        pace = Pace(pull=pull, backoff=0.05, longest=0.2)
        self.broker: AlpacaBroker = AlpacaBroker(settings_for(self.server, folder), pace=pace)

    def move(self, bid: float, ask: float) -> None:
        """Give it a quote."""
        self.server.book.quote(self.symbol, bid, ask)

    def sends(self, order_id: str) -> int:
        """Return the POSTs that the server has counted."""
        return self.server.posts.get(order_id, 0)

    def spoil(self, trouble: str) -> None:
        """Set the server's faults."""
        word, _, is_lost = trouble.partition(" ")
        names = {word: 1.0, "lost": float(bool(is_lost))} if word else {}
        with self.server.book.lock:
            self.server.book.faults = AlpacaFaults().changed(names)

    def fail_queries(self, fails: bool) -> None:
        """Set the server's faults."""
        with self.server.book.lock:
            self.server.book.faults = replace(self.server.book.faults, fail_query=float(fails))

    async def close(self) -> None:
        """End the server."""
        await self.broker.close()
        self.server.close()


def settings_for(server: AlpacaServer, folder: Path, **terms: float | str) -> Settings:
    """Return settings of a workspace whose paper account is at a server of the test."""
    told = {"url": server.url, "stream_url": server.stream_url, "per_minute": 60_000,
            "timeout": 1.0, **terms}  # fmt: skip
    return load_settings(
        folder,
        venues={"alpaca_paper": told},
        alpaca_paper_key=KEY,
        alpaca_paper_secret=SECRET,
    )
