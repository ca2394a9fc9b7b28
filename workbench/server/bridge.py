"""The desk as routes and pages use it: who may do what, and from which thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import pandas as pd

from workbench.core.order import Order
from workbench.core.ports import Bus
from workbench.errors import InvariantError, OutcomeUnknownError, UnavailableError
from workbench.live.desk import Desk
from workbench.live.ticket import Ticket
from workbench.live.view import Snapshot
from workbench.risk.halt import Halt, HaltLevel
from workbench.server.identity import Identity, authorize

__all__ = ["Bridge"]

T = TypeVar("T")
_PATIENCE = 15.0


class Bridge:
    """Leads into the event loop in which the desk lives.

    Parameters
    ----------
    desk : Desk
        Opened; `start` sets it going in the server's loop.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    async def start(self) -> None:
        """Let the desk trade, in this event loop from now on."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        await self.desk.start()

    async def stop(self) -> None:
        """Stop the desk; what it knows can still be looked at."""
        await self.desk.stop()

    def close(self) -> None:
        """Give back what a desk holds that was never started."""
        self.desk.close()

    # in the event loop ------------------------------------------------------------------

    async def place(self, ticket: Ticket, who: Identity) -> Order:
        """Send an order, as `Desk.submit`; needs the right to trade."""
        authorize(who, "trade")
        return await self.desk.submit(ticket, who.username)

    async def cancel(self, order_id: str, who: Identity) -> Order:
        """Ask for an order's end, as `Desk.cancel`; needs the right to trade."""
        authorize(who, "trade")
        return await self.desk.cancel(order_id, who.username)

    async def halt(self, who: Identity, reason: str = "") -> Halt:
        """Refuse new orders from now on and cancel those that work; it outlives a restart."""
        authorize(who, "halt")
        return await self.desk.halt(HaltLevel.CANCEL_ALL, reason, user=who.username)

    async def resume(self, who: Identity, reason: str) -> Halt:
        """Let orders through again; only an admin may, and says why."""
        authorize(who, "resume")
        return await self.desk.halt(HaltLevel.RUN, reason, user=who.username)

    def order(self, order_id: str) -> Order:
        """Return one order, as `Desk.order`."""
        return self.desk.order(order_id)

    # from any thread --------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """What can be traded."""
        return self.desk.symbols

    @property
    def bus(self) -> Bus:
        """What happens at the desk, by topic."""
        return self.desk.bus

    @property
    def in_force(self) -> Halt:
        """What the kill switch says, who set it and why."""
        return self.desk.kill_switch.halt

    def bars(self, symbol: str, seconds: int, count: int) -> pd.DataFrame:
        """Return the last bars of a symbol; the last one is still growing."""
        return self.desk.bars(symbol, seconds, count)

    def snapshot(self) -> Snapshot:
        """Return the state of the desk."""
        loop = self._loop
        if loop is None or loop.is_closed() or threading.get_ident() == self._thread:
            return self.desk.snapshot()
        return self.wait(self._snapshot())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` in the event loop and wait for its end, as a page's callback does.

        Raises
        ------
        InvariantError
            It is called in the event loop itself, which would wait for ever.
        UnavailableError
            The server is not running.
        OutcomeUnknownError
            There was no answer in time; it may still happen.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            work.close()
            raise UnavailableError("the server is not running")
        if threading.get_ident() == self._thread:
            work.close()
            raise InvariantError("the event loop would wait for itself; await the work instead")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(_PATIENCE)
        except TimeoutError:
            raise OutcomeUnknownError(
                f"no answer from the desk within {_PATIENCE:.0f} s; look at the orders before "
                "trying again"
            ) from None

    async def _snapshot(self) -> Snapshot:
        return self.desk.snapshot()
