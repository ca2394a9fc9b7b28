"""From a source to the store: page by page, each counted against the calendar.

A vendor's answer may be short without saying so. What the calendar has and a page lacks
is asked for once more; what is missing then is a hole, which is told and never counted as
covered, so that a later fetch asks for it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workbench.core.ports import BarSource, Clock
from workbench.core.timeframe import Timeframe
from workbench.data import coverage
from workbench.data.calendar import known_times, utc_index
from workbench.data.coverage import Span
from workbench.data.holes import Hole, Holes, find_holes
from workbench.data.schema import check_bars
from workbench.venues.paging import Page, PagedSource
from workbench.venues.rows import Dropped

__all__ = ["Piece", "Request", "download", "pieces"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a source."""

    source: BarSource
    symbol: str
    timeframe: Timeframe


@dataclass(frozen=True, slots=True)
class Piece:
    """Bars that came together.

    Parameters
    ----------
    bars : DataFrame
        Checked; complete ones only.
    span : (str or None, str or None)
        What they answer.
    covered : tuple of spans
        What of it is known for good.
    holes : tuple of Hole
        What is missing though it was asked for twice.
    """

    bars: pd.DataFrame
    span: Span
    covered: tuple[Span, ...]
    holes: tuple[Hole, ...] = ()


def pieces(asked: Request, gap: Span, clock: Clock) -> Iterator[Piece]:
    """Yield what a source has for a gap, oldest first, each piece as soon as it is there.

    Parameters
    ----------
    asked : Request
    gap : span
    clock : Clock
        Bars that are not complete by it are left out.

    Raises
    ------
    UsageError, DataError, UnavailableError
        As the source says; pieces already yielded are good.
    """
    source = asked.source
    start, end = (pd.Timestamp(side) if side else None for side in gap)
    if not isinstance(source, PagedSource):
        bars = _complete(source.history(asked.symbol, asked.timeframe, start, end), asked, clock)
        yield Piece(bars, gap, (_reached(gap, bars, asked.timeframe, clock),))
        return
    for page in source.pages(asked.symbol, asked.timeframe, start, end):
        yield _judged(page, asked, source, clock)


def download(asked: Request, window: Span, clock: Clock) -> pd.DataFrame:
    """Return the bars of a window from a source that is not stored; see `pieces`."""
    found = list(pieces(asked, window, clock))
    whole = found[0].bars
    for piece in found[1:]:
        whole = coverage.join(whole, piece.bars)
    attrs = dict(found[0].bars.attrs)
    attrs["dropped"] = Dropped(r for piece in found for r in piece.bars.attrs.get("dropped", ()))
    attrs["holes"] = Holes(hole for piece in found for hole in piece.holes)
    whole.attrs = attrs
    return whole


def _judged(page: Page, asked: Request, source: PagedSource, clock: Clock) -> Piece:
    bars = _complete(page.bars, asked, clock)
    window = _countable(page, bars, source)
    holes = _holes(bars, window, asked)
    if holes:
        low, high = pd.Timestamp(holes[0].start), pd.Timestamp(holes[-1].end)
        for again in source.pages(asked.symbol, asked.timeframe, low, min(high, window[1])):
            attrs = bars.attrs
            bars = coverage.join(bars, _complete(again.bars, asked, clock))
            bars.attrs = attrs
        now = clock.now().isoformat(timespec="seconds")
        holes = [replace(hole, asked=now) for hole in _holes(bars, window, asked)]
    span = coverage.span(page.start, page.end)
    reached = _reached(span, bars, asked.timeframe, clock)
    known = coverage.gaps([hole.span for hole in holes], reached)
    return Piece(bars, span, tuple(known), tuple(holes))


def _countable(
    page: Page, bars: pd.DataFrame, source: PagedSource
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the part of a page in which bars can be missed."""
    if page.start is not None:
        return max(page.start, source.first), page.end
    return (bars.index[0] if len(bars) else page.end), page.end


def _holes(
    bars: pd.DataFrame, window: tuple[pd.Timestamp, pd.Timestamp], asked: Request
) -> list[Hole]:
    index = pd.DatetimeIndex(bars.index)
    return find_holes(index, window, asked.timeframe, bars.attrs.get("calendar", "XNYS"))


def _complete(bars: pd.DataFrame, asked: Request, clock: Clock) -> pd.DataFrame:
    """Return checked bars without those that are under way."""
    checked = check_bars(bars)
    # An index made anew has no freq: a file cannot hold it, and both ways must be equal.
    index = utc_index(pd.DatetimeIndex(checked.index).asi8)
    checked = checked.set_axis(index, axis=0)
    if getattr(asked.source, "is_final", False):
        return checked
    known = known_times(index, asked.timeframe, checked.attrs.get("calendar", "XNYS"))
    is_known = np.asarray(known <= pd.Timestamp(clock.now()))
    return checked if is_known.all() else checked[is_known]


def _reached(gap: Span, piece: pd.DataFrame, timeframe: Timeframe, clock: Clock) -> Span:
    """Return what of a gap is known for good: not the bars that are still under way."""
    start, end = gap
    now = pd.Timestamp(clock.now())
    margin = 2 * pd.Timedelta(timeframe.delta)
    if end is None or pd.Timestamp(end) + margin <= now:
        return gap
    sure = now - margin
    if len(piece):
        sure = max(sure, piece.index[-1] + pd.Timedelta(1))
    return start, min(sure, pd.Timestamp(end)).isoformat()
