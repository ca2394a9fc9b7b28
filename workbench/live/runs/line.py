"""One feed's bars on their way to the strategies: whole rows, no gaps, a window of the past."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from workbench.core.bar import Bar
from workbench.core.ports import Feed
from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, known_times, sessions
from workbench.data.period_ends import period_ends
from workbench.errors import UsageError, WorkbenchError
from workbench.live.market.rows import Row, Rows
from workbench.live.market.silence import Hours
from workbench.live.market.window import Window

if TYPE_CHECKING:
    from workbench.backtest.sizing import Sizing
    from workbench.live.decisions.deployment import Deployment
    from workbench.live.runs.live_run import LiveRun

__all__ = ["History", "Line"]

History = Callable[[datetime, datetime], pd.DataFrame]
"""Gives the bars of a line with ``start <= time < end``."""

_TIMEOUT = 60.0
_FRESH = timedelta(seconds=15)


class Line:
    """The way from one feed to the runs that live on its bars.

    Parameters
    ----------
    feed : Feed
    symbols : tuple of str
    timeframe : Timeframe
        Of the feed's bars.
    calendar : str
    history : callable, optional
        Where missing bars and those before the first one are had; without it a gap stays.
    grace : timedelta
        How long after its end a bar may still come.
    has_quotes : bool
        Whether the feed tells quotes: a simulated venue fills at them then, else at bars.

    Attributes
    ----------
    gap : str
        Why the window is not to be trusted at present; empty where it is.
    counts : Counter
        ``duplicates``, ``late``, ``gaps`` and ``filled`` bars.
    turn : Lock
        Held while rows are admitted, so that none overtakes one that waits for the past.
    """

    def __init__(
        self,
        feed: Feed,
        symbols: tuple[str, ...],
        timeframe: str | Timeframe,
        calendar: str = ALWAYS,
        *,
        history: History | None = None,
        grace: timedelta = timedelta(seconds=2),
        has_quotes: bool = False,
    ) -> None:
        self.feed, self.symbols, self.calendar = feed, symbols, calendar
        self.timeframe = Timeframe.parse(timeframe)
        self.rows = Rows(symbols, self.timeframe, calendar, grace)
        self.window = Window(symbols, self.timeframe, calendar, feed.name)
        self.runs: list[LiveRun] = []
        self.has_quotes = has_quotes
        self.gap = ""
        self.is_over = False
        self.counts: Counter[str] = Counter()
        self.turn = asyncio.Lock()
        self.settle: Callable[[], Awaitable[None]] = _nothing
        self._history = history
        self._hours = Hours()

    @property
    def source(self) -> str:
        """Where its events come from, as screens tell it."""
        return "synthetic" if self.feed.name == "sim" else self.feed.name

    @property
    def pace(self) -> timedelta:
        """How often something is told of each symbol."""
        return timedelta(seconds=5) if self.has_quotes else self.timeframe.delta

    def check(self, deployment: Deployment) -> None:
        """Hold that a deployment can live on these bars.

        Raises
        ------
        UsageError
            It wants others.
        """
        if deployment.symbols != self.symbols or deployment.frame != self.timeframe:
            raise UsageError(
                f"{deployment.title} wants {deployment.frame} bars of "
                f"{', '.join(deployment.symbols)}; this line has {self.timeframe} bars of "
                f"{', '.join(self.symbols)}"
            )
        has_close = self.calendar != ALWAYS and self.timeframe.is_intraday
        if deployment.at_close != "keep" and not has_close:
            raise UsageError(
                f"{deployment.title}: at_close={deployment.at_close!r} needs bars within a "
                f"session; {self.timeframe} bars of {self.calendar} do not tell of its end"
            )

    async def warm_up(self, bars: int, now: datetime) -> None:
        """Load at least so many complete bars from before now, where there is a history.

        Raises
        ------
        WorkbenchError
            The history does not answer.
        """
        if self._history is None or bars <= 0:
            return
        start = now - self._span(bars)
        if self.window.last is None or self.window.index()[0] > pd.Timestamp(start):
            await self._load(start, now + self.timeframe.delta, now)

    def put(self, bar: Bar) -> list[Row]:
        """Take a bar in; return the rows that are over with it."""
        if bar.symbol not in self.symbols:
            return []
        if self.rows.is_late(bar):
            if self.window.has(bar):
                self.counts["duplicates"] += 1
            else:
                self.counts["late"] += 1
                self.window.put(bar.time, {bar.symbol: bar})
            return []
        return self.rows.put(bar)

    async def admit(self, row: Row) -> None:
        """Take a row into the window; what is missing before it is had first."""
        last = self.window.last
        if last is not None and row.label > last and (self.gap or self._is_gap(last, row.label)):
            await self._fill(last, row)
        self.window.put(row.label, row.bars)

    def is_last_but_one(self, row: Row) -> bool:
        """Whether the session has one bar more after this one, or none."""
        if self.calendar == ALWAYS or not self.timeframe.is_intraday:
            return False
        return self._hours.open_since(self.calendar, row.known + self.timeframe.delta) is None

    def is_last(self, row: Row) -> bool:
        """Whether the session ends with this bar."""
        if self.calendar == ALWAYS or not self.timeframe.is_intraday:
            return False
        return self._hours.open_since(self.calendar, row.known) is None

    def is_closed(self, now: datetime) -> bool:
        """Whether its market has sessions, and none is open."""
        return self._hours.open_since(self.calendar, now) is None

    def why_not(self, row: Row, deployment: Deployment, now: datetime) -> str:
        """Return why a deployment may not act upon a row now; empty where it may."""
        warmup, have = deployment.strategy.warmup, len(self.window.index(row.label))
        if have <= warmup:
            return f"warming up: {have} of {warmup + 1} bars"
        if self.gap:
            return self.gap
        if deployment.at_close == "cancel" and self.is_last(row):
            return "the session is over: it is decided again in the next one"
        if now - row.known > max(self.timeframe.delta, _FRESH):
            return f"stale: known at {row.known:%H:%M:%S}, seen at {now:%H:%M:%S}"
        return ""

    def is_due(self, sizing: Sizing | None, row: Row) -> bool | None:
        """Whether a period that orders wait for ends with this bar; None where they do not."""
        if sizing is None or sizing.every is None:
            return None
        labels = self.window.index(row.label)
        return bool(period_ends(labels, sizing.every, str(self.timeframe), self.calendar)[-1])

    # inside -----------------------------------------------------------------------------

    def _is_gap(self, last: datetime, label: datetime) -> bool:
        """Whether a bar may be missing between two labels."""
        due = last + self.timeframe.delta
        if due >= label:
            return False
        if self.calendar == ALWAYS:
            return True
        if not self.timeframe.is_intraday:
            between = sessions(self.calendar, due.date(), (label - timedelta(days=1)).date())
            return len(between) > 0
        if self._hours.open_since(self.calendar, due) is not None:
            return True
        opened = self._hours.open_since(self.calendar, label)
        return opened is not None and label - opened >= self.timeframe.delta

    async def _fill(self, last: datetime, row: Row) -> None:
        if self._history is None:
            return
        self.counts["gaps"] += 1
        before = len(self.window)
        try:
            await self._load(last + self.timeframe.delta, row.label, row.known)
        except (WorkbenchError, TimeoutError) as error:
            said = getattr(error, "message", f"no answer within {_TIMEOUT:g} s")
            self.gap = f"bars after {last:%Y-%m-%d %H:%M:%S} are missing: {said}"
            return
        self.counts["filled"] += len(self.window) - before
        self.gap = ""

    async def _load(self, start: datetime, end: datetime, now: datetime) -> None:
        history = self._history
        assert history is not None  # noqa: S101  whoever calls has looked
        frame = await asyncio.wait_for(asyncio.to_thread(history, start, end), _TIMEOUT)
        known = known_times(pd.DatetimeIndex(frame.index), self.timeframe, self.calendar)
        frame = frame[(known <= pd.Timestamp(now)) & (frame.index >= pd.Timestamp(start))]
        self.window.load(frame[frame.index < pd.Timestamp(end)])

    def _span(self, bars: int) -> timedelta:
        """Return how long so many bars take, sessions and holidays taken in."""
        span = bars * self.timeframe.delta
        if self.calendar != ALWAYS:
            share = 24 * 60 / 390 if self.timeframe.is_intraday else 1.0
            span = span * share * 1.5 + timedelta(days=6)
        return span


async def _nothing() -> None:
    return
