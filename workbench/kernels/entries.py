"""Entries that rest at a limit, as scalar functions shared by kernel and simulated venue.

Inside a bar the path of prices is not known, but some of it is: a limit below the open is
reached on the way down, so what lies below it comes after, and what lies above may have come
before. docs/fills.md tells the rules.
"""

from __future__ import annotations

import math

from workbench.kernels.codes import MARKET, PROFIT, EntryCode, StopCode
from workbench.kernels.compile import rule
from workbench.kernels.rules import stop_hit

__all__ = ["entry_hit", "is_stopped_first", "limit_level", "limit_price"]


@rule
def limit_level(mark: float, side: float, held: float, entry: EntryCode) -> float:
    """Return the limit of an order decided at a close; NaN where it goes to the market."""
    if entry.offset == math.inf or held * side < 0.0:
        return math.nan
    return mark * (1.0 - side * entry.offset)


@rule
def limit_price(
    side: float, limit: float, bar: tuple[float, float, float], entry: EntryCode
) -> float:
    """Return where a bar (open, high, low) fills a limit order; NaN where it does not."""
    opened, high, low = bar
    beyond = limit - low if side > 0.0 else high - limit
    if beyond > 0.0 or (beyond == 0.0 and entry.touch > 0.0):
        return min(opened, limit) if side > 0.0 else max(opened, limit)
    return math.nan


@rule
def is_stopped_first(
    units: float,
    limit: float,
    bar: tuple[float, float, float],
    average: float,
    best: float,
    stops: StopCode,
) -> bool:
    """Tell whether what is held is stopped at the open, or on the way to a limit that adds."""
    kind, price, level, _ = stop_hit(units, bar, average, best, stops, 0.0)
    if kind == MARKET:
        return False
    sign = 1.0 if units > 0.0 else -1.0
    return price == bar[0] or (kind != PROFIT and sign * (level - limit) >= 0.0)


@rule
def entry_hit(
    units: float,
    bar: tuple[float, float, float, float],
    average: float,
    best: float,
    stops: StopCode,
    best_first: float,
) -> tuple[int, float, float, bool]:
    """Return which stop is triggered after an entry inside a bar; the answer of `stop_hit`.

    Parameters
    ----------
    bar : tuple
        The limit, high, low and close. Of the favourable side only the close is sure to be
        later than the entry.

    Returns
    -------
    tuple
        ``both`` tells that the path inside the bar decided, also where nothing is triggered.
    """
    limit, high, low, close = bar
    sure = (limit, max(limit, close), low) if units > 0.0 else (limit, high, min(limit, close))
    worst = stop_hit(units, sure, average, best, stops, 0.0)
    upper = stop_hit(units, (limit, high, low), average, best, stops, 1.0)
    kind, price, level, _ = upper if best_first > 0.0 else worst
    return kind, price, level, worst[0] != upper[0]
