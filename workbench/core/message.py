"""What somebody wrote about some symbols: a piece of news, or a note of our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["NOTES", "Message"]

NOTES = "note"
"""The source of what we wrote ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in one of its editions.

    Three times belong to it. It was `published` when its author gave it out; this edition
    was `updated` by him then, which for a first edition is the same; and it is `known` to us
    since it came here. What a decision may use is what was known.

    Parameters
    ----------
    source : str
        Who told us: a vendor's name, or ``"note"``.
    vendor_id : str
        The source's own name for it; a later edition has the same.
    published : datetime
        Aware, UTC.
    symbols : tuple of str
        Whom it is about; may be empty.
    title, body : str
        What it says.
    url, author : str
        Where it stands, and who wrote it.
    sentiment : float, optional
        From -1 (bad) to 1 (good), where somebody judged it.
    updated : datetime, optional
        When this edition was given out.
    known : datetime, optional
        Since when it is here; None while it is not.
    edition : int
        1 is the first that came here.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2024, 5, 2, 20, 30, tzinfo=UTC)
    >>> Message(source="note", vendor_id="n1", published=at, symbols=("AAPL",), title="Buyback").at
    datetime.datetime(2024, 5, 2, 20, 30, tzinfo=datetime.timezone.utc)
    """

    source: str
    vendor_id: str
    published: datetime
    symbols: tuple[str, ...]
    title: str
    body: str = ""
    url: str = ""
    author: str = ""
    sentiment: float | None = None
    updated: datetime | None = None
    known: datetime | None = None
    edition: int = 1

    @property
    def at(self) -> datetime:
        """When the source gave out this edition."""
        return self.updated or self.published

    @property
    def content(self) -> tuple[object, ...]:
        """What makes one edition differ from another."""
        return (self.title, self.body, self.url, self.author, self.sentiment)
