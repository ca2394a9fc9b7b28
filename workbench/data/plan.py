"""``wb.plan``: what a download will cost, before it begins."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.config import load_settings
from workbench.core.clock import WallClock
from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, sessions
from workbench.data.catalog import Catalog
from workbench.data.choice import candidates, first_that_can
from workbench.data.coverage import Span
from workbench.data.download import Piece, Request
from workbench.data.window import When, names_of, window_of
from workbench.venues.paging import Limit, PagedSource

__all__ = ["Estimate", "Plan", "Watch", "estimate", "plan"]

_LONG_REQUESTS, _LONG_MINUTES = 10, 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one symbol costs.

    Parameters
    ----------
    symbol, source, timeframe : str
    bars : int
        Missing in the store, at most: a vendor may have fewer.
    requests : int
        Expected for them.
    limit : Limit or None
        The vendor's; None where nothing is limited.
    """

    symbol: str
    source: str
    timeframe: str
    bars: int
    requests: int
    limit: Limit | None = None

    @property
    def is_long(self) -> bool:
        """Whether it is worth saying before it begins."""
        return self.requests >= _LONG_REQUESTS or _minutes([self]) >= _LONG_MINUTES


@dataclass(frozen=True, slots=True)
class Plan:
    """What a download costs; prints as a sentence, and as a table in a notebook.

    Parameters
    ----------
    parts : tuple of Estimate
        One per symbol.

    Examples
    --------
    >>> Plan((Estimate("AAPL", "polygon", "1m", 600_000, 12, Limit(5, 60)),))
    AAPL 1m from polygon: up to 600,000 bars in about 12 requests, 2 min at 5 a minute
    """

    parts: tuple[Estimate, ...]

    @property
    def requests(self) -> int:
        """Of all symbols."""
        return sum(part.requests for part in self.parts)

    @property
    def bars(self) -> int:
        """Of all symbols, at most."""
        return sum(part.bars for part in self.parts)

    @property
    def minutes(self) -> float:
        """That the vendors' limits alone make it last; vendors count side by side."""
        return _minutes(self.parts)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per symbol."""
        rows = [
            (p.symbol, p.source, p.timeframe, p.bars, p.requests, _minutes([p])) for p in self.parts
        ]
        return pd.DataFrame(
            rows, columns=["symbol", "source", "timeframe", "bars", "requests", "minutes"]
        )

    def __repr__(self) -> str:
        return "\n".join(_sentence(part) for part in self.parts) + (
            f"\nin all {self.requests:,} requests, {_time(self.minutes)}"
            if len(self.parts) > 1
            else ""
        )

    def _repr_html_(self) -> str:
        table = self.frame.to_html(index=False)
        return f"{table}<p>{escape(repr(self).splitlines()[-1])}</p>"


def plan(
    symbols: str | Sequence[str],
    timeframe: str | Timeframe = "1d",
    start: When = None,
    end: When = None,
    source: str | Sequence[str] | None = None,
) -> Plan:
    """Tell what ``wb.bars`` of the same call would fetch, without fetching it.

    What is stored already costs nothing; of the rest, requests are counted by the bars
    that the calendar has and the vendor's page holds, and minutes by its limit.

    Parameters
    ----------
    symbols, timeframe, start, end, source
        As `workbench.data.loader.bars`.

    Returns
    -------
    Plan
        ``requests``, ``minutes``, ``bars``, and ``frame`` with one row per symbol.

    Raises
    ------
    UsageError
        As ``wb.bars``: an unknown source, a key that is not set.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.plan("ACME", start="2024-01-01", end="2025-01-01", source="synthetic")
    ACME 1d from synthetic: nothing to request
    """
    wanted, _ = names_of(symbols)
    frame = Timeframe.parse(timeframe)
    window = window_of(start, end)
    settings = load_settings()
    store = Catalog.of(settings)
    parts = []
    for name in wanted:
        names = candidates(settings, source, name)
        part, _, _ = first_that_can(
            settings,
            names,
            name,
            lambda found, name=name: estimate(  # type: ignore[misc]
                Request(found, name, frame), window, store
            ),
        )
        parts.append(part)
    return Plan(tuple(parts))


def estimate(
    asked: Request, window: tuple[pd.Timestamp | None, pd.Timestamp | None], store: Catalog
) -> Estimate:
    """Return what a window of one symbol costs."""
    source = asked.source
    nothing = Estimate(asked.symbol, source.name, str(asked.timeframe), 0, 0)
    if not isinstance(source, PagedSource):
        return nothing
    now = pd.Timestamp(WallClock().now())
    gaps = [coverage_span(window, now)]
    if getattr(source, "is_stored", True):
        gaps = store.gaps(asked, *window)
    bars = requests = 0
    for gap in gaps:
        count = _bars_of(source, asked, gap, now)
        bars += count
        requests += max(1, math.ceil(count / source.page_bars))
    if gaps and source.has_actions(asked.symbol) and not asked.timeframe.is_intraday:
        requests += 2 * len(gaps)  # splits and dividends
    return Estimate(asked.symbol, source.name, str(asked.timeframe), bars, requests, source.limit)


def coverage_span(
    window: tuple[pd.Timestamp | None, pd.Timestamp | None], now: pd.Timestamp
) -> Span:
    """Return a window as a span that ends by now."""
    start, end = window
    return (
        start.isoformat() if start is not None else None,
        min(end, now).isoformat() if end is not None else now.isoformat(),
    )


class Watch:
    """Says what a long download costs, and shows how far it is.

    Parameters
    ----------
    cost : Estimate
        Nothing is said or shown where it is short.
    """

    def __init__(self, cost: Estimate) -> None:
        self._cost = cost
        self._bar: Any = None

    def __enter__(self) -> Watch:
        if self._cost.is_long:
            from tqdm.auto import tqdm

            tqdm.write(_sentence(self._cost), file=sys.stderr)
            title = f"{self._cost.symbol} {self._cost.timeframe}"
            self._bar = tqdm(total=self._cost.requests, desc=title, unit=" pages", mininterval=1.0)
        return self

    def __call__(self, piece: Piece) -> None:
        """Count a piece."""
        if self._bar is not None:
            if len(piece.bars):
                self._bar.set_postfix_str(f"{piece.bars.index[-1]:%Y-%m-%d}", refresh=False)
            self._bar.update(1)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _bars_of(source: PagedSource, asked: Request, gap: Span, now: pd.Timestamp) -> int:
    calendar = source.calendar(asked.symbol)
    start = max(pd.Timestamp(gap[0]), source.first) if gap[0] else source.first
    end = min(pd.Timestamp(gap[1]) if gap[1] else now, now - source.delay)
    if start >= end:
        return 0
    length = pd.Timedelta(asked.timeframe.delta)
    if calendar == ALWAYS:
        return math.ceil((end - start) / length)
    days = int(np.sum(sessions(calendar, start, end) < end))
    minutes = source.day_minutes.get(calendar, 390)
    per_day = (
        math.ceil(pd.Timedelta(minutes=minutes) / length) if length < pd.Timedelta(1, "D") else 1
    )
    within = math.ceil((end - start) / length)  # less than a day may be asked for
    return min(days * per_day, within)


def _minutes(parts: Sequence[Estimate]) -> float:
    requests: dict[tuple[str, Limit], int] = {}
    for part in parts:
        if part.limit is not None:
            key = (part.source, part.limit)
            requests[key] = requests.get(key, 0) + part.requests
    waits = [
        max(0, math.ceil(count / limit.requests) - 1) * limit.seconds / 60
        for (_, limit), count in requests.items()
    ]
    return max(waits, default=0.0)


def _sentence(part: Estimate) -> str:
    head = f"{part.symbol} {part.timeframe} from {part.source}"
    if not part.requests or part.limit is None:
        return f"{head}: nothing to request"
    many = "request" if part.requests == 1 else "requests"
    return (
        f"{head}: up to {part.bars:,} bars in about {part.requests:,} {many}, "
        f"{_time(_minutes([part]))} at {part.limit.per_minute:g} a minute"
    )


def _time(minutes: float) -> str:
    if minutes < 1:
        return "under a minute"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
