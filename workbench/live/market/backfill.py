"""Fills the gap that a break leaves in the bars, before the next bar is given out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pandas as pd

from workbench.core.bar import Bar
from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, known_times
from workbench.data.schema import FIELDS
from workbench.errors import WorkbenchError
from workbench.live.market.feed_metrics import FeedMetrics, Gap

__all__ = ["Backfill", "Refill", "bars_of"]

_log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bars_of(frame: pd.DataFrame, symbol: str, timeframe: Timeframe, calendar: str) -> Iterator[Bar]:
    """Yield the rows of a frame of one symbol as bars; rows without prices are left out."""
    rows = frame[list(FIELDS)].dropna(subset=["open", "high", "low", "close"])
    known = known_times(pd.DatetimeIndex(rows.index), timeframe, calendar)
    table = rows.to_numpy("float64").tolist()
    for time, values, at in zip(rows.index, table, known, strict=True):
        o, h, low, c, v = values
        yield Bar(symbol, time.to_pydatetime(), o, h, low, c, v, at.to_pydatetime())


@dataclass(frozen=True, slots=True)
class Refill:
    """Where missing bars are had.

    Parameters
    ----------
    source : BarSource, optional
        Without one, gaps are told and stay.
    timeframe : Timeframe
    calendar : callable
        Gives the calendar of a symbol.
    timeout : float
        Seconds to wait for a gap's bars; the stream goes on without them then.
    settle : timedelta
        How long after a bar's end the vendor has it.
    """

    source: BarSource | None
    timeframe: Timeframe
    calendar: Callable[[str], str]
    timeout: float = 60.0
    settle: timedelta = timedelta(seconds=2)


@dataclass(slots=True)
class _State:
    """One symbol's bars."""

    last: Bar | None = None
    reached: datetime | None = None
    is_doubtful: bool = False
    due: deque[datetime] = field(default_factory=deque)
    held: deque[Bar] | None = None


class Backfill:
    """Stands between the bars that come and those that are given out.

    After a break the bars that were missed are asked for; until they are there, the
    symbol's own bars wait and those of others go on. Within a symbol bars only go
    forward: one that comes again is a duplicate, one older than the last is late.

    Parameters
    ----------
    refill : Refill
    metrics : FeedMetrics
    give : callable
        Is given each bar.
    """

    def __init__(self, refill: Refill, metrics: FeedMetrics, give: Callable[[Bar], None]) -> None:
        self._refill, self._metrics, self._give = refill, metrics, give
        self._states: dict[str, _State] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def since(self, symbol: str, start: datetime) -> None:
        """Have the bars from `start` on, as though the stream had broken off there."""
        self._state(symbol).reached = start

    def offer(self, bar: Bar) -> None:
        """Take a bar in: give it out, or hold it until what is missing before it is there."""
        state = self._state(bar.symbol)
        if state.held is not None:
            state.held.append(bar)
        elif state.reached is not None and bar.time < state.reached:
            self._metrics.count("duplicates" if bar == state.last else "late")
        elif state.is_doubtful and state.reached is not None and bar.time > state.reached:
            state.due.clear()
            state.is_doubtful = False
            self._fill(bar.symbol, state, bar.time, bar)
        else:
            self._admit(state, bar)

    def doubt(self, symbols: Iterable[str], now: datetime) -> None:
        """Note that bars up to `now` may have been missed, the one under way included."""
        step = self._refill.timeframe.delta
        begun = _EPOCH + (now - _EPOCH) // step * step
        for symbol in symbols:
            state = self._state(symbol)
            if state.reached is None:
                continue  # nothing was told of it that could have broken off
            state.is_doubtful = True
            state.due = deque([begun, begun + step])

    def settle(self, now: datetime) -> None:
        """Ask for what was missed and by now can be had, where no bar has come to ask for it."""
        for symbol, state in self._states.items():
            while state.held is None and state.due and now >= state.due[0] + self._refill.settle:
                until = state.due.popleft()
                if state.reached is not None and state.reached < until:
                    self._fill(symbol, state, until)
            if state.held is None and not state.due:
                state.is_doubtful = False

    def unsettled(self) -> set[str]:
        """Return the symbols whose bars may still lack some."""
        return {name for name, state in self._states.items() if state.is_doubtful or state.held}

    async def close(self) -> None:
        """Ask for no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _state(self, symbol: str) -> _State:
        return self._states.setdefault(symbol, _State())

    def _admit(self, state: _State, bar: Bar) -> None:
        step = self._refill.timeframe.delta
        if state.reached is not None and self._refill.calendar(bar.symbol) == ALWAYS:
            self._metrics.count("missing_bars", (bar.time - state.reached) // step)
        state.last, state.reached = bar, bar.time + step
        if state.due and bar.time >= state.due[-1]:
            state.due.clear()
        if not state.due:
            state.is_doubtful = False
        self._give(bar)

    def _fill(self, symbol: str, state: _State, until: datetime, *bars: Bar) -> None:
        state.held = deque(bars)
        task = asyncio.create_task(self._fetch(symbol, state, until))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, symbol: str, state: _State, until: datetime) -> None:
        start = state.reached
        assert start is not None  # noqa: S101  else there is no gap
        found: list[Bar] = []
        trouble = self._reach(until)
        try:
            found = await asyncio.wait_for(
                asyncio.to_thread(self._history, symbol, start, until), self._refill.timeout
            )
        except TimeoutError:
            trouble = f"no answer within {self._refill.timeout:g} s"
        except WorkbenchError as error:
            trouble = error.message
        if trouble:
            _log.warning("%s: bars of %s to %s stay missing: %s", symbol, start, until, trouble)
        self._metrics.gap(Gap(symbol, start, until, len(found), trouble))
        for bar in found:
            state.last, state.reached = bar, bar.time + self._refill.timeframe.delta
            self._give(bar)
        held, state.held = state.held or deque(), None
        for bar in held:
            self.offer(bar)

    def _reach(self, until: datetime) -> str:
        """Tell why the history cannot have all bars up to an instant; nothing where it can."""
        if self._refill.source is None:
            return "there is no history to ask"
        late: timedelta = getattr(self._refill.source, "delay", timedelta(0))
        if late and datetime.now(UTC) - late < until:
            return f"the history is {late.total_seconds() / 60:g} minutes late under this plan"
        return ""

    def _history(self, symbol: str, start: datetime, until: datetime) -> list[Bar]:
        source, timeframe = self._refill.source, self._refill.timeframe
        if source is None:
            return []
        frame = source.history(symbol, timeframe, start, until)
        bars = bars_of(frame, symbol, timeframe, self._refill.calendar(symbol))
        return [bar for bar in bars if start <= bar.time < until]
