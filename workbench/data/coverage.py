"""Which spans of time are stored, which are missing, and how pieces are joined.

A span is ``(start, end)`` of ISO 8601 texts in UTC, ``start <= time < end``; None is open.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

__all__ = ["Span", "add", "cut", "gaps", "join", "span"]

Span = tuple[str | None, str | None]

_FIRST, _LAST = pd.Timestamp.min.value, pd.Timestamp.max.value


def span(start: pd.Timestamp | None, end: pd.Timestamp | None) -> Span:
    """Return a span of two instants."""
    return (
        start.isoformat() if start is not None else None,
        end.isoformat() if end is not None else None,
    )


def gaps(covered: Iterable[Span], wanted: Span) -> list[Span]:
    """Return what of `wanted` is not covered, oldest first.

    Examples
    --------
    >>> gaps([("2020-01-01", "2021-01-01")], ("2019-01-01", None))
    [('2019-01-01T00:00:00+00:00', '2020-01-01T00:00:00+00:00'),
     ('2021-01-01T00:00:00+00:00', None)]
    """
    at, end = _numbers(wanted)
    missing = []
    for low, high in sorted(map(_numbers, covered)):
        if low > at and at < end:
            missing.append(_texts(at, min(low, end)))
        at = max(at, high)
    if at < end:
        missing.append(_texts(at, end))
    return missing


def add(covered: Iterable[Span], new: Span) -> tuple[Span, ...]:
    """Return the spans with `new` among them, those that touch made one.

    Examples
    --------
    >>> add([(None, "2020-01-01")], ("2020-01-01", "2021-01-01"))
    ((None, '2021-01-01T00:00:00+00:00'),)
    """
    merged: list[tuple[int, int]] = []
    for low, high in sorted([*map(_numbers, covered), _numbers(new)]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low < high:
            merged.append((low, high))
    return tuple(_texts(low, high) for low, high in merged)


def cut(bars: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.DataFrame:
    """Return the bars with ``start <= time < end``."""
    first = 0 if start is None else int(bars.index.searchsorted(start, side="left"))
    last = len(bars) if end is None else int(bars.index.searchsorted(end, side="left"))
    return bars.iloc[first:last]


def join(stored: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Return both, in order; where both have a bar, the stored one stays."""
    added = fresh[~fresh.index.isin(stored.index)]
    if not len(added):
        return stored
    if not len(stored):
        return added
    pieces = [piece.copy(deep=False) for piece in (stored, added)]
    for piece in pieces:
        piece.attrs = {}
    return pd.concat(pieces).sort_index()


def _numbers(pair: Span) -> tuple[int, int]:
    start, end = pair
    return (_FIRST if start is None else _nano(start), _LAST if end is None else _nano(end))


def _nano(text: str) -> int:
    stamp = pd.Timestamp(text)
    utc = stamp.tz_localize("UTC") if stamp.tz is None else stamp
    return int(utc.as_unit("ns").value)


def _texts(low: int, high: int) -> Span:
    return (None if low <= _FIRST else _text(low), None if high >= _LAST else _text(high))


def _text(nano: int) -> str:
    return pd.Timestamp(nano, tz="UTC").isoformat()
