"""News from Polygon (Massive), with what it thinks of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from workbench.config import Settings
from workbench.core.message import Message
from workbench.venues.calls import garbled
from workbench.venues.news import NewsPage, instant, page_rows, reached
from workbench.venues.polygon.client import PolygonClient
from workbench.venues.polygon.history import ticker_of

__all__ = ["PolygonNews"]

VENDOR = "polygon"
_PAGE = 1000
_NEEDED = {"id", "published_utc", "title"}
_MOODS = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}


class PolygonNews:
    """Headlines with their descriptions; the sentiment is the mean over the tickers named.

    Parameters
    ----------
    settings : Settings
        ``polygon_key``.
    """

    name = VENDOR

    def __init__(self, settings: Settings) -> None:
        self._client = PolygonClient(settings)

    def pages(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsPage]:
        """Yield page after page of one symbol after the other, oldest first."""
        own = {ticker_of(symbol): symbol for symbol in symbols}
        for ticker, symbol in own.items():
            until = start
            path: str | None = "/v2/reference/news"
            asked: dict[str, Any] | None = {
                "ticker": ticker,
                "published_utc.gte": _text(start),
                "published_utc.lt": _text(end),
                "order": "asc",
                "sort": "published_utc",
                "limit": _PAGE,
            }
            while path:
                rows, path = self._client.read(path, asked, _page)
                asked = None
                stories = [_story(row, own) for row in rows]
                until = reached([one.published for one in stories], until) if path else end
                yield NewsPage(stories, (symbol,), until)


def _page(told: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    rows = page_rows(VENDOR, told.get("results"), _NEEDED)
    for row in rows:
        _story(row, {})  # what cannot be read is asked for again here, inside the call
    if told.get("next_url") and not rows:
        raise garbled(VENDOR, "a page without news that is not the last")
    return rows, told.get("next_url")


def _story(row: dict[str, Any], own: dict[str, str]) -> Message:
    tickers, publisher = row.get("tickers") or [], row.get("publisher") or {}
    if not isinstance(tickers, list) or not isinstance(publisher, dict):
        raise garbled(VENDOR, "news whose tickers or publisher cannot be read")
    return Message(
        source=VENDOR,
        vendor_id=str(row["id"]),
        published=instant(VENDOR, row["published_utc"]),
        symbols=tuple(own.get(str(name), str(name)) for name in tickers),
        title=str(row["title"]),
        body=str(row.get("description") or ""),
        url=str(row.get("article_url") or ""),
        author=str(publisher.get("name") or row.get("author") or ""),
        sentiment=_mood(row.get("insights")),
    )


def _mood(insights: Any) -> float | None:
    rows = insights if isinstance(insights, list) else []
    told = [_MOODS.get(str(row.get("sentiment"))) for row in rows if isinstance(row, dict)]
    known = [mood for mood in told if mood is not None]
    return sum(known) / len(known) if known else None


def _text(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")
