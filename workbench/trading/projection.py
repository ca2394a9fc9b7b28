"""The journal's projections: what orders, fills, positions and cash look like as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from workbench.core.fill import Fill
from workbench.core.order import Order, Protection
from workbench.core.position import Position
from workbench.store import tables
from workbench.store.codec import text
from workbench.store.columns import DecimalText, UtcTime
from workbench.trading.chain import Entry
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record, Verdicted, chain_text
from workbench.trading.texts import KEY, LONG, SHORT, TINY, key_text, plain_text

__all__ = ["PROJECTIONS", "Rows", "folded", "insert_entries", "project", "projected", "projections"]

Rows = list[tuple[Table, list[dict[str, Any]]]]
"""Rows by table, in an order in which they may be written."""

PROJECTIONS = (
    tables.intents,
    tables.orders,
    tables.fills,
    tables.positions,
    tables.cash,
    tables.cursors,
)
"""In an order in which rows may be written: fills refer to their orders."""

_STATES = (tables.orders, tables.positions, tables.cash, tables.cursors, tables.snapshots)
_money, _instant = DecimalText(), UtcTime()


def projected(book: str, records: Iterable[tuple[int, Record]], ledger: Ledger) -> Rows:
    """Return the rows that numbered records change; `ledger` has them applied, and no more."""
    touched: dict[str, None] = {}
    symbols: dict[str, None] = {}
    intents, fills, cursors, money = [], [], {}, False
    for seq, record in records:
        kind, value = record.kind, record.value
        money = money or kind in (Kind.OPENED, Kind.POSTING)
        if kind is Kind.POSTING and value.symbol in ledger.books.positions:
            symbols[value.symbol] = None
        elif kind is Kind.INTENT:
            intents.append(_intent_row(value))
        elif kind is Kind.CURSOR:
            cursors[value["venue"], value["stream"]] = _cursor_row(**value)
        elif kind in (Kind.ORDER, Kind.EVENT, Kind.FILL):
            touched[value.order_id] = None
        if kind is Kind.FILL:
            fills.append({**_fill_row(value.fill), "seq": seq})
            symbols[value.fill.symbol] = None
    books = ledger.books
    found = (
        (tables.intents, intents),
        (tables.orders, [_order_row(ledger.orders[k], ledger.updated[k]) for k in touched]),
        (tables.fills, fills),
        (tables.positions, [_position_row(books.positions[s]) for s in symbols]),
        (tables.cash, _cash_rows(ledger) if money or fills else []),
        (tables.cursors, list(cursors.values())),
    )
    for _, rows in found:
        for row in rows:
            row["book"] = book
    return [(table, rows) for table, rows in found if rows]


def project(connection: Connection, rows: Rows) -> None:
    """Write what :func:`projected` returned."""
    for table, some in rows:
        insert_rows(connection, table, some)


def projections(connection: Connection, book: str) -> dict[str, list[dict[str, Any]]]:
    """Return a book's rows by table, without the book's name, in the order of their keys."""
    found = {}
    for table in PROJECTIONS:
        keys = list(table.primary_key.columns)
        rows = connection.execute(select(table).where(table.c.book == book).order_by(*keys))
        found[table.name] = [
            {k: v for k, v in row.items() if k not in ("book", "seq", "ts")}
            for row in rows.mappings()
        ]
    return found


def folded(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    """Return what :func:`projections` must return after the entries of `ledger`."""
    rows = {
        "intents": [_intent_row(judged) for judged in ledger.intents.values()],
        "orders": [_order_row(o, ledger.updated[o.order_id]) for o in ledger.orders.values()],
        "fills": [_fill_row(fill) for fill in ledger.fills.values()],
        "positions": [_position_row(p) for p in ledger.books.positions.values()],
        "cash": _cash_rows(ledger),
        "cursors": [
            _cursor_row(venue, stream, value) for (venue, stream), value in ledger.cursors.items()
        ],
    }
    for table in PROJECTIONS:
        keys = [column.name for column in table.primary_key.columns if column.name != "book"]
        plain = [{k: v for k, v in row.items() if k != "ts"} for row in rows[table.name]]
        rows[table.name] = sorted(plain, key=_by(keys))
    return rows


def insert_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Insert entries of the journal."""
    sql, names = _statement(connection.dialect.name, tables.events)
    if names == Entry._fields:
        connection.exec_driver_sql(sql, list(entries))
    else:
        insert_rows(connection, tables.events, [entry._asdict() for entry in entries])


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those of a table that holds a present state take the place of older ones."""
    sql, names = _statement(connection.dialect.name, table)
    if names is None:
        plain: Any = [{name: _plain(value) for name, value in row.items()} for row in rows]
    else:
        read = itemgetter(*names)
        plain = [tuple([v if type(v) in _BARE else _plain(v) for v in read(row)]) for row in rows]
    connection.exec_driver_sql(sql, plain)


def _by(keys: list[str]) -> Callable[[dict[str, Any]], list[Any]]:
    return lambda row: [row[key] for key in keys]


@cache
def _statement(dialect: str, table: Table) -> tuple[str, tuple[str, ...] | None]:
    # made once: most of the time of a small transaction went into making it anew
    is_server = dialect == "postgresql"
    statement = postgresql.insert(table) if is_server else sqlite.insert(table)
    if table in _STATES:
        keys = [c.name for c in table.primary_key.columns]
        others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
    words = postgresql.dialect() if is_server else sqlite.dialect()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=words)
    return str(compiled), tuple(compiled.positiontup) if compiled.positiontup else None


_BARE = {str, int, type(None)}


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is Decimal:
        return _money.process_bind_param(value, None)
    return _written(value) if kind is datetime else value


@lru_cache(256)
def _written(value: datetime) -> str | None:
    return _instant.process_bind_param(value, None)


def _intent_row(judged: Verdicted) -> dict[str, Any]:
    return {
        "intent_id": key_text(judged.intent.intent_id),
        "ts": judged.intent.decided_at,
        "outcome": judged.outcome,
        "body": text(judged.intent),
        "verdicts": f'{{"chain":{chain_text(judged.verdicts)}}}',
    }


def _order_row(order: Order, updated: datetime) -> dict[str, Any]:
    protection = order.protection or Protection()
    return {
        "order_id": key_text(order.order_id),
        "run_id": key_text(order.run_id),
        "strategy": key_text(order.strategy, LONG),
        "symbol": key_text(order.symbol),
        "side": order.side.value,
        "type": order.type.value,
        "decided_at": order.decided_at,
        "quantity": order.quantity,
        "target": order.target,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "tif": order.tif.value,
        "protection_loss": protection.loss,
        "protection_profit": protection.profit,
        "protection_trail": protection.trail,
        "reduce_only": int(order.reduce_only),
        "state": order.state.value,
        "filled": order.filled,
        "average_price": order.average_price,
        "venue_order_id": _or_none(order.venue_order_id, LONG),
        "parent_id": _or_none(order.parent_id),
        "reason": plain_text(order.reason),
        "updated": updated,
    }


def _fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "venue": key_text(fill.venue, SHORT),
        "execution_id": key_text(fill.execution_id, LONG),
        "order_id": key_text(fill.order_id),
        "symbol": key_text(fill.symbol),
        "side": fill.side.value,
        "quantity": fill.quantity,
        "price": fill.price,
        "fee": fill.fee,
        "fee_currency": key_text(fill.fee_currency, TINY),
        "slippage": fill.slippage,
        "time": fill.time,
        "currency": key_text(fill.currency, TINY),
        "reverses": _or_none(fill.reverses, LONG),
    }


def _position_row(position: Position) -> dict[str, Any]:
    return {
        "symbol": key_text(position.symbol),
        "quantity": position.quantity,
        "average_price": position.average_price,
        "realised": position.realised,
        "fees": position.fees,
    }


def _cash_rows(ledger: Ledger) -> list[dict[str, Any]]:
    return [
        {"currency": key_text(currency, TINY), "amount": amount}
        for currency, amount in ledger.books.cash.items()
    ]


def _cursor_row(venue: str, stream: str, value: str) -> dict[str, Any]:
    names = {"venue": key_text(venue, SHORT), "stream": key_text(stream, SHORT)}
    return {**names, "value": key_text(value)}


def _or_none(text: str | None, size: int = KEY) -> str | None:
    return None if text is None else key_text(text, size)
