"""Who watches over an account: its limits, its kill switch and its circuit breakers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from workbench.config import Settings
from workbench.core.capabilities import Capabilities
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent
from workbench.core.ports import Clock
from workbench.errors import InvariantError
from workbench.live.accounts.day import Flows
from workbench.live.accounts.halting import Halting, closing_intent
from workbench.risk.activity import Activity
from workbench.risk.breakers import Breakers
from workbench.risk.context import Context, Mode, Phase, under_way
from workbench.risk.gate import Gate
from workbench.risk.halt import HaltLevel, KillSwitch
from workbench.risk.limits import Allow, LimitBook
from workbench.store.database import Database
from workbench.store.risk import Change
from workbench.trading.books import rates_of
from workbench.trading.core import OrderCore
from workbench.trading.manager import OrderManager
from workbench.trading.records import Kind
from workbench.trading.states import Step as To
from workbench.trading.steps import Step

__all__ = ["Oversight"]


class Oversight:
    """Limits, kill switch and breakers of one account, for whoever runs its order path.

    Give `gate` to the order core and then the core to `watch`; ask `context` and
    `level_for` for each intent; tell each step to `learn`; call `look_after` every second.

    Parameters
    ----------
    settings : Settings
        The first limits; its data folder is where the file ``HALT`` is looked for.
    database : Database
        Migrated.
    account : str
        The name of the book.
    clock : Clock
    mode : {"", "paper", "live"}
        What kind of account this is meant to be.

    Attributes
    ----------
    switch : KillSwitch
    book : LimitBook
    is_proven : bool
        Whether at the last look nothing was open or held that the switch wants ended.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        account: str,
        clock: Clock,
        *,
        mode: Mode = "paper",
    ) -> None:
        self.switch = KillSwitch(database, account, clock, file=settings.folder("HALT"))
        self.book = LimitBook(database, account, settings.risk, clock)
        self.is_proven = True
        self.mode: Mode = mode
        self.venue_mode: Mode = ""
        self.margin_rate = Decimal(1)
        self.currency = "USD"
        self._clock = clock
        self._capabilities: Capabilities | None = None
        self._core: OrderCore | None = None
        self._activity, self._breakers, self._halting = Activity(), Breakers(), Halting()
        self._day: tuple[object, Decimal, Decimal] | None = None
        self._flows: Flows | None = None

    def gate(self, capabilities: Capabilities | None = None) -> Gate:
        """Return the gate of the limits in force and of what the venue can do."""
        self._capabilities = capabilities
        return Gate.of(self.book.limits, capabilities=capabilities)

    def watch(self, core: OrderCore) -> None:
        """Take the order core under watch: its gate follows the limits from now on."""
        self._core = core
        self._activity.follow(core.ledger.shares.held)
        self._flows = Flows(core.ledger)

    def level_for(self, intent: Intent) -> HaltLevel:
        """Return the level that holds for an intent, as it stands in the database now."""
        self.switch.reload()
        return self.switch.level_for(intent)

    def flows(self) -> Decimal:
        """Return what has flowed into the account beside what it earned; see `Flows`."""
        return ZERO if self._flows is None else self._flows.total(self.currency)

    def context(
        self,
        prices: Mapping[str, Decimal],
        day_start: Decimal,
        *,
        day: tuple[date, Decimal] | None = None,
        seen: Mapping[str, datetime] | None = None,
        every: Mapping[str, timedelta] | None = None,
        phases: Mapping[str, Phase] | None = None,
    ) -> Context:
        """Return what the gate is to know of the account.

        Parameters
        ----------
        prices : mapping of str to Decimal
            Last known, by symbol.
        day_start : Decimal
            Equity when the session began.
        day : tuple of date and Decimal, optional
            Which day it is, and the highest equity that is known of it.
        seen : mapping of str to datetime, optional
            When each symbol was last heard of.
        every : mapping of str to timedelta, optional
            How often something is told of each symbol.
        phases : mapping of str to {"open", "extended", "closed"}, optional
            Of each symbol's market.
        """
        ledger = self._watched().ledger
        rates = rates_of(prices, self.currency)
        equity = ledger.books.worth(prices, self.currency, rates).value
        resting = ledger.open_orders()
        (name, high), flows = day or (day_start, day_start), self.flows()
        if self._day is None or self._day[0] != name:
            self._day = (name, max(day_start, high), flows)
            self._breakers.new_day()
        _, peak, before = self._day
        self._day = (name, max(MONEY.add(peak, MONEY.subtract(flows, before)), equity), flows)
        reserved, aimed = under_way(resting, ledger.reserved, prices, equity)
        return Context(
            equity=equity,
            day_start_equity=day_start,
            prices=prices,
            positions={s: p.quantity for s, p in ledger.books.positions.items()},
            reserved=reserved,
            resting=resting,
            aimed=aimed,
            now=self._clock.now(),
            peak_equity=self._day[1],
            margin_rate=self.margin_rate,
            mode=self.mode,
            venue_mode=self.venue_mode,
            seen=seen,
            every=every or {},
            phases=phases,
            activity=self._activity,
            currency=self.currency,
            rates=rates,
            currencies={s: p.currency for s, p in ledger.books.positions.items()},
        )

    def learn(self, step: Step) -> None:
        """Take in what was decided or has happened, once it is in the journal."""
        now = self._clock.now()
        for record in step.records:
            count = _COUNTED.get(record.value.step) if record.kind is Kind.EVENT else None
            if count is not None:
                count(self._breakers, now)

    def change(
        self, updates: Mapping[str, Any], *, actor: str, reason: str, allow: Allow | None = None
    ) -> Change:
        """Change limits, as `LimitBook.change`; the next intent is judged by them."""
        change = self.book.change(updates, actor=actor, reason=reason, allow=allow)
        self._renew_gate()
        return change

    async def look_after(
        self, manager: OrderManager, name: Callable[[str], str], context: Callable[[], Context]
    ) -> None:
        """Heed new limits and halts, trip breakers, and enforce what the switch asks for.

        Called again and again, it ends with no order open and nothing held that a halt
        would end.

        Parameters
        ----------
        name : callable
            Makes a new intent id that begins with a word.
        context : callable
            Gives what the gate is to know.
        """
        if self.book.reload():
            self._renew_gate()
        self.switch.reload()
        now = self._clock.now()
        if manager.is_ready:
            self._break(now, context())
        step = self._halting.step(manager.core.ledger, self.switch, now)
        for order_id in step.cancels:  # also where trading is off: no risk comes of it
            await manager.cancel(order_id, "trading was halted")
        if not manager.is_ready:
            return
        for close in step.closes:
            intent = closing_intent(name("flat"), close, now)
            if self._capabilities is not None:
                intent = self._capabilities.fitted(intent)
            await manager.propose(intent, context(), HaltLevel.FLATTEN)
        self.is_proven = Halting.is_proven(manager.core.ledger, self.switch)

    def _break(self, now: datetime, about: Context) -> None:
        trip = self._breakers.check(
            self.book.limits, now, equity=about.equity, day_start=about.day_start_equity
        )
        if trip is not None:
            self.switch.raise_to(trip.level, actor=f"breaker {trip.name}", reason=trip.reason)

    def _renew_gate(self) -> None:
        if self._core is not None:
            self._core.gate = Gate.of(self.book.limits, capabilities=self._capabilities)

    def _watched(self) -> OrderCore:
        if self._core is None:
            raise InvariantError("no order core is watched over yet")
        return self._core


_COUNTED: dict[To, Callable[[Breakers, datetime], None]] = {
    To.SUBMITTED: Breakers.sent,
    To.REJECTED: Breakers.rejected,
    To.UNKNOWN: Breakers.unknown,
}
