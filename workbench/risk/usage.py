"""How much of each limit is used, as a page and the API show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from workbench.config import RiskLimits
from workbench.core.money import MONEY, ZERO, decimal
from workbench.risk.context import Context
from workbench.risk.exposure import gross_worth, net_worth
from workbench.risk.verdict import exact

__all__ = ["Use", "unit_of", "usage"]


@dataclass(frozen=True, slots=True)
class Use:
    """One limit and what of it is used.

    Parameters
    ----------
    name : str
        As in the settings.
    used : Decimal or None
        None of a limit on single orders, which nothing uses up.
    unit : str
    limit : str
        Empty where there is none.
    share : float or None
        Used of limit, 0 to 1 and beyond.
    """

    name: str
    unit: str
    limit: str = ""
    used: Decimal | None = None
    share: float | None = None


def usage(limits: RiskLimits, context: Context) -> tuple[Use, ...]:
    """Return every limit, those that are off too, with what open orders can still add to it.

    Examples
    --------
    >>> context = Context(Decimal(100), Decimal(100), {"IBM": Decimal(2)}, {"IBM": Decimal(30)})
    >>> {use.name: use.share for use in usage(RiskLimits(max_gross=2), context)}["max_gross"]
    0.3
    """
    used = _used(context)
    return tuple(
        _use(name, getattr(limits, name), used.get(name)) for name in RiskLimits.model_fields
    )


def unit_of(name: str) -> str:
    """Return what a limit is counted in; empty where it is a switch or a list."""
    return _UNITS.get(name, "")


def _use(name: str, limit: object, used: Decimal | None) -> Use:
    unit = unit_of(name)
    if limit is None or limit is False:
        return Use(name, unit, used=used)
    if limit is True:
        return Use(name, unit, "on")
    if isinstance(limit, tuple):
        return Use(name, unit, " ".join(limit))
    most = decimal(limit, name)  # type: ignore[arg-type]
    if used is None:
        return Use(name, unit, exact(most))
    share = most / used if name == "min_equity" and used > 0 else used / most
    return Use(name, unit, exact(most), used, float(share))


def _used(context: Context) -> dict[str, Decimal]:
    context = _priced(context)
    equity, gross = context.equity, gross_worth(context)
    names = context.positions.keys() | context.reserved.keys()
    largest = max((_largest(context, name) for name in names), default=ZERO)
    both = [abs(net_worth(context, sign)) for sign in (1, -1)]
    used = {
        "max_position_notional": largest,
        "max_portfolio_value": gross,
        "min_equity": equity,
        "max_gross": _of(gross, equity),
        "max_net": _of(max(both), equity),
        "max_concentration": _of(largest, equity),
        "max_margin": _of(MONEY.multiply(gross, context.margin_rate), equity),
        "max_daily_loss": _lost(context.day_start_equity, equity),
        "halt_at_loss": _lost(context.day_start_equity, equity),
        "max_drawdown": _lost(context.peak_equity or ZERO, equity),
    }
    if context.activity is not None and context.now is not None:
        used["max_orders_per_second"] = Decimal(context.activity.sent(context.now, 1.0))
        used["max_orders_per_minute"] = Decimal(context.activity.sent(context.now, 60.0))
    return used


def _largest(context: Context, name: str) -> Decimal:
    price = MONEY.multiply(context.prices[name], context.rate(name) or ZERO)
    return MONEY.multiply(context.worst(name), price)


def _priced(context: Context) -> Context:
    prices = {n for n in context.prices if context.rate(n) is not None}
    return replace(
        context,
        positions={name: units for name, units in context.positions.items() if name in prices},
        reserved={name: units for name, units in context.reserved.items() if name in prices},
    )


def _of(worth: Decimal, equity: Decimal) -> Decimal:
    return MONEY.divide(worth, equity) if equity > 0 else ZERO


def _lost(start: Decimal, equity: Decimal) -> Decimal:
    return max(MONEY.divide(MONEY.subtract(start, equity), start), ZERO) if start > 0 else ZERO


_UNITS = {
    **dict.fromkeys(
        ("max_order_notional", "max_position_notional", "max_portfolio_value", "min_equity"),
        "money",
    ),
    **dict.fromkeys(
        ("max_gross", "max_net", "max_strategy_gross", "max_strategy_net"), "times equity"
    ),
    **dict.fromkeys(
        ("max_concentration", "max_margin", "max_daily_loss", "max_drawdown", "halt_at_loss"),
        "of equity",
    ),
    "max_order_quantity": "units",
    "max_order_multiple": "times the usual",
    "price_collar": "of the last price",
    "max_orders_per_second": "orders in 1 s",
    "max_orders_per_minute": "orders in 60 s",
    "max_strategy_orders_per_second": "orders in 1 s",
    "max_strategy_orders_per_minute": "orders in 60 s",
    "max_duplicates": "in 1 s",
    "max_quote_age": "seconds",
    "halt_at_reject_share": "of 60 s",
    "halt_at_unknown": "orders in 30 s",
}
