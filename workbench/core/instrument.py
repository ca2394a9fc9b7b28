"""What can be traded, and by which increments."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from workbench.core.money import ZERO
from workbench.errors import UsageError

__all__ = ["Instrument"]


@dataclass(frozen=True)
class Instrument:
    """A symbol with its calendar, its currency and its increments.

    Parameters
    ----------
    symbol : str
        As the source spells it, e.g. ``"AAPL"`` or ``"BTC/USDT"``.
    calendar : str
        An exchange_calendars code such as ``"XNYS"``, or ``"24/7"``.
    currency : str
        What prices are in.
    tick, lot, min_notional : Decimal
        Price step, quantity step and least value of an order; 0 is "no step".
    """

    symbol: str
    calendar: str = "XNYS"
    currency: str = "USD"
    tick: Decimal = ZERO
    lot: Decimal = ZERO
    min_notional: Decimal = ZERO

    def __post_init__(self) -> None:
        if not self.symbol or self.symbol != self.symbol.strip():
            raise UsageError(f"a symbol may not be empty or padded: {self.symbol!r}")
        for name in ("tick", "lot", "min_notional"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} of {self.symbol} may not be negative")
