"""The tables of a workspace.

``events`` is the journal and the truth; ``intents``, ``orders``, ``fills``,
``positions`` and ``cash`` are projections of it, written in the same transaction. A
*book* is one account's worth of them: the desk is one, each replay is one.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from workbench.store.columns import DecimalText, UtcTime

__all__ = [
    "cash",
    "cursors",
    "events",
    "fills",
    "halts",
    "intents",
    "leases",
    "metadata",
    "orders",
    "positions",
    "snapshots",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("ts", UtcTime, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("book", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("order_id", String(64)),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "book", "order_id"),
)

intents = Table(
    "intents",
    metadata,
    Column("book", String(64), nullable=False),
    Column("intent_id", String(64), nullable=False),
    Column("ts", UtcTime, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("verdicts", Text, nullable=False),
    PrimaryKeyConstraint("book", "intent_id"),
)

orders = Table(
    "orders",
    metadata,
    Column("book", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("strategy", String(128), nullable=False),
    Column("symbol", String(64), nullable=False),
    Column("side", String(4), nullable=False),
    Column("type", String(16), nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("quantity", DecimalText),
    Column("target", DecimalText),
    Column("limit_price", DecimalText),
    Column("stop_price", DecimalText),
    Column("tif", String(3), nullable=False),
    Column("protection_loss", DecimalText),
    Column("protection_profit", DecimalText),
    Column("protection_trail", DecimalText),
    Column("reduce_only", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("filled", DecimalText, nullable=False),
    Column("average_price", DecimalText),
    Column("venue_order_id", String(128)),
    Column("parent_id", String(64)),
    Column("reason", Text, nullable=False),
    Column("updated", UtcTime, nullable=False),
    PrimaryKeyConstraint("book", "order_id"),
    Index(None, "book", "state"),
)

fills = Table(
    "fills",
    metadata,
    Column("book", String(64), nullable=False),
    Column("venue", String(32), nullable=False),
    Column("execution_id", String(128), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("symbol", String(64), nullable=False),
    Column("side", String(4), nullable=False),
    Column("quantity", DecimalText, nullable=False),
    Column("price", DecimalText, nullable=False),
    Column("fee", DecimalText, nullable=False),
    Column("fee_currency", String(12), nullable=False),
    Column("slippage", DecimalText, nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("currency", String(12), nullable=False, server_default="USD"),
    Column("reverses", String(128)),
    PrimaryKeyConstraint("book", "venue", "execution_id"),
    ForeignKeyConstraint(["book", "order_id"], ["orders.book", "orders.order_id"]),
    Index(None, "book", "order_id"),
)

positions = Table(
    "positions",
    metadata,
    Column("book", String(64), nullable=False),
    Column("symbol", String(64), nullable=False),
    Column("quantity", DecimalText, nullable=False),
    Column("average_price", DecimalText, nullable=False),
    Column("realised", DecimalText, nullable=False),
    Column("fees", DecimalText, nullable=False),
    PrimaryKeyConstraint("book", "symbol"),
)

cash = Table(
    "cash",
    metadata,
    Column("book", String(64), nullable=False),
    Column("currency", String(12), nullable=False),
    Column("amount", DecimalText, nullable=False),
    PrimaryKeyConstraint("book", "currency"),
)

# How far each stream of a venue has been read: written with what was found up to there.
cursors = Table(
    "cursors",
    metadata,
    Column("book", String(64), nullable=False),
    Column("venue", String(32), nullable=False),
    Column("stream", String(32), nullable=False),
    Column("value", String(64), nullable=False),
    PrimaryKeyConstraint("book", "venue", "stream"),
)

# The state after an entry, so that a start reads only what came later. The entry that
# follows it in the journal carries its digest; one that does not match is not used.
snapshots = Table(
    "snapshots",
    metadata,
    Column("book", String(64), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

halts = Table(
    "halts",
    metadata,
    Column("scope", String(128), primary_key=True),
    Column("level", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("ts", UtcTime, nullable=False),
)

# The fencing token: whoever opens the journal to write raises the epoch, and a writer
# that finds a later one than its own has been taken over from and must stop.
leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("holder", String(128), nullable=False),
    Column("ts", UtcTime, nullable=False),
)
