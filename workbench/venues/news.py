"""What the news of all vendors have in common: pages of messages, and rows made messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol

from workbench.core.message import Message
from workbench.venues.calls import garbled

__all__ = ["NewsPage", "NewsSource", "instant", "page_rows", "reached"]

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class NewsPage:
    """News of one request, and how far those of some symbols are here with it.

    Parameters
    ----------
    stories : list of Message
    symbols : tuple of str
        Whose news the vendor was asked for.
    until : datetime
        All news of these symbols from the start asked for up to here, which is exclusive, have
        come with this page and those before it.
    """

    stories: list[Message]
    symbols: tuple[str, ...]
    until: datetime


class NewsSource(Protocol):
    """A vendor's news, page by page, oldest first as far as the vendor can."""

    name: str

    def pages(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsPage]:
        """Yield what was published in ``start <= time < end``, each page as soon as it is there.

        A vendor may add what was edited then. The last page of a symbol reaches to `end`.

        Raises
        ------
        UsageError, DataError, UnavailableError
            As `workbench.venues.calls.Line.read`; `DataError` also for rows that are no news.
        """


def page_rows(vendor: str, told: Any, needed: set[str]) -> Rows:
    """Return the rows of an answer, each of which has what is needed.

    Raises
    ------
    DataError
        It is no list of such rows; the read is tried again.
    """
    if not isinstance(told, list):
        raise garbled(vendor, "no list of news")
    for row in told:
        if not isinstance(row, dict) or any(row.get(name) is None for name in needed):
            raise garbled(vendor, f"news without {', '.join(sorted(needed))}")
    return told


def reached(times: Sequence[datetime], before: datetime) -> datetime:
    """Return how far a page that is not the last one reaches: to its last story.

    Where its stories are not oldest first, it says nothing of what is still to come, and it is
    `before`, where the page before it came to.

    Examples
    --------
    >>> first, second = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)
    >>> reached([first, second], first).day, reached([second, first], first).day
    (2, 1)
    """
    is_ordered = all(one <= other for one, other in pairwise((before, *times)))
    return times[-1] if times and is_ordered else before


def instant(vendor: str, told: Any) -> datetime:
    """Read a time as vendors write it: ISO 8601, or seconds since 1970.

    Examples
    --------
    >>> instant("polygon", "2022-04-28T17:08:00Z") == instant("finnhub", 1651165680)
    True
    """
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            return datetime.fromtimestamp(told, UTC)
        found = datetime.fromisoformat(str(told))
    except (ValueError, OverflowError, OSError):
        raise garbled(vendor, "news with a time that is none") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
