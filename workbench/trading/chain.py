"""The chain of the journal's entries: each carries the hash of the one before it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from workbench.errors import InvariantError
from workbench.store.columns import UtcTime
from workbench.trading.records import Record
from workbench.trading.texts import key_text

__all__ = ["START", "Entry", "Head", "check", "digest", "link"]

_instant = UtcTime()


class Head(NamedTuple):
    """Where a chain ends: the number and the hash of its last entry."""

    seq: int
    hash: str


START = Head(0, "0" * 64)
"""Where every chain begins."""


class Entry(NamedTuple):
    """A row of the journal, as the database has it."""

    seq: int
    ts: str
    epoch: int
    book: str
    kind: str
    order_id: str | None
    body: str
    prev: str
    hash: str

    def record(self) -> Record:
        """Return what it says."""
        return Record.read(self.kind, self.body, self.order_id)


def link(head: Head, now: datetime, epoch: int, book: str, record: Record) -> Entry:
    """Return a record as the entry that follows `head`.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.trading.records import Kind
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> entry = link(START, at, 1, "desk", Record(Kind.NOTE, {"text": "hello"}))
    >>> check(entry, START) == Head(1, entry.hash)
    True
    """
    ts, at = _stamped(now)
    whose = record.order_id and key_text(record.order_id)
    said = (
        head.seq + 1, ts, epoch, book, record.kind.value, whose, record.body(), head.hash,
    )  # fmt: skip
    return Entry(*said, digest(_text_of(said, at)))


def check(entry: Entry, before: Head) -> Head:
    """Return the head after an entry.

    Raises
    ------
    InvariantError
        It is not what was written after `before`.
    """
    if (entry.seq, entry.prev) != (before.seq + 1, before.hash) or entry.hash != _hash_of(
        entry[:-1]
    ):
        raise InvariantError(
            f"journal entry {entry.seq} is not what was written (expected entry "
            f"{before.seq + 1} after {before.hash[:12]}…); restore the database from a backup",
            seq=entry.seq,
        )
    return Head(entry.seq, entry.hash)


def digest(text: str) -> str:
    """Return the fingerprint of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


_Said = tuple[int, str, int, str, str, str | None, str, str]


def _hash_of(said: _Said) -> str:
    ts = said[1]
    if (len(ts), ts[10:11], ts[-1:]) != (27, "T", "Z"):
        return ""
    return digest(_text_of(said, _as_printed(ts)))


@lru_cache(16)
def _stamped(now: datetime) -> tuple[str, str]:
    ts = _instant.process_bind_param(now, None) or ""
    return ts, _as_printed(ts)


def _as_printed(ts: str) -> str:
    # the instant goes in as Python prints it, as it has from the first journal on
    fraction = "" if ts[19:] == ".000000Z" else ts[19:-1]
    return f"{ts[:10]} {ts[11:19]}{fraction}+00:00"


def _text_of(said: _Said, at: str) -> str:
    seq, _, epoch, book, kind, order_id, body, prev = said
    whose = repr(order_id) if order_id == "None" else order_id  # the word is not the absence
    return f"{seq}|{at}|{epoch}|{book}|{kind}|{whose}|{body}|{prev}"
