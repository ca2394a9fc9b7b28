"""Messages beside the bars at whose close they were known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from workbench.config import Settings
from workbench.core.message import Message
from workbench.data.known import known_of
from workbench.data.messages import as_messages, messages
from workbench.data.schema import describe, fingerprint
from workbench.errors import DataError, UsageError
from workbench.store.messages import By

__all__ = ["Told", "with_messages"]

Score = Callable[[Message], float]


def with_messages(
    bars: pd.DataFrame,
    *,
    search: str | None = None,
    source: str | Sequence[str] | None = None,
    by: By = "known",
    score: Score | None = None,
    settings: Settings | None = None,
) -> pd.DataFrame:
    """Return bars with what was told of their symbols as further columns.

    A row holds what came to be known after the bar before it was complete, and until it was
    complete itself; a message of a weekend stands beside Monday's bar. A strategy reads the
    columns as it reads prices, so that they are cut off, changed and fingerprinted with the
    bars, and no row knows tomorrow's.

    Parameters
    ----------
    bars : DataFrame
        One or several symbols; not changed.
    search, source
        As of ``wb.messages``.
    by : str
        ``"known"``: what was here by then. ``"published"``: what its source says was out, for
        history that was fetched later. Of each message the first edition that is here.
    score : callable, optional
        Makes a number of a message, in the place of its ``sentiment``; NaN is no opinion.
    settings : Settings, optional

    Returns
    -------
    DataFrame
        With ``messages``, how many there were, and ``sentiment``, the mean of those that
        have one, else NaN; ``attrs["messages"]`` tells what was asked.

    Raises
    ------
    UsageError
        The bars have these columns already, or as of ``wb.messages``.
    DataError
        A score is infinite or no number.

    Examples
    --------
    >>> import workbench as wb
    >>> _ = wb.note("Halt!", symbols=["MSFT"], published="2012-06-01 15:00", sentiment=-1)
    >>> bars = wb.bars("MSFT", start="2012-05-31", end="2012-06-05", source="sample")
    >>> with_messages(bars, by="published", search="halt")["sentiment"].tolist()
    [nan, -1.0, nan]
    >>> with_messages(bars)["messages"].tolist()  # nothing of it was known here then
    [0.0, 0.0, 0.0]
    """
    info = describe(bars)
    several = bars.columns.nlevels > 1
    fields = set(bars.columns.get_level_values(0)) if several else set(bars.columns)
    taken = fields & {"messages", "sentiment"}
    if taken:
        raise UsageError(f"the bars have a column {sorted(taken)[0]!r} already")
    names = info.symbols if several else (str(bars.attrs.get("symbol") or info.symbols[0]),)
    table = messages(
        list(names), search=search, source=source, by=by, editions=True, settings=settings
    )
    edges = _edges(bars, info.timeframe, info.calendar)
    made = bars.copy()
    found = as_messages(table)
    marks = [_mark(one, score) for one in found]
    for name in names:
        told: dict[tuple[str, str], tuple[int, float]] = {}
        for one, mark in zip(found, marks, strict=True):
            if name in one.symbols:  # the first edition that names it
                told.setdefault((one.source, one.vendor_id), (_row(edges, one, by), mark))
        columns = _columns(len(bars), told.values())
        for field, values in zip(("messages", "sentiment"), columns, strict=True):
            made[(field, name) if several else field] = values
    made.attrs = {
        **bars.attrs,
        "messages": {"by": by, "search": search, "source": source, "scored": score is not None},
        "fingerprint": fingerprint(made),
    }
    return made


class Told:
    """Messages in the order in which they came to be known, by the bars they belong to.

    Parameters
    ----------
    bars : DataFrame
    given : DataFrame or iterable of Message
        Of ``wb.messages``; with ``by="published"`` its attrs say so.
    """

    def __init__(self, bars: pd.DataFrame, given: pd.DataFrame | Iterable[Message]) -> None:
        info = describe(bars)
        by: By = given.attrs.get("by", "known") if isinstance(given, pd.DataFrame) else "known"
        edges = _edges(bars, info.timeframe, info.calendar)
        self._rows: dict[int, list[Message]] = {}
        for one in sorted(as_messages(given), key=lambda one: _time(one, by)):
            row = _row(edges, one, by)
            if 0 <= row < len(bars):
                self._rows.setdefault(row, []).append(one)

    def at(self, row: int) -> Sequence[Message]:
        """Return what came to be known with bar `row`, oldest first."""
        return self._rows.get(row, ())


def _edges(bars: pd.DataFrame, timeframe: str, calendar: str) -> np.ndarray:
    """Return when the first bar began, and when each is known, in nanoseconds."""
    index = pd.DatetimeIndex(bars.index)
    ends = np.maximum.accumulate(known_of(bars, timeframe, calendar).as_unit("ns").asi8)
    first = index[:1].as_unit("ns").asi8
    return np.concatenate([first, ends])


def _row(edges: np.ndarray, one: Message, by: By) -> int:
    """Return the first bar that is complete when a message is known; -1 is before all bars."""
    at = pd.Timestamp(_time(one, by)).as_unit("ns").value
    if at < edges[0]:
        return -1
    return int(np.searchsorted(edges[1:], at, side="left"))


def _time(one: Message, by: By) -> pd.Timestamp:
    if one.known is None:
        raise UsageError(f"the message {one.title[:60]!r} is not kept yet; see wb.note")
    return pd.Timestamp(one.at if by == "published" else one.known)


def _mark(one: Message, score: Score | None) -> float:
    told = one.sentiment if score is None else score(one)
    try:
        mark = np.nan if told is None else float(told)
    except (TypeError, ValueError):
        mark = np.inf
    if np.isinf(mark):
        raise DataError(f"the score of {one.title[:60]!r} is {told!r}, not a number", score=told)
    return mark


def _columns(length: int, told: Iterable[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    counts, sums, judged = np.zeros(length), np.zeros(length), np.zeros(length)
    for row, mark in told:
        if not 0 <= row < length:
            continue
        counts[row] += 1
        if not np.isnan(mark):
            sums[row] += mark
            judged[row] += 1
    mean = np.divide(sums, judged, out=np.full(length, np.nan), where=judged > 0)
    return counts, mean
