"""What the news of all vendors have in common: pages of messages, and rows made messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from workbench.core.message import Message
from workbench.venues.calls import garbled

__all__ = ["NewsSource", "instant", "page_rows"]

Rows = list[dict[str, Any]]


class NewsSource(Protocol):
    """A vendor's news, page by page, oldest first as far as the vendor can."""

    name: str

    def pages(
        self, symbols: Sequence[str], start: datetime, end: datetime
    ) -> Iterator[list[Message]]:
        """Yield what was published in ``start <= time < end``, each page as soon as it is there.

        A vendor may add what was edited then.

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
