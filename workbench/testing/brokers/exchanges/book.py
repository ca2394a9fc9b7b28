"""An exchange's account: orders taken, matched by the simulated venue, and told of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import RLock

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.costs.costs import Costs
from workbench.errors import RefusedError
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["Entry", "ExchangeBook", "Refused", "TradeRow"]


class Refused(Exception):
    """An order or a cancel that the exchange does not take.

    Parameters
    ----------
    why : str
        ``"funds"``, ``"duplicate"``, ``"symbol"``, ``"absent"``, ``"taker"`` or ``"filter"``.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Entry:
    """An order at the exchange.

    Parameters
    ----------
    number : int
        The exchange's own.
    client : str
    order : Order
        As it stands; its id is of the matching.
    at : datetime
    """

    number: int
    client: str
    order: Order
    at: datetime

    @property
    def cost(self) -> Decimal:
        """What the units filled cost in all."""
        return MONEY.multiply(self.order.filled, self.order.average_price or ZERO)

    @property
    def ms(self) -> int:
        """When it came, in milliseconds."""
        return int(self.at.timestamp() * 1000)


@dataclass(frozen=True)
class TradeRow:
    """An execution at the exchange."""

    number: int
    entry: Entry
    fill: Fill
    fee: Decimal
    fee_currency: str

    @property
    def ms(self) -> int:
        """When it happened, in milliseconds."""
        return int(self.fill.time.timestamp() * 1000)


@dataclass
class ExchangeBook:
    """Orders and the account; every method holds the one lock.

    Parameters
    ----------
    symbols : sequence of str
    cash : float
        In `currency`.
    fee : Decimal
        A fraction of what is received.
    fees_in_quote : bool
        Whether the fee is always taken in the quote currency.
    can_short : bool
        Whether more may be sold than is held.
    reuses_ids : bool
        Whether a client id may be used again once its order has ended.
    cancels_takers : bool
        Whether an order that may only rest, and would be filled, is taken and ended; else it
        is refused.
    tell : callable
        Is given each order that changed.
    """

    symbols: Sequence[str]
    cash: float = 100_000.0
    currency: str = "USDT"
    fee: Decimal = ZERO
    fees_in_quote: bool = False
    can_short: bool = False
    reuses_ids: bool = False
    cancels_takers: bool = False
    tell: Callable[[Entry], None] = lambda _: None
    entries: list[Entry] = field(default_factory=list)
    trades: list[TradeRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.venue = SimVenue(self.symbols, self.cash, plain_terms(Costs(max_participation=1.0)))
        self.lock = RLock()
        self._paid: dict[str, Decimal] = {}
        self._tops: dict[str, Quote] = {}

    def submit(self, client: str, order: Order) -> Entry:
        """Take an order.

        Raises
        ------
        Refused
            The exchange does not.
        """
        with self.lock:
            if order.symbol not in self.venue.state.book.cells:
                raise Refused("symbol")
            known = self.find(client)
            if known is not None and (known.order.state.is_open or not self.reuses_ids):
                raise Refused("duplicate")
            self._afford(order)
            takes = order.post_only and self._takes(order)
            if takes and not self.cancels_takers:
                raise Refused("taker")
            number = len(self.entries) + 1
            placed = replace(order, order_id=f"m{number}", post_only=False)
            try:
                taken = self.venue.submit(placed)
            except RefusedError:
                raise Refused("filter") from None
            entry = Entry(number, client, taken, datetime.now(UTC))
            self.entries.append(entry)
            if takes:
                self.venue.cancel(placed.order_id)
            self._settle()
            self.tell(entry)
            return entry

    def cancel(self, entry: Entry | None) -> Entry:
        """End an order.

        Raises
        ------
        Refused
            There is none, or it has ended.
        """
        with self.lock:
            if entry is None or not entry.order.state.is_open:
                raise Refused("absent")
            self.venue.cancel(entry.order.order_id)
            self._settle()
            return entry

    def quote(self, symbol: str, bid: float, ask: float, size: float = math.inf) -> None:
        """Let the market move."""
        with self.lock:
            if 0.0 < bid <= ask < math.inf:
                quote = self._tops[symbol] = Quote(symbol, datetime.now(UTC), bid, ask)
                self.venue.on_quote(quote, size)
                self._settle()

    def find(self, client: str) -> Entry | None:
        """Return the last order of a client id."""
        with self.lock:
            return next((e for e in reversed(self.entries) if e.client == client), None)

    def numbered(self, number: int) -> Entry | None:
        """Return an order by the exchange's own number."""
        with self.lock:
            return self.entries[number - 1] if 0 < number <= len(self.entries) else None

    def open(self) -> list[Entry]:
        """Return open orders."""
        with self.lock:
            return [entry for entry in self.entries if entry.order.state.is_open]

    def units(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return of each currency what is free, and what rests in orders."""
        with self.lock:
            held = {self.currency: self.venue.account().cash}
            for one in self.venue.positions():
                held[one.symbol.partition("/")[0]] = one.quantity
            for currency, paid in self._paid.items():
                held[currency] = MONEY.subtract(held.get(currency, ZERO), paid)
            found = {}
            for currency, units in held.items():
                resting = self._resting(currency)
                found[currency] = (MONEY.subtract(units, resting), resting)
            return found

    def price(self, symbol: str) -> float:
        """Return the last price, 0 where there is none."""
        mark = self.venue.state.book.cell(symbol).mark
        return 0.0 if math.isnan(mark) else mark

    def _resting(self, currency: str) -> Decimal:
        total = ZERO
        for entry in self.open():
            order = entry.order
            base = order.symbol.partition("/")[0]
            left = MONEY.subtract(order.quantity or ZERO, order.filled)
            if order.side is Side.SELL and base == currency and not self.can_short:
                total = MONEY.add(total, left)
            elif order.side is Side.BUY and currency == self.currency and order.limit_price:
                total = MONEY.add(total, MONEY.multiply(left, order.limit_price))
        return total

    def _afford(self, order: Order) -> None:
        base, _, quote = order.symbol.partition("/")
        units = self.units()
        quantity = order.quantity or ZERO
        if order.side is Side.SELL:
            is_short = quantity > units.get(base, (ZERO, ZERO))[0] and not self.can_short
            if is_short:
                raise Refused("funds")
            return
        price = order.limit_price or decimal(self.price(order.symbol))
        if MONEY.multiply(quantity, price) > units[quote.partition(":")[0]][0]:
            raise Refused("funds")

    def _takes(self, order: Order) -> bool:
        """Tell whether a limit order would be filled at the last quote."""
        top, limit = self._tops.get(order.symbol), float(order.limit_price or 0)
        if top is None:
            return False
        return limit >= top.ask if order.side is Side.BUY else limit <= top.bid

    def _settle(self) -> None:
        """Tell of what the matching did."""
        changed: dict[int, Entry] = {}
        while news := self.venue.drain():
            for one in news:
                if isinstance(one, Fill):
                    self._trade(one)
                elif isinstance(one, Order):
                    entry = self.entries[int(one.order_id[1:]) - 1]
                    entry.order = one
                    changed[entry.number] = entry
        for entry in changed.values():
            self.tell(entry)

    def _trade(self, fill: Fill) -> None:
        entry = self.entries[int(fill.order_id[1:]) - 1]
        base, _, quote = fill.symbol.partition("/")
        quote = quote.partition(":")[0]
        in_base = fill.side is Side.BUY and not self.fees_in_quote
        received = fill.quantity if in_base else MONEY.multiply(fill.quantity, fill.price)
        paid, currency = MONEY.multiply(received, self.fee), base if in_base else quote
        if paid:
            self._paid[currency] = MONEY.add(self._paid.get(currency, ZERO), paid)
        self.trades.append(TradeRow(len(self.trades) + 1, entry, fill, paid, currency))
