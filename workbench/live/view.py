"""Orders, fills and positions as the desk tells of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from workbench.core.fill import Fill
from workbench.core.money import ZERO
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.core.quote import Quote
from workbench.risk.halt import Halt
from workbench.store import tables
from workbench.store.codec import encode
from workbench.trading.journal import Journal
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind

__all__ = [
    "DayStart",
    "account_rows",
    "fill_message",
    "halt_row",
    "order_message",
    "position_row",
    "quote_message",
]


def order_message(order: Order, *, plain: bool = False) -> dict[str, Any]:
    """Return an order as a row; `plain` for JSON, with money and instants as text."""
    row = {
        "order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "quantity": order.quantity,
        "filled": order.filled,
        "average_price": order.average_price,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "state": order.state.value,
        "is_open": order.state.is_open,
        "strategy": order.strategy,
        "reason": order.reason,
        "decided_at": order.decided_at,
    }
    return {name: encode(value) for name, value in row.items()} if plain else row


def quote_message(quote: Quote, source: str) -> dict[str, Any]:
    """Return a quote as plain JSON values, with the name of its source."""
    return {**encode(quote), "source": source}


def fill_message(fill: Fill) -> dict[str, Any]:
    """Return a fill as plain JSON values."""
    return dict(encode(fill))


def position_row(
    position: Position, last: Decimal | None, *, plain: bool = False
) -> dict[str, Any]:
    """Return a position as a row, with its unrealised profit at `last` where that is known."""
    row = {
        "symbol": position.symbol,
        "quantity": position.quantity,
        "average_price": position.average_price,
        "last": last,
        "unrealised": None if last is None else position.unrealised(last),
        "realised": position.realised,
        "fees": position.fees,
    }
    return {name: encode(value) for name, value in row.items()} if plain else row


def account_rows(ledger: Ledger, prices: Mapping[str, Decimal], orders: int) -> dict[str, Any]:
    """Return cash, equity, positions and the latest orders, newest first."""
    latest = list(ledger.orders.values())[-orders:][::-1] if orders > 0 else []
    return {
        "cash": ledger.books.cash.get("USD", ZERO),
        "equity": ledger.books.equity(prices),
        "positions": [
            position_row(position, prices.get(position.symbol))
            for position in ledger.books.positions.values()
            if position.quantity or position.realised
        ],
        "orders": [{**order_message(o), "time": ledger.updated[o.order_id]} for o in latest],
        "unknown": len(ledger.unknown()),
    }


def halt_row(halt: Halt) -> dict[str, Any]:
    """Return the kill switch as a row."""
    return {
        "level": halt.level.value,
        "reason": halt.reason,
        "actor": halt.actor,
        "time": halt.time,
    }


@dataclass(frozen=True, slots=True)
class DayStart:
    """The equity a day began with; in the journal, so that a restart does not forget a loss."""

    day: date
    equity: Decimal

    @classmethod
    def of(cls, journal: Journal, equity: Decimal, now: datetime) -> DayStart:
        """Return today's start as the journal has it; else it is now, and is noted."""
        events = tables.events
        with journal.database.read() as connection:
            bodies = connection.execute(
                select(events.c.body)
                .where(events.c.book == journal.book, events.c.kind == Kind.NOTE.value)
                .order_by(events.c.seq.desc())
                .limit(100)
            ).scalars()
            for body in bodies:
                note = json.loads(body)
                if note.get("text") == "day" and note["date"] == now.date().isoformat():
                    return cls(now.date(), Decimal(note["equity"]))
        return cls(now.date(), equity)

    def on(self, now: datetime, equity: Decimal) -> DayStart:
        """Return the start of the day of `now`: this one, or a new one at `equity`."""
        return self if now.date() == self.day else DayStart(now.date(), equity)

    def note(self) -> dict[str, str]:
        """Return what is put into the journal."""
        return {"date": self.day.isoformat(), "equity": format(self.equity, "f")}
