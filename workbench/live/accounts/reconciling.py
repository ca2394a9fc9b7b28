"""Holds one account's books against its venue, from the start on and as long as it trades."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.core.money import ZERO
from workbench.errors import InvariantError, RefusedError, UnavailableError, WorkbenchError
from workbench.risk.halt import HaltLevel
from workbench.trading.adjust import Adjustment
from workbench.trading.books import Difference
from workbench.trading.reconcile import Ask, Planner, Standing, Stood
from workbench.trading.records import Kind
from workbench.trading.states import Step as To
from workbench.trading.steps import Step

if TYPE_CHECKING:
    from workbench.live.accounts.account import TradingAccount

__all__ = ["Reconciled", "Reconciling"]

ACTOR = "reconciliation"
_ENDS = (To.CANCEL_ASKED, To.CANCELED, To.EXPIRED, To.REPLACED)
_RETRY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How books and venue stand to each other.

    Parameters
    ----------
    answered : dict of str to datetime
        When each question was last answered, or trading began.
    differences : tuple of Stood
        What the last statement differs in.
    """

    answered: dict[str, datetime]
    differences: tuple[Stood, ...] = ()


class Reconciling:
    """Asks a venue what it must be asked, in time and within its limits.

    A question that fails says nothing. What differs, and stays, halts its symbol through the
    kill switch, which only a person lowers; cash that differs is told, with the numbers.

    Parameters
    ----------
    account : TradingAccount
        Connected to its venue.
    """

    def __init__(self, account: TradingAccount) -> None:
        self._account = account
        pace, broker = account.settings.reconcile, account.broker
        vendor = getattr(broker, "vendor", broker.name.replace("-", "_"))
        set_limit = account.settings.venue(vendor).per_minute
        self.planner = Planner(pace, set_limit or broker.capabilities.per_minute)
        self.standing = Standing(pace)
        self._deep = timedelta(hours=pace.deep_hours)
        self._busy: dict[str, datetime] = {}
        self._busy_cash: datetime | None = None
        self._recover: Callable[[], Awaitable[None]] | None = None
        self._failure = ""
        self._retry_at: datetime | None = None
        account.listeners.append(self._learn)

    async def start(self, recover: Callable[[], Awaitable[None]]) -> None:
        """Recover; where that fails trading is off, and `look` tries again until it works."""
        self._recover = recover
        await self._try_recovery()

    async def look(self) -> None:
        """Ask what is to be asked now; to be called every second.

        Raises
        ------
        InvariantError
            The journal takes nothing more.
        """
        now = self._account.clock.now()
        if not self._account.manager.is_ready:
            if self._retry_at is not None and now >= self._retry_at:
                await self._try_recovery()
            return
        for ask in self.planner.due(now):
            await self._ask(ask)

    async def adopt(
        self, actor: str, reason: str, names: tuple[str, ...] = ()
    ) -> tuple[Difference, ...]:
        """Take differences over into our books: a person says that the venue is right.

        Halts stay as they are; they are lowered by an admin.

        Parameters
        ----------
        names : tuple of str
            Symbols and currencies; all by default.

        Returns
        -------
        tuple of Difference
            What was taken over.

        Raises
        ------
        RefusedError
            There is none, or none of these.
        UnavailableError
            The venue cannot be asked.
        """
        account, done = self._account, []
        for is_cash in (False, True):  # what units are booked at moves the cash
            for one in await account.manager.differences():
                if one.is_cash is is_cash and (not names or one.name in names):
                    await account.manager.adjust(
                        Adjustment(
                            difference=one, venue=account.broker.name, actor=actor, reason=reason,
                            price=ZERO if is_cash else self._price(one.name),
                        )
                    )  # fmt: skip
                    done.append(one)
        if not done:
            what = f" of {', '.join(names)}" if names else ""
            raise RefusedError(f"our books{what} are what the venue says: nothing to take over")
        self.planner.hurry(Ask.STATEMENT)
        if not account.manager.is_ready:
            await self._try_recovery()
        return tuple(done)

    def report(self) -> Reconciled:
        """Return how books and venue stand to each other."""
        answered = {ask.value: at for ask, at in self.planner.answered.items()}
        return Reconciled(answered, tuple(self.standing.found.values()))

    # inside -----------------------------------------------------------------------------

    async def _try_recovery(self) -> None:
        account = self._account
        if self._recover is None or (account.failure and account.failure != self._failure):
            return  # off for another reason, which a recovery does not mend
        try:
            await self._recover()
        except (InvariantError, UnavailableError) as error:
            self._retry_at = account.clock.now() + _RETRY
            if error.message != self._failure:
                self._failure = error.message
                account.fail(error.message)
            return
        self._retry_at = None
        self.planner.begin(account.clock.now())
        if self._failure:
            account.failure = self._failure = ""
            account.news.say("recovered", "books and venue agree: trading is on")

    async def _ask(self, ask: Ask) -> None:
        account, now = self._account, self._account.clock.now()
        try:
            await _QUESTIONS[ask](self)
        except InvariantError:
            raise
        except WorkbenchError as error:
            if account.manager.failure:
                raise
            if error.facts.get("key_refused"):
                account.fail(error.message)
            if self.planner.failed(ask, now):
                account.news.say("alarm", f"no answer about {ask.value}: {error.message}")
        else:
            self.planner.succeeded(ask, now)

    async def _in_flight(self) -> None:
        manager, now = self._account.manager, self._account.clock.now()
        waiting = len(manager.core.ledger.doubtful) + len(manager.core.watch.ends)
        if waiting:
            # an order costs two: what became of it, and what was executed
            await manager.in_flight(self.planner.budget.take(2 * waiting, now) // 2)

    async def _fills(self) -> None:
        await self._account.manager.pull()

    async def _orders(self) -> None:
        await self._account.manager.ask_open()

    async def _deeper(self) -> None:
        await self._account.manager.pull(self._account.clock.now() - self._deep)
        await self._orders()

    async def _statement(self) -> None:
        account, asked = self._account, self._account.clock.now()
        found = await account.manager.differences()
        for one in self.standing.check(found, asked, self._last):
            account.manager.note(
                "difference", name=one.name, ours=f"{one.ours:f}", theirs=f"{one.theirs:f}"
            )
            if not one.is_cash:
                account.oversight.switch.raise_to(
                    HaltLevel.NO_NEW_ORDERS,
                    actor=ACTOR,
                    reason=str(one),
                    scope=f"symbol:{one.name}",
                )
            account.news.say("alarm", f"books and venue differ: {one}")

    def _last(self, difference: Difference) -> datetime | None:
        return self._busy_cash if difference.is_cash else self._busy.get(difference.name)

    def _price(self, symbol: str) -> Decimal:
        return self._account.prices().get(symbol, ZERO)

    def _learn(self, step: Step) -> None:
        """Note what happened to which symbol, and when to ask sooner."""
        orders, now = self._account.ledger.orders, self._account.clock.now()
        for record in step.records:
            if record.kind in (Kind.FILL, Kind.POSTING):
                self._busy_cash = now
            if record.kind in (Kind.ORDER, Kind.EVENT, Kind.FILL):
                self._busy[orders[record.value.order_id].symbol] = now
            elif record.kind is Kind.POSTING:
                self._busy[record.value.symbol] = now
            if record.kind is Kind.EVENT and record.value.step in _ENDS:
                self.planner.hurry(Ask.FILLS)


_QUESTIONS: dict[Ask, Callable[[Reconciling], Awaitable[None]]] = {
    Ask.IN_FLIGHT: Reconciling._in_flight,
    Ask.FILLS: Reconciling._fills,
    Ask.ORDERS: Reconciling._orders,
    Ask.STATEMENT: Reconciling._statement,
    Ask.DEEP: Reconciling._deeper,
}
