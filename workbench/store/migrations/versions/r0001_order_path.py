"""The order path: journal, projections, kill switch and lease."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import DecimalText, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _make_journal()
    _make_orders()
    _make_fills()
    _make_books()
    op.create_table(
        "halts",
        sa.Column("scope", sa.String(128), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("ts", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_halts"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("ts", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    for name in ("leases", "halts", "cash", "positions", "fills", "orders", "intents", "events"):
        op.drop_table(name)


def _make_journal() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ts", UtcTime(), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("order_id", sa.String(64)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_book_order_id", "events", ["book", "order_id"])
    op.create_table(
        "intents",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("intent_id", sa.String(64), nullable=False),
        sa.Column("ts", UtcTime(), nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("verdicts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", "intent_id", name="pk_intents"),
    )


def _make_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(128), nullable=False),
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("decided_at", UtcTime(), nullable=False),
        sa.Column("quantity", DecimalText()),
        sa.Column("target", DecimalText()),
        sa.Column("limit_price", DecimalText()),
        sa.Column("stop_price", DecimalText()),
        sa.Column("tif", sa.String(3), nullable=False),
        sa.Column("protection_loss", DecimalText()),
        sa.Column("protection_profit", DecimalText()),
        sa.Column("protection_trail", DecimalText()),
        sa.Column("reduce_only", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("filled", DecimalText(), nullable=False),
        sa.Column("average_price", DecimalText()),
        sa.Column("venue_order_id", sa.String(128)),
        sa.Column("parent_id", sa.String(64)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("book", "order_id", name="pk_orders"),
    )
    op.create_index("ix_orders_book_state", "orders", ["book", "state"])


def _make_fills() -> None:
    op.create_table(
        "fills",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("execution_id", sa.String(128), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("quantity", DecimalText(), nullable=False),
        sa.Column("price", DecimalText(), nullable=False),
        sa.Column("fee", DecimalText(), nullable=False),
        sa.Column("fee_currency", sa.String(12), nullable=False),
        sa.Column("slippage", DecimalText(), nullable=False),
        sa.Column("time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("book", "venue", "execution_id", name="pk_fills"),
        sa.ForeignKeyConstraint(
            ["book", "order_id"], ["orders.book", "orders.order_id"], name="fk_fills_book_orders"
        ),
    )
    op.create_index("ix_fills_book_order_id", "fills", ["book", "order_id"])


def _make_books() -> None:
    op.create_table(
        "positions",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.Column("quantity", DecimalText(), nullable=False),
        sa.Column("average_price", DecimalText(), nullable=False),
        sa.Column("realised", DecimalText(), nullable=False),
        sa.Column("fees", DecimalText(), nullable=False),
        sa.PrimaryKeyConstraint("book", "symbol", name="pk_positions"),
    )
    op.create_table(
        "cash",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("amount", DecimalText(), nullable=False),
        sa.PrimaryKeyConstraint("book", "currency", name="pk_cash"),
    )
