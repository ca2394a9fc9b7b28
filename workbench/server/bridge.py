"""The desk as routes and pages use it: who may do what, and from which thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Literal, TypeVar

import pandas as pd

from workbench.core.order import Order
from workbench.core.ports import Bus
from workbench.errors import InvariantError, OutcomeUnknownError, UnavailableError
from workbench.live.accounts.reconciling import Reconciled
from workbench.live.accounts.ticket import Ticket
from workbench.live.accounts.view import Snapshot
from workbench.live.decisions.deployment import Deployment
from workbench.live.desk import Desk
from workbench.live.runs.at_work import AtWork
from workbench.risk.halt import Halt, HaltLevel
from workbench.risk.limits import loosened
from workbench.risk.usage import Use, usage
from workbench.server.identity import Identity, authorize
from workbench.store.risk import Change
from workbench.trading.books import Difference

__all__ = ["Bridge", "Move"]

T = TypeVar("T")
Move = Literal["pause", "resume", "end"]
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

    async def executions(self) -> list[dict[str, Any]]:
        """Return the orders that are worked in parts, newest first."""
        return self.desk.executions()

    async def execution(self, order_id: str) -> dict[str, Any]:
        """Return one of them, measured."""
        return self.desk.execution(order_id)

    async def move_execution(
        self, order_id: str, step: str, who: Identity, reason: str
    ) -> dict[str, Any]:
        """Pause or resume one; needs the right to trade."""
        authorize(who, "trade")
        return await self.desk.move_execution(order_id, step, reason, user=who.username)

    async def cancel(self, order_id: str, who: Identity) -> Order:
        """Ask for an order's end, as `Desk.cancel`; needs the right to trade."""
        authorize(who, "trade")
        return await self.desk.cancel(order_id, who.username)

    async def halt(
        self,
        who: Identity,
        reason: str = "",
        *,
        level: HaltLevel = HaltLevel.CANCEL_ALL,
        scope: str | None = None,
    ) -> Halt:
        """Raise the kill switch; it outlives a restart.

        Raises
        ------
        RefusedError
            It would be lowered, which only an admin may, by `resume`.
        """
        authorize(who, "halt")
        switch = self.desk.kill_switch
        present = switch.level if scope is None else switch.level_of(scope)
        if level.severity < present.severity:
            authorize(who, "resume")
        return await self.desk.halt(level, reason, user=who.username, scope=scope)

    async def resume(self, who: Identity, reason: str, *, scope: str | None = None) -> Halt:
        """Let orders through again; only an admin may, and says why."""
        authorize(who, "resume")
        return await self.desk.halt(HaltLevel.RUN, reason, user=who.username, scope=scope)

    async def strategies(self) -> tuple[AtWork, ...]:
        """Return the strategies of the desk, as `Desk.strategies`."""
        return self.desk.strategies()

    async def deploy(self, deployment: Deployment, who: Identity) -> AtWork:
        """Put a strategy to work on the desk; needs the right to trade."""
        authorize(who, "trade")
        run = await self.desk.deploy(deployment, user=who.username)
        return AtWork.of(run.record, run)

    async def move(self, name: str, step: Move, who: Identity, reason: str) -> AtWork:
        """Pause, resume or end a strategy; kept with name and reason."""
        authorize(who, f"{step} a strategy")
        if step == "end":
            return await self.desk.end(name, reason, user=who.username)
        move = self.desk.pause if step == "pause" else self.desk.resume
        return move(name, reason, user=who.username)

    async def halts(self) -> tuple[tuple[Halt, ...], bool]:
        """Return all that is halted, and whether nothing is left of what that asks for."""
        return self.desk.kill_switch.halts, self.desk.oversight.is_proven

    async def reconciled(self) -> Reconciled:
        """Return how books and venue stand to each other."""
        return self.desk.reconciled

    async def adopt(
        self, who: Identity, reason: str, names: tuple[str, ...] = ()
    ) -> tuple[Difference, ...]:
        """Take differences to the venue over into the books; only an admin may, and says why."""
        authorize(who, "adopt")
        return await self.desk.adopt(reason, user=who.username, names=names)

    async def usage(self) -> tuple[int, tuple[Use, ...]]:
        """Return the version of the limits in force, each with how much of it is used."""
        return self._usage()

    async def change_limits(self, limits: Mapping[str, Any], who: Identity, reason: str) -> Change:
        """Change limits; the next order is judged by them. To loosen one takes an admin."""
        authorize(who, "limit")
        book = self.desk.oversight.book
        if loosened(book.limits, book.proposed(limits)):
            authorize(who, "loosen limits")
        return self.desk.oversight.change(limits, actor=who.username, reason=reason)

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

    def limits(self) -> tuple[int, tuple[Use, ...]]:
        """Return what `usage` does."""
        return self._usage() if self._is_here() else self.wait(self.usage())

    def at_work(self) -> tuple[AtWork, ...]:
        """Return what `strategies` does."""
        return self.desk.strategies() if self._is_here() else self.wait(self.strategies())

    def bars(self, symbol: str, seconds: int, count: int) -> pd.DataFrame:
        """Return the last bars of a symbol; the last one is still growing."""
        return self.desk.bars(symbol, seconds, count)

    def snapshot(self) -> Snapshot:
        """Return the state of the desk."""
        return self.desk.snapshot() if self._is_here() else self.wait(self._snapshot())

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

    def _is_here(self) -> bool:
        """Tell whether the desk may be looked at from this thread, or does not run."""
        loop = self._loop
        return loop is None or loop.is_closed() or threading.get_ident() == self._thread

    def _usage(self) -> tuple[int, tuple[Use, ...]]:
        book = self.desk.oversight.book
        return book.version, usage(book.limits, self.desk.context())

    async def _snapshot(self) -> Snapshot:
        return self.desk.snapshot()
