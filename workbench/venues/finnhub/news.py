"""News of companies from Finnhub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from workbench.config import Settings
from workbench.core.message import Message
from workbench.errors import UsageError
from workbench.venues.finnhub.client import VENDOR, open_client
from workbench.venues.news import NewsPage, instant, page_rows

__all__ = ["FinnhubNews"]

_WEEK = 7
_FULL = 200  # an answer this long may have been cut: the newest come first
_NEEDED = {"id", "datetime", "headline"}
_DAY = timedelta(days=1)


class FinnhubNews:
    """Headlines with their summaries, of stocks, asked for by the week.

    Parameters
    ----------
    settings : Settings
        ``finnhub_key``.
    """

    name = VENDOR

    def __init__(self, settings: Settings) -> None:
        self._line, self._client = open_client(settings)

    def pages(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsPage]:
        """Yield the news of span after span of one symbol after the other."""
        for symbol in symbols:
            if ":" in symbol or "/" in symbol:
                raise UsageError(
                    f"source 'finnhub' has news of stocks, as AAPL, not of {symbol!r}",
                    symbol=symbol,
                    source=VENDOR,
                )
            first, last = start.date(), (end - timedelta(microseconds=1)).date()
            while first <= last:
                days = min(_WEEK, (last - first).days + 1)
                rows, days = self._span(symbol, first, days)
                found = sorted((_story(row, symbol) for row in rows), key=lambda one: one.published)
                first += days * _DAY
                until = min(datetime.combine(first, time(), UTC), end)
                stories = [one for one in found if start <= one.published < end]
                yield NewsPage(stories, (symbol,), until)

    def _span(self, symbol: str, first: date, days: int) -> tuple[list[dict[str, Any]], int]:
        """Return the news of so many days, or of fewer where there are too many for an answer."""
        while True:
            until = first + (days - 1) * _DAY
            rows = self._line.read(lambda until=until: self._once(symbol, first, until))  # type: ignore[misc]
            if len(rows) < _FULL or days == 1:
                return rows, days
            days = max(1, days // 2)

    def _once(self, symbol: str, first: date, last: date) -> list[dict[str, Any]]:
        told = self._client.company_news(symbol, _from=f"{first}", to=f"{last}")
        rows = page_rows(VENDOR, told, _NEEDED)
        for row in rows:
            _story(row, symbol)  # what cannot be read is asked for again here, inside the call
        return rows


def _story(row: dict[str, Any], symbol: str) -> Message:
    related = [name for name in str(row.get("related") or "").split(",") if name]
    return Message(
        source=VENDOR,
        vendor_id=str(row["id"]),
        published=instant(VENDOR, row["datetime"]),
        symbols=tuple(dict.fromkeys([symbol, *related])),
        title=str(row["headline"]),
        body=str(row.get("summary") or ""),
        url=str(row.get("url") or ""),
        author=str(row.get("source") or ""),
    )
