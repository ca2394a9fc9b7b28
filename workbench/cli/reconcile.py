"""``workbench reconcile``: books and venue side by side, while nothing else trades."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from workbench.cli.show import out
from workbench.config import Settings, load_settings
from workbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.trading.books import Difference

__all__ = ["reconcile"]


def reconcile(
    account: Annotated[str, typer.Option(help="The name of the book.")] = "desk",
    venue: Annotated[
        str, typer.Option(help="sim, alpaca-paper, alpaca-live, ccxt:<exchange> or its -paper.")
    ] = "sim",
    adopt: Annotated[
        bool,
        typer.Option("--adopt-difference", help="The venue is right: take it over, for a reason."),
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Of these symbols and currencies; may be repeated.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with your name.")] = "",
    user: Annotated[str, typer.Option(help="Your name; an admin's, to take over.")] = "",
) -> None:
    """Ask the venue for all that is missing, and say what differs from our books.

    Where a server or `workbench trade` holds the account, ask it: GET /api/v1/reconcile.
    What is taken over is an entry of the journal with your name. A symbol that was halted
    stays so until `workbench halt run --scope symbol:NAME`.
    """
    if adopt and not reason.strip():
        raise UsageError("to take a difference over needs a --reason")
    settings = load_settings()
    actor = _actor(settings, user) if adopt else ""
    found, left = asyncio.run(_reconcile(settings, (account, venue), actor, reason, only or []))
    if found:
        out.print(_table(found))
    if adopt:
        out.print(f"{len(found)} taken over by {escape(actor)}.")
    if left:
        out.print(f"[bold red]{len(left)} of these stay[/]: our books are not what {venue} says.")
        raise typer.Exit(1)
    if not found:
        out.print(f"[green]Our books are what {escape(venue)} says[/], to the last digit.")


async def _reconcile(
    settings: Settings, where: tuple[str, str], actor: str, reason: str, only: list[str]
) -> tuple[Sequence[Difference], Sequence[Difference]]:
    from workbench.live.accounts.brokers import opener
    from workbench.live.runs.engine import Engine

    account, venue = where
    engine = Engine(settings, opener(venue, settings, (), account=account), account=account)
    async with engine:
        manager = engine.account.manager
        found = await manager.differences()
        if not actor or not found:
            return found, found
        taken = await engine.account.reconciling.adopt(actor, reason, tuple(only))
        return taken, await manager.differences()


def _actor(settings: Settings, user: str) -> str:
    from workbench.cli.halt import admin_of
    from workbench.store.migrate import open_database

    with closing(open_database(settings)) as database:
        return admin_of(database, user)


def _table(found: Sequence[Difference]) -> Table:
    table = Table(header_style="bold", box=None, padding=(0, 1))
    for name in ("", "our books", "the venue", "missing"):
        table.add_column(name, justify="right" if name else "left")
    for one in found:
        table.add_row(escape(one.name), f"{one.ours:f}", f"{one.theirs:f}", f"{one.missing:+f}")
    return table
