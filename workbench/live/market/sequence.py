"""Puts events in order that came a little out of it, and leaves out repeats."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.live.market.feed_metrics import FeedMetrics

__all__ = ["Sequence", "time_of"]

_REMEMBERED = 20_000
_AHEAD = timedelta(seconds=1)  # a clock that runs ahead must not hurry the others


class _Held(NamedTuple):
    key: datetime
    number: int
    arrived: datetime
    event: Event


class Sequence:
    """Holds events for a moment and gives them out in the order of their times.

    Within a symbol and kind none is given that is older than the one before: such trades
    and quotes are late, counted and left out. Order books and headlines keep the order in
    which they came. Bars are left to `workbench.live.market.backfill.Backfill`.

    Parameters
    ----------
    tolerance : timedelta
        How long an event is held at most.
    metrics : FeedMetrics
        Counts ``duplicates`` and ``late``.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> second = timedelta(seconds=1)
    >>> sequence = Sequence(2 * second, FeedMetrics("x"))
    >>> for late in (1, 0, 3):
    ...     sequence.push(Trade("X", noon + late * second, 10.0 + late, 1.0), noon + 3 * second)
    >>> [trade.price for trade in sequence.pop(noon + 3 * second)]
    [10.0, 11.0]
    """

    def __init__(self, tolerance: timedelta, metrics: FeedMetrics) -> None:
        self._tolerance, self._metrics = tolerance, metrics
        self._heap: list[_Held] = []
        self._number = 0
        self._newest: datetime | None = None
        self._given: dict[tuple[str, type], datetime] = {}
        self._quotes: dict[str, Quote] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def push(self, event: Event, arrived: datetime) -> None:
        """Take an event in."""
        if self._is_repeat(event):
            self._metrics.count("duplicates")
            return
        series, key = (_name(event), type(event)), time_of(event)
        last = self._given.get(series, key)
        if isinstance(event, Depth | Headline):
            key = max(key, last)
            self._given[series] = key
        elif key < last and not isinstance(event, Bar):
            self._metrics.count("late")
            return
        known = min(key, arrived + _AHEAD)
        self._newest = known if self._newest is None else max(self._newest, known)
        heapq.heappush(self._heap, _Held(key, self._number, arrived, event))
        self._number += 1

    def pop(self, now: datetime) -> Iterator[Event]:
        """Yield the events that need not be held any longer."""
        while self._heap and self._newest is not None:
            first = self._heap[0]
            if first.key > self._newest - self._tolerance and first.arrived > now - self._tolerance:
                return
            heapq.heappop(self._heap)
            if not isinstance(first.event, Bar | Depth | Headline):
                self._given[(_name(first.event), type(first.event))] = first.key
            yield first.event

    def _is_repeat(self, event: Event) -> bool:
        if isinstance(event, Quote):
            is_same = self._quotes.get(event.symbol) == event
            self._quotes[event.symbol] = event
            return is_same
        if isinstance(event, Trade) and event.trade_id is not None:
            return self._is_known((event.symbol, event.trade_id))
        if isinstance(event, Headline):
            return self._is_known(("", f"{event.news_id} {event.time}"))
        return False

    def _is_known(self, name: tuple[str, str]) -> bool:
        if name in self._seen:
            return True
        self._seen[name] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False


def time_of(event: Event) -> datetime:
    """Return when an event happened; a bar happens when it is complete."""
    return (event.known_at or event.time) if isinstance(event, Bar) else event.time


def _name(event: Event) -> str:
    return "" if isinstance(event, Headline) else event.symbol
