"""The nouns of the reference: a bar, an order, a fill, a holding."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Bar", "Event", "Execution", "Holding", "Ticket", "highest", "part"]

Bar = tuple[float, float, float, float, float]
"""Open, high, low, close, volume; NaN is missing."""

Event = tuple[float, float, float, float]
"""Years since the close before, funding rate, dividend per unit, split ratio."""


@dataclass
class Ticket:
    """An order: what was decided, and what became of it."""

    bar: int
    symbol: int
    side: int
    kind: str = "market"
    target: float = math.nan
    quantity: float = math.nan
    remaining: float = math.nan
    filled: float = 0.0
    status: str = "working"
    level: float = math.nan

    @property
    def rests(self) -> bool:
        """Whether it is an entry that rests at a limit, its level."""
        return self.kind == "market" and not math.isnan(self.level)


@dataclass(frozen=True)
class Execution:
    """A fill."""

    bar: int
    symbol: int
    side: int
    quantity: float
    price: float
    fee: float
    slippage: float
    ticket: int
    both: bool = False


@dataclass
class Holding:
    """What is held of a symbol, what was last wanted of it, and the order at work."""

    units: float = 0.0
    average: float = 0.0
    best: float = 0.0
    mark: float = math.nan
    opinion: float = 0.0
    barred: float = math.nan
    wish: float = math.nan
    opener: int = -1
    pending: int | None = None
    used: float = 0.0
    entered: float = 0.0


def highest(fits: Callable[[float], bool], low: float, high: float) -> float:
    """Return the highest number between that fits, `low` being one that does."""
    for _ in range(200):
        middle = (low + high) / 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def part(remaining: float, allowed: float) -> float:
    """Return what of an order a bar fills; what is left of it for rounding is no rest."""
    return remaining if remaining / (1 + 1e-9) <= allowed else allowed
