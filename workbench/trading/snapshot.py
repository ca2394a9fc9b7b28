"""A ledger as text, and back: what a start reads instead of a long journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.core.fill import Fill
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.core.posting import Posting
from workbench.store.codec import decode, dump, encode
from workbench.trading.books import Books
from workbench.trading.kept import Kept, Settled
from workbench.trading.ledger import Ledger
from workbench.trading.parents import read_executions, write_executions
from workbench.trading.records import READERS, Verdicted
from workbench.trading.shares import Shares

__all__ = ["PARTS", "read_ledger", "write_ledger"]


def write_ledger(ledger: Ledger) -> str:
    """Return what of a ledger is in memory as canonical JSON."""
    return dump({name: write(getattr(ledger, name)) for name, (write, _) in PARTS.items()})


def read_ledger(text: str) -> Ledger:
    """Return the ledger that :func:`write_ledger` wrote.

    Raises
    ------
    ValueError, KeyError, TypeError
        Another version wrote it, or it is damaged.

    Examples
    --------
    >>> ledger = Ledger()
    >>> read_ledger(write_ledger(ledger)) == ledger
    True
    """
    parts = json.loads(text)
    if set(parts) != set(PARTS):
        raise ValueError("a snapshot of another version")
    return Ledger(**{name: read(parts[name]) for name, (_, read) in PARTS.items()})


def _values(kept: dict[Any, Any]) -> list[Any]:
    return [encode(value) for value in kept.values()]


def _reader(kind: type, key: Callable[[Any], Any]) -> Callable[[list[Any]], Kept[Any, Any]]:
    def read(plain: list[Any]) -> Kept[Any, Any]:
        values: list[Any] = [decode(kind, one, READERS) for one in plain]
        return Kept({key(value): value for value in values})

    return read


def _write_books(books: Books) -> dict[str, Any]:
    return {
        "cash": _money(books.cash), "positions": _values(books.positions),
        "fees": _money(books.fees),
    }  # fmt: skip


def _read_books(plain: dict[str, Any]) -> Books:
    positions = [_read_position(one) for one in plain["positions"]]
    return Books(
        _amounts(plain["cash"]),
        {position.symbol: position for position in positions},
        _amounts(plain["fees"]),
    )


def _read_position(plain: dict[str, str]) -> Position:
    words = {"symbol": plain.pop("symbol"), "currency": plain.pop("currency")}
    return Position(**words, **_amounts(plain))  # type: ignore[arg-type]


def _write_shares(shares: Shares) -> dict[str, Any]:
    books = {name: _write_books(one) for name, one in shares.books.items()}
    return {"opening": _money(shares.opening), "books": books}


def _read_shares(plain: dict[str, Any]) -> Shares:
    books = {name: _read_books(one) for name, one in plain["books"].items()}
    return Shares(_amounts(plain["opening"]), books)


def _money(amounts: dict[str, Decimal]) -> dict[str, str]:
    return {name: format(amount, "f") for name, amount in amounts.items()}


def _amounts(plain: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in plain.items()}


def _write_settled(settled: Settled) -> dict[str, Any]:
    return {
        "count": settled.count, "held": _money(settled.held), "filled": _money(settled.filled),
    }  # fmt: skip


def _read_settled(plain: dict[str, Any]) -> Settled:
    return Settled(plain["count"], _amounts(plain["held"]), _amounts(plain["filled"]))


def _same(value: Any) -> Any:
    return value


_Part = tuple[Callable[[Any], Any], Callable[[Any], Any]]
PARTS: dict[str, _Part] = {  # how each field of a Ledger is written and read
    "intents": (_values, _reader(Verdicted, lambda one: one.intent.intent_id)),
    "orders": (_values, _reader(Order, lambda one: one.order_id)),
    "fills": (_values, _reader(Fill, lambda one: (one.venue, one.execution_id))),
    "postings": (
        _values,
        lambda plain: dict(_reader(Posting, lambda one: (one.venue, one.posting_id))(plain)),
    ),
    "books": (_write_books, _read_books),
    "shares": (_write_shares, _read_shares),
    "updated": (
        lambda updated: {name: encode(time) for name, time in updated.items()},
        lambda plain: {name: datetime.fromisoformat(time) for name, time in plain.items()},
    ),
    "open": (list, dict.fromkeys),
    "cursors": (
        lambda cursors: [[*key, value] for key, value in cursors.items()],
        lambda plain: {(venue, stream): value for venue, stream, value in plain},
    ),
    "quarantined": (
        lambda since: {name: encode(time) for name, time in since.items()},
        lambda plain: {name: datetime.fromisoformat(time) for name, time in plain.items()},
    ),
    "halted": (dict, dict),
    "successors": (dict, dict),
    "replaces": (dict, dict),
    "synthetic": (
        lambda parts: {name: [list(key) for key in keys] for name, keys in parts.items()},
        lambda plain: {name: dict.fromkeys(map(tuple, keys)) for name, keys in plain.items()},
    ),
    "superseded": (
        lambda entries: [[*key, entry] for key, entry in entries.items()],
        lambda plain: {(venue, fill): entry for venue, fill, entry in plain},
    ),
    "executions": (write_executions, lambda plain: read_executions(plain, READERS)),
    "retired": (list, dict.fromkeys),
    "settled": (_write_settled, _read_settled),
    "is_opened": (_same, _same),
    "_splits": (
        lambda splits: [[count, encode(posting)] for count, posting in splits],
        lambda plain: [(count, decode(Posting, one, READERS)) for count, one in plain],
    ),
}
