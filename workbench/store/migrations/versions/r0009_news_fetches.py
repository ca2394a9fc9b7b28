"""Where fetches of news broke off."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "news_fetches",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.Column("begin", UtcTime(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "symbol", "begin", name="pk_news_fetches"),
    )


def downgrade() -> None:
    """Drop the table, with all that is in it."""
    op.drop_table("news_fetches")
