"""What goes to the desk and what it says: a ticket, a holding, the account's standing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.core.money import MONEY

__all__ = ["Holding", "Standing", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as a person writes it."""

    symbol: str
    side: str
    quantity: Decimal
    type: str = "market"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: str = "gtc"
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at the last price."""

    symbol: str
    quantity: Decimal
    average_price: Decimal
    last: Decimal
    unrealised: Decimal
    realised: Decimal

    @property
    def value(self) -> Decimal:
        """Signed units times the last price."""
        return MONEY.multiply(self.quantity, self.last)


@dataclass(frozen=True, slots=True)
class Standing:
    """The account at an instant."""

    time: datetime
    equity: Decimal
    cash: Decimal
    day_start: Decimal
    gross: Decimal

    @property
    def day_profit(self) -> Decimal:
        """What was earned since midnight UTC."""
        return MONEY.subtract(self.equity, self.day_start)
