"""Limits on what is held in all: net, per strategy, in one symbol, as a worth, as margin.

They look at the worst that open orders of the same side can still come to, this one
included, so that no sequence of orders that pass can end above a limit. What cannot be
valued is refused, never counted as nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from workbench.core.money import MONEY, ZERO
from workbench.errors import DataError
from workbench.risk.context import Context, Wish
from workbench.risk.verdict import Breach, Verdict, sized, unmeasured

__all__ = [
    "Concentration",
    "GrossExposure",
    "MarginUse",
    "NetExposure",
    "PortfolioValue",
    "PositionNotional",
    "StrategyGross",
    "StrategyNet",
    "gross_worth",
    "net_worth",
]

_FRACTION, _TIMES = "fraction of equity", "multiple of equity"
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class _Sum:
    """What an order leads to.

    Parameters
    ----------
    after : Decimal
        Units of its symbol, in the direction that the limit looks at.
    others : Decimal
        Worth of the other symbols.
    scale : Decimal
        What one of the limit's unit is in money.
    """

    after: Decimal
    others: Decimal
    scale: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class _Exposure:
    """What is held after an order and every open one of its side are filled, against a limit."""

    name: ClassVar[str]
    limit: Decimal | None = None
    on_breach: Breach = "refuse"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Judge the worst that positions and open orders can come to, this one included."""
        if self.limit is None or self.is_free(wish, context):
            return Verdict(self.name, "pass")
        if wish.quantity is None or not wish.worth:
            return unmeasured(self.name, wish)
        try:
            total = self.total(wish, context)
        except DataError as error:
            return Verdict(self.name, "refuse", error.message)
        if total.scale <= 0:
            return Verdict(self.name, "refuse", "the account has no equity", total.unit)
        limit, price, before = self.limit, wish.worth, MONEY.subtract(total.after, wish.quantity)
        worth = MONEY.add(total.others, MONEY.multiply(total.after, price))

        def fine() -> Decimal:
            room = MONEY.subtract(MONEY.multiply(limit, total.scale), total.others)
            return max(MONEY.subtract(MONEY.divide(room, price), before), ZERO)

        return sized(self, MONEY.divide(worth, total.scale), limit, total.unit, fine)

    def is_free(self, wish: Wish, context: Context) -> bool:
        """Whether it passes unmeasured: what only reduces is never stopped."""
        return wish.reduces(context)

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Return what it leads to; `DataError` where that cannot be valued."""
        raise NotImplementedError


class PositionNotional(_Exposure):
    """One symbol's worth, in money, as far as open orders can still take it."""

    name: ClassVar[str] = "position_notional"

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Look at the holding."""
        return _Sum(abs(context.held_after(wish)), ZERO, _ONE, "money")


class Concentration(_Exposure):
    """One symbol's worth, as a fraction of equity."""

    name: ClassVar[str] = "concentration"

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Look at the holding."""
        return _Sum(abs(context.held_after(wish)), ZERO, context.equity, _FRACTION)


class GrossExposure(_Exposure):
    """All positions together, as a multiple of equity."""

    name: ClassVar[str] = "gross_exposure"

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Add up what positions and open orders can come to."""
        others = gross_worth(context, wish.intent.symbol)
        return _Sum(abs(context.held_after(wish)), others, context.equity, _TIMES)


class PortfolioValue(_Exposure):
    """All positions together, in money."""

    name: ClassVar[str] = "portfolio_value"

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Add up what positions and open orders can come to."""
        others = gross_worth(context, wish.intent.symbol)
        return _Sum(abs(context.held_after(wish)), others, _ONE, "money")


class MarginUse(_Exposure):
    """The margin that all positions need, as a fraction of equity."""

    name: ClassVar[str] = "margin"

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Add up what positions and open orders can come to."""
        others = gross_worth(context, wish.intent.symbol)
        scale = MONEY.divide(context.equity, context.margin_rate)
        return _Sum(abs(context.held_after(wish)), others, scale, _FRACTION)


class NetExposure(_Exposure):
    """Long less short, as a multiple of equity.

    To sell one side of a hedge makes the net larger, though it reduces the symbol: such an
    order is judged too, unless it is marked as reduce-only.
    """

    name: ClassVar[str] = "net_exposure"

    def is_free(self, wish: Wish, context: Context) -> bool:  # noqa: ARG002
        """Whether it is marked as reduce-only."""
        return wish.intent.reduce_only

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Add up the signed worth of what can be held in the order's direction."""
        sign = wish.intent.side.sign
        others = net_worth(context, sign, wish.intent.symbol)
        return _Sum(context.held_after(wish) * sign, others * sign, context.equity, _TIMES)


class StrategyGross(_Exposure):
    """All positions of one strategy, as a multiple of the account's equity."""

    name: ClassVar[str] = "strategy_gross"

    def is_free(self, wish: Wish, context: Context) -> bool:
        """Whether it is marked as reduce-only, or takes the strategy no further."""
        if wish.intent.reduce_only or context.activity is None or wish.quantity is None:
            return wish.intent.reduce_only
        own = context.own(wish.intent.strategy)
        return abs(own.held_after(wish)) <= abs(own.held(wish.intent.symbol))

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Add up what the strategy's positions and open orders can come to."""
        own = _own(wish, context)
        others = gross_worth(own, wish.intent.symbol)
        return _Sum(abs(own.held_after(wish)), others, context.equity, _TIMES)


class StrategyNet(_Exposure):
    """Long less short of one strategy, as a multiple of the account's equity."""

    name: ClassVar[str] = "strategy_net"

    def is_free(self, wish: Wish, context: Context) -> bool:  # noqa: ARG002
        """Whether it is marked as reduce-only."""
        return wish.intent.reduce_only

    def total(self, wish: Wish, context: Context) -> _Sum:
        """Add up the signed worth of what the strategy can hold in the order's direction."""
        own, sign = _own(wish, context), wish.intent.side.sign
        others = net_worth(own, sign, wish.intent.symbol)
        return _Sum(own.held_after(wish) * sign, others * sign, context.equity, _TIMES)


def gross_worth(context: Context, but: str = "") -> Decimal:
    """Return what positions and open orders can come to, one symbol left out.

    Raises
    ------
    DataError
        A symbol of them has no price, or its currency no rate.
    """
    gross = ZERO
    for name in _names(context, but):
        worth = _worth(context, name, context.worst(name))
        gross = MONEY.add(gross, max(worth, abs(context.aimed.get(name, ZERO))))
    return gross


def net_worth(context: Context, sign: int, but: str = "") -> Decimal:
    """Return the signed worth once all open orders of one side are filled, less one symbol's.

    Raises
    ------
    DataError
        A symbol of them has no price, or its currency no rate.
    """
    net = ZERO
    for name in _names(context, but):
        buys, sells = context.reserved.get(name, (ZERO, ZERO))
        worth = _worth(context, name, MONEY.add(context.held(name), buys if sign > 0 else -sells))
        if name in context.aimed:
            worth = max(worth, context.aimed[name], key=lambda one: one * sign)
        net = MONEY.add(net, worth)
    return net


def _names(context: Context, but: str) -> list[str]:
    names = context.positions.keys() | context.reserved.keys() | context.aimed.keys()
    return sorted(names - {but})


def _worth(context: Context, name: str, units: Decimal) -> Decimal:
    if not units:
        return ZERO
    if name not in context.prices:
        raise DataError(f"no price of {name} is known, which is held or ordered", symbol=name)
    rate = context.rate(name)
    if rate is None:
        lacks = f"no rate for {context.priced_in(name)} in {context.currency}"
        raise DataError(f"{lacks}, which {name} is held or ordered in", symbol=name)
    return MONEY.multiply(units, MONEY.multiply(context.prices[name], rate))


def _own(wish: Wish, context: Context) -> Context:
    if context.activity is None:
        raise DataError("what each strategy holds is not known here")
    return context.own(wish.intent.strategy)
