"""What the kernels are told, as named tuples of plain numbers and arrays.

Each field is a float, so that each function is compiled for one set of types only.
``inf`` means "no limit" and "no such stop".
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUY",
    "DIVIDEND",
    "FUNDING",
    "LIQUIDATION",
    "LOSS",
    "MARKET",
    "PROFIT",
    "SELL",
    "SPLIT",
    "TRAIL",
    "YEARS",
    "CostCode",
    "EntryCode",
    "Floats",
    "Integers",
    "Market",
    "Quote",
    "SizingCode",
    "StopCode",
    "Terms",
    "Want",
]

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

BUY, SELL = 1.0, -1.0
"""The sides, as the sign they give to a quantity."""

MARKET, LOSS, PROFIT, TRAIL, LIQUIDATION = 0, 1, 2, 3, 4
"""What an order is: one that was decided, a protective leg that was triggered, a margin call."""

YEARS, FUNDING, DIVIDEND, SPLIT = 0, 1, 2, 3
"""The columns of ``Market.events``."""


class CostCode(NamedTuple):
    """Fees, slippage and participation.

    ``fee = max(minimum, per_share * units + rate * notional)`` with the rate of the tier;
    ``price = base ± (base * (slip_rate + impact * share**2) + slip_fixed)``.

    Parameters
    ----------
    per_share, minimum : float
        Money per unit; least money per fill.
    tiers : ndarray, shape (K, 3)
        Rows of notional traded so far from which they hold, maker rate, taker rate;
        rates are fractions.
    slip_rate, slip_fixed, impact : float
        Fraction of the price; money per unit; fraction of the price at the whole volume.
    max_participation : float
        Fraction of a bar's volume, ``inf`` for no cap.
    expires : float
        1 where what the cap leaves is canceled, 0 where it waits.
    borrow, margin, credit : float
        Per year, as fractions: paid on shorts and on cash below zero, received on cash above.
    liquidation : float
        Fraction of the notional of a forced liquidation, beside its fee.
    """

    per_share: float
    minimum: float
    tiers: Floats
    slip_rate: float
    slip_fixed: float
    impact: float
    max_participation: float
    expires: float
    borrow: float
    margin: float
    credit: float
    liquidation: float = 0.0


class SizingCode(NamedTuple):
    """From a target to units.

    Parameters
    ----------
    lot : float
        Step of a position, 0 for fractions.
    at_fill : float
        1 where sized by equity and price of the fill, 0 by those of the decision.
    cash_buffer : float
        Fraction of equity left out.
    mode : float
        When to trade: 0 on a change of target, 1 on each bar with a target, 2 on the drift of a
        symbol, 3 all symbols on the drift of any.
    drift : float
        For modes 2 and 3: fraction of equity the weight may be off.
    leverage : float
        Most gross exposure, as a multiple of equity.
    trims : float
        1 where an order sized at the decision is trimmed to what is affordable.
    least : float
        Least notional of an order that does more than close a position; 0 for none.
    maintenance : float
        Least equity, as a fraction of gross exposure, below which all is liquidated; 0 for none.
    """

    lot: float
    at_fill: float
    cash_buffer: float
    mode: float
    drift: float
    leverage: float
    trims: float
    least: float
    maintenance: float = 0.0


class StopCode(NamedTuple):
    """Protective stops as fractions of the entry price (`trail`: of the best price since)."""

    loss: float
    profit: float
    trail: float


class EntryCode(NamedTuple):
    """Where entries rest.

    Parameters
    ----------
    offset : float
        Of the limit from the close that decided, as a fraction; ``inf`` goes to the market.
    good_for : float
        Bars after which an order expires.
    touch : float
        1 where a bar that only reaches the limit fills it, 0 where it must go through.
    """

    offset: float = math.inf
    good_for: float = math.inf
    touch: float = 1.0


class Terms(NamedTuple):
    """Everything the fill table depends on.

    Parameters
    ----------
    at_close : float
        1 where orders are filled at the close they were decided at.
    best_first : float
        1 where the profit is taken when both stops lie inside a bar (the upper edge of
        the band); 0, the rule, takes the loss.
    entry : EntryCode
        By default entries go to the market.
    """

    costs: CostCode
    sizing: SizingCode
    stops: StopCode
    at_close: float
    best_first: float
    entry: EntryCode = EntryCode()


class Market(NamedTuple):
    """Bars as arrays of shape (T, N), float64 and C-contiguous; NaN is a missing bar.

    Parameters
    ----------
    events : ndarray, shape (T, N, 4)
        What is due at the start of a bar: `YEARS` since the close before (the same for all
        symbols), the rate of `FUNDING`, the `DIVIDEND` per unit, the `SPLIT` (1 is none). Of
        length 0 where nothing ever is, and then no time is lost with it.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    events: Floats = np.empty((0, 0, 0))


class Want(NamedTuple):
    """What an order wants: its target, its side (+1 or -1) and the signed units held."""

    target: float
    side: float
    held: float


class Quote(NamedTuple):
    """Where it may be filled: undisturbed price, the bar's volume, the units still allowed."""

    price: float
    volume: float
    allowed: float
