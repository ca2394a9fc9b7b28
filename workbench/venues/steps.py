"""Prices on a venue's steps."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from workbench.core.money import MONEY
from workbench.core.signal import Side

__all__ = ["passive"]


def passive(price: Decimal, tick: Decimal, side: Side) -> Decimal:
    """Return a price on steps of `tick`, away from the market: a buy's down, a sell's up.

    Examples
    --------
    >>> passive(Decimal("290.127"), Decimal("0.01"), Side.BUY)
    Decimal('290.12')
    """
    way = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    steps = MONEY.divide(price, tick).to_integral_value(rounding=way)
    return MONEY.multiply(steps, tick)
