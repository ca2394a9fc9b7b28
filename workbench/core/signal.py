"""An opinion, not an order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from workbench.errors import UsageError

__all__ = ["Side", "Signal"]


class Side(StrEnum):
    """Which way: ``buy`` or ``sell``; as an opinion also ``flat``.

    Attributes
    ----------
    sign : int
        +1 for buy, -1 for sell, 0 for flat.
    """

    BUY = "buy"
    SELL = "sell"
    FLAT = "flat"

    sign: int

    def __init__(self, word: str) -> None:
        self.sign = {"buy": 1, "sell": -1}.get(word, 0)


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy on events thinks of a symbol.

    Parameters
    ----------
    symbol : str
    side : Side or str
        ``"buy"``, ``"sell"`` or ``"flat"``.
    strength : float
        Fraction of the strategy's equity wanted, 0 to 1.
    limit_price : Decimal, optional
        Not worse than this.
    confidence : float
        How sure it is, above 0 up to 1; of several signals of one priority the surest counts.
    priority : int
        Of several signals about a symbol at one event the highest counts.

    Examples
    --------
    >>> Signal("AAPL", "buy", 0.5).target
    0.5
    """

    symbol: str
    side: Side
    strength: float = 1.0
    limit_price: Decimal | None = None
    confidence: float = 1.0
    priority: int = 0

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "side", Side(self.side))
        except ValueError:
            raise UsageError(f"side must be buy, sell or flat, not {self.side!r}") from None
        if not (math.isfinite(self.strength) and 0 <= self.strength <= 1):
            raise UsageError(f"strength must lie in 0..1, not {self.strength!r}")
        if not 0 < self.confidence <= 1:
            raise UsageError(f"confidence is above 0 and at most 1, not {self.confidence!r}")
        if self.limit_price is not None and not self.limit_price > 0:
            raise UsageError(f"limit_price must be positive, not {self.limit_price}")

    @property
    def target(self) -> float:
        """The wanted exposure as a signed fraction of equity."""
        return self.side.sign * self.strength
