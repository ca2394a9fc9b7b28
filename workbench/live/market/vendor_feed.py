"""A vendor's stream kept alive: reconnected, put in order, its gaps filled.

::

    connections ─▶ Sequence ─▶ TradeBars ─▶ Backfill ─▶ LongerBars ─▶ readers, store
                  (order,      (where the   (gaps, by    (where longer
                   repeats)     vendor has   history)     ones are wanted)
                                no bars)
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime, timedelta

from workbench.config import FeedSettings
from workbench.core.bar import Bar
from workbench.core.clock import WallClock
from workbench.core.headline import Headline
from workbench.core.ports import Clock, Event
from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.errors import DataError, UnavailableError
from workbench.live.market.activity_bars import Activity, ActivityBars
from workbench.live.market.backfill import Backfill, Refill
from workbench.live.market.bar_builder import LongerBars, TradeBars
from workbench.live.market.feed_metrics import Gap
from workbench.live.market.market_store import MarketStore
from workbench.live.market.outlet import Outlet
from workbench.live.market.sequence import Sequence, time_of
from workbench.live.market.silence import Hours, Watch
from workbench.live.market.sound import is_sound
from workbench.venues.stream import Connection, Part, VendorStream, Wanted

__all__ = ["Plan", "VendorFeed"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a feed gives out, and of what it makes it.

    Parameters
    ----------
    wanted : Wanted
        What is asked of the vendor.
    given : frozenset of str
        The kinds that readers get.
    base, timeframe : Timeframe
        Of the bars that come, and of those that are given out.
    built : frozenset of str
        Symbols whose bars are made of trades.
    activity : Activity, optional
        Bars are made of trades by what happens, in the place of those of a length of time.
    """

    wanted: Wanted
    given: frozenset[str]
    base: Timeframe
    timeframe: Timeframe
    built: frozenset[str] = frozenset()
    activity: Activity | None = None


@dataclass
class _Line:
    """One of the connections."""

    part: Part
    watch: Watch
    has_pulse: bool
    connection: Connection | None = None
    tries: int = 0
    malformed: int = 0
    is_mute: bool = False
    opened: int = 0
    closing: asyncio.Task[None] | None = None


class VendorFeed(Outlet):
    """The feed of one vendor; `workbench.live.market.feeds.feed` makes it.

    Parameters
    ----------
    stream : VendorStream
    plan : Plan
    refill : Refill
    store : MarketStore
    patience : FeedSettings
    clock : Clock
    since : datetime, optional
        Begin with the bars from then on.
    """

    def __init__(
        self,
        stream: VendorStream,
        plan: Plan,
        refill: Refill,
        store: MarketStore,
        *,
        patience: FeedSettings | None = None,
        clock: Clock | None = None,
        since: datetime | None = None,
    ) -> None:
        super().__init__(stream.name, store)
        self._stream, self._plan, self._clock = stream, plan, clock or WallClock()
        self._patience = patience or FeedSettings()
        self._sequence = Sequence(timedelta(seconds=self._patience.tolerance_seconds), self.metrics)
        self._builder = TradeBars(plan.base)
        self._activity = ActivityBars(plan.activity) if plan.activity is not None else None
        self._backfill = Backfill(refill, self.metrics, self._lengthen)
        self._longer = {
            code: LongerBars(plan.base, plan.timeframe, code)
            for code in {stream.calendar(symbol) for symbol in plan.wanted.symbols}
            if plan.timeframe != plan.base
        }
        self._symbols = frozenset(plan.wanted.symbols)
        self._hours = Hours()
        self._lines = self._drawn()
        for symbol in plan.wanted.symbols if since is not None and "bars" in plan.given else ():
            self._backfill.since(symbol, since)  # type: ignore[arg-type]
        store.on_resync = lambda _symbol: self.metrics.count("resyncs")

    def _drawn(self) -> list[_Line]:
        parts = self._stream.parts(self._plan.wanted)
        return [
            _Line(part, self._watch(part, part.wanted.pulse), bool(part.wanted.pulse))
            for part in parts
        ]

    def _watch(self, part: Part, pulse: Rows[str]) -> Watch:
        limit = timedelta(seconds=self._patience.mute_seconds)
        slow: tuple[str, ...] = ()
        if part.wanted.kinds <= {"bars"} and not self._stream.grows:
            if pulse:
                slow = tuple(set(part.wanted.symbols) - set(pulse))
            else:
                limit += self._plan.base.delta
        # news come when they come
        symbols = part.wanted.symbols if part.wanted.kinds != {"news"} else ()
        watch = Watch(symbols, limit, self._stream.calendar, self._hours)
        watch.allow(slow, self._plan.base.delta)
        return watch

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for line in self._lines:
                    group.create_task(self._keep(line))
                group.create_task(self._tick())
        finally:
            await self._backfill.close()

    async def _keep(self, line: _Line) -> None:
        while True:
            asked = None
            line.connection = line.part.connect()
            try:
                await line.connection.open()
                self._opened(line)
                await self._listen(line)
            except (UnavailableError, DataError) as error:
                asked = error.facts.get("retry_after")
                why = str(error.facts.get("waits_for", "connection"))
                self.metrics.tell_waiting(id(line), why, error.message)
                _log.warning("%s: %s", self.name, error.message)
            finally:
                await self._closed(line)
            await asyncio.sleep(self._delay(line, asked))

    async def _listen(self, line: _Line) -> None:
        connection = line.connection
        assert connection is not None  # noqa: S101  it was opened
        line.malformed = 0
        while True:
            if line.has_pulse and not connection.has_pulse:
                self._go_without_pulse(line)
            events = await connection.receive()
            now = self._clock.now()
            while connection.alive:
                line.watch.heard(connection.alive.pop(), now)
            if connection.malformed > line.malformed:
                self.metrics.count("malformed", connection.malformed - line.malformed)
                line.malformed = connection.malformed
                self._doubt(line, now)  # it may have been anything
            self._take(line, events, now)

    def _go_without_pulse(self, line: _Line) -> None:
        line.has_pulse = False
        line.watch = self._watch(line.part, ())
        line.watch.opened(self._clock.now())
        _log.warning(
            "%s: no trades for a sign of life in the plan: mute connections are found after %.0f s",
            self.name,
            line.watch.limit.total_seconds(),
        )

    def _opened(self, line: _Line) -> None:
        now = self._clock.now()
        line.opened += 1
        self.metrics.tell_open(id(line))
        if line.opened > 1:
            self.metrics.count("reconnects")
        line.is_mute = False
        line.watch.opened(now)
        self._doubt(line, now)

    async def _closed(self, line: _Line) -> None:
        if line.connection is not None:
            if line.opened:
                self._doubt(line, self._clock.now())
            connection, line.connection = line.connection, None
            await connection.close()

    def _doubt(self, line: _Line, now: datetime) -> None:
        symbols = line.part.wanted.symbols
        if self._activity is not None:
            for symbol, began in self._activity.restart(symbols).items():
                self.metrics.gap(Gap(symbol, began, now, trouble="trades of a break do not return"))
        elif "bars" in self._plan.given:
            self._builder.restart(symbols, now)
            self._backfill.doubt(symbols, now)

    def _delay(self, line: _Line, asked: float | None) -> float:
        ceiling = min(self._patience.longest_wait_seconds, self._stream.backoff * 2.0**line.tries)
        line.tries = min(line.tries + 1, 30)
        jitter = random.uniform(0, ceiling)  # noqa: S311  full jitter
        return max(asked or 0.0, jitter)

    def _take(self, line: _Line, events: Rows[Event], now: datetime) -> None:
        for event in events:
            if not is_sound(event):
                self.metrics.count("malformed")
                continue
            line.tries = 0
            if not isinstance(event, Headline) and event.symbol not in self._symbols:
                continue
            self.metrics.heard(type(event).__name__.lower(), _seconds(now - time_of(event)))
            if not isinstance(event, Headline):
                line.watch.heard(event.symbol, now)
            self._sequence.push(event, now)
        self._drain(now)

    def _drain(self, now: datetime) -> None:
        for event in self._sequence.pop(now):
            if isinstance(event, Bar):
                self._backfill.offer(event)
                continue
            if isinstance(event, Trade) and self._activity is not None:
                late = self._activity.late
                for bar in self._activity.add(event):
                    self._give(bar)
                self.metrics.count("late", self._activity.late - late)
            if isinstance(event, Trade) and event.symbol in self._plan.built:
                late = self._builder.late
                for bar in self._builder.add(event):
                    self._backfill.offer(bar)
                self.metrics.count("late", self._builder.late - late)
            if _kind(event) in self._plan.given:
                self._give(event)

    def _lengthen(self, bar: Bar) -> None:
        if not self._longer:
            self._give(bar)
            return
        for longer in self._longer[self._stream.calendar(bar.symbol)].add(bar):
            self._give(longer)

    async def _tick(self) -> None:
        pause = max(
            0.01, min(0.25, self._patience.tolerance_seconds, self._patience.mute_seconds / 4)
        )
        while True:
            await asyncio.sleep(pause)
            now = self._clock.now()
            self._drain(now)
            self._end_bars(now - timedelta(seconds=self._patience.grace_seconds))
            self._backfill.settle(now)
            self._look_for_silence(now)

    def _end_bars(self, until: datetime) -> None:
        for bar in self._builder.advance(until):
            self._backfill.offer(bar)
        for bar in self._activity.advance(until) if self._activity is not None else ():
            self._give(bar)
        unsettled = self._backfill.unsettled() if self._longer else ()
        for longer in self._longer.values():
            # a bar of the base may come as late as its vendor gives it out
            for bar in longer.advance(until - timedelta(seconds=2), unsettled):
                self._give(bar)

    def _look_for_silence(self, now: datetime) -> None:
        stale: list[str] = []
        for line in self._lines:
            silence = line.watch.check(now)
            stale += silence.symbols
            if silence.is_mute and line.connection is not None and not line.is_mute:
                line.is_mute = True
                line.watch.gave_up(now)
                self.metrics.count("mute")
                _log.warning("%s: the connection is open and mute, and given up", self.name)
                line.closing = asyncio.create_task(line.connection.give_up())
        self.metrics.tell_stale(tuple(dict.fromkeys(stale)))


_KINDS = {"Trade": "trades", "Quote": "quotes", "Bar": "bars", "Headline": "news", "Depth": "books"}


def _kind(event: Event) -> str:
    return _KINDS[type(event).__name__]


def _seconds(lag: timedelta) -> float:
    return lag.total_seconds()
