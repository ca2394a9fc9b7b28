"""Who may log in, and who is logged in.

Passwords stand here as argon2id hashes, session tokens as SHA-256: what is in the
table opens no door.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from workbench.store.columns import UtcTime
from workbench.store.tables import metadata

__all__ = [
    "Login",
    "User",
    "add_login",
    "add_user",
    "change_user",
    "count_users",
    "drop_login",
    "drop_logins_of",
    "drop_old_logins",
    "find_login",
    "find_user",
    "list_users",
    "logins",
    "users",
]

users = Table(
    "users",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("password", String(256), nullable=False),
    Column("roles", String(128), nullable=False),
    Column("is_active", Integer, nullable=False),
    Column("created", UtcTime, nullable=False),
)

logins = Table(
    "logins",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("username", String(64), ForeignKey("users.username"), nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("expires", UtcTime, nullable=False),
    Index(None, "username"),
    Index(None, "expires"),
)


@dataclass(frozen=True, slots=True)
class User:
    """A row of ``users``; `roles` is text such as ``"trader,admin"``."""

    username: str
    password: str
    roles: str
    is_active: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """A session that is open, and what its user may do now."""

    token_hash: str
    username: str
    roles: str
    expires: datetime


def add_user(connection: Connection, user: User) -> None:
    """Add a row."""
    connection.execute(
        insert(users).values(
            username=user.username,
            password=user.password,
            roles=user.roles,
            is_active=int(user.is_active),
            created=user.created,
        )
    )


def find_user(connection: Connection, username: str) -> User | None:
    """Return a user, or None."""
    row = connection.execute(select(users).where(users.c.username == username)).one_or_none()
    if row is None:
        return None
    return User(row.username, row.password, row.roles, bool(row.is_active), row.created)


def list_users(connection: Connection) -> list[User]:
    """Return all users by name."""
    rows = connection.execute(select(users).order_by(users.c.username))
    return [User(r.username, r.password, r.roles, bool(r.is_active), r.created) for r in rows]


def count_users(connection: Connection) -> int:
    """Return how many users there are."""
    return int(connection.execute(select(func.count()).select_from(users)).scalar_one())


def change_user(
    connection: Connection,
    username: str,
    *,
    password: str | None = None,
    roles: str | None = None,
    is_active: bool | None = None,
) -> bool:
    """Set what is given; return whether there is such a user."""
    given = {"password": password, "roles": roles}
    values: dict[str, str | int] = {k: v for k, v in given.items() if v is not None}
    if is_active is not None:
        values["is_active"] = int(is_active)
    found = connection.execute(update(users).where(users.c.username == username).values(**values))
    return found.rowcount == 1


def add_login(connection: Connection, login: Login, created: datetime) -> None:
    """Open a session."""
    connection.execute(
        insert(logins).values(
            token_hash=login.token_hash,
            username=login.username,
            created=created,
            expires=login.expires,
        )
    )


def find_login(connection: Connection, token_hash: str, now: datetime) -> Login | None:
    """Return an open session of an active user, or None."""
    row = connection.execute(
        select(logins.c.username, logins.c.expires, users.c.roles)
        .join(users, users.c.username == logins.c.username)
        .where(logins.c.token_hash == token_hash, logins.c.expires > now, users.c.is_active == 1)
    ).one_or_none()
    return Login(token_hash, row.username, row.roles, row.expires) if row else None


def drop_login(connection: Connection, token_hash: str) -> None:
    """End one session."""
    connection.execute(delete(logins).where(logins.c.token_hash == token_hash))


def drop_logins_of(connection: Connection, username: str) -> None:
    """End all sessions of a user."""
    connection.execute(delete(logins).where(logins.c.username == username))


def drop_old_logins(connection: Connection, now: datetime) -> None:
    """Forget the sessions that are over."""
    connection.execute(delete(logins).where(logins.c.expires <= now))
