"""The tokens that programs log in with: their hashes, whose they are, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, ForeignKey, String, Table, insert, select, update

from workbench.store.columns import UtcTime
from workbench.store.tables import metadata
from workbench.store.users import users

__all__ = ["ApiToken", "add_token", "api_tokens", "end_token", "find_token", "list_tokens"]

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("username", String(64), ForeignKey("users.username"), nullable=False),
    Column("roles", String(128), nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("expires", UtcTime, nullable=False),
    Column("revoked", UtcTime),
)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A row; `digest` is the SHA-256 of the whole token, `roles` text such as ``"trader"``."""

    token_id: str
    digest: str
    username: str
    roles: str
    created: datetime
    expires: datetime
    revoked: datetime | None = None


def add_token(connection: Connection, token: ApiToken) -> None:
    """Add a row."""
    columns = api_tokens.c.keys()
    connection.execute(insert(api_tokens).values({name: getattr(token, name) for name in columns}))


def find_token(connection: Connection, token_id: str, now: datetime) -> tuple[ApiToken, str] | None:
    """Return a token that opens something now, with the roles that its user has; or None."""
    row = connection.execute(
        select(api_tokens, users.c.roles.label("of_user"))
        .join(users, users.c.username == api_tokens.c.username)
        .where(
            api_tokens.c.token_id == token_id,
            api_tokens.c.expires > now,
            api_tokens.c.revoked.is_(None),
            users.c.is_active == 1,
        )
    ).one_or_none()
    return None if row is None else (ApiToken(*row[:-1]), row.of_user)


def list_tokens(connection: Connection) -> list[ApiToken]:
    """Return all tokens, the newest first, those that are over too."""
    rows = connection.execute(select(api_tokens).order_by(api_tokens.c.created.desc()))
    return [ApiToken(*row) for row in rows]


def end_token(connection: Connection, token_id: str, now: datetime) -> bool:
    """Revoke a token; return whether there was one that was not revoked yet."""
    where = (api_tokens.c.token_id == token_id) & api_tokens.c.revoked.is_(None)
    found = connection.execute(update(api_tokens).where(where).values(revoked=now))
    return found.rowcount == 1
