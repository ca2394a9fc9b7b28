"""Users and their sessions, as the login and the command line need them."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.errors import UsageError, nearest
from workbench.server import passwords
from workbench.server.identity import Identity, parse_roles
from workbench.server.keys import write_private
from workbench.store import users as table
from workbench.store.database import Database

__all__ = ["DemoLogin", "Sessions", "Users", "demo_login"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
# a session ended in another process is noticed here after this long
_TRUSTED_SECONDS = 5.0


class Users:
    """The users of a workspace.

    Parameters
    ----------
    database : Database
        Migrated.

    Examples
    --------
    >>> from workbench.store.migrate import open_database
    >>> users = Users(open_database("sqlite://"))
    >>> users.add_user("ada", "correct horse battery", roles="trader")
    >>> users.verify("ada", "correct horse battery").roles
    ('trader',)
    >>> users.verify("ada", "wrong horse battery") is None
    True
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()

    def add_user(self, username: str, password: str, roles: str = "analyst") -> None:
        """Add a user.

        Parameters
        ----------
        username : str
            2 to 64 of ``a-z 0-9 . _ -``, beginning with a letter or digit.
        password : str
            See `passwords.check_strength`.
        roles : str
            Out of viewer, analyst, trader and admin, separated by commas.

        Raises
        ------
        UsageError
            The name is taken or misspelled, the password weak or a role unknown.
        """
        if not _NAME.fullmatch(username):
            raise UsageError(
                f"a user's name is 2 to 64 of a-z, 0-9, '.', '_', '-', not {username!r}"
            )
        passwords.check_strength(password, username)
        user = table.User(
            username,
            passwords.hashed(password),
            ",".join(parse_roles(roles)),
            is_active=True,
            created=self._clock.now(),
        )
        with self._database.write() as connection:
            if table.find_user(connection, username) is not None:
                raise UsageError(
                    f"there is a user {username!r} already; set_password changes the password",
                    username=username,
                )
            table.add_user(connection, user)

    def set_password(self, username: str, password: str) -> None:
        """Give a user a new password and end all of the user's sessions.

        Raises
        ------
        UsageError
            No such user (the nearest is offered), or a weak password.
        """
        passwords.check_strength(password, username)
        self._change(username, password=passwords.hashed(password))

    def set_roles(self, username: str, roles: str) -> None:
        """Give a user other roles; sessions end, so that they hold at once."""
        self._change(username, roles=",".join(parse_roles(roles)))

    def lock(self, username: str) -> None:
        """Keep a user out, at once; nothing is deleted."""
        self._change(username, is_active=False)

    def names(self, *, locked: bool = False) -> dict[str, tuple[str, ...]]:
        """Return the active users and their roles; with `locked`, all there are."""
        with self._database.read() as connection:
            found = table.list_users(connection)
        return {u.username: parse_roles(u.roles) for u in found if locked or u.is_active}

    def verify(self, username: str, password: str) -> Identity | None:
        """Return who this is, or None; both answers take the same time."""
        with self._database.read() as connection:
            user = table.find_user(connection, username[:64])
        if user is None or not user.is_active:
            passwords.waste_time(password)
            return None
        if not passwords.matches(password, user.password):
            return None
        if passwords.is_outdated(user.password):
            with self._database.write() as connection:
                fresh = passwords.hashed(password)
                table.change_user(connection, user.username, password=fresh)
        return Identity(user.username, parse_roles(user.roles))

    def _change(
        self,
        username: str,
        *,
        password: str | None = None,
        roles: str | None = None,
        is_active: bool | None = None,
    ) -> None:
        with self._database.write() as connection:
            is_known = table.change_user(
                connection, username, password=password, roles=roles, is_active=is_active
            )
            if not is_known:
                known = [user.username for user in table.list_users(connection)]
                raise UsageError(
                    f"no such user: {username!r}{nearest(username, known)}", username=username
                )
            table.drop_logins_of(connection, username)


class Sessions:
    """Open sessions: a token in the browser's cookie, its hash in the table.

    Parameters
    ----------
    database : Database
    hours : float
        How long a session lasts.
    """

    def __init__(self, database: Database, hours: float, clock: Clock | None = None) -> None:
        self._database = database
        self._life = timedelta(hours=hours)
        self._clock = clock or WallClock()
        self._seen: dict[str, tuple[float, table.Login]] = {}

    def open(self, who: Identity) -> str:
        """Open a session and return its token; nobody sees the token again."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        login = table.Login(_digest(token), who.username, "", now + self._life)
        with self._database.write() as connection:
            table.drop_old_logins(connection, now)
            table.add_login(connection, login, now)
        return token

    def end(self, session_id: str) -> None:
        """End a session by the id its `Identity` carries."""
        self._seen.pop(session_id, None)
        with self._database.write() as connection:
            table.drop_login(connection, session_id)

    def find(self, token: str) -> Identity | None:
        """Return who holds the token, or None once it is unknown, over or ended."""
        digest, now, instant = _digest(token), self._clock.now(), time.monotonic()
        trusted = self._seen.get(digest)
        if trusted and instant - trusted[0] < _TRUSTED_SECONDS and trusted[1].expires > now:
            return _identity(trusted[1])
        with self._database.read() as connection:
            login = table.find_login(connection, digest, now)
        if login is None:
            self._seen.pop(digest, None)
            return None
        if len(self._seen) > 10_000:
            self._seen.clear()
        self._seen[digest] = (instant, login)
        return _identity(login)

    async def identify(self, token: str) -> Identity | None:
        """As `find`, without holding up the event loop."""
        digest = _digest(token)
        trusted = self._seen.get(digest)
        if trusted and time.monotonic() - trusted[0] < _TRUSTED_SECONDS:
            return self.find(token)
        return await run_in_threadpool(self.find, token)


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """A user made for trying things out."""

    username: str
    password: str


def demo_login(settings: Settings, database: Database) -> DemoLogin | None:
    """Make a demo user where nobody can log in yet.

    The password is drawn, and kept in ``demo-login`` of the data folder (mode 0600), so
    that the next start can print it again.

    Returns
    -------
    DemoLogin or None
        None once the workspace has users of its own and no demo user.
    """
    path, users = settings.folder("demo-login"), Users(database)
    known = users.names(locked=True)
    if known and "demo" not in known:
        return None
    if not path.exists():
        write_private(path, f"demo {_phrase()}\n")
    username, _, password = Path(path).read_text(encoding="utf-8").strip().partition(" ")
    if username not in known:
        users.add_user(username, password, roles="trader,admin")
    elif users.verify(username, password) is None:
        return None
    return DemoLogin(username, password)


def _identity(login: table.Login) -> Identity:
    return Identity(login.username, parse_roles(login.roles), login.token_hash)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _phrase() -> str:
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(3))
