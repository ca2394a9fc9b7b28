"""One order over several venues, each with an account, a journal and an executor of its own.

The split is written to the journal of the home venue before anything is sent, and every
venue's part of it is a parent there with an id that is made from it: after a crash between
two venues the same split goes on, and no unit is sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.core.money import MONEY, ZERO
from workbench.core.parent import Parent, ParentState
from workbench.errors import RefusedError, UsageError, nearest
from workbench.risk.verdict import in_words
from workbench.trading.execution.algorithm import read
from workbench.trading.execution.executor import Executor
from workbench.trading.execution.moment import Progress
from workbench.trading.execution.routed import Routed
from workbench.trading.execution.routing import Offer, route
from workbench.trading.parents import Execution

__all__ = ["Router"]


class Router:
    """Splits orders over executors and sees each part to its end.

    Parameters
    ----------
    executors : mapping of str to Executor
        By venue.
    home : str
        Whose journal keeps the splits.
    """

    def __init__(self, executors: Mapping[str, Executor], home: str) -> None:
        if home not in executors:
            raise UsageError(f"no venue {home!r}{nearest(home, executors)}")
        self.executors, self._home = dict(executors), executors[home]

    async def start(self, parent: Parent, offers: Sequence[Offer]) -> Routed:
        """Split an order by what venues offer now, and send the parts.

        The same parent again is the one that is there, with the split that it had, which
        is returned. Why it is so is the reason of the parent that the journal keeps.

        Parameters
        ----------
        parent : Parent
            Symbol, side, units, window and limit; its algorithm is ignored.
        offers : sequence of Offer
            Of venues that have an executor.

        Raises
        ------
        UsageError
            An offer is of a venue without an executor.
        RefusedError
            No venue takes a unit of it.
        """
        for offer in offers:
            if offer.venue not in self.executors:
                known = self.executors
                raise UsageError(f"no venue {offer.venue!r}{nearest(offer.venue, known)}")
        if parent.algo_id not in self._home.executions:
            routing = route(parent.side, parent.quantity, offers, parent.limit_price)
            reason = "; ".join(f"{venue}: {why}" for venue, why in routing.reasons.items())
            if not routing.legs:
                raise RefusedError(f"no venue takes it: {reason}")
            plan = Routed.of(routing)
            kept = replace(parent, algorithm=plan.name, settings=plan.settings, reason=reason)
            await self._home.start(kept)
        await self.look()
        return _plan(self._home.execution(parent.algo_id))

    async def look(self) -> None:
        """Begin or withdraw what a split still lacks, let all work, and end what is done."""
        for execution in self._splits():
            for venue, part in _parts(execution).items():
                await self._bring(venue, part, execution.state)
        for executor in self.executors.values():
            await executor.look()
        for execution in self._splits():
            await self._end(execution)

    async def cancel(self, algo_id: str, reason: str = "") -> None:
        """Withdraw a split order at every venue."""
        await self._home.cancel(algo_id, reason)
        await self.look()

    async def _bring(self, venue: str, part: Parent, state: ParentState) -> None:
        """Bring a venue to where the split is, also where a crash came between them."""
        executor = self.executors.get(venue)
        if executor is None:
            return
        known = executor.executions.get(part.algo_id)
        if state is ParentState.RUNNING and known is None:
            await executor.start(part)
        elif state is ParentState.CANCELING and known and known.can_go(ParentState.CANCELING):
            await executor.cancel(part.algo_id, "its split order is withdrawn")

    def progress(self, algo_id: str) -> dict[str, Progress]:
        """Return how far each venue is with a split order."""
        parts = _parts(self._home.execution(algo_id))
        return {
            venue: self.executors[venue].progress(part.algo_id)
            for venue, part in parts.items()
            if venue in self.executors and part.algo_id in self.executors[venue].executions
        }

    def _splits(self) -> list[Execution]:
        return [
            execution
            for execution in self._home.executions.values()
            if execution.parent.algorithm == Routed.name and not execution.state.is_over
        ]

    async def _end(self, execution: Execution) -> None:
        parent, found = execution.parent, self.progress(execution.parent.algo_id)
        wanted = len(_parts(execution))
        is_leaving = execution.state is ParentState.CANCELING
        if any(not one.state.is_over for one in found.values()):
            return
        if len(found) < wanted and not is_leaving:
            return
        filled = sum((one.filled for one in found.values()), ZERO)
        left = MONEY.subtract(parent.quantity, filled)
        if left <= 0:
            to = ParentState.DONE
        else:
            to = ParentState.CANCELED if is_leaving else ParentState.ENDED
        await self._home.finish(
            parent.algo_id, to, f"{in_words(left)} are left" if left > 0 else ""
        )


def _plan(execution: Execution) -> Routed:
    plan = read(execution.parent.algorithm, execution.parent.settings)
    if not isinstance(plan, Routed):
        raise UsageError(f"{execution.parent.algo_id} is no split order, but a {plan.name}")
    return plan


def _parts(execution: Execution) -> dict[str, Parent]:
    return _plan(execution).parts(execution.parent)
