"""How far each source's news of a symbol were fetched."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "news_marks",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "symbol", name="pk_news_marks"),
    )


def downgrade() -> None:
    """Drop the table, with all that is in it."""
    op.drop_table("news_marks")
