"""What the house asks of the outside: one small protocol per party.

Every adapter and every fake passes the contract suite of its port
(``tests/contract``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from workbench.core.account import Account
from workbench.core.bar import Bar
from workbench.core.capabilities import Capabilities
from workbench.core.depth import Depth
from workbench.core.fill import Fill
from workbench.core.headline import Headline
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.core.posting import Posting
from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ActionSource", "BarSource", "Broker", "Bus", "Clock", "Event", "Feed", "Update"]

Event = Bar | Quote | Trade | Headline | Depth
"""What a feed tells; headlines and order books only where they were asked for."""


@runtime_checkable
class Clock(Protocol):
    """Tells the time; the only way to ask for it."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""


@runtime_checkable
class BarSource(Protocol):
    """Where bars come from."""

    name: str

    def symbols(self) -> Sequence[str]:
        """Return the symbols it can list; empty where it cannot list them."""

    def history(
        self, symbol: str, timeframe: Timeframe, start: datetime | None, end: datetime | None
    ) -> pd.DataFrame:
        """Return raw bars of one symbol with ``start <= time < end``, oldest first.

        The frame follows the bars contract (docs/architecture.md): a UTC index of opening times
        named ``time`` and columns ``open high low close volume``; further columns are
        kept. ``attrs`` tells ``calendar`` and ``adjustment``, and ``dropped``: the rows
        that were left out, each with its reason.

        Raises
        ------
        UsageError
            The source has no such symbol or timeframe.
        DataError
            What came back cannot be read.
        UnavailableError
            Safe to try again.
        """


@runtime_checkable
class ActionSource(Protocol):
    """A bar source that also tells corporate actions, where its bars carry none."""

    def actions(self, symbol: str, start: datetime | None, end: datetime | None) -> pd.DataFrame:
        """Return splits, dividends and renames with ``start <= date < end``.

        Columns ``date kind value former`` as `workbench.data.action_book.check_actions` has
        them; an empty table where nothing is known.
        """


@runtime_checkable
class Feed(Protocol):
    """A live stream of market data, in order.

    Within a symbol and a kind, times never run backwards, and bars never repeat. Across
    them, events come in the order of their times as far as they arrived in it.
    """

    name: str

    def events(self) -> AsyncIterator[Event]:
        """Yield what happens, oldest first, until closed.

        Raises
        ------
        UsageError
            The vendor refuses the key or what is asked for; told once, not tried again.
        """

    async def close(self) -> None:
        """End the stream."""


Update = Order | Fill | Posting
"""What a broker tells unasked: an order's new state, an execution, another entry of its books."""


@runtime_checkable
class Broker(Protocol):
    """The port to trade. Every method may raise `UnavailableError`.

    ``submit`` raises `RefusedError` for a definite no and `OutcomeUnknownError` where
    there is no answer to trust; it never sends twice.
    """

    name: str
    capabilities: Capabilities

    async def submit(self, order: Order) -> Order:
        """Send an order under its ``order_id``; return it as the venue acknowledged it."""

    async def cancel(self, order_id: str) -> None:
        """Ask for an order's end; the outcome comes as an update."""

    async def replace(self, order_id: str, new: Order) -> Order:
        """Put `new` in the place of an open order, as one step where the venue can."""

    async def open_orders(self) -> Sequence[Order]:
        """Return the orders that may still be filled."""

    async def order(self, order_id: str) -> Order | None:
        """Look an order up by its client order id, ended ones included."""

    async def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions from an instant on, oldest first."""

    async def positions(self) -> Sequence[Position]:
        """Return what the venue holds for us."""

    async def account(self) -> Account:
        """Return the venue's view of the account."""

    def updates(self) -> AsyncIterator[Update]:
        """Yield order updates and fills as they happen."""


@runtime_checkable
class Bus(Protocol):
    """Topics in and out. Names are those of docs/architecture.md, e.g. ``orders``."""

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Give a message to all who subscribed; never blocks on a slow reader."""

    def subscribe(
        self, topics: Iterable[str], receive: Callable[[str, dict[str, Any]], None]
    ) -> Callable[[], None]:
        """Call `receive` for each message of the topics; return the way to stop."""
