"""What is remembered of orders in flight: when they were lost, asked for and not found.

None of it is in the journal. A start knows nothing of it and takes every doubt up anew,
which errs to the safe side: it asks more often than it had to.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState
from workbench.trading.steps import Evidence

__all__ = ["Doubt", "Watch"]

_DELAYS = tuple(timedelta(seconds=s) for s in (0.5, 1.0, 2.0, 5.0, 10.0, 30.0))
_LONGEST = len(_DELAYS) - 1
_CANCELS, _MINUTE, _APART = 3, timedelta(minutes=1), timedelta(seconds=2)


@dataclass(slots=True)
class Doubt:
    """One order of unknown fate: since when, and what healthy look-ups have not found."""

    since: datetime
    not_found: int = 0
    last: datetime | None = None

    def absent(self, asked: datetime, evidence: Evidence) -> None:
        """Count a look-up that found nothing, where it says anything at all."""
        if asked < self.since + evidence.horizon:
            return  # the request may still be under way
        if self.last is not None and asked < self.last + evidence.spacing:
            return  # the same copy of the venue's books, looked at twice
        self.not_found += 1
        self.last = asked

    def is_proven(self, pulled: datetime | None, evidence: Evidence) -> bool:
        """Whether the venue never got it; fills asked for past the horizon must be here."""
        return (
            evidence.finds_ended
            and self.not_found >= evidence.lookups
            and pulled is not None
            and pulled >= self.since + evidence.horizon
        )


@dataclass(slots=True)
class Watch:
    """The memory of everything in flight.

    Parameters
    ----------
    doubts : dict of str to Doubt
        Orders of unknown fate.
    ends : dict of str to Order
        Orders that have ended at the venue and whose fills are not all here; None where
        it has not told how many there are.
    early : dict of (venue, execution_id) to Fill
        What takes an execution back that has not come yet.
    let_go : dict of (venue, execution_id) to None
        Of these, what is waited for no more.
    missing : dict of str to (Decimal, datetime or None)
        What an order was said to be filled for in all that no execution tells of yet, and
        how far the venue's list had been read when it was said.
    pulled : datetime, optional
        When the last request for executions that was answered had been asked.
    """

    doubts: dict[str, Doubt] = field(default_factory=dict)
    ends: dict[str, Order | None] = field(default_factory=dict)
    early: dict[tuple[str, str], Fill] = field(default_factory=dict)
    let_go: dict[tuple[str, str], None] = field(default_factory=dict)
    missing: dict[str, tuple[Decimal, datetime | None]] = field(default_factory=dict)
    pulled: datetime | None = None
    _next: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    _asked: dict[str, datetime] = field(default_factory=dict)
    _refused: dict[str, deque[datetime]] = field(default_factory=dict)

    def doubt(self, order_id: str, now: datetime) -> Doubt:
        """Return what is held of an order of unknown fate, from now on where nothing is."""
        found = self.doubts.get(order_id)
        if found is None:
            found = self.doubts[order_id] = Doubt(now)
        return found

    def is_due(self, order: Order, now: datetime) -> bool:
        """Whether an order is to be asked for again; asked, it waits longer each time."""
        count, at = self._next.get(order.order_id, (0, now))
        if now < at:
            return False
        longest = _LONGEST if order.state is OrderState.UNKNOWN else _LONGEST - 1
        self._next[order.order_id] = count + 1, now + _DELAYS[min(count, longest)]
        return True

    def not_answered(self, order_id: str) -> None:
        """Note that a question failed: that is no reason to ask less often."""
        count, at = self._next.get(order_id, (0, None))
        if at is not None and count > 1:
            self._next[order_id] = count - 1, at

    def may_cancel(self, order_id: str, now: datetime) -> bool:
        """Note a cancel that is about to be sent; False where it is too soon for another."""
        last = self._asked.get(order_id)
        if self.is_refused(order_id, now) or (last is not None and now < last + _APART):
            return False
        self._asked[order_id] = now
        return True

    def refused(self, order_id: str, now: datetime) -> None:
        """Note that a cancel was refused; after three in a minute no more are sent in it."""
        self._refused.setdefault(order_id, deque(maxlen=_CANCELS)).append(now)

    def is_refused(self, order_id: str, now: datetime) -> bool:
        """Whether no further cancel may be sent this minute."""
        times = self._refused.get(order_id)
        return times is not None and len(times) == _CANCELS and now < times[0] + _MINUTE

    def settled(self, order_id: str) -> None:
        """Forget the doubts of an order whose state is known."""
        self.doubts.pop(order_id, None)
        self._next.pop(order_id, None)

    def ended(self, order_id: str) -> None:
        """Forget all of an order."""
        self.settled(order_id)
        self.ends.pop(order_id, None)
        self._asked.pop(order_id, None)
        self._refused.pop(order_id, None)
