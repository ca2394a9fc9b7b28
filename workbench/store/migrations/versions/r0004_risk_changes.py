"""What was changed about halts and limits; halts by scope."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and call the halt of a book that of an account."""
    op.create_table(
        "risk_changes",
        sa.Column("subject", sa.String(160), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("ts", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("subject", "version", name="pk_risk_changes"),
    )
    op.execute("update halts set scope = 'account:' || scope")


def downgrade() -> None:
    """Drop the table; halts that are not an account's are dropped too."""
    op.execute("delete from halts where scope not like 'account:%'")
    op.execute("update halts set scope = substr(scope, 9)")
    op.drop_table("risk_changes")
