"""When our books are held against a venue's, and what a difference leads to; free of I/O.

A :class:`Planner` says what is to be asked now, within a share of the venue's rate limit;
:class:`Standing` remembers what differs, and says which difference has stayed long enough
to be one: a statement may lag behind executions that we know already, or the other way
round. Who asks, and who halts a symbol, is `workbench.live.accounts.reconciling`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from workbench.config_groups import ReconcileSettings
from workbench.trading.books import Difference

__all__ = ["Ask", "Budget", "Planner", "Standing", "Stood"]


class Ask(StrEnum):
    """The questions, the most urgent first."""

    IN_FLIGHT = "in_flight"  # what became of orders that wait for an answer
    FILLS = "fills"  # executions from the cursor on
    ORDERS = "orders"  # what is open
    STATEMENT = "statement"  # positions and cash
    DEEP = "deep"  # everything of the last hours once more


_COST = {Ask.IN_FLIGHT: 0, Ask.FILLS: 1, Ask.ORDERS: 1, Ask.STATEMENT: 3, Ask.DEEP: 2}
_AGAIN = timedelta(seconds=10)
_FIRST = datetime.min.replace(tzinfo=UTC)
_FAILURES = 3
_BURST = 10.0


@dataclass(slots=True)
class Budget:
    """How many requests may be made, as time goes by.

    Parameters
    ----------
    per_minute : float or None
        None is as many as wanted.

    Examples
    --------
    >>> now, budget = datetime(2024, 1, 2, tzinfo=UTC), Budget(60)
    >>> budget.take(50, now), budget.take(1, now), budget.take(5, now + timedelta(seconds=2))
    (10, 0, 2)
    """

    per_minute: float | None = None
    _left: float = field(default=_BURST, init=False)
    _at: datetime | None = field(default=None, init=False)

    def take(self, wanted: int, now: datetime) -> int:
        """Take as many requests as are wanted and there are; return how many."""
        if self.per_minute is None:
            return wanted
        if self._at is not None and now > self._at:
            passed = (now - self._at).total_seconds()
            self._left = min(self._left + passed * self.per_minute / 60, _BURST)
        self._at = now
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken

    def take_all(self, wanted: int, now: datetime) -> bool:
        """Take that many requests, or none where there are fewer."""
        taken = self.take(wanted, now)
        if taken < wanted:
            self._left += taken
        return taken == wanted


class Planner:
    """Says what is to be asked now.

    Parameters
    ----------
    pace : ReconcileSettings
    per_minute : float, optional
        The venue's rate limit, of which the settings' share may be used.

    Examples
    --------
    >>> now, planner = datetime(2024, 1, 2, tzinfo=UTC), Planner(ReconcileSettings())
    >>> planner.begin(now)
    >>> planner.due(now), [ask.value for ask in planner.due(now + timedelta(seconds=10))]
    ([], ['in_flight', 'fills', 'orders'])
    """

    def __init__(self, pace: ReconcileSettings, per_minute: float | None = None) -> None:
        self.budget = Budget(None if per_minute is None else per_minute * pace.max_share)
        self.answered: dict[Ask, datetime] = {}
        self._every = {
            Ask.IN_FLIGHT: timedelta(seconds=pace.in_flight_seconds),
            Ask.FILLS: timedelta(seconds=pace.fills_seconds),
            Ask.ORDERS: timedelta(seconds=pace.orders_seconds),
            Ask.STATEMENT: timedelta(seconds=pace.statement_seconds),
            Ask.DEEP: timedelta(seconds=pace.deep_seconds),
        }
        self._next: dict[Ask, datetime] = {}
        self._failures: dict[Ask, int] = {}

    def begin(self, now: datetime) -> None:
        """Go by the clock from now on: all has just been asked."""
        self._next = {ask: now + every for ask, every in self._every.items()}
        self.answered = dict.fromkeys(Ask, now)

    def due(self, now: datetime) -> list[Ask]:
        """Return what is to be asked now, what has waited longest first.

        Where the budget does not do for a question, those that cost and come after it wait
        as well: else the dear ones would never be asked.
        """
        asks: list[Ask] = []
        is_short = False
        for ask in sorted(Ask, key=lambda one: self._next.get(one, _FIRST)):
            if now < self._next.get(ask, now):
                break
            is_short = is_short or not self.budget.take_all(_COST[ask], now)
            if is_short and _COST[ask]:
                continue
            self._next[ask] = now + self._every[ask]
            asks.append(ask)
        return sorted(asks, key=list(Ask).index)

    def hurry(self, ask: Ask) -> None:
        """Have a question asked at the next look, whenever it was asked last."""
        self._next.pop(ask, None)

    def succeeded(self, ask: Ask, now: datetime) -> None:
        """Note that a question was answered."""
        self.answered[ask] = now
        self._failures.pop(ask, None)

    def failed(self, ask: Ask, now: datetime) -> bool:
        """Note that a question was not answered: it says nothing, and is asked again soon.

        Returns
        -------
        bool
            Whether this is the third time in a row, and a person should know.
        """
        self._next[ask] = min(self._next.get(ask, now + _AGAIN), now + _AGAIN)
        self._failures[ask] = self._failures.get(ask, 0) + 1
        return self._failures[ask] == _FAILURES


@dataclass(frozen=True, slots=True)
class Stood:
    """A difference, since when it has been seen, and whether it has stayed long enough."""

    difference: Difference
    since: datetime
    is_confirmed: bool = False


class Standing:
    """What differs between our books and a venue's statement, and since when.

    Parameters
    ----------
    pace : ReconcileSettings
        How long a difference has to stay, and how quiet it has to be meanwhile.

    Attributes
    ----------
    found : dict of str to Stood
        By symbol or currency.
    """

    def __init__(self, pace: ReconcileSettings) -> None:
        self.found: dict[str, Stood] = {}
        self._confirm = timedelta(seconds=pace.confirm_seconds)
        self._quiet = timedelta(seconds=pace.quiet_seconds)

    def check(
        self,
        differences: Iterable[Difference],
        asked: datetime,
        busy: Callable[[Difference], datetime | None],
    ) -> list[Difference]:
        """Take in what a statement differs in; return what is now known to stay.

        Each difference is returned once, until it has been gone in between.

        Parameters
        ----------
        asked : datetime
            When the statement was asked for.
        busy : callable
            Tells when something last happened to what a difference is about.
        """
        present, confirmed = {one.name: one for one in differences}, []
        self.found = {name: stood for name, stood in self.found.items() if name in present}
        for name, one in present.items():
            stood, last = self.found.get(name), busy(one)
            if last is not None and asked - last < self._quiet:
                if stood is None or not stood.is_confirmed:
                    self.found[name] = Stood(one, asked)  # it may still be on its way
            elif stood is None or (last is not None and last > stood.since):
                is_known = stood is not None and stood.is_confirmed
                self.found[name] = Stood(one, asked, is_known)
            elif not stood.is_confirmed and asked - stood.since >= self._confirm:
                self.found[name] = replace(stood, difference=one, is_confirmed=True)
                confirmed.append(one)
            else:
                self.found[name] = replace(stood, difference=one)
        return confirmed
