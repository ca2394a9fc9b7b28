"""The journal's projections: what orders, fills, positions and cash look like as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from workbench.core.fill import Fill
from workbench.core.order import Order, Protection
from workbench.core.position import Position
from workbench.store import tables
from workbench.store.codec import dump, encode
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record, Verdicted

__all__ = ["PROJECTIONS", "folded", "project", "projections"]

PROJECTIONS = (tables.intents, tables.orders, tables.fills, tables.positions, tables.cash)
"""In an order in which rows may be written: fills refer to their orders."""


def project(
    connection: Connection, book: str, records: Iterable[tuple[int, Record]], ledger: Ledger
) -> None:
    """Write what numbered records changed; `ledger` has them applied already."""
    touched: dict[str, None] = {}
    symbols: dict[str, None] = {}
    intents, fills, money = [], [], False
    for seq, record in records:
        money = money or record.kind in (Kind.OPENED, Kind.POSTING)
        if record.kind is Kind.POSTING and record.value.symbol in ledger.books.positions:
            symbols[record.value.symbol] = None
        if record.kind is Kind.INTENT:
            intents.append(_intent_row(record.value))
        elif record.kind in (Kind.ORDER, Kind.EVENT, Kind.FILL):
            touched[record.value.order_id] = None
        if record.kind is Kind.FILL:
            fills.append({**_fill_row(record.value.fill), "seq": seq})
            symbols[record.value.fill.symbol] = None
    books = ledger.books
    for table, rows in (
        (tables.intents, intents),
        (tables.orders, [_order_row(ledger.orders[k], ledger.updated[k]) for k in touched]),
        (tables.fills, fills),
        (tables.positions, [_position_row(books.positions[s]) for s in symbols]),
        (tables.cash, _cash_rows(ledger) if money or fills else []),
    ):
        if rows:
            _upsert(connection, table, [{"book": book, **row} for row in rows])


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
    }
    for table in PROJECTIONS:
        keys = [column.name for column in table.primary_key.columns if column.name != "book"]
        plain = [{k: v for k, v in row.items() if k != "ts"} for row in rows[table.name]]
        rows[table.name] = sorted(plain, key=_by(keys))
    return rows


def _by(keys: list[str]) -> Callable[[dict[str, Any]], list[Any]]:
    return lambda row: [row[key] for key in keys]


def _upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    connection.execute(_statement(connection.dialect.name, table), rows)


@cache
def _statement(dialect: str, table: Table) -> Insert:
    # made once: most of the time of a small transaction went into making it anew
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if table in (tables.orders, tables.positions, tables.cash):
        keys = [c.name for c in table.primary_key.columns]
        others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
    return statement


def _intent_row(judged: Verdicted) -> dict[str, Any]:
    return {
        "intent_id": judged.intent.intent_id,
        "ts": judged.intent.decided_at,
        "outcome": judged.outcome,
        "body": dump(encode(judged.intent)),
        "verdicts": dump({"chain": list(judged.verdicts)}),
    }


def _order_row(order: Order, updated: datetime) -> dict[str, Any]:
    protection = order.protection or Protection()
    return {
        "order_id": order.order_id,
        "run_id": order.run_id,
        "strategy": order.strategy,
        "symbol": order.symbol,
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
        "venue_order_id": order.venue_order_id,
        "parent_id": order.parent_id,
        "reason": order.reason,
        "updated": updated,
    }


def _fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "venue": fill.venue,
        "execution_id": fill.execution_id,
        "order_id": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "quantity": fill.quantity,
        "price": fill.price,
        "fee": fill.fee,
        "fee_currency": fill.fee_currency,
        "slippage": fill.slippage,
        "time": fill.time,
    }


def _position_row(position: Position) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "quantity": position.quantity,
        "average_price": position.average_price,
        "realised": position.realised,
        "fees": position.fees,
    }


def _cash_rows(ledger: Ledger) -> list[dict[str, Any]]:
    return [
        {"currency": currency, "amount": amount} for currency, amount in ledger.books.cash.items()
    ]
