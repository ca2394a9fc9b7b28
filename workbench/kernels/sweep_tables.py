"""What all points of a sweep by events share: prices of fills and sums over bars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats, Market, Terms
from workbench.kernels.compile import jit, part, step
from workbench.kernels.rules import fee_rate

__all__ = ["BLOCK", "LEVELS", "REACH", "Tables", "bounds", "tables", "widen"]

BLOCK = 16
"""Bars whose highest and lowest close are kept together."""

LEVELS = 6
"""Lengths of rows of blocks whose highest and lowest close are kept: 1, 2, 4, and so on."""

BAR = np.dtype(
    [
        ("base", "f8"),  # undisturbed price of a fill
        ("buy", "f8"),  # price after slippage
        ("sell", "f8"),
        ("buy_fee", "f8"),  # per unit
        ("sell_fee", "f8"),
        ("divisor", "f8"),  # of money / price, for the fee
        ("cover", "f8"),  # what a unit costs against equity
        ("gains", "f8"),  # sums over the bars before: returns, their squares, those of the losses
        ("squares", "f8"),
        ("below", "f8"),
        ("closes", "f8"),
        ("high_so_far", "f8"),  # of the closes of its block up to this bar, and from it on
        ("low_so_far", "f8"),
        ("high_to_end", "f8"),
        ("low_to_end", "f8"),
        ("close", "f8"),
    ],
    align=True,
)

REACH = np.dtype([("high", "f8"), ("low", "f8")], align=True)


class Tables(NamedTuple):
    """What all points share.

    What is asked for together lies together: a fill reads one record, not a dozen arrays.

    Parameters
    ----------
    close : ndarray, shape (T,)
    bars : ndarray of BAR, shape (T + 1,)
        The last one has sums only.
    blocks : ndarray of REACH, shape (LEVELS, B)
        Highest and lowest close of ``2 ** k`` blocks of bars, from each on to the end at most.
    lag : int
        Bars from the decision to its fill.
    leverage, cash, periods : float
    """

    close: Floats
    bars: Records
    blocks: Records
    lag: int
    leverage: float
    cash: float
    periods: float


@jit
def tables(market: Market, terms: Terms, cash: float, periods: float) -> Tables:
    """Make the tables of one symbol."""
    close = market.close[:, 0].copy()
    count = len(close)
    bars = np.zeros(count + 1, BAR)
    blocks = np.empty((LEVELS, (count + BLOCK - 1) // BLOCK), REACH)
    price_bars(close, close if terms.at_close > 0.0 else market.open[:, 0].copy(), bars, terms)
    for t in range(count):
        row, after = bars[t], bars[t + 1]
        change = close[t] / close[t - 1] - 1.0 if t > 0 else 0.0
        after.gains = row.gains + change
        after.squares = row.squares + change * change
        after.below = row.below + (change * change if change < 0.0 else 0.0)
        after.closes = row.closes + close[t]
        row.close = close[t]
        is_first = t % BLOCK == 0
        row.high_so_far = close[t] if is_first else max(close[t], bars[t - 1].high_so_far)
        row.low_so_far = close[t] if is_first else min(close[t], bars[t - 1].low_so_far)
        blocks[0, t // BLOCK].high = row.high_so_far
        blocks[0, t // BLOCK].low = row.low_so_far
    widen(blocks)
    for t in range(count - 1, -1, -1):
        is_last = t == count - 1 or (t + 1) % BLOCK == 0
        bars[t].high_to_end = close[t] if is_last else max(close[t], bars[t + 1].high_to_end)
        bars[t].low_to_end = close[t] if is_last else min(close[t], bars[t + 1].low_to_end)
    lag = 0 if terms.at_close > 0.0 else 1
    return Tables(close, bars, blocks, lag, terms.sizing.leverage, cash, periods)


@part
def widen(blocks: Records) -> None:
    """Write the extremes of rows of blocks, each from two of half its length."""
    count = blocks.shape[1]
    for k in range(1, len(blocks)):
        for b in range(count):
            one, other = blocks[k - 1, b], blocks[k - 1, min(b + (1 << (k - 1)), count - 1)]
            blocks[k, b].high = max(one.high, other.high)
            blocks[k, b].low = min(one.low, other.low)


@step
def bounds(f: int, x: int, blocks: Records) -> tuple[float, float]:
    """Return what no bar from `f` to before `x` is above, and what none is below."""
    first, last = f // BLOCK, (x - 1) // BLOCK
    count = last - first + 1
    level = (count > 1) + (count > 3) + (count > 7) + (count > 15) + (count > 31)
    wide = 1 << level
    one, other = blocks[level, first], blocks[level, last + 1 - wide]
    high = one.high if one.high > other.high else other.high
    low = one.low if one.low < other.low else other.low
    for k in range(first + wide, last + 1 - wide, wide):
        block = blocks[level, k]
        high = block.high if block.high > high else high
        low = block.low if block.low < low else low
    return high, low


@part
def price_bars(close: Floats, base: Floats, bars: Records, terms: Terms) -> None:
    """Write what a fill on each bar costs."""
    costs, leverage = terms.costs, terms.sizing.leverage
    rate = fee_rate(False, 0.0, costs)
    for t in range(len(close)):
        row = bars[t]
        # Each as in `rules.fill_price`, `trade_for` and `affordable`, to the bit.
        price = base[t]
        row.base = price
        row.buy = max(price + (price * costs.slip_rate + costs.slip_fixed), 0.0)
        row.sell = max(price - (price * costs.slip_rate + costs.slip_fixed), 0.0)
        row.buy_fee = costs.per_share + rate * row.buy
        row.sell_fee = costs.per_share + rate * row.sell
        row.divisor = 1.0 + row.buy_fee / row.buy
        row.cover = price + leverage * (abs(row.buy - price) + row.buy_fee)
