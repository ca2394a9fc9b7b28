"""``workbench halt`` and ``workbench flatten``: the kill switch without a server.

The level lies in the database, so these work whether or not anything runs; what runs
looks there before each order and about once a second.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from workbench.cli.show import out
from workbench.config import load_settings
from workbench.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from workbench.risk.halt import Halt, KillSwitch
    from workbench.store.database import Database

__all__ = ["admin_of", "flatten", "halt", "say_halts"]

_ACCOUNT = "desk"
Scope = Annotated[
    str, typer.Option(help="all, account:NAME, strategy:NAME or symbol:NAME.", show_default=True)
]
Reason = Annotated[str, typer.Option(help="Why; kept with your name.")]
User = Annotated[str, typer.Option(help="Your name; an admin's, to lower the level.")]


def halt(
    level: Annotated[
        str,
        typer.Argument(help="run, reduce-only, no-new-orders, cancel-all or flatten; none: say."),
    ] = "",
    scope: Scope = "all",
    reason: Reason = "",
    user: User = "",
) -> None:
    """Raise or lower the kill switch, or say how it stands.

    It works with the server down, and holds through restarts. Anyone may raise it; to
    lower it takes an admin of this workspace, with the password, and a reason.
    """
    from workbench.risk.halt import HaltLevel, parse_scope

    with _opened() as (database, switch):
        if level:
            wanted, name = HaltLevel.parse(level), parse_scope(scope)
            actor = user or getpass.getuser()
            if wanted.severity < switch.level_of(name).severity:
                actor = admin_of(database, user)
            switch.set(wanted, actor=actor, reason=reason, scope=name)
        say_halts(switch.raised)


def flatten(
    scope: Scope = "all",
    reason: Reason = "",
    user: User = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Cancel all orders and close all positions of a scope; no new order passes after it."""
    if not yes and not typer.confirm(f"Close every position of {scope}?", err=True):
        raise UsageError("nothing was changed")
    halt("flatten", scope, reason, user)


def say_halts(halts: Sequence[Halt]) -> None:
    """Print what is halted, by whom and why."""
    if not halts:
        out.print("[green]run[/]  nothing is halted")
    for one in halts:
        why = f": {escape(one.reason)}" if one.reason else ""
        at = f" at {one.time:%Y-%m-%d %H:%M:%S} UTC" if one.time else ""
        out.print(
            f"[bold red]{one.level.value}[/]  {escape(one.scope)}, by {escape(one.actor)}{at}{why}"
        )


def admin_of(database: Database, user: str) -> str:
    """Return who asks, once it is known to be an admin of the workspace."""
    from workbench.server.identity import authorize
    from workbench.server.users import Users

    users = Users(database)
    if not users.names():  # nobody but the owner of the files can be asked
        return user or getpass.getuser()
    if not user:
        raise UsageError("only an admin may lower the level: name one with --user")
    found = users.verify(user, typer.prompt("Password", hide_input=True, err=True))
    if found is None:
        raise RefusedError("no such user, or another password; nothing was changed")
    authorize(found, "resume")
    return found.username


@contextmanager
def _opened() -> Iterator[tuple[Database, KillSwitch]]:
    from workbench.risk.halt import KillSwitch
    from workbench.store.migrate import open_database

    settings = load_settings()
    with closing(open_database(settings)) as database:
        yield database, KillSwitch(database, _ACCOUNT, file=settings.folder("HALT"))
