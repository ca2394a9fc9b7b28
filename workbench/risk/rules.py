"""One limit, one small class: what it measures, in which unit, and why it said no.

A rule measures a wish and says ``pass``, ``trim`` (so many units are fine) or
``refuse``. What to do on a breach is its parameter. A rule whose limit is None passes
everything, and still says so in the chain. What only reduces a position is never
stopped by a limit on size or exposure: a limit must not lock anyone in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal, Protocol

from workbench.core.money import MONEY, ZERO
from workbench.core.order import OrderType
from workbench.risk.context import Context, Wish

__all__ = [
    "DailyLoss",
    "GrossExposure",
    "OrderNotional",
    "OrderQuantity",
    "Outcome",
    "PositionNotional",
    "PriceCollar",
    "Rule",
    "SymbolList",
    "Verdict",
    "in_words",
]

Outcome = Literal["pass", "trim", "refuse"]
Breach = Literal["trim", "refuse"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule said, with the numbers.

    Parameters
    ----------
    measured, limit : str
        As numbers or names; empty where there is none.
    quantity : Decimal, optional
        With ``trim``: the units that are fine.
    """

    rule: str
    outcome: Outcome
    reason: str = ""
    unit: str = ""
    measured: str = ""
    limit: str = ""
    quantity: Decimal | None = None

    def facts(self) -> dict[str, str]:
        """Return it as plain text fields, those that say something."""
        names = ("rule", "outcome", "reason", "unit", "measured", "limit", "quantity")
        return {n: str(v) for n in names if (v := getattr(self, n)) not in ("", None)}


class Rule(Protocol):
    """Judges one wish."""

    name: ClassVar[str]

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Return the verdict."""


@dataclass(frozen=True, slots=True)
class SymbolList:
    """Only these symbols; `limit` None allows all."""

    name: ClassVar[str] = "symbols"
    limit: tuple[str, ...] | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:  # noqa: ARG002
        """Refuse a symbol that is not on the list."""
        if self.limit is None or wish.intent.symbol in self.limit:
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

    def judge(self, wish: Wish, context: Context) -> Verdict:  # noqa: ARG002
        """Look at the units wanted."""
        if self.limit is None:
            return Verdict(self.name, "pass")
        if wish.quantity is None:
            return _unmeasured(self.name, wish)
        return _sized(self, wish.quantity, self.limit, "units", lambda: self.limit or ZERO)


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
        if wish.notional is None or wish.price is None:
            return _unmeasured(self.name, wish)
        price, limit = wish.price, self.limit
        return _sized(self, wish.notional, limit, "money", lambda: MONEY.divide(limit, price))


@dataclass(frozen=True, slots=True)
class PositionNotional:
    """Money in one symbol, as far as open orders can still take it."""

    name: ClassVar[str] = "position_notional"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Look at the holding after it and every open order of its side are filled."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        if wish.notional is None or wish.price is None:
            return _unmeasured(self.name, wish)
        price, limit, sign = wish.price, self.limit, wish.intent.side.sign
        buys, sells = context.reserved.get(wish.intent.symbol, (ZERO, ZERO))
        pending = buys if sign > 0 else -sells
        after = abs(MONEY.add(wish.after(context), pending))
        held = MONEY.add(context.held(wish.intent.symbol), pending) * sign

        def fine() -> Decimal:
            return max(MONEY.subtract(MONEY.divide(limit, price), held), ZERO)

        return _sized(self, MONEY.multiply(after, price), limit, "money", fine)


@dataclass(frozen=True, slots=True)
class GrossExposure:
    """All positions together, as a multiple of equity."""

    name: ClassVar[str] = "gross_exposure"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Add up what positions and open orders can come to, this one included."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        if wish.notional is None or wish.price is None:
            return _unmeasured(self.name, wish)
        symbol, price = wish.intent.symbol, wish.price
        gross = ZERO
        for name in context.positions.keys() | context.reserved.keys():
            if name == symbol:
                continue
            if name in context.prices:
                worth = MONEY.multiply(context.worst(name), context.prices[name])
                gross = MONEY.add(gross, worth)
        buys, sells = context.reserved.get(symbol, (ZERO, ZERO))
        sign = wish.intent.side.sign
        after = abs(MONEY.add(wish.after(context), buys if sign > 0 else -sells))
        gross_after = MONEY.add(gross, MONEY.multiply(after, price))
        if context.equity <= 0:
            return Verdict(self.name, "refuse", "the account has no equity", "multiple of equity")
        limit = self.limit
        room = MONEY.subtract(MONEY.multiply(limit, context.equity), gross)

        def fine() -> Decimal:
            held = MONEY.subtract(after, wish.quantity or ZERO)
            return max(MONEY.subtract(MONEY.divide(room, price), held), ZERO)

        measured = MONEY.divide(gross_after, context.equity)
        return _sized(self, measured, limit, "multiple of equity", fine)


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """Loss since the day began, as a fraction; past it only reductions pass."""

    name: ClassVar[str] = "daily_loss"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Compare equity with that of the day's start."""
        if self.limit is None or context.day_start_equity <= 0 or wish.reduces(context):
            return Verdict(self.name, "pass")
        lost = MONEY.subtract(context.day_start_equity, context.equity)
        measured = MONEY.divide(lost, context.day_start_equity)
        if measured <= self.limit:
            return Verdict(self.name, "pass", "", "fraction", _short(measured), _exact(self.limit))
        return Verdict(
            self.name,
            "refuse",
            f"the day's loss of {in_words(measured * 100)} % is past the limit of "
            f"{in_words(self.limit * 100)} %; only reductions pass until tomorrow",
            "fraction",
            _short(measured),
            _exact(self.limit),
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
        if self.limit is None or not priced or limit_price is None or not last:
            return Verdict(self.name, "pass")
        beyond = MONEY.divide(limit_price - last, last) * wish.intent.side.sign
        if beyond <= self.limit:
            return Verdict(self.name, "pass", "", "fraction", _short(beyond), _exact(self.limit))
        return Verdict(
            self.name,
            "refuse",
            f"a {wish.intent.side} at {limit_price:,f} is {in_words(beyond * 100)} % beyond the "
            f"last price {last:,f}",
            "fraction",
            _short(beyond),
            _exact(self.limit),
        )


class _Sizable(Protocol):
    name: ClassVar[str]

    @property
    def on_breach(self) -> Breach: ...


def _sized(
    rule: _Sizable, measured: Decimal, limit: Decimal, unit: str, fine: Callable[[], Decimal]
) -> Verdict:
    if measured <= limit:
        return Verdict(rule.name, "pass", "", unit, _short(measured), _exact(limit))
    what = rule.name.replace("_", " ")
    amount, most = in_words(measured), in_words(limit)
    if amount == most:  # above it all the same
        amount = f"{measured.normalize():,f}"
    reason = f"{what} of {amount} is above the limit of {most} ({unit})"
    units = fine() if rule.on_breach == "trim" else ZERO
    outcome: Outcome = "trim" if units > 0 else "refuse"
    return Verdict(
        rule.name, outcome, reason, unit, _short(measured), _exact(limit), units if units else None
    )


def _unmeasured(name: str, wish: Wish) -> Verdict:
    return Verdict(
        name, "refuse", f"no price of {wish.intent.symbol} is known to measure the order by"
    )


def in_words(number: Decimal) -> str:
    """Write a number as people read it: in full, grouped, no digits that say nothing.

    Cents from a thousand on, six digits below.

    Examples
    --------
    >>> in_words(Decimal("1.26e+7")), in_words(Decimal("1234.5")), in_words(Decimal("0.1234567"))
    ('12,600,000', '1,234.50', '0.123457')
    """
    rounded = round(number, 2) if abs(number) >= 1000 else Decimal(f"{number:.6g}").normalize()
    if rounded == rounded.to_integral_value():
        return f"{rounded.to_integral_value():,f}"
    return f"{rounded:,f}"


def _short(number: Decimal) -> str:
    return in_words(number).replace(",", "")


def _exact(number: Decimal) -> str:
    return format(number, "f")
