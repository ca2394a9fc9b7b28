"""Feeds of what is known beforehand: recorded events at any speed, and the invented market."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from workbench.core.clock import WallClock
from workbench.core.ports import Clock, Event
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.live.market.backfill import bars_of
from workbench.live.market.feed import SyntheticFeed
from workbench.live.market.market_store import MarketStore
from workbench.live.market.outlet import Outlet
from workbench.live.market.sequence import time_of

__all__ = ["ReplayFeed", "SimFeed"]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
Sleep = Callable[[float], Awaitable[None]]


class ReplayFeed(Outlet):
    """Gives out recorded events in the order in which they became known.

    Parameters
    ----------
    events : iterable of events
        In any order; of the same instant the first stays first.
    speed : float, optional
        1 is as it was, 60 a minute a second; None is as fast as readers take it.
    store : MarketStore, optional
    sleep : callable, optional
        Waits for so many seconds.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.core.bar import Bar
    >>> noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> told = [Bar("X", noon + timedelta(minutes=i), 1.0, 1.0, 1.0, 1.0, 1.0) for i in (1, 0)]
    >>> async def minutes():
    ...     return [bar.time.minute async for bar in ReplayFeed(told)]
    >>> asyncio.run(minutes())
    [0, 1]
    """

    def __init__(
        self,
        events: Iterable[Event],
        speed: float | None = None,
        store: MarketStore | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if speed is not None and not speed > 0:
            raise UsageError(f"speed is above zero, or None for as fast as possible, not {speed}")
        super().__init__("replay", store or MarketStore(source="replay"))
        self._events = sorted(events, key=time_of)
        self._speed, self._sleep = speed, sleep

    async def _run(self) -> None:
        before: datetime | None = None
        for number, event in enumerate(self._events):
            at = time_of(event)
            if self._speed is not None and before is not None and at > before:
                await self._sleep((at - before).total_seconds() / self._speed)
            elif number % 256 == 0:
                await self._room()
            before = at
            self.metrics.heard(type(event).__name__.lower(), 0.0)
            self._give(event)


class SimFeed(Outlet):
    """Quotes and bars of the invented market, that of the desk, by the wall clock.

    Parameters
    ----------
    symbols : sequence of str
        As ``ACME/USD``.
    timeframe : Timeframe
        A multiple of five seconds, shorter than a day.
    kinds : frozenset of str
        ``quotes``, ``bars``.
    store : MarketStore, optional
    clock : Clock
    sleep : callable, optional
    market : SyntheticFeed, optional
        To share one; it is left open at the end.
    tick : float
        Seconds between two looks at the market.
    """

    kinds = frozenset({"quotes", "bars"})

    def __init__(  # noqa: PLR0913 - a market and a clock of its own, or shared ones
        self,
        symbols: Iterable[str],
        timeframe: Timeframe,
        kinds: frozenset[str],
        store: MarketStore | None = None,
        *,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        market: SyntheticFeed | None = None,
        tick: float = 1.0,
    ) -> None:
        seconds = timeframe.delta.total_seconds()
        if seconds % 5 or not timeframe.is_intraday:
            raise UsageError(
                f"the invented market has bars of five seconds or a multiple, not {timeframe}",
                timeframe=str(timeframe),
            )
        super().__init__("sim", store or MarketStore(source="synthetic"))
        self._symbols, self._timeframe, self._kinds = tuple(symbols), timeframe, kinds
        self._clock, self._sleep = clock or WallClock(), sleep
        self._is_own = market is None
        self._market = market or SyntheticFeed(self._clock.now(), self._symbols)
        self._tick = tick

    async def _run(self) -> None:
        step = self._timeframe.delta
        began = self._clock.now()
        reached = dict.fromkeys(self._symbols, began)
        try:
            while True:
                now = self._clock.now()
                events: list[Event] = []
                if "bars" in self._kinds:
                    events += self._bars(now, step, reached)
                if "quotes" in self._kinds:
                    told = await asyncio.to_thread(self._market.tick, now)
                    events += [quote for quote in told if quote.symbol in self._symbols]
                for event in sorted(events, key=time_of):
                    self.metrics.heard(type(event).__name__.lower(), 0.0)
                    self._give(event)
                await self._sleep(self._tick)
        finally:
            if self._is_own:
                self._market.close()

    def _bars(
        self, now: datetime, step: timedelta, reached: dict[str, datetime]
    ) -> Iterable[Event]:
        for symbol, since in reached.items():
            if not _may_have_ended(since, now, step):
                continue
            count = int((now - since) / step) + 2
            frame = self._market.bars(symbol, now, int(step.total_seconds()), count)
            for bar in bars_of(frame, symbol, self._timeframe, "24/7"):
                ended = bar.known_at or bar.time
                if bar.time >= since and ended <= now:
                    reached[symbol] = ended
                    yield bar


def _may_have_ended(since: datetime, now: datetime, step: timedelta) -> bool:
    """Whether a bar may end after `since` and by `now`: to make bars in vain is not cheap."""
    if timedelta(days=1) % step:
        return True
    return (now - _EPOCH) // step > (since - _EPOCH) // step
