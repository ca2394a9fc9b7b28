"""News from Alpaca, whose writer is Benzinga."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from workbench.config import Settings
from workbench.core.message import Message
from workbench.venues.alpaca.client import VENDOR, AlpacaData
from workbench.venues.calls import garbled
from workbench.venues.news import NewsPage, instant, page_rows, reached

__all__ = ["AlpacaNews", "story"]

_PAGE = 50
_NEEDED = {"id", "created_at", "headline"}


class AlpacaNews:
    """Headlines with their text; of an edited one the vendor has the last edition only.

    Parameters
    ----------
    settings : Settings
        ``alpaca_key`` and ``alpaca_secret``.
    """

    name = VENDOR

    def __init__(self, settings: Settings) -> None:
        self._data = AlpacaData(settings)

    def pages(self, symbols: Sequence[str], start: datetime, end: datetime) -> Iterator[NewsPage]:
        """Yield page after page, those whose last edition is oldest first."""
        own = {symbol.replace("/", ""): symbol for symbol in symbols}
        asked: dict[str, Any] = {
            "symbols": ",".join(own),
            "start": _text(start),
            "end": _text(end),
            "limit": _PAGE,
            "sort": "asc",
            "include_content": "true",
        }
        until = start
        while True:
            rows, token = self._data.read(("news", "/news"), asked, _page)
            found = [story(row, own) for row in rows]
            until = min(reached([one.at for one in found], until), end) if token else end
            stories = [one for one in found if one.at < end]  # it takes the end in
            yield NewsPage(stories, tuple(symbols), until)
            if not token:
                return
            asked = {**asked, "page_token": token}


def story(row: dict[str, Any], own: dict[str, str] | None = None) -> Message:
    """Return a row of the history or of the stream as a message.

    Parameters
    ----------
    own : dict, optional
        What we call a symbol of the vendor's, e.g. ``{"BTCUSD": "BTC/USD"}``.
    """
    symbols = row.get("symbols")
    if symbols is not None and not isinstance(symbols, list):
        raise garbled(VENDOR, "news whose symbols are no list")
    read = partial(instant, VENDOR)
    return Message(
        source=VENDOR,
        vendor_id=str(row["id"]),
        published=read(row["created_at"]),
        updated=read(row.get("updated_at") or row["created_at"]),
        symbols=tuple((own or {}).get(str(name), str(name)) for name in symbols or ()),
        title=str(row["headline"]),
        body=str(row.get("summary") or row.get("content") or ""),
        url=str(row.get("url") or ""),
        author=str(row.get("source") or ""),
    )


def _page(told: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    if "news" not in told or "next_page_token" not in told:
        raise garbled(VENDOR, "a page without news or next_page_token")
    rows = page_rows(VENDOR, told["news"] or [], _NEEDED)
    for row in rows:
        story(row)  # what cannot be read is asked for again here, inside the call
    if told["next_page_token"] and not rows:
        raise garbled(VENDOR, "a page without news that is not the last")
    return rows, told["next_page_token"]


def _text(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")
