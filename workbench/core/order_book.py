"""An order book kept from a snapshot and its changes, checked as the venue allows.

A book that a change does not fit, or whose checksum is another than the venue's, is not
to be trusted: it is emptied, says that it needs a new snapshot, and takes nothing else.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.core.depth import Depth, Level

__all__ = ["BookView", "OrderBook", "kraken_checksum"]

Checksum = Callable[[Sequence[Level], Sequence[Level]], int]


def kraken_checksum(price_digits: int, quantity_digits: int) -> Checksum:
    """Return Kraken's checksum for a pair with so many decimals.

    CRC32 of the ten best asks and then the ten best bids: price and quantity with all
    their decimals, without the point and without zeros in front.

    References
    ----------
    Kraken, *Spot Websockets (v2) Book Checksum*.

    Examples
    --------
    >>> kraken_checksum(1, 2)([(10.0, 2.0)], [(10.1, 0.5)]) == zlib.crc32(b"10150" b"100200")
    True
    """

    def told(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace(".", "").lstrip("0")

    def of(bids: Sequence[Level], asks: Sequence[Level]) -> int:
        text = "".join(
            told(price, price_digits) + told(quantity, quantity_digits)
            for side in (asks[:10], bids[:10])
            for price, quantity in side
        )
        return zlib.crc32(text.encode("ascii"))

    return of


@dataclass(frozen=True, slots=True)
class BookView:
    """An order book at one instant, best prices first.

    Parameters
    ----------
    symbol : str
    time : datetime
    bids, asks : tuple of (float, float)
        Price and quantity.
    """

    symbol: str
    time: datetime
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class _Side:
    """One side, its prices in rising order of the key: best first."""

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._keys: list[float] = []
        self._levels: list[Level] = []

    def replace(self, levels: Iterable[Level]) -> None:
        found = sorted((self._sign * p, (p, q)) for p, q in levels if q > 0)
        self._keys = [key for key, _ in found]
        self._levels = [level for _, level in found]

    def change(self, price: float, quantity: float) -> None:
        key = self._sign * price
        at = bisect_left(self._keys, key)
        is_there = at < len(self._keys) and self._keys[at] == key
        if is_there and quantity > 0:
            self._levels[at] = (price, quantity)
        elif is_there:
            del self._keys[at], self._levels[at]
        elif quantity > 0:
            self._keys.insert(at, key)
            self._levels.insert(at, (price, quantity))

    def cut(self, depth: int | None) -> None:
        if depth is not None:
            del self._keys[depth:], self._levels[depth:]

    def top(self, depth: int | None = None) -> tuple[Level, ...]:
        return tuple(self._levels[:depth])


class OrderBook:
    """The order book of one symbol.

    Parameters
    ----------
    symbol : str
    depth : int, optional
        How many prices of a side the venue keeps us told of; what falls out is forgotten.
    checksum : callable, optional
        Of bids and asks, best first, where the venue sends one; see `kraken_checksum`.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> book = OrderBook("BTC/USD")
    >>> book.apply(Depth("BTC/USD", at, ((99.0, 1.0),), ((101.0, 2.0),), is_snapshot=True))
    True
    >>> book.apply(Depth("BTC/USD", at, ((100.0, 5.0), (99.0, 0.0)), ()))
    True
    >>> book.view().bids
    ((100.0, 5.0),)
    """

    def __init__(
        self, symbol: str, depth: int | None = None, checksum: Checksum | None = None
    ) -> None:
        self.symbol, self.depth = symbol, depth
        self.resyncs = 0
        self.trouble = "no snapshot yet"
        self._checksum = checksum
        self._bids, self._asks = _Side(-1.0), _Side(1.0)
        self._last: int | None = None
        self._time: datetime | None = None

    @property
    def needs_snapshot(self) -> bool:
        """Whether nothing can be told of the book until a new snapshot comes."""
        return bool(self.trouble)

    def apply(self, change: Depth) -> bool:
        """Take a snapshot or a change in; return whether the book can be trusted after it."""
        if change.is_snapshot:
            self._bids.replace(change.bids)
            self._asks.replace(change.asks)
            self.trouble = ""
        elif self.needs_snapshot:
            return False
        elif self._is_old(change):
            return True
        elif not self._follows(change):
            return self._lose(f"change {change.first} does not follow {self._last}")
        else:
            for side, levels in ((self._bids, change.bids), (self._asks, change.asks)):
                for price, quantity in levels:
                    side.change(price, quantity)
        self._bids.cut(self.depth)
        self._asks.cut(self.depth)
        self._last = change.last if change.last is not None or change.is_snapshot else self._last
        self._time = change.time
        return self._is_sound(change)

    def view(self, depth: int | None = None) -> BookView | None:
        """Return the book as it is, None while there is none to trust."""
        if self.needs_snapshot or self._time is None:
            return None
        return BookView(self.symbol, self._time, self._bids.top(depth), self._asks.top(depth))

    def _is_old(self, change: Depth) -> bool:
        return self._last is not None and change.last is not None and change.last <= self._last

    def _follows(self, change: Depth) -> bool:
        if self._last is None:
            return True
        if change.before is not None:
            return change.before == self._last
        return change.first is None or change.first <= self._last + 1

    def _is_sound(self, change: Depth) -> bool:
        bids, asks = self._bids.top(1), self._asks.top(1)
        best_bid, best_ask = (side[0][0] if side else math.nan for side in (bids, asks))
        if best_bid >= best_ask:
            return self._lose(f"the best bid {best_bid} is not below the best ask {best_ask}")
        if self._checksum is None or change.checksum is None:
            return True
        made = self._checksum(self._bids.top(10), self._asks.top(10))
        if made != change.checksum:
            return self._lose(f"the checksum is {made}, the venue's is {change.checksum}")
        return True

    def _lose(self, why: str) -> bool:
        self.trouble = why
        self.resyncs += 1
        self._bids.replace(())
        self._asks.replace(())
        self._last = None
        return False
