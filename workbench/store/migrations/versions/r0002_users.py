"""Who may log in, and who is logged in."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("password", sa.String(256), nullable=False),
        sa.Column("roles", sa.String(128), nullable=False),
        sa.Column("is_active", sa.Integer, nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("username", name="pk_users"),
    )
    op.create_table(
        "logins",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("expires", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_logins"),
        sa.ForeignKeyConstraint(["username"], ["users.username"], name="fk_logins_username_users"),
    )
    op.create_index("ix_logins_username", "logins", ["username"])
    op.create_index("ix_logins_expires", "logins", ["expires"])


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    op.drop_table("logins")
    op.drop_table("users")
