"""What trades at an exchange, by which steps, and what is refused before it is sent."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import ccxt

from workbench.config import Settings
from workbench.core.money import MONEY, ZERO, decimal, floor_to
from workbench.core.order import Order, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.errors import RefusedError, UsageError
from workbench.venues.calls import garbled
from workbench.venues.ccxt.client import Exchange
from workbench.venues.steps import passive

__all__ = ["Pair", "Pairs", "fitted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A line of an exchange's list of markets.

    Parameters
    ----------
    symbol, name : str
        Ours, ``"BTC/USDT"``, and the exchange's, ``"BTCUSDT"``.
    base, quote : str
        Currencies.
    step, tick : Decimal
        Of quantities and prices.
    least, most : Decimal
        Of quantities; 0 is "no bound".
    least_cost : Decimal
        Quantity times price, at least.
    words : frozenset of str
        The order types of this market in the exchange's words; empty where it tells none.
    is_contract : bool
        Whether it is a perpetual.
    """

    symbol: str
    name: str
    base: str
    quote: str
    step: Decimal = ZERO
    tick: Decimal = ZERO
    least: Decimal = ZERO
    most: Decimal = ZERO
    least_cost: Decimal = ZERO
    words: frozenset[str] = frozenset()
    is_active: bool = True
    is_contract: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any], mode: int) -> Pair:
        """Read ccxt's description of a market."""
        amount, cost = told["limits"]["amount"], told["limits"]["cost"]
        return cls(
            symbol=told["symbol"],
            name=told["id"],
            base=told["base"],
            quote=told["quote"],
            step=_step(told["precision"].get("amount"), mode),
            tick=_step(told["precision"].get("price"), mode),
            least=decimal(amount.get("min") or 0),
            most=decimal(amount.get("max") or 0),
            least_cost=decimal(cost.get("min") or 0),
            words=frozenset(told["info"].get("orderTypes") or ()),
            is_active=told.get("active") is not False,
            is_contract=bool(told.get("contract")),
        )


class Pairs:
    """The markets of an exchange by their names; asked for once.

    Parameters
    ----------
    exchange : Exchange
        Its public side.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lock = threading.Lock()
        self._by_name: dict[str, str] = {}

    @classmethod
    def opened(cls, name: str, settings: Settings, *, kind: str, vendor: str) -> Pairs:
        """Return the markets of an exchange that ccxt calls so, and the settings `vendor`."""
        return cls(Exchange(name, settings, kind=kind, vendor=vendor))

    @property
    def name(self) -> str:
        """What ccxt calls the exchange."""
        return self._exchange.name

    @property
    def api(self) -> Any:
        """The ccxt object with the markets."""
        return self._exchange.api

    def find(self, symbol: str) -> Pair:
        """Return a market.

        Raises
        ------
        RefusedError
            There is none of this name.
        UnavailableError
            The list cannot be had.
        """
        with self._lock:
            try:
                told = self._exchange.market(symbol)
            except UsageError as error:
                why = f"not sent: {error.message}"
                raise RefusedError(why, symbol=symbol, sent=False) from None
        return Pair.of(told, self.api.precisionMode)

    def symbol(self, name: str) -> str:
        """Return our name of a market; the exchange's own where none is known.

        An exchange may have several names of a market.
        """
        with self._lock:
            if not self._by_name:
                self._read()
        return self._by_name.get(name, name)

    def of_asset(self, asset: str, currency: str) -> str:
        """Return under which symbol a holding stands: its pair with a currency, or its name."""
        self.symbol("")
        wanted = f"{asset}/{currency}"
        return wanted if wanted in self.api.markets else asset

    def currency(self, code: str) -> str:
        """Return the common name of a currency, e.g. ``"BTC"`` of Kraken's ``"XXBT"``."""
        self.symbol("")
        return str(self.api.safe_currency_code(code))

    def _read(self) -> None:
        if not self.api.markets:
            self._exchange.read(self._exchange.load)
        for symbol, told in self.api.markets.items():
            info = told["info"]
            for name in (told["id"], info.get("altname"), info.get("wsname")):
                if name:
                    self._by_name[name] = symbol
        if not self._by_name:
            raise garbled(self._exchange.name, "a list of markets without one")


def fitted(order: Order, pair: Pair, words: Mapping[OrderType, str]) -> Order:
    """Return an order on the exchange's steps.

    Parameters
    ----------
    order : Order
    pair : Pair
    words : mapping
        The exchange's word for each type of order.

    Raises
    ------
    RefusedError
        The exchange would not take it; the error says why.
    """
    for refuses in (_of_pair, _of_terms):
        _refuse(order, refuses(order, pair, words))
    other = Side.SELL if order.side is Side.BUY else Side.BUY
    fit = replace(
        order,
        quantity=None if order.quantity is None else floor_to(order.quantity, pair.step),
        limit_price=_fit(order.limit_price, pair, order.side),
        # a stop is reached from the other side than a limit: away from the market is beyond
        stop_price=_fit(order.stop_price, pair, other),
    )
    _refuse(order, _of_size(fit, pair))
    return fit


def _of_pair(order: Order, pair: Pair, words: Mapping[OrderType, str]) -> str:
    if not pair.is_active:
        return f"{pair.symbol} cannot be traded there"
    if pair.words and words.get(order.type, "") not in pair.words:
        return f"{pair.symbol} takes no {order.type} orders there"
    return ""


def _of_terms(order: Order, pair: Pair, words: Mapping[OrderType, str]) -> str:
    del words
    if order.protection is not None and order.protection.names:
        return "no stops are attached to orders there"
    if order.reduce_only and not pair.is_contract and order.side is Side.BUY:
        return "nothing is short there that could be reduced"
    if order.quantity is None or order.quantity <= 0:
        return "the quantity is not positive"
    is_at_once = order.tif in (TimeInForce.IOC, TimeInForce.FOK)
    if is_at_once and order.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        return "an order that waits for a price cannot be filled at once"
    return ""


def _of_size(order: Order, pair: Pair) -> str:
    quantity = order.quantity or ZERO
    if quantity <= 0 or quantity < pair.least:
        least = max(pair.least, pair.step)
        return f"{quantity} {pair.base} is less than the smallest order, {least}"
    if pair.most and quantity > pair.most:
        return f"{quantity} {pair.base} is more than the largest order, {pair.most}"
    if order.limit_price is not None:
        if order.limit_price <= 0:
            return f"the price is less than the smallest step, {pair.tick}"
        cost = MONEY.multiply(quantity, order.limit_price)
        if cost < pair.least_cost:
            return f"{cost} {pair.quote} is less than the least value, {pair.least_cost}"
    return ""


def _refuse(order: Order, why: str) -> None:
    if why:
        raise RefusedError(f"not sent: {why}", order_id=order.order_id, sent=False)


def _fit(price: Decimal | None, pair: Pair, side: Side) -> Decimal | None:
    return price if price is None or not pair.tick else passive(price, pair.tick, side)


def _step(told: Any, mode: int) -> Decimal:
    if told is None:
        return ZERO
    if mode == ccxt.DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(told))
    return decimal(told)
