"""What the gate knows of the account when it judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent, Order, OrderType
from workbench.core.signal import Side
from workbench.risk.activity import Activity

__all__ = ["Context", "Mode", "Phase", "Wish", "under_way"]

Mode = Literal["", "paper", "live"]
Phase = Literal["open", "extended", "closed"]
_ONE = Decimal(1)
Reserved = dict[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Context:
    """The account at the moment of a judgement.

    Parameters
    ----------
    equity, day_start_equity : Decimal
        Now, and when the day began.
    prices : mapping of str to Decimal
        Last known, by symbol.
    positions : mapping of str to Decimal
        Signed units held.
    reserved : mapping of str to (Decimal, Decimal)
        Units that open orders may still buy and sell, those of unknown fate included.
        :func:`under_way` tells it, orders of an amount of money included.
    resting : sequence of Order
        The open orders.
    aimed : mapping of str to Decimal
        Signed worth that open target orders lead to, by symbol.
    now : datetime, optional
        The time by which rates and ages are measured; without one, as in a replay of bars,
        they are not.
    peak_equity : Decimal, optional
        The highest since the session began.
    margin_rate : Decimal
        How much of a position's worth the venue asks for; 1 is a cash account.
    mode, venue_mode : {"", "paper", "live"}
        What the order is meant for, and what the venue's account is; empty where unknown.
    seen : mapping of str to datetime, optional
        When each symbol was last heard of.
    every : mapping of str to timedelta
        How often something is told of each symbol, where that is known.
    phases : mapping of str to {"open", "extended", "closed"}, optional
        Of each symbol's market, now.
    activity : Activity, optional
        What was asked and filled lately.
    currency : str
        What equity and limits are in; empty where every price is in it.
    rates : mapping of str to Decimal
        What one unit of each other currency is worth in it.
    currencies : mapping of str to str
        What the prices of symbols are in whose names do not tell it; else in `currency`.
    """

    equity: Decimal
    day_start_equity: Decimal
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    reserved: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    resting: Sequence[Order] = ()
    aimed: Mapping[str, Decimal] = field(default_factory=dict)
    now: datetime | None = None
    peak_equity: Decimal | None = None
    margin_rate: Decimal = Decimal(1)
    mode: Mode = ""
    venue_mode: Mode = ""
    seen: Mapping[str, datetime] | None = None
    every: Mapping[str, timedelta] = field(default_factory=dict)
    phases: Mapping[str, Phase] | None = None
    activity: Activity | None = None
    currency: str = ""
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)

    def rate(self, symbol: str) -> Decimal | None:
        """Return what one unit of what a symbol's price is in is worth; None where unknown."""
        if not self.currency:
            return _ONE
        priced_in = self.priced_in(symbol)
        return _ONE if priced_in == self.currency else self.rates.get(priced_in)

    def priced_in(self, symbol: str) -> str:
        """Return the currency of a symbol's price: of a pair, its second name."""
        named = symbol.partition("/")[2].partition(":")[0]
        return named or self.currencies.get(symbol) or self.currency

    def held(self, symbol: str) -> Decimal:
        """Return the signed units held of a symbol."""
        return self.positions.get(symbol, ZERO)

    def worst(self, symbol: str) -> Decimal:
        """Return the largest absolute holding that open orders can still lead to."""
        buys, sells = self.reserved.get(symbol, (ZERO, ZERO))
        held = self.held(symbol)
        return max(abs(MONEY.add(held, buys)), abs(MONEY.subtract(held, sells)))

    def held_after(self, wish: Wish) -> Decimal:
        """Return the signed holding once a wish and every open order of its side are filled."""
        buys, sells = self.reserved.get(wish.intent.symbol, (ZERO, ZERO))
        return MONEY.add(wish.after(self), buys if wish.intent.side.sign > 0 else -sells)

    def own(self, strategy: str) -> Context:
        """Return the same for what one strategy holds and has under way."""
        reserved: Reserved = {}
        for order in self.resting:
            if order.strategy == strategy:
                _reserve(reserved, order, _rest(order, self.prices))
        held = self.activity.held(strategy) if self.activity is not None else {}
        return replace(self, positions=held, reserved=reserved, aimed={})

    def without(self, order: Order) -> Context:
        """Return the same as if an open order had never been, what it was filled for included."""
        reserved, rest = dict(self.reserved), _rest(order, self.prices)
        _reserve(reserved, order, MONEY.minus(rest))
        filled = MONEY.multiply(order.filled, order.side.sign)
        before = MONEY.subtract(self.held(order.symbol), filled)
        resting = [one for one in self.resting if one.order_id != order.order_id]
        positions = {**self.positions, order.symbol: before}
        return replace(self, positions=positions, reserved=reserved, resting=resting)


def under_way(
    resting: Iterable[Order],
    reserved: Callable[[str], tuple[Decimal, Decimal]],
    prices: Mapping[str, Decimal],
    equity: Decimal,
) -> tuple[Reserved, dict[str, Decimal]]:
    """Return what open orders may still buy and sell, and what target orders lead to.

    Parameters
    ----------
    reserved : callable
        Units by symbol, of the orders whose units are known.

    Returns
    -------
    dict of str to (Decimal, Decimal)
        Units, with those that orders of an amount of money come to at the last price.
    dict of str to Decimal
        Signed worth, by symbol.
    """
    units: Reserved = {}
    aimed: dict[str, Decimal] = {}
    unsized = []
    for order in resting:
        units[order.symbol] = reserved(order.symbol)
        if order.quantity is None:
            unsized.append(order)
    for order in unsized:
        if order.target is not None:
            aimed[order.symbol] = MONEY.multiply(order.target, equity)
        else:
            _reserve(units, order, _rest(order, prices))
    return units, aimed


def _rest(order: Order, prices: Mapping[str, Decimal]) -> Decimal:
    """Return the units that an open order may still trade; legs of an entry have none."""
    size, price = order.quantity, prices.get(order.symbol)
    if size is None and order.notional is not None and price:
        size = MONEY.divide(order.notional, price)
    if size is None or order.parent_id is not None:
        return ZERO
    return max(MONEY.subtract(size, order.filled), ZERO)


def _reserve(reserved: Reserved, order: Order, units: Decimal) -> None:
    buys, sells = reserved.get(order.symbol, (ZERO, ZERO))
    if order.side.sign > 0:
        reserved[order.symbol] = (MONEY.add(buys, units), sells)
    else:
        reserved[order.symbol] = (buys, MONEY.add(sells, units))


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent in numbers: what the rules look at.

    Parameters
    ----------
    intent : Intent
    price : Decimal or None
        What it is judged at: its limit, else its reference, else the last price. A sale is
        judged at what it may be filled at where its limit lies below that.
    quantity : Decimal or None
        Units; of a target order the estimate at `price`. None where nothing tells it.
    rate : Decimal or None
        What one unit of what the price is in is worth in the account's currency.
    lacks : str
        What is missing to measure it, where that is a rate.
    """

    intent: Intent
    price: Decimal | None
    quantity: Decimal | None
    rate: Decimal | None = _ONE
    lacks: str = ""

    @classmethod
    def of(cls, intent: Intent, context: Context) -> Wish:
        """Put an intent in numbers."""
        price = _price(intent, context.prices.get(intent.symbol))
        quantity, rate = intent.quantity, context.rate(intent.symbol)
        worth = MONEY.multiply(price, rate) if price and rate else None
        if quantity is None and intent.target is not None and worth:
            wanted = MONEY.divide(MONEY.multiply(intent.target, context.equity), worth)
            quantity = abs(MONEY.subtract(wanted, context.held(intent.symbol)))
        elif intent.notional is not None and price:
            quantity = MONEY.divide(intent.notional, price)
        if rate is None:
            lacks = f"no rate for {context.priced_in(intent.symbol)} in {context.currency}"
            return cls(intent, price, quantity, None, lacks)
        return cls(intent, price, quantity, rate)

    @property
    def worth(self) -> Decimal | None:
        """What a unit is worth at `price`, in the account's currency."""
        if self.price is None or self.rate is None:
            return None
        return MONEY.multiply(self.price, self.rate)

    @property
    def notional(self) -> Decimal | None:
        """What all its units are worth, in the account's currency."""
        worth = self.worth
        if worth is None or self.quantity is None:
            return None
        return MONEY.multiply(self.quantity, worth)

    def after(self, context: Context) -> Decimal:
        """Return the signed holding once it is filled in full."""
        delta = MONEY.multiply(self.quantity or ZERO, self.intent.side.sign)
        return MONEY.add(context.held(self.intent.symbol), delta)

    def reduces(self, context: Context) -> bool:
        """Whether it only brings the position nearer to zero, other open orders included."""
        buys, sells = context.reserved.get(self.intent.symbol, (ZERO, ZERO))
        held, sign = context.held(self.intent.symbol), self.intent.side.sign
        pending = sells if sign < 0 else buys
        if held == 0 or (held > 0) == (sign > 0) or self.quantity is None:
            return False
        return MONEY.add(self.quantity, pending) <= abs(held)


def _price(intent: Intent, last: Decimal | None) -> Decimal | None:
    limit, stop = intent.limit_price, intent.stop_price
    told = (limit, stop, intent.reference_price, last)
    price = next((one for one in told if one is not None and one > 0), None)
    better = stop if intent.type is OrderType.STOP_LIMIT else last
    if limit is None or better is None or intent.side is not Side.SELL:
        return price
    return max(limit, better)
