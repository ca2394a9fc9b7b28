"""An interval of the market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Bar"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one symbol.

    Parameters
    ----------
    symbol : str
    time : datetime
        Aware, UTC: the opening instant, or the session's date for daily bars and longer.
    open, high, low, close, volume : float
        Market data stays float; NaN is "not known".
    known_at : datetime, optional
        When the bar is complete, and may be acted upon.
    """

    symbol: str
    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    known_at: datetime | None = None
