"""Messages: every edition, whom it is about, and an index of the words."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = (
    "create virtual table messages_text using fts5("
    "title, body, content='messages', content_rowid='seq', tokenize='porter unicode61')",
    "create trigger messages_text_add after insert on messages begin "
    "insert into messages_text(rowid, title, body) values (new.seq, new.title, new.body); end",
)
_POSTGRESQL = (
    "alter table messages add column words tsvector generated always as "
    "(to_tsvector('english', title || ' ' || body)) stored",
    "create index ix_messages_words on messages using gin (words)",
)


def upgrade() -> None:
    """Make the tables and the index of the words, as the database has it."""
    op.create_table(
        "messages",
        sa.Column("seq", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("vendor_id", sa.String(128), nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("published", UtcTime(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
        sa.Column("known", UtcTime(), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("sentiment", sa.Float),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint("source", "vendor_id", "edition", name="uq_messages_edition"),
    )
    op.create_index("ix_messages_published", "messages", ["published"])
    op.create_index("ix_messages_known", "messages", ["known"])
    op.create_table(
        "message_symbols",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", "symbol", name="pk_message_symbols"),
        sa.ForeignKeyConstraint(["seq"], ["messages.seq"], name="fk_message_symbols_seq_messages"),
    )
    op.create_index("ix_message_symbols_symbol", "message_symbols", ["symbol"])
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("drop table messages_text")
    op.drop_table("message_symbols")
    op.drop_table("messages")
