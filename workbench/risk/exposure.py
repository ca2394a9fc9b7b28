"""Limits on what is held in all: net, per strategy, in one symbol, as a worth, as margin.

They look at the worst that open orders of the same side can still come to, this one
included, so that no sequence of orders that pass can end above a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from workbench.core.money import MONEY, ZERO
from workbench.risk.context import Context, Wish
from workbench.risk.verdict import Breach, Sizable, Verdict, sized, unmeasured

__all__ = [
    "Concentration",
    "MarginUse",
    "NetExposure",
    "PortfolioValue",
    "StrategyGross",
    "StrategyNet",
    "gross_worth",
    "net_worth",
]

_TIMES = "multiple of equity"
Reserved = Mapping[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Concentration:
    """One symbol's worth, as a fraction of equity."""

    name: ClassVar[str] = "concentration"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Look at the holding after it and every open order of its side are filled."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        return _judged(self, self.limit, wish, _Sum(ZERO, context.equity, "fraction of equity"),
                       abs(context.held_after(wish)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class PortfolioValue:
    """All positions together, in money."""

    name: ClassVar[str] = "portfolio_value"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Add up what positions and open orders can come to, this one included."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        others = gross_worth(context, wish.intent.symbol)
        return _judged(self, self.limit, wish, _Sum(others, Decimal(1), "money"),
                       abs(context.held_after(wish)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarginUse:
    """The margin that all positions need, as a fraction of equity."""

    name: ClassVar[str] = "margin"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Compare the margin of what can be held with the equity there is."""
        if self.limit is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        others = gross_worth(context, wish.intent.symbol)
        scale = MONEY.divide(context.equity, context.margin_rate)
        return _judged(self, self.limit, wish, _Sum(others, scale, "fraction of equity"),
                       abs(context.held_after(wish)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class NetExposure:
    """Long less short, as a multiple of equity."""

    name: ClassVar[str] = "net_exposure"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Add up the signed worth of what can be held in the order's direction.

        To sell one side of a hedge makes the net larger, though it reduces the symbol: such
        an order is judged too, unless it is marked as reduce-only.
        """
        if self.limit is None or wish.intent.reduce_only:
            return Verdict(self.name, "pass")
        sign, symbol = wish.intent.side.sign, wish.intent.symbol
        others = net_worth(context.positions, context.reserved, context.prices, sign, symbol)
        return _judged(self, self.limit, wish, _Sum(others * sign, context.equity, _TIMES),
                       context.held_after(wish) * sign)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StrategyGross:
    """All positions of one strategy, as a multiple of the account's equity."""

    name: ClassVar[str] = "strategy_gross"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Add up what the strategy's positions and open orders can come to."""
        if self.limit is None or wish.intent.reduce_only:
            return Verdict(self.name, "pass")
        if context.activity is None:
            return _unknown(self.name)
        own = context.own(wish.intent.strategy)
        symbol = wish.intent.symbol
        after = abs(own.held_after(wish))
        if wish.quantity is not None and after <= abs(own.held(symbol)):
            return Verdict(self.name, "pass")
        others = gross_worth(own, symbol)
        return _judged(self, self.limit, wish, _Sum(others, context.equity, _TIMES), after)


@dataclass(frozen=True, slots=True)
class StrategyNet:
    """Long less short of one strategy, as a multiple of the account's equity."""

    name: ClassVar[str] = "strategy_net"
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Add up the signed worth of what the strategy can hold in the order's direction."""
        if self.limit is None or wish.intent.reduce_only:
            return Verdict(self.name, "pass")
        if context.activity is None:
            return _unknown(self.name)
        own, sign = context.own(wish.intent.strategy), wish.intent.side.sign
        others = net_worth(own.positions, own.reserved, own.prices, sign, wish.intent.symbol)
        return _judged(self, self.limit, wish, _Sum(others * sign, context.equity, _TIMES),
                       own.held_after(wish) * sign)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Sum:
    """The worth of the other symbols, and what one of the limit's unit is in money."""

    others: Decimal
    scale: Decimal
    unit: str


def gross_worth(context: Context, but: str = "") -> Decimal:
    """Return what positions and open orders can come to, one symbol left out."""
    gross = ZERO
    for name in context.positions.keys() | context.reserved.keys():
        if name != but and name in context.prices:
            worth = MONEY.multiply(context.worst(name), context.prices[name])
            gross = MONEY.add(gross, worth)
    return gross


def net_worth(
    positions: Mapping[str, Decimal], reserved: Reserved, prices: Mapping[str, Decimal], sign: int,
    but: str = "",
) -> Decimal:  # fmt: skip
    """Return the signed worth once all open orders of one side are filled, less one symbol's."""
    net = ZERO
    for name in positions.keys() | reserved.keys():
        if name == but or name not in prices:
            continue
        buys, sells = reserved.get(name, (ZERO, ZERO))
        held = MONEY.add(positions.get(name, ZERO), buys if sign > 0 else -sells)
        net = MONEY.add(net, MONEY.multiply(held, prices[name]))
    return net


def _judged(rule: Sizable, limit: Decimal, wish: Wish, total: _Sum, after: Decimal) -> Verdict:
    """Judge a holding of `after` units in the order's direction beside the others' worth."""
    if wish.quantity is None or not wish.price:
        return unmeasured(rule.name, wish)
    if total.scale <= 0:
        return Verdict(rule.name, "refuse", "the account has no equity", total.unit)
    price, before = wish.price, MONEY.subtract(after, wish.quantity)
    worth = MONEY.add(total.others, MONEY.multiply(after, price))

    def fine() -> Decimal:
        room = MONEY.subtract(MONEY.multiply(limit, total.scale), total.others)
        return max(MONEY.subtract(MONEY.divide(room, price), before), ZERO)

    return sized(rule, MONEY.divide(worth, total.scale), limit, total.unit, fine)


def _unknown(name: str) -> Verdict:
    return Verdict(name, "refuse", "what each strategy holds is not known here")
