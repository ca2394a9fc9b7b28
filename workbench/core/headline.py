"""A piece of news about symbols."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Headline"]


@dataclass(frozen=True, slots=True)
class Headline:
    """What somebody wrote about some symbols.

    Parameters
    ----------
    news_id : str
        The vendor's own; it is told again where it was changed.
    time : datetime
        Aware, UTC: when it could be read.
    symbols : tuple of str
    title, text : str
    source, url : str
    published : datetime, optional
        When its first edition came out, where this one is an edit.
    """

    news_id: str
    time: datetime
    symbols: tuple[str, ...]
    title: str
    text: str = ""
    source: str = ""
    url: str = ""
    published: datetime | None = None
