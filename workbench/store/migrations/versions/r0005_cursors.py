"""How far each venue's streams were read, and snapshots of the books."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cursors",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("stream", sa.String(32), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("book", "venue", "stream", name="pk_cursors"),
    )
    op.create_table(
        "snapshots",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", name="pk_snapshots"),
    )


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    op.drop_table("snapshots")
    op.drop_table("cursors")
