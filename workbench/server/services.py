"""What the routes and the pages share: opened once, closed once."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from workbench.config import Settings
from workbench.live.desk import Desk
from workbench.server.api_tokens import Tokens
from workbench.server.bridge import Bridge
from workbench.server.identity import Identity
from workbench.server.jobs import Backtests
from workbench.server.limits import Window
from workbench.server.metrics import Metrics
from workbench.server.users import Sessions, Users
from workbench.store.database import Database
from workbench.store.migrate import open_database

__all__ = ["Services", "open_services", "services_of", "who"]


@dataclass
class Services:
    """The parts of one application.

    Parameters
    ----------
    settings : Settings
    database : Database
    is_secure : bool
        Whether browsers come by https.
    """

    settings: Settings
    database: Database
    users: Users
    sessions: Sessions
    tokens: Tokens
    backtests: Backtests
    desk: Bridge
    metrics: Metrics = field(default_factory=Metrics)
    is_secure: bool = False
    # a person may err five times a minute, and no stranger elsewhere uses these up; an address
    # serves several persons; a name is guessed at from many addresses
    tries_by_login: Window = field(default_factory=lambda: Window(5, 60.0))
    tries_by_address: Window = field(default_factory=lambda: Window(20, 60.0))
    tries_by_name: Window = field(default_factory=lambda: Window(60, 60.0))

    @property
    def cookie(self) -> str:
        """The session cookie's name; the prefix makes browsers hold it to https."""
        return "__Host-wb" if self.is_secure else "wb_session"

    def close(self) -> None:
        """Give everything back; a desk that runs was stopped in its event loop before."""
        self.backtests.close()
        self.desk.close()
        self.database.close()


def open_services(settings: Settings) -> Services:
    """Open the database, migrated, and what stands on it."""
    desk = Desk(settings)
    desk.open()
    database = open_database(settings)
    return Services(
        settings,
        database,
        users=Users(database),
        sessions=Sessions(database, settings.session_hours),
        tokens=Tokens(database),
        backtests=Backtests(settings),
        desk=Bridge(desk),
        is_secure=(settings.public_origin or "").startswith("https:"),
    )


def services_of(request: Request) -> Services:
    """Return the application's services."""
    services: Services = request.app.state.services
    return services


def who(request: Request) -> Identity:
    """Return who asks; the guard lets nobody through without."""
    identity: Identity = request.scope["wb.identity"]
    return identity
