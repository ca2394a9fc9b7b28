"""Strategies at work, and the stages that strategies have reached."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import DecimalText, UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "deployments",
        sa.Column("book", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("strategy", sa.String(128), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("venue", sa.String(64), nullable=False),
        sa.Column("capital", DecimalText(), nullable=False),
        sa.Column("equity", DecimalText(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("memory", sa.Text, nullable=False),
        sa.Column("decided", UtcTime()),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("started", UtcTime(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("book", "run_id", name="pk_deployments"),
    )
    op.create_table(
        "stages",
        sa.Column("strategy", sa.String(128), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("ts", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("strategy", "number", name="pk_stages"),
    )


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    op.drop_table("stages")
    op.drop_table("deployments")
