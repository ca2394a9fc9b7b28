"""What an execution takes back, and what its price is in."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FILLS = "select book, body from events where kind = 'fill' and (body like '%\"reverses\":%' {})"
_OTHER = 'or body not like \'%"currency":"USD"%\''
_UPDATE = (
    "update fills set reverses = :reverses, currency = :currency "
    "where book = :book and venue = :venue and execution_id = :execution_id"
)


def upgrade() -> None:
    """Add the columns, and fill them from the journal."""
    currency = sa.Column("currency", sa.String(12), nullable=False, server_default="USD")
    op.add_column("fills", currency)
    op.add_column("fills", sa.Column("reverses", sa.String(128)))
    connection = op.get_bind()
    for book, body in connection.execute(sa.text(_FILLS.format(_OTHER))).all():
        fill = json.loads(body)["fill"]
        told = {name: fill[name] for name in ("venue", "execution_id")}
        told |= {"reverses": fill.get("reverses"), "currency": fill.get("currency", "USD")}
        connection.execute(sa.text(_UPDATE), {"book": book, **told})


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("fills", "reverses")
    op.drop_column("fills", "currency")
