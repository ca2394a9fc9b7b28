"""Tokens for programs: in ``Authorization: Bearer``, made on the command line, shown once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import RefusedError, UsageError, nearest
from workbench.server.identity import Identity, parse_roles
from workbench.store import api_tokens as table
from workbench.store.api_tokens import ApiToken
from workbench.store.database import Database
from workbench.store.risk import Change, add_change
from workbench.store.users import find_user, list_users

__all__ = ["Tokens"]

_SHAPE = re.compile(r"wb_(?:paper|live)_([a-z2-7]{8})_[A-Za-z0-9_-]{43}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_MOST_DAYS = 365.0
# one that is revoked in another process is noticed here after this long
_TRUSTED_SECONDS = 5.0


class Tokens:
    """The tokens of a workspace; the table holds their SHA-256, which opens nothing.

    A token has 256 random bits, so that a slow hash would add nothing. It never may more than
    its user does now, and less than a person: see `Identity.is_program`.

    Parameters
    ----------
    database : Database
        Migrated.

    Examples
    --------
    >>> from workbench.server.users import Users
    >>> from workbench.store.migrate import open_database
    >>> database = open_database("sqlite://")
    >>> Users(database).add_user("ada", "correct horse battery", roles="trader,admin")
    >>> tokens = Tokens(database)
    >>> token = tokens.create("ada", "trader", days=30, actor="ada")
    >>> tokens.find(token).roles
    ('trader',)
    >>> tokens.revoke(tokens.all()[0].token_id, actor="ada")
    >>> tokens.find(token) is None
    True
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()
        self._seen: dict[str, tuple[float, datetime, Identity]] = {}

    def create(
        self, username: str, roles: str, *, days: float, actor: str, mode: str = "paper"
    ) -> str:
        """Make a token and return it; nobody sees it again.

        Parameters
        ----------
        username : str
            Whose it is.
        roles : str
            Out of those the user has, separated by commas.
        days : float
            How long it holds, at most 365.
        actor : str
            Who makes it, for the log.
        mode : {"paper", "live"}
            Of the workspace; it stands in the token, for whoever finds one.

        Raises
        ------
        UsageError
            No such user or role, or no such time.
        RefusedError
            The user has not that role, or is locked out.
        """
        if not 0 < days <= _MOST_DAYS:
            raise UsageError(f"a token holds for more than 0 and at most {_MOST_DAYS:.0f} days")
        wanted, now = parse_roles(roles), self._clock.now()
        token_id = "".join(secrets.choice(_LETTERS) for _ in range(8))
        token = f"wb_{mode}_{token_id}_{secrets.token_urlsafe(32)}"
        row = ApiToken(
            token_id, _digest(token), username, ",".join(wanted), now, now + timedelta(days=days)
        )
        with self._database.write() as connection:
            user = find_user(connection, username)
            if user is None:
                known = [one.username for one in list_users(connection)]
                raise UsageError(f"no such user: {username!r}{nearest(username, known)}")
            missing = set(wanted) - set(parse_roles(user.roles))
            if missing or not user.is_active:
                why = f"is no {' and no '.join(sorted(missing))}" if missing else "is locked out"
                raise RefusedError(f"{username} {why}; a token may not more than its user")
            table.add_token(connection, row)
            said = f"{username}: {row.roles}, until {row.expires:%Y-%m-%d %H:%M} UTC"
            _keep(connection, row, actor, ("", said), now)
        return token

    def revoke(self, token_id: str, *, actor: str) -> None:
        """End a token; a server that runs notices within five seconds.

        Raises
        ------
        UsageError
            There is none of that id that still holds.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            known = {one.token_id: one for one in table.list_tokens(connection)}
            if not table.end_token(connection, token_id, now):
                raise UsageError(f"no token {token_id[:40]!r}{nearest(token_id, known)} holds")
            _keep(connection, known[token_id], actor, ("", "revoked"), now)
        self._seen.clear()

    def all(self) -> list[ApiToken]:
        """Return all there ever were, the newest first."""
        with self._database.read() as connection:
            return table.list_tokens(connection)

    def find(self, token: str) -> Identity | None:
        """Return as whom a token acts, or None where it opens nothing."""
        shape = _SHAPE.fullmatch(token)
        if shape is None:
            return None
        digest, now = _digest(token), self._clock.now()
        trusted = self._seen.get(digest)
        if trusted and time.monotonic() - trusted[0] < _TRUSTED_SECONDS and trusted[1] > now:
            return trusted[2]
        self._seen.pop(digest, None)
        with self._database.read() as connection:
            found = table.find_token(connection, shape[1], now)
        if found is None or not hmac.compare_digest(found[0].digest, digest):
            return None
        row, of_user = found
        still = set(parse_roles(of_user))
        roles = tuple(role for role in parse_roles(row.roles) if role in still)
        if not roles:
            return None
        identity = Identity(row.username, roles, f"token {row.token_id}", is_program=True)
        if len(self._seen) > 1_000:
            self._seen.clear()
        self._seen[digest] = (time.monotonic(), row.expires, identity)
        return identity

    async def identify(self, token: str) -> Identity | None:
        """As `find`, without holding up the event loop."""
        return await run_in_threadpool(self.find, token)


def _keep(
    connection: Connection, row: ApiToken, actor: str, states: tuple[str, str], now: datetime
) -> None:
    change = Change(
        subject=f"token:{row.token_id}", time=now, actor=actor, reason=f"of {row.username}",
        before=states[0], after=states[1],
    )  # fmt: skip
    add_change(connection, change)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
