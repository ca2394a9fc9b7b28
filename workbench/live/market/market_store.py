"""The last trades, quotes, bars and order books of each symbol, in memory.

One thread writes, any number read. A reader gets a copy, so nothing changes under it.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import pandas as pd

from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.order_book import BookView, OrderBook
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.data.schema import FIELDS
from workbench.errors import UsageError, nearest
from workbench.live.market.activity_bars import Activity

__all__ = ["Keep", "MarketStore"]

T = TypeVar("T", Bar, Quote, Trade)


@dataclass(frozen=True, slots=True)
class Keep:
    """How many of each the store keeps per symbol."""

    trades: int = 10_000
    quotes: int = 10_000
    bars: int = 5_000

    def __post_init__(self) -> None:
        for name in ("trades", "quotes", "bars"):
            if getattr(self, name) < 1:
                raise UsageError(f"the store keeps at least one of the {name}", **{name: 0})


class _Ring(Generic[T]):
    """The last `size` events in the order of their times, and where an instant lies in them.

    Up to twice as many stand in a list, so that bisection works and cutting is rare.
    """

    def __init__(self, size: int, time: Callable[[T], datetime]) -> None:
        self._size = size
        self._time: Callable[[T], datetime] = time
        self._events: list[T] = []
        self._times: list[datetime] = []

    def add(self, event: T) -> None:
        at = self._time(event)
        if self._times and at < self._times[-1]:
            place = bisect_right(self._times, at)
            self._times.insert(place, at)
            self._events.insert(place, event)
        else:
            self._times.append(at)
            self._events.append(event)
        if len(self._events) >= 2 * self._size:
            del self._events[: -self._size], self._times[: -self._size]

    def last(self, count: int) -> list[T]:
        return self._events[-min(count, self._size) :] if count > 0 else []

    def as_of(self, when: datetime) -> T | None:
        at = bisect_right(self._times, when)
        oldest = max(0, len(self._events) - self._size)
        return self._events[at - 1] if at > oldest else None


def _known(bar: Bar) -> datetime:
    return bar.known_at or bar.time


@dataclass(slots=True)
class _Shelf:
    """What there is of one symbol."""

    trades: _Ring[Trade]
    quotes: _Ring[Quote]
    bars: _Ring[Bar]
    book: OrderBook | None = None


@dataclass
class MarketStore:
    """Keeps what a feed tells, for whoever wants to look.

    Parameters
    ----------
    keep : Keep
    timeframe, calendar, source : str
        Of the bars, told in ``attrs``.
    books : callable, optional
        Makes the order book of a symbol, where one with a checksum or a depth is wanted.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> store, noon = MarketStore(), datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> for minute in range(3):
    ...     _ = store.put(Quote("AAPL", noon + timedelta(minutes=minute), 99.0 + minute, 101.0))
    >>> store.quote("AAPL").bid
    101.0
    >>> store.quote("AAPL", noon + timedelta(seconds=90)).bid  # as of then
    100.0
    """

    keep: Keep = field(default_factory=Keep)
    timeframe: str = "1m"
    calendar: str = "24/7"
    source: str = ""
    books: Callable[[str], OrderBook] = OrderBook
    on_resync: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}
        self._headlines: list[Headline] = []

    def put(self, event: Event) -> bool:
        """Take an event in; return False where an order book needs a new snapshot after it."""
        with self._lock:
            if isinstance(event, Headline):
                self._headlines = [*self._headlines[-999:], event]
                return True
            shelf = self._shelf(event.symbol)
            if isinstance(event, Depth):
                return self._deepen(shelf, event)
            if isinstance(event, Bar):
                shelf.bars.add(event)
            elif isinstance(event, Quote):
                shelf.quotes.add(event)
            else:
                shelf.trades.add(event)
            return True

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of which something was told."""
        with self._lock:
            return tuple(self._shelves)

    def trade(self, symbol: str, as_of: datetime | None = None) -> Trade | None:
        """Return the last trade, or the last one at or before an instant."""
        with self._lock:
            return _one(self._of(symbol).trades, as_of)

    def quote(self, symbol: str, as_of: datetime | None = None) -> Quote | None:
        """Return the last quote, or the last one at or before an instant."""
        with self._lock:
            return _one(self._of(symbol).quotes, as_of)

    def bar(self, symbol: str, as_of: datetime | None = None) -> Bar | None:
        """Return the last bar, or the last one that was known at an instant."""
        with self._lock:
            return _one(self._of(symbol).bars, as_of)

    def trades(self, symbol: str, count: int = 100) -> list[Trade]:
        """Return the last trades, oldest first."""
        with self._lock:
            return self._of(symbol).trades.last(count)

    def quotes(self, symbol: str, count: int = 100) -> list[Quote]:
        """Return the last quotes, oldest first."""
        with self._lock:
            return self._of(symbol).quotes.last(count)

    def headlines(self, symbol: str | None = None, count: int = 100) -> list[Headline]:
        """Return the last headlines, of one symbol where it is named, oldest first."""
        with self._lock:
            told = self._headlines
        return [h for h in told if symbol is None or symbol in h.symbols][-count:]

    def bars(self, symbol: str, count: int = 100, as_of: datetime | None = None) -> pd.DataFrame:
        """Return the last bars as a frame that ``wb.backtest`` and the indicators take.

        Parameters
        ----------
        symbol : str
        count : int
        as_of : datetime, optional
            Leave out what was not known then.
        """
        with self._lock:
            found = self._of(symbol).bars.last(self.keep.bars)
        if as_of is not None:
            found = [bar for bar in found if _known(bar) <= as_of]
        found = found[-count:] if count > 0 else []
        index = pd.DatetimeIndex([bar.time for bar in found], name="time", tz="UTC").as_unit("ns")
        rows: dict[str, list[Any]] = {n: [getattr(b, n) for b in found] for n in FIELDS}
        frame = pd.DataFrame(rows, index=index, dtype="float64")
        if Activity.parse(self.timeframe) is not None:  # their labels do not tell it
            frame["known"] = pd.DatetimeIndex([_known(b) for b in found], tz="UTC").as_unit("ns")
        told: Mapping[str, str] = {
            "timeframe": self.timeframe, "calendar": self.calendar, "source": self.source,
        }  # fmt: skip
        frame.attrs.update(told)
        return frame

    def book(self, symbol: str, depth: int | None = None) -> BookView | None:
        """Return the order book, None where there is none to trust at present."""
        with self._lock:
            book = self._of(symbol).book
            return None if book is None else book.view(depth)

    def _deepen(self, shelf: _Shelf, change: Depth) -> bool:
        if shelf.book is None:
            shelf.book = self.books(change.symbol)
        was_good = not shelf.book.needs_snapshot
        is_good = shelf.book.apply(change)
        if was_good and not is_good and self.on_resync is not None:
            self.on_resync(change.symbol)
        return is_good

    def _shelf(self, symbol: str) -> _Shelf:
        if symbol not in self._shelves:
            rings = _Ring[Trade](self.keep.trades, _at), _Ring[Quote](self.keep.quotes, _at)
            self._shelves[symbol] = _Shelf(*rings, _Ring[Bar](self.keep.bars, _known))
        return self._shelves[symbol]

    def _of(self, symbol: str) -> _Shelf:
        if symbol not in self._shelves:
            raise UsageError(
                f"nothing was told of {symbol!r} yet{nearest(symbol, self._shelves)}",
                symbol=symbol,
            )
        return self._shelves[symbol]


def _at(event: Trade | Quote) -> datetime:
    return event.time


def _one(ring: _Ring[T], as_of: datetime | None) -> T | None:
    if as_of is not None:
        return ring.as_of(as_of)
    found = ring.last(1)
    return found[0] if found else None
