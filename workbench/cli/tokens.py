"""``workbench token``: how programs log in to the API."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from workbench.cli.show import out
from workbench.config import Settings, load_settings

if TYPE_CHECKING:
    from workbench.server.api_tokens import Tokens

__all__ = ["tokens"]

tokens = typer.Typer(help="Tokens with which programs use the API.", no_args_is_help=True)


@tokens.command("create")
def create(
    user: Annotated[str, typer.Option(help="Whose it is; it may no more than the user.")],
    role: Annotated[str, typer.Option(help="Out of the user's; comma between several.")] = "viewer",
    expires: Annotated[float, typer.Option(help="Days it holds, at most 365.")] = 90.0,
) -> None:
    """Make a token and print it, once; it goes into the header `Authorization: Bearer`."""
    with _tokens() as (known, settings):
        token = known.create(user, role, days=expires, actor=getpass.getuser(), mode=settings.mode)
    out.print(escape(token), soft_wrap=True)
    out.print("[dim]Shown once; only its hash is kept. `workbench token revoke` ends it.[/]")


@tokens.command("list")
def listed() -> None:
    """List the tokens: whose, which roles, until when."""
    from workbench.core.clock import WallClock

    with _tokens() as (known, _):
        found = known.all()
    if not found:
        out.print("No tokens yet: [bold]workbench token create --user NAME --role viewer[/]")
        return
    table, now = Table(header_style="bold", box=None, padding=(0, 1)), WallClock().now()
    for name in ("id", "user", "roles", "made", "expires", "state"):
        table.add_column(name)
    for one in found:
        state = "revoked" if one.revoked else "over" if one.expires <= now else "holds"
        table.add_row(one.token_id, escape(one.username), one.roles, f"{one.created:%Y-%m-%d}",
                      f"{one.expires:%Y-%m-%d %H:%M}", state)  # fmt: skip
    out.print(table)


@tokens.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(help="As `token list` shows it.")]) -> None:
    """End a token; a server that runs notices within five seconds."""
    with _tokens() as (known, _):
        known.revoke(token_id, actor=getpass.getuser())
    out.print(f"{escape(token_id)} opens nothing any more.")


@contextmanager
def _tokens() -> Iterator[tuple[Tokens, Settings]]:
    from workbench.server.api_tokens import Tokens
    from workbench.store.migrate import open_database

    settings = load_settings()
    with closing(open_database(settings)) as database:
        yield Tokens(database), settings
