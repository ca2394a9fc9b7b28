"""A print: something was traded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Trade"]


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of one symbol, between whomever.

    Parameters
    ----------
    symbol : str
    time : datetime
        Aware, UTC.
    price, size : float
        Market data stays float.
    trade_id : str, optional
        The venue's own, the same each time it tells of this trade.
    side : {"buy", "sell"}, optional
        Of the one who took.
    """

    symbol: str
    time: datetime
    price: float
    size: float
    trade_id: str | None = None
    side: Literal["buy", "sell"] | None = None
