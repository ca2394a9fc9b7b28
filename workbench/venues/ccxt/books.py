"""What an account at an exchange says of itself, in our words; every method blocks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.errors import RefusedError, UnavailableError
from workbench.venues.ccxt.dialects.dialect import Dialect
from workbench.venues.ccxt.messages import Execution, Holdings, Told
from workbench.venues.ccxt.pairs import Pair, Pairs
from workbench.venues.ids import Sent, SentIds

__all__ = ["Books"]

_DAY = timedelta(days=1)


class Books:
    """Orders, executions and holdings of one account.

    Parameters
    ----------
    dialect : Dialect
    pairs : Pairs
    sent : SentIds
    venue : str
        As fills name it.
    """

    def __init__(self, dialect: Dialect, pairs: Pairs, sent: SentIds, venue: str) -> None:
        self.dialect, self.pairs, self.sent, self.venue = dialect, pairs, sent, venue
        self.currency = dialect.account.terms.currency or dialect.currency
        self._lock = threading.Lock()
        self._met: set[str] = set()  # symbols of orders that are not ours

    def account(self) -> Account:
        """Return cash, and what everything is worth at last prices."""
        holdings = self._holdings()
        cash = holdings.units.get(self.currency, ZERO)
        equity = MONEY.add(cash, holdings.unrealised)
        held = [] if self.dialect.is_contract else self._held(holdings)
        markets = self.pairs.api.markets
        priced = {one.symbol: one.quantity for one in held if one.symbol in markets}
        if priced:
            pairs = {self.pairs.find(symbol): units for symbol, units in priced.items()}
            prices = self.dialect.prices(pairs)
            for pair, units in pairs.items():
                if pair.name not in prices:
                    raise UnavailableError(f"{self.venue} tells no price of {pair.symbol}")
                equity = MONEY.add(equity, MONEY.multiply(units, prices[pair.name]))
        name = holdings.account_id or f"{self.dialect.exchange}-{self.dialect.account.digest}"
        is_paper = self.dialect.account.is_paper
        return Account(name, cash, equity, self.currency, is_paper=is_paper)

    def positions(self) -> list[Position]:
        """Return holdings; a currency other than the account's stands under its pair."""
        return self._held(self._holdings())

    def _holdings(self) -> Holdings:
        told = self.dialect.holdings()
        units: dict[str, Decimal] = {}
        for code, held in told.units.items():
            name = self.pairs.currency(code)
            units[name] = MONEY.add(units.get(name, ZERO), held)
        return replace(told, units=units)

    def order(self, order_id: str) -> Order | None:
        """Look an order up by our name of it."""
        known = self.sent.by_order.get(order_id)
        if known is None:
            return self._stranger(order_id)
        venue_id = self.sent.venue_ids.get(known.client_id)
        try:
            pair = self.pairs.find(known.symbol)
        except RefusedError as error:  # it is not traded any more: that says nothing of the order
            raise UnavailableError(error.message, symbol=known.symbol) from None
        told = self.dialect.find(known, pair, venue_id)
        return None if told is None else self.named(told)

    def open_orders(self) -> list[Order]:
        """Return open orders."""
        return [self.named(told) for told in self.dialect.open_orders()]

    def fills(self, since: datetime | None) -> list[Fill]:
        """Return executions from an instant on, oldest first; of all markets that were met.

        Without an instant: since the day before the first order.
        """
        begin = since or self.sent.began - _DAY
        found = {one.name: one for one in self.dialect.executions(begin, self._known())}
        rows = [one for one in found.values() if since is None or one.at >= since]
        rows.sort(key=lambda one: (one.at, one.name))
        self._learn(rows)
        return [self._fill(one) for one in rows]

    def named(self, told: Told) -> Order:
        """Return an order under our name of it."""
        symbol = self.pairs.symbol(told.market)
        client = told.client or told.venue_id
        with self._lock:
            self.sent.learn(client, told.venue_id)
            self._met.add(symbol)
        return told.order(self.sent.order_id(client), symbol)

    def _fill(self, one: Execution) -> Fill:
        client = one.client or self.sent.client_ids[one.venue_id]
        symbol = self.pairs.symbol(one.market)
        fill = one.fill(self.sent.order_id(client), symbol, self.venue)
        quote = symbol.partition("/")[2].partition(":")[0] or self.currency
        fee_currency = self.pairs.currency(fill.fee_currency or quote)
        return replace(fill, fee_currency=fee_currency, currency=quote)

    def _learn(self, rows: Sequence[Execution]) -> None:
        """Learn the names of the orders of executions."""
        strange = [
            one for one in rows if not one.client and one.venue_id not in self.sent.client_ids
        ]
        clients = self.dialect.clients(strange) if strange else {}
        for one in strange:
            if one.venue_id not in clients:
                raise UnavailableError(
                    f"{self.venue} tells of an execution of an order that it does not know, "
                    f"{one.venue_id}",
                    garbled=True,
                )
            self.sent.learn(clients[one.venue_id] or one.venue_id, one.venue_id)

    def _known(self) -> list[Pair]:
        with self._lock:
            symbols = self.sent.symbols() | self._met
        found = []
        for symbol in sorted(symbols):
            try:
                found.append(self.pairs.find(symbol))
            except RefusedError:
                continue  # it is not traded any more, or was never
        return found

    def _stranger(self, order_id: str) -> Order | None:
        """Look for an order that was not sent from here: among open ones, and where we traded."""
        for order in self.open_orders():
            if order.order_id == order_id:
                return order
        client = self.sent.client_id(order_id)
        for pair in self._known():
            told = self.dialect.find(Sent(order_id, client, pair.symbol, 0.0), pair, None)
            if told is not None:
                return self.named(told)
        return None

    def _held(self, holdings: Holdings) -> list[Position]:
        if self.dialect.is_contract:
            return [
                replace(one, symbol=self.pairs.symbol(one.symbol))
                for one in self.dialect.contracts()
            ]
        return [
            Position(self.pairs.of_asset(asset, self.currency), units)
            for asset, units in holdings.units.items()
            if asset != self.currency
        ]
