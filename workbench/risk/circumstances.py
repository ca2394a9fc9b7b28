"""Rules on what is around an order: data, hours, account, venue, our own other orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from workbench.core.capabilities import Capabilities
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderType, TimeInForce
from workbench.risk.context import Context, Wish
from workbench.risk.verdict import Verdict, above, in_words

__all__ = ["Capable", "MarketHours", "PaperLive", "SelfTrade", "StaleData"]

# how far past the last price an order without a limit may reach
_REACH = Decimal("0.01")
_OF_TODAY = frozenset({TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK})
# a stop does not trade before its price has come
_AT_ONCE = (OrderType.MARKET, OrderType.LIMIT)


@dataclass(frozen=True, slots=True)
class Capable:
    """What the venue can do; `limit` None asks nothing."""

    name: ClassVar[str] = "capable"
    limit: Capabilities | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Refuse what the venue lacks, before there is an order."""
        if self.limit is None:
            return Verdict(self.name, "pass")
        lacks = self.limit.missing_for(wish.intent)
        if not lacks and not self.limit.shorts and _is_short(wish, context):
            lacks = "short positions"
        if not lacks:
            return Verdict(self.name, "pass")
        return Verdict(self.name, "refuse", f"the venue does not offer {lacks}", measured=lacks)


@dataclass(frozen=True, slots=True)
class PaperLive:
    """An order meant for paper goes to paper, one meant for real money to real money."""

    name: ClassVar[str] = "paper_live"
    limit: Literal[True] | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:  # noqa: ARG002
        """Compare what the account is said to be with what the venue says it is."""
        meant, found = context.mode, context.venue_mode
        if self.limit is None or not meant or not found:
            return Verdict(self.name, "pass")
        if meant == found:
            return Verdict(self.name, "pass", "", "account", found, meant)
        reason = f"this is meant for a {meant} account, and the venue's is {found}"
        return Verdict(self.name, "refuse", reason, "account", found, meant)


@dataclass(frozen=True, slots=True)
class MarketHours:
    """The instrument's market is open, or the order may wait until it is."""

    name: ClassVar[str] = "market_hours"
    limit: Literal[True] | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Refuse what would end before the market opens; what reduces passes."""
        intent = wish.intent
        phase = context.phases.get(intent.symbol) if context.phases is not None else None
        if self.limit is None or phase is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        asks = intent.extended_hours and intent.type is OrderType.LIMIT
        if phase == "open" or intent.tif not in _OF_TODAY or (phase == "extended" and asks):
            return Verdict(self.name, "pass", "", "phase", phase, "open")
        reason = f"the market of {intent.symbol} is closed, and a {intent.tif} order does not wait"
        if phase == "extended":
            reason += "; ask for the hours outside the session, with a limit"
        return Verdict(self.name, "refuse", reason, "phase", phase, "open")


@dataclass(frozen=True, slots=True)
class StaleData:
    """Seconds since a symbol was last heard of; three of its own intervals are fine."""

    name: ClassVar[str] = "stale_data"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Refuse to act on a price that nobody has confirmed for too long."""
        seen, now = context.seen, context.now
        if self.limit is None or seen is None or now is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        symbol = wish.intent.symbol
        last = seen.get(symbol)
        if last is None:
            return Verdict(self.name, "refuse", f"nothing was heard of {symbol} yet", "seconds")
        every = context.every.get(symbol)
        most = max(self.limit, _seconds(3 * every)) if every is not None else self.limit
        age = _seconds(max(now - last, timedelta(0)))
        reason = f"the last that was heard of {symbol} is {in_words(age)} s old"
        return above(self, age, most, "seconds", reason)


@dataclass(frozen=True, slots=True)
class SelfTrade:
    """No order that would meet one of our own on the other side."""

    name: ClassVar[str] = "self_trade"
    limit: Literal[True] | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Look for a resting order of ours that it reaches; protective legs are left out."""
        if self.limit is None or wish.intent.type not in _AT_ONCE:
            return Verdict(self.name, "pass")
        for order in context.resting:
            if _meets(wish, order):
                return Verdict(
                    self.name,
                    "refuse",
                    f"it would trade with our own order {order.order_id}, a {order.side} at "
                    f"{order.limit_price:,f}",
                    "price",
                    str(wish.intent.limit_price or wish.price),
                    str(order.limit_price),
                )
        return Verdict(self.name, "pass")


def _meets(wish: Wish, order: Order) -> bool:
    intent, price = wish.intent, order.limit_price
    if order.symbol != intent.symbol or order.side is intent.side or price is None:
        return False
    if order.parent_id is not None or order.type not in _AT_ONCE or wish.price is None:
        return False
    sign, reach = intent.side.sign, intent.limit_price
    if reach is None:
        reach = MONEY.multiply(wish.price, 1 + _REACH * sign)
    return MONEY.multiply(MONEY.subtract(reach, price), sign) >= 0


def _seconds(span: timedelta) -> Decimal:
    return Decimal(str(span.total_seconds()))


def _is_short(wish: Wish, context: Context) -> bool:
    if wish.intent.side.sign > 0:
        return False
    if wish.quantity is None:
        return wish.intent.target is not None and wish.intent.target < 0
    return context.held_after(wish) < ZERO
