"""The venue's view of what is ours."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Account"]


@dataclass(frozen=True, slots=True)
class Account:
    """Cash and equity as a venue states them.

    Parameters
    ----------
    account_id : str
    cash, equity : Decimal
        In `currency`; equity marks positions at the venue's last prices.
    is_paper : bool
        Whether no real money moves.
    margin_rate : Decimal
        What part of a position's worth the venue asks to be our own; 1 lends nothing.
    """

    account_id: str
    cash: Decimal
    equity: Decimal
    currency: str = "USD"
    is_paper: bool = True
    margin_rate: Decimal = Decimal(1)
