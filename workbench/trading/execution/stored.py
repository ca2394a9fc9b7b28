"""Parents as the journal has them, for whoever looks on from another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from workbench.core.money import ZERO
from workbench.core.parent import Parent, ParentState
from workbench.store import tables
from workbench.trading.records import Kind, Record, Verdicted

__all__ = ["StoredParent", "stored_parent", "stored_parents"]

_events = tables.events


@dataclass(frozen=True)
class StoredParent:
    """A parent, where it is, and what was asked for it.

    Parameters
    ----------
    parent : Parent
    book : str
    state : ParentState
    reason : str
        Why it is in that state.
    filled : Decimal
        Units.
    parts : tuple of Verdicted
        Oldest first, refused ones included.
    moves : tuple of (datetime, ParentState, str)
        When it came to which state, and why.
    """

    parent: Parent
    book: str
    state: ParentState = ParentState.RUNNING
    reason: str = ""
    filled: Decimal = ZERO
    parts: tuple[Verdicted, ...] = ()
    moves: tuple[tuple[datetime, ParentState, str], ...] = field(default_factory=tuple)


def stored_parent(
    connection: Connection, algo_id: str, book: str | None = None
) -> StoredParent | None:
    """Return a parent by its id; None where no journal here has one."""
    rows = connection.execute(_asked(book).where(_events.c.order_id == algo_id)).all()
    return next(iter(_read(connection, rows)), None)


def stored_parents(
    connection: Connection, book: str | None = None, *, over: bool = False
) -> list[StoredParent]:
    """Return the parents of a book, or of all, oldest first.

    Parameters
    ----------
    over : bool
        Whether also those that are over.
    """
    rows = connection.execute(_asked(book)).all()
    ended = {
        row.order_id
        for row in rows
        if row.kind == Kind.PARENT_EVENT.value and _event_state(row.body, row.order_id).is_over
    }
    return _read(connection, [row for row in rows if over or row.order_id not in ended])


def _asked(book: str | None) -> Select[Any]:
    columns = _events.c
    asked = (
        select(columns.seq, columns.book, columns.kind, columns.order_id, columns.body)
        .where(columns.kind.in_((Kind.PARENT.value, Kind.PARENT_EVENT.value)))
        .order_by(columns.seq)
    )
    return asked if book is None else asked.where(columns.book == book)


def _event_state(body: str, order_id: str | None) -> ParentState:
    state: ParentState = Record.read(Kind.PARENT_EVENT.value, body, order_id).value.to
    return state


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[StoredParent]:
    found = []
    for row in rows:
        if row.kind != Kind.PARENT.value:
            continue
        parent: Parent = Record.read(row.kind, row.body, row.order_id).value
        moves = [
            Record.read(one.kind, one.body, one.order_id).value
            for one in rows
            if one.kind == Kind.PARENT_EVENT.value
            and (one.book, one.order_id) == (row.book, parent.algo_id)
        ]
        state, reason = ParentState.RUNNING, ""
        for move in moves:
            kept = reason if move.to is ParentState.CANCELED else ""
            state, reason = move.to, move.reason or kept
        parts = _parts(connection, row.book, parent.algo_id, row.seq)
        found.append(
            StoredParent(
                parent=parent, book=row.book, state=state, reason=reason,
                filled=_filled(connection, row.book, [one.intent.intent_id for one in parts]),
                parts=tuple(parts),
                moves=tuple((one.time, one.to, one.reason) for one in moves),
            )
        )  # fmt: skip
    return found


def _parts(connection: Connection, book: str, algo_id: str, since: int) -> list[Verdicted]:
    columns = _events.c
    asked = (
        select(columns.kind, columns.body, columns.order_id)
        .where(columns.seq > since, columns.book == book, columns.kind == Kind.INTENT.value)
        .where(columns.body.contains(f'"algo_id":"{algo_id}"', autoescape=True))
        .order_by(columns.seq)
    )
    found = [Record.read(*row).value for row in connection.execute(asked)]
    return [one for one in found if one.intent.slice and one.intent.slice.algo_id == algo_id]


def _filled(connection: Connection, book: str, names: list[str]) -> Decimal:
    orders, total = tables.orders, ZERO
    for at in range(0, len(names), 500):
        asked = select(orders.c.filled).where(
            orders.c.book == book, orders.c.order_id.in_(names[at : at + 500])
        )
        total = sum(connection.execute(asked).scalars(), total)
    return total
