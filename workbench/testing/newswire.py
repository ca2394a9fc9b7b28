"""News as Polygon, Alpaca and Finnhub write them, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from workbench.core.message import Message
from workbench.testing.wire import Asked, Reply

__all__ = ["alpaca_news", "finnhub_news", "polygon_news"]

_MOODS = {1.0: "positive", 0.0: "neutral", -1.0: "negative"}
_CUT = 250


def alpaca_news(stories: Sequence[Message], page: int, asked: Asked) -> Reply:
    """Answer ``/v1beta1/news``: by the time of the last edition, with a token."""
    start, end = (datetime.fromisoformat(asked.query[name]) for name in ("start", "end"))
    wanted = set(asked.query["symbols"].split(","))
    rows = [
        {
            "id": int(one.vendor_id), "headline": one.title, "author": "", "source": one.author,
            "created_at": _text(one.published), "updated_at": _text(one.at),
            "summary": one.body, "content": "", "url": one.url, "images": [],
            "symbols": [symbol.replace("/", "") for symbol in one.symbols],
        }
        for one in sorted(stories, key=lambda one: one.at)
        if start <= one.at <= end and wanted & {name.replace("/", "") for name in one.symbols}
    ]  # fmt: skip
    skip = int(asked.query.get("page_token", 0))
    size = min(page, int(asked.query["limit"]))
    token = str(skip + size) if skip + size < len(rows) else None
    return Reply({"news": rows[skip : skip + size], "next_page_token": token})


def polygon_news(stories: Sequence[Message], page: int, asked: Asked) -> Reply:
    """Answer ``/v2/reference/news``: of one ticker, with the address of the next page."""
    query = asked.query
    start, end = (datetime.fromisoformat(query[f"published_utc.{n}"]) for n in ("gte", "lt"))
    ticker = query["ticker"]
    rows = [
        {
            "id": one.vendor_id, "publisher": {"name": one.author}, "title": one.title,
            "author": "", "published_utc": _text(one.published), "article_url": one.url,
            "tickers": [_ticker(name) for name in one.symbols], "description": one.body,
            **_insights(one),
        }
        for one in sorted(stories, key=lambda one: one.published)
        if start <= one.published < end and ticker in map(_ticker, one.symbols)
    ]  # fmt: skip
    skip = int(query.get("cursor", 0))
    size = min(page, int(query["limit"]))
    told: dict[str, Any] = {"results": rows[skip : skip + size], "status": "OK", "count": size}
    if skip + size < len(rows):
        kept = "&".join(f"{k}={v}" for k, v in query.items() if k != "cursor")
        told["next_url"] = f"https://api.polygon.io{asked.path}?{kept}&cursor={skip + size}"
    return Reply(told)


def finnhub_news(stories: Sequence[Message], asked: Asked) -> Reply:
    """Answer ``/company-news``: of whole days, the newest first, and no more than so many."""
    first, last, symbol = (asked.query[name] for name in ("from", "to", "symbol"))
    rows = [
        {
            "category": "company", "datetime": int(one.published.timestamp()),
            "headline": one.title, "id": int(one.vendor_id), "image": "", "related": symbol,
            "source": one.author, "summary": one.body, "url": one.url,
        }
        for one in sorted(stories, key=lambda one: one.published, reverse=True)
        if symbol in one.symbols and first <= f"{one.published:%Y-%m-%d}" <= last
    ]  # fmt: skip
    return Reply(rows[:_CUT])


def _ticker(symbol: str) -> str:
    return f"X:{symbol.replace('/', '')}" if "/" in symbol else symbol


def _insights(one: Message) -> dict[str, Any]:
    if one.sentiment is None:
        return {}
    word = _MOODS[one.sentiment]
    return {"insights": [{"ticker": name, "sentiment": word} for name in one.symbols]}


def _text(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
