"""``workbench serve`` and ``workbench user``: the web app and who may use it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.panel import Panel

from workbench.cli.show import err, out
from workbench.config import Settings, load_settings
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.server.users import Users

__all__ = ["serve", "users"]

users = typer.Typer(help="Who may log in to the web app.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="2 to 64 of a-z 0-9 . _ -")]
Roles = Annotated[str, typer.Option(help="Out of viewer, analyst, trader, admin; comma between.")]


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make and print a demo login.")] = False,
) -> None:
    """Serve the web app: pages, REST and WebSocket on one port, behind a login."""
    given: dict[str, Any] = {"host": host, "port": port}
    settings = load_settings(**{key: value for key, value in given.items() if value is not None})
    out.print("[dim]Starting …[/]")
    from workbench.server import serve as server  # Panel and FastAPI: only where they are needed

    listener, bound = server.bind(settings)
    with listener:
        _load_kernels()
        running = server.server(bound)
        out.print(_banner(bound, demo))
        asyncio.run(running.serve(sockets=[listener]))


@users.command("add")
def add(name: Name, roles: Roles = "analyst") -> None:
    """Add a user; the password is asked for, or drawn where there is no terminal."""
    password, drawn = _ask_password()
    with _users() as known:
        known.add_user(name, password, roles=roles)
    out.print(f"[green]+[/] {escape(name)} ({escape(roles)})")
    if drawn:
        out.print(
            f"  password: {password}   [dim]shown once; `workbench user password` changes it[/]"
        )


@users.command("password")
def password(name: Name) -> None:
    """Give a user a new password; all of the user's sessions end."""
    text, drawn = _ask_password()
    with _users() as known:
        known.set_password(name, text)
    out.print(f"New password set for {escape(name)}." + (f"  {text}" if drawn else ""))


@users.command("list")
def listed() -> None:
    """List the users and their roles."""
    with _users() as known:
        names = known.names()
    if not names:
        out.print("No users yet: [bold]workbench user add NAME --roles trader,admin[/]")
    for name, roles in names.items():
        out.print(f"[bold]{escape(name)}[/]  {', '.join(roles)}")


@users.command("lock")
def lock(name: Name) -> None:
    """Keep a user out, at once; nothing is deleted."""
    with _users() as known:
        known.lock(name)
    out.print(f"{escape(name)} is locked out.")


@contextmanager
def _users() -> Iterator[Users]:
    from workbench.server.users import Users
    from workbench.store.migrate import open_database

    with closing(open_database(load_settings())) as database:
        yield Users(database)


def _banner(settings: Settings, demo: bool) -> Panel:
    lines = [f"[bold]http://{settings.host}:{settings.port}[/]"]
    lines += _demo(settings) if demo else _hint()
    lines.append("[dim]Ctrl-C ends it.[/]")
    return Panel("\n".join(lines), title="Workbench", expand=False, padding=(0, 2))


def _load_kernels() -> None:
    """Have the pages' kernels compiled before anybody waits for a page: it holds up all others."""
    import workbench as wb
    from workbench.kernels.compile import cache_folder

    folder = cache_folder()
    if folder is None or not any(folder.rglob("*.nbi")):
        out.print("Compiling the kernels, once: about half a minute …")
    bars = wb.bars("IBM", start="2012", source="sample")
    cross, breakout = wb.strategies.SmaCross(), wb.strategies.DonchianBreakout()
    wb.backtest(cross, bars, stops=wb.Stops(loss=0.1), record=False)
    wb.sweep(cross, bars, record=False, progress=False, fast=[5, 10])
    wb.sweep(breakout, bars, record=False, progress=False, entry=[15, 20])


def _demo(settings: Settings) -> list[str]:
    from workbench.server.users import demo_login
    from workbench.store.migrate import open_database

    with closing(open_database(settings)) as database:
        login = demo_login(settings, database)
    if login is None:
        return ["This workspace has users of its own: log in as one of them."]
    return [f"user [bold]{login.username}[/]   password [bold]{login.password}[/]"]


def _hint() -> list[str]:
    with _users() as known:
        if known.names():
            return []
    return ["Nobody can log in yet: [bold]workbench user add NAME --roles trader,admin[/]"]


def _ask_password() -> tuple[str, bool]:
    if not err.is_terminal:
        return secrets.token_urlsafe(15), True
    first = typer.prompt("Password", hide_input=True, err=True)
    if typer.prompt("Again", hide_input=True, err=True) != first:
        raise UsageError("the two passwords differ; nothing was changed")
    return first, False
