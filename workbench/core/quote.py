"""Best bid and ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import nan

__all__ = ["Quote"]


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask of one symbol.

    Parameters
    ----------
    symbol : str
    time : datetime
        Aware, UTC.
    bid, ask : float
        Market data stays float.
    bid_size, ask_size : float
        What rests there; NaN is "not told".

    Examples
    --------
    >>> from datetime import UTC
    >>> Quote("AAPL", datetime(2024, 1, 2, tzinfo=UTC), 99.5, 100.5).mid
    100.0
    """

    symbol: str
    time: datetime
    bid: float
    ask: float
    bid_size: float = nan
    ask_size: float = nan

    @property
    def mid(self) -> float:
        """The middle of bid and ask."""
        return (self.bid + self.ask) / 2.0
