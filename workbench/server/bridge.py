"""The desk as routes and pages use it: who may do what, and from which thread."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import pandas as pd

from workbench.config import RiskLimits
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

__all__ = ["Bridge", "Look", "Move"]

T = TypeVar("T")
_BARS_KEPT = 64
_SHARED_SECONDS = 0.5
Move = Literal["pause", "resume", "end"]
_PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Look:
    """The desk at an instant, with all that a page shows of it.

    Parameters
    ----------
    shot : Snapshot
    version : int
        Of the limits in force.
    uses : tuple of Use
        Each limit with how much of it is used.
    at_work : tuple of AtWork
        The strategies, ended ones too.
    """

    shot: Snapshot
    version: int
    uses: tuple[Use, ...]
    at_work: tuple[AtWork, ...]


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
        self._stopped: futures.Future[None] = futures.Future()
        self._turn = threading.Lock()
        self._seen: tuple[float, Look | None] = (-math.inf, None)
        self._bars: dict[tuple[str, int, int], tuple[float, pd.DataFrame]] = {}

    async def start(self) -> None:
        """Let the desk trade, in this event loop from now on."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        await self.desk.start()

    async def stop(self) -> None:
        """Stop the desk; what it knows can still be looked at."""
        try:
            await self.desk.stop()
        finally:
            if not self._stopped.done():
                self._stopped.set_result(None)

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
        self.desk.kill_switch.reload()  # another process may have raised it
        if level.severity < self.level_of(scope).severity:
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
        """Return all that is halted, and whether nothing is left of what that asks for here."""
        return self.raised, self.desk.oversight.is_proven

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

        def allow(before: RiskLimits, after: RiskLimits) -> None:
            if loosened(before, after):
                authorize(who, "loosen limits")

        return self.desk.oversight.change(limits, actor=who.username, reason=reason, allow=allow)

    @property
    def limits_now(self) -> RiskLimits:
        """The limits in force."""
        return self.desk.oversight.book.limits

    @property
    def limits_subject(self) -> str:
        """What the log calls them."""
        return self.desk.oversight.book.subject

    def proposed(self, updates: Mapping[str, Any]) -> tuple[RiskLimits, RiskLimits]:
        """Return the limits in force and as they would be, as `LimitBook.proposed`."""
        book = self.desk.oversight.book
        return book.limits, book.proposed(updates)

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

    @property
    def raised(self) -> tuple[Halt, ...]:
        """All that is halted in the workspace, of other accounts too."""
        return self.desk.kill_switch.raised

    @property
    def scope(self) -> str:
        """The desk's own, as halts name it."""
        return self.desk.kill_switch.scope

    def level_of(self, scope: str | None = None) -> HaltLevel:
        """Return the level of one scope; without one, that of the desk as a whole."""
        switch = self.desk.kill_switch
        return switch.level if scope is None else switch.level_of(scope)

    def look(self, *, is_fresh: bool = True) -> Look:
        """Return all that a page shows, by one way into the event loop.

        Parameters
        ----------
        is_fresh : bool
            Else pages that look within half a second share a look.
        """
        if self._is_here():  # which may not wait for those who wait for it
            return self._look_now()
        with self._turn:
            at, known = self._seen
            if known is not None and not is_fresh and time.monotonic() - at < _SHARED_SECONDS:
                return known
            found = self.wait(self._look())
            self._seen = (time.monotonic(), found)
            return found

    def bars(self, symbol: str, seconds: int, count: int) -> pd.DataFrame:
        """Return the last bars of a symbol; the last one is still growing.

        Those who ask within half a second are given the same ones, and do not change them.
        """
        asked, now = (symbol, seconds, count), time.monotonic()
        at, found = self._bars.get(asked, (-math.inf, None))
        if found is None or now - at >= _SHARED_SECONDS:
            found = self.desk.bars(symbol, seconds, count)
            if len(self._bars) >= _BARS_KEPT:
                self._bars.clear()
            self._bars[asked] = (now, found)
        return found

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
            There was no answer in time or before the server stopped; it may still happen.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            work.close()
            raise UnavailableError("the server is not running")
        if threading.get_ident() == self._thread:
            work.close()
            raise InvariantError("the event loop would wait for itself; await the work instead")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        either: tuple[futures.Future[Any], ...] = (future, self._stopped)
        futures.wait(either, _PATIENCE, return_when=futures.FIRST_COMPLETED)
        if future.done():
            return future.result()
        when = "before it stopped" if self._stopped.done() else f"within {_PATIENCE:.0f} s"
        raise OutcomeUnknownError(
            f"no answer from the desk {when}; look at the orders before trying again"
        )

    def _is_here(self) -> bool:
        """Tell whether the desk may be looked at from this thread, or does not run."""
        loop = self._loop
        return loop is None or loop.is_closed() or threading.get_ident() == self._thread

    def _usage(self) -> tuple[int, tuple[Use, ...]]:
        book = self.desk.oversight.book
        return book.version, usage(book.limits, self.desk.context())

    def _look_now(self) -> Look:
        version, uses = self._usage()
        return Look(self.desk.snapshot(), version, uses, self.desk.strategies())

    async def _look(self) -> Look:
        return self._look_now()

    async def _snapshot(self) -> Snapshot:
        return self.desk.snapshot()
