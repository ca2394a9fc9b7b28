"""Text as the journal's tables take it: what others send may be longer, or hold what none stores.

PostgreSQL refuses a NUL and what is longer than its column, SQLite neither; so that a book
is the same in both, what either would refuse is written otherwise in both. The entries'
bodies are JSON and keep every text as it was.
"""

from __future__ import annotations

import hashlib

__all__ = ["KEY", "LONG", "SHORT", "TINY", "key_text", "plain_text"]

LONG, KEY, SHORT, TINY = 128, 64, 32, 12
"""The sizes of the columns that hold such text."""

_DIGITS = 16


def plain_text(text: str) -> str:
    """Return text without what cannot be stored: a NUL, half a character.

    Examples
    --------
    >>> plain_text("no" + chr(0) + "order") == "no" + chr(92) + "x00order"
    True
    """
    if text.isprintable():
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def key_text(text: str, size: int = KEY) -> str:
    """Return text for a column of a size; what had to be changed is told apart by its digest.

    Given what it returned, it returns the same.

    Examples
    --------
    >>> key_text("o-1"), len(key_text("o" * 65))
    ('o-1', 64)
    """
    if len(text) <= size and text.isprintable():
        return text
    plain = plain_text(text)
    if plain == text and len(text) <= size:
        return text
    digits = min(_DIGITS, size // 2)
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{plain[: size - digits - 1]}~{mark}"
