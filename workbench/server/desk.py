"""The paper desk: one account on the simulated venue, through the real order path.

Every order of a person goes the way a strategy's does: intent, risk gate, journal,
venue. A thread plays the quotes; whoever asks from another thread waits for the lock.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.core.fill import Fill
from workbench.core.money import ZERO, decimal
from workbench.core.order import Intent, Order, OrderType, TimeInForce
from workbench.core.ports import Clock
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import RefusedError, UsageError, WorkbenchError, nearest
from workbench.risk.context import Context
from workbench.risk.gate import Gate, Judgement
from workbench.risk.halt import Halt, HaltLevel, KillSwitch
from workbench.server.identity import Identity, authorize
from workbench.server.quotes import SyntheticQuotes
from workbench.server.ticket import Holding, Standing, Ticket
from workbench.store.database import Database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.trading.records import Verdicted
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["Desk"]

_LOG = logging.getLogger("workbench.desk")
_BOOK = "desk"
_CASH = 1_000_000.0
_KEPT_POINTS = 3_600
Listener = Callable[[str, dict[str, Any]], None]


class Desk:
    """The account, its orders and its kill switch.

    Parameters
    ----------
    settings : Settings
        For the risk limits and the folder of the venue's memory.
    database : Database
        Migrated; the desk becomes the writer of its journal.
    clock : Clock, optional

    Raises
    ------
    UsageError
        Another process trades on this database.
    InvariantError
        Our books are not what the venue says.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock | None = None) -> None:
        self._clock = clock or WallClock()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: list[Listener] = []
        self._count = 0
        self.quotes: dict[str, Quote] = {}
        self.market = SyntheticQuotes(self._clock.now())
        self.symbols = self.market.symbols
        self._journal = Journal(database, _BOOK, self._clock)
        self._memory = Memory(settings.folder("desk") / "venue.jsonl")
        self._switch = KillSwitch(database, _BOOK, self._clock)
        venue = SimVenue(
            self.symbols, _CASH, plain_terms(leverage=2.0), memory=self._memory, checks_funds=True
        )
        core = OrderCore(Gate.of(settings.risk), self._journal.load())
        self._manager = ReplayManager(core, self._journal, venue, self._clock)
        self._venue = venue
        self._manager.open_book({"USD": decimal(_CASH, "cash")})
        self._manager.recover()
        for quote in self._look():
            venue.on_quote(quote)
        self._settle()
        self._day = self._clock.now().date()
        self._day_start = self._equity()
        self.curve: deque[tuple[datetime, float]] = deque(maxlen=_KEPT_POINTS)

    # what is there ----------------------------------------------------------------------

    @property
    def halt(self) -> Halt:
        """What the kill switch says, who set it and why."""
        return self._switch.halt

    @property
    def is_halted(self) -> bool:
        """Whether new orders are refused."""
        return self._switch.level is not HaltLevel.RUN

    @property
    def changes(self) -> int:
        """Grows with every order and fill, so that a page knows when to look."""
        return self._count

    def orders(self) -> list[Order]:
        """Return all orders, newest first."""
        with self._lock:
            ledger = self._manager.core.ledger
            return sorted(ledger.orders.values(), key=lambda order: order.decided_at, reverse=True)

    def refusals(self) -> list[Verdicted]:
        """Return what the risk gate refused, newest first."""
        with self._lock:
            found = self._manager.core.ledger.intents.values()
            refused = [judged for judged in found if judged.outcome == "refuse"]
            return sorted(refused, key=lambda judged: judged.intent.decided_at, reverse=True)

    def order(self, order_id: str) -> Order:
        """Return one order.

        Raises
        ------
        UsageError
            There is none of that id.
        """
        with self._lock:
            orders = self._manager.core.ledger.orders
            if order_id not in orders:
                raise UsageError(
                    f"no order {order_id[:64]!r}{nearest(order_id, orders)}", missing=True
                )
            return orders[order_id]

    def fills(self) -> list[Fill]:
        """Return all fills, newest first."""
        with self._lock:
            return list(reversed(self._manager.core.ledger.fills.values()))

    def holdings(self) -> list[Holding]:
        """Return what is or was held, with its profit."""
        with self._lock:
            found = []
            for symbol, position in sorted(self._manager.core.ledger.books.positions.items()):
                last = self._price(symbol)
                found.append(
                    Holding(
                        symbol,
                        position.quantity,
                        position.average_price,
                        last,
                        position.unrealised(last),
                        position.realised,
                    )
                )
            return found

    def standing(self) -> Standing:
        """Return the account as it stands."""
        with self._lock:
            books = self._manager.core.ledger.books
            gross = sum((abs(one.value) for one in self.holdings()), ZERO)
            cash = books.cash.get("USD", ZERO)
            return Standing(self._clock.now(), self._equity(), cash, self._day_start, gross)

    # what is done -----------------------------------------------------------------------

    def place(self, ticket: Ticket, who: Identity) -> Order:
        """Send an order through the gate to the venue.

        Raises
        ------
        RefusedError
            The user may not trade, the gate refused (``rule``, ``measured`` and ``limit``
            say why), or the venue did.
        UsageError
            The ticket makes no sense.
        """
        authorize(who, "trade")
        with self._lock:
            intent = self._intent(ticket, who)
            known = self._manager.core.ledger.intents.get(intent.intent_id)
            if known is not None:
                return self._again(intent, known)
            judgement = self._manager.propose(intent, self._context(), self._switch.level)
            self._manager.flush()
            if judgement is not None and judgement.outcome == "refuse":
                self._tell("orders", {"order_id": intent.intent_id, "state": "rejected"})
                raise _refusal(judgement)
            self._settle()
            order = self._manager.core.ledger.orders[intent.intent_id]
        if order.state == "rejected":
            raise RefusedError(f"the venue refused: {order.reason}", order_id=order.order_id)
        return order

    def cancel(self, order_id: str, who: Identity) -> Order:
        """Ask for an order's end.

        Raises
        ------
        RefusedError
            The user may not trade.
        UsageError
            There is no such order.
        """
        authorize(who, "trade")
        with self._lock:
            self.order(order_id)
            self._manager.cancel(order_id, f"by {who.username}")
            self._settle()
            return self.order(order_id)

    def stop_trading(self, who: Identity, reason: str = "") -> Halt:
        """Refuse new orders from now on and cancel those that work; it outlives a restart."""
        authorize(who, "halt")
        with self._lock:
            self._switch.set(HaltLevel.CANCEL_ALL, actor=who.username, reason=reason)
            for order in self._manager.core.ledger.open_orders():
                self._manager.cancel(order.order_id, "trading was halted")
            self._settle()
            self._tell("system", {"halt": self._switch.level.value, "actor": who.username})
            return self.halt

    def resume_trading(self, who: Identity, reason: str) -> Halt:
        """Let orders through again; only an admin may, and says why."""
        authorize(who, "resume")
        with self._lock:
            self._switch.set(HaltLevel.RUN, actor=who.username, reason=reason)
            self._tell("system", {"halt": "run", "actor": who.username})
            return self.halt

    # time -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to play the quotes."""
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the quotes and give the journal back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        self.market.close()
        self._memory.close()
        self._journal.close()

    def listen(self, receive: Listener) -> Callable[[], None]:
        """Tell `receive` topic and message of all that happens; return the way to stop."""
        self._listeners.append(receive)

        def stop() -> None:
            if receive in self._listeners:
                self._listeners.remove(receive)

        return stop

    def tick(self) -> None:
        """Take the quotes of this instant, and fill what they fill."""
        with self._lock:
            for quote in self._look():
                self._venue.on_quote(quote)
                self._tell(
                    f"quotes:{quote.symbol}",
                    {"time": quote.time.isoformat(), "bid": quote.bid, "ask": quote.ask},
                )
            self._settle()
            now = self._clock.now()
            if now.date() != self._day:
                self._day, self._day_start = now.date(), self._equity()
            self.curve.append((now, float(self._equity())))

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self.tick()
            except WorkbenchError:
                _LOG.exception("the desk stands still: its journal or its venue failed")
                return

    # parts ------------------------------------------------------------------------------

    def _look(self) -> list[Quote]:
        now, fresh = self._clock.now(), []
        for symbol in self.symbols:
            quote = self.market.at(symbol, now)
            if quote is not None and quote != self.quotes.get(symbol):
                self.quotes[symbol] = quote
                fresh.append(quote)
        return fresh

    def _settle(self) -> None:
        updates = self._venue.drain()
        for update in updates:
            self._manager.update(update)
        self._manager.flush()
        for update in updates:
            if isinstance(update, Fill):
                self._tell("positions", {"symbol": update.symbol})
            else:
                self._tell("orders", {"order_id": update.order_id, "state": update.state.value})

    def _tell(self, topic: str, message: dict[str, Any]) -> None:
        if not topic.startswith("quotes:"):
            self._count += 1
        for receive in list(self._listeners):
            receive(topic, message)

    def _intent(self, ticket: Ticket, who: Identity) -> Intent:
        if ticket.symbol not in self.symbols:
            raise UsageError(
                f"this desk does not trade {ticket.symbol!r}{nearest(ticket.symbol, self.symbols)}"
                f"; there are {', '.join(self.symbols)}",
                symbol=ticket.symbol,
            )
        now = self._clock.now()
        made = f"{_BOOK}-{now:%Y%m%dT%H%M%S%f}-{ticket.symbol.replace('/', '.')}"
        quote = self.quotes[ticket.symbol]
        return Intent(
            intent_id=ticket.order_id or made,
            run_id=_BOOK,
            strategy=f"manual:{who.username}",
            symbol=ticket.symbol,
            side=_word(Side, ticket.side, "side"),
            decided_at=now,
            quantity=ticket.quantity,
            type=_word(OrderType, ticket.type, "order type"),
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            tif=_word(TimeInForce, ticket.tif, "time in force"),
            reference_price=decimal(quote.mid, "price"),
            reason=f"ticket of {who.username}",
        )

    def _again(self, intent: Intent, known: Verdicted) -> Order:
        """Answer an id that was sent before: one id is one order."""
        was = known.intent
        if (was.symbol, was.side, was.quantity) != (intent.symbol, intent.side, intent.quantity):
            raise UsageError(
                f"order id {intent.intent_id!r} was used for another order; take a new one",
                order_id=intent.intent_id,
            )
        if known.outcome == "refuse":
            raise RefusedError(
                f"order {intent.intent_id!r} was refused before; a new try needs a new id",
                order_id=intent.intent_id,
            )
        return self.order(intent.intent_id)

    def _context(self) -> Context:
        ledger = self._manager.core.ledger
        return Context(
            equity=self._equity(),
            day_start_equity=self._day_start,
            prices={symbol: self._price(symbol) for symbol in self.quotes},
            positions={s: p.quantity for s, p in ledger.books.positions.items()},
            reserved={symbol: ledger.reserved(symbol) for symbol in self.symbols},
        )

    def _equity(self) -> Decimal:
        prices = {symbol: self._price(symbol) for symbol in self.quotes}
        return self._manager.core.ledger.books.equity(prices)

    def _price(self, symbol: str) -> Decimal:
        quote = self.quotes.get(symbol)
        return decimal(round(quote.mid, 6), "price") if quote else ZERO


def _word(kind: Any, text: str, what: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        known = [one.value for one in kind]
        raise UsageError(
            f"no {what} {text[:40]!r}{nearest(text, known)}; there are {', '.join(known)}"
        ) from None


def _refusal(judgement: Judgement) -> RefusedError:
    first = next(verdict for verdict in judgement.verdicts if verdict.outcome == "refuse")
    facts = {k: v for k, v in first.facts().items() if k in ("rule", "measured", "limit", "unit")}
    return RefusedError(judgement.reason, order_id=judgement.intent.intent_id, **facts)
