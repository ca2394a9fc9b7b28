"""One limit, one small class: what it measures, in which unit, and why it said no.

A rule measures a wish and says ``pass``, ``trim`` (so many units are fine) or
``refuse``. What to do on a breach is its parameter. A rule whose limit is None passes
everything, and still says so in the chain. What only reduces a position is never
stopped by a limit on size or exposure: a limit must not lock anyone in.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from workbench.core.money import MONEY, ZERO
from workbench.core.order import OrderType
from workbench.risk.context import Context, Wish
from workbench.risk.verdict import Breach, Verdict, above, exact, in_words, short, sized, unmeasured

__all__ = [
    "DailyLoss",
    "Drawdown",
    "LeastEquity",
    "OrderNotional",
    "OrderQuantity",
    "PriceCollar",
    "SymbolList",
]


@dataclass(frozen=True, slots=True)
class SymbolList:
    """Only these symbols, but to be rid of others; `limit` None allows all."""

    name: ClassVar[str] = "symbols"
    limit: tuple[str, ...] | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Refuse a symbol that is not on the list."""
        if self.limit is None or wish.intent.symbol in self.limit or wish.reduces(context):
            return Verdict(self.name, "pass")
        return Verdict(
            self.name,
            "refuse",
            f"{wish.intent.symbol} is not among the symbols that may be traded",
            measured=wish.intent.symbol,
            limit=" ".join(self.limit),
        )


@dataclass(frozen=True, slots=True)
class OrderQuantity:
    """Units of one order."""

    name: ClassVar[str] = "order_quantity"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Look at the units wanted."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        if wish.quantity is None:
            return unmeasured(self.name, wish)
        return sized(self, wish.quantity, self.limit, "units", lambda: self.limit or ZERO)


@dataclass(frozen=True, slots=True)
class OrderNotional:
    """Money in one order."""

    name: ClassVar[str] = "order_notional"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Look at quantity times price."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        if wish.notional is None or not wish.worth:
            return unmeasured(self.name, wish)
        price, limit = wish.worth, self.limit
        return sized(self, wish.notional, limit, "money", lambda: MONEY.divide(limit, price))


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """Loss since the day began, as a fraction; past it only reductions pass."""

    name: ClassVar[str] = "daily_loss"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Compare equity with that of the day's start."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        if context.day_start_equity <= 0:
            return Verdict(self.name, "refuse", "the day began without equity", "fraction")
        lost = MONEY.subtract(context.day_start_equity, context.equity)
        measured = MONEY.divide(lost, context.day_start_equity)
        if measured <= self.limit:
            return Verdict(self.name, "pass", "", "fraction", short(measured), exact(self.limit))
        return Verdict(
            self.name,
            "refuse",
            f"the day's loss of {in_words(measured * 100)} % is past the limit of "
            f"{in_words(self.limit * 100)} %; only reductions pass until tomorrow",
            "fraction",
            short(measured),
            exact(self.limit),
        )


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """How far a price may lie beyond the last one, as a fraction, on the losing side."""

    name: ClassVar[str] = "price_collar"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Refuse a buy far above, or a sell far below, the last price."""
        last, limit_price = context.prices.get(wish.intent.symbol), wish.intent.limit_price
        priced = wish.intent.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        if self.limit is None or not priced or limit_price is None:
            return Verdict(self.name, "pass")
        if not last:
            free = wish.reduces(context)
            return Verdict(self.name, "pass") if free else unmeasured(self.name, wish)
        beyond = MONEY.divide(limit_price - last, last) * wish.intent.side.sign
        if beyond <= self.limit:
            return Verdict(self.name, "pass", "", "fraction", short(beyond), exact(self.limit))
        return Verdict(
            self.name,
            "refuse",
            f"a {wish.intent.side} at {limit_price:,f} is {in_words(beyond * 100)} % beyond the "
            f"last price {last:,f}",
            "fraction",
            short(beyond),
            exact(self.limit),
        )


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Loss since the highest equity of the session, as a fraction; then only reductions pass."""

    name: ClassVar[str] = "drawdown"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Compare equity with the session's highest."""
        peak = context.peak_equity
        if self.limit is None or peak is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        if peak <= 0:
            return Verdict(self.name, "refuse", "the session never had equity", "fraction")
        measured = MONEY.divide(MONEY.subtract(peak, context.equity), peak)
        reason = (
            f"equity is {in_words(measured * 100)} % below the session's highest, past the limit "
            f"of {in_words(self.limit * 100)} %; only reductions pass"
        )
        return above(self, measured, self.limit, "fraction", reason)


@dataclass(frozen=True, slots=True)
class LeastEquity:
    """What the account must be worth for anything to be opened."""

    name: ClassVar[str] = "least_equity"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Let only reductions pass below it."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        facts = ("money", short(context.equity), exact(self.limit))
        if context.equity >= self.limit:
            return Verdict(self.name, "pass", "", *facts)
        reason = (
            f"the account is worth {in_words(context.equity)}, less than {in_words(self.limit)}; "
            "only reductions pass"
        )
        return Verdict(self.name, "refuse", reason, *facts)
