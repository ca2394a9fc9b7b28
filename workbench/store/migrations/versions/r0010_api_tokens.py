"""The tokens that programs log in with."""

import sqlalchemy as sa
from alembic import op

from workbench.store.columns import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("roles", sa.String(128), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("expires", UtcTime(), nullable=False),
        sa.Column("revoked", UtcTime()),
        sa.PrimaryKeyConstraint("token_id", name="pk_api_tokens"),
        sa.ForeignKeyConstraint(
            ["username"], ["users.username"], name="fk_api_tokens_username_users"
        ),
    )


def downgrade() -> None:
    """Drop the table, with all that is in it."""
    op.drop_table("api_tokens")
