"""Changes of an order book as venues tell them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Depth", "Level"]

Level = tuple[float, float]
"""A price and the quantity that rests there; no quantity: the price is gone."""


@dataclass(frozen=True, slots=True)
class Depth:
    """A whole order book, or what changed in one.

    Parameters
    ----------
    symbol : str
    time : datetime
        Aware, UTC.
    bids, asks : tuple of (float, float)
        Price and the quantity there is now; zero where the price is gone.
    is_snapshot : bool
        Whether it is the whole book.
    first, last : int, optional
        The numbers of the first and the last change in it, where the venue counts them.
    before : int, optional
        The number of the last change before it, where the venue tells that instead.
    checksum : int, optional
        Of the book after the change, where the venue has one.
    """

    symbol: str
    time: datetime
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    is_snapshot: bool = False
    first: int | None = None
    last: int | None = None
    before: int | None = None
    checksum: int | None = None
