"""``workbench trade`` and ``workbench status``: strategies at work, from the terminal."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from workbench.cli.research import Parameters, build
from workbench.cli.show import facts, out
from workbench.config import Settings, load_settings
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.live.decisions.deployment import Deployment
    from workbench.live.runs.engine import Engine
    from workbench.store.deployments import Deployed
    from workbench.trading.execution.stored import StoredParent

__all__ = ["status", "trade"]

_NOBODY = "nobody"


def trade(  # noqa: PLR0913, PLR0917 - an option each
    strategy: Annotated[
        list[str],
        typer.Option("--strategy", help="A name or file.py:Class; may be repeated."),
    ],
    symbols: Annotated[list[str], typer.Option("--symbols", help="May be repeated.")],
    param: Parameters = None,
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 1h, 1d, …")] = "1m",
    venue: Annotated[
        str, typer.Option(help="sim, alpaca-paper, alpaca-live, ccxt:<exchange> or its -paper.")
    ] = "sim",
    feed: Annotated[str, typer.Option(help="sim, alpaca, polygon, binance, …")] = "sim",
    account: Annotated[str, typer.Option(help="The name of the book.")] = "desk",
    execution: Annotated[
        str, typer.Option(help="How orders are worked in parts: twap:minutes=10,slices=5.")
    ] = "",
    cash: Annotated[float, typer.Option(help="Of a new account at sim.")] = 1_000_000.0,
    seconds: Annotated[float, typer.Option("--for", help="End by itself; 0 never does.")] = 0.0,
    cancel: Annotated[bool, typer.Option(help="Cancel open orders at the end.")] = False,
) -> None:
    """Trade strategies until Ctrl-C; several share the account in equal parts.

    With several strategies a parameter is written Strategy.name=value. Ended and begun
    again, a strategy goes on where it stood.
    """
    settings = load_settings()
    from workbench.live.decisions.deployment import Deployment

    share = 1.0 / len(strategy)
    chosen = [
        Deployment(
            strategy=build(name, _own(param or [], name, len(strategy))),
            symbols=tuple(symbols),
            timeframe=timeframe,
            share=share,
            execution=execution or None,
        )
        for name in strategy
    ]
    asyncio.run(_trade(settings, chosen, (venue, feed, account), cash, (seconds, cancel)))


def status(
    account: Annotated[str, typer.Option(help="The name of the book; all by default.")] = "",
) -> None:
    """Say what is traded in this workspace, whoever trades it."""
    from workbench.cli.halt import say_halts
    from workbench.risk.halt import KillSwitch
    from workbench.store.deployments import deployed
    from workbench.store.migrate import open_database
    from workbench.trading.execution.stored import stored_parents

    settings = load_settings()
    with closing(open_database(settings)) as database:
        with database.read() as connection:
            runs = deployed(connection, account or None)
            parents = stored_parents(connection, account or None)
        switch = KillSwitch(database, account or "desk", file=settings.folder("HALT"))
        say_halts(switch.halts if account else switch.raised)
    holder = _holder(settings)
    out.print(facts([("workspace", str(settings.workspace)), ("traded by", holder)]))
    if parents:
        out.print(_parents(parents))
    if not runs:
        out.print("No strategy has been at work yet: [bold]workbench trade[/] begins.")
        return
    out.print(_table(runs, is_at_work=holder != _NOBODY))


async def _trade(
    settings: Settings,
    chosen: list[Deployment],
    where: tuple[str, str, str],
    cash: float,
    end: tuple[float, bool],
) -> None:
    from workbench.live.runs.session import begin

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stopping.set)
    venue, feed, account = where
    out.print(f"[dim]Recovering and warming up: {account} at {venue}, bars of {feed} …[/]")
    engine = await begin(settings, chosen, venue=venue, source=feed, account=account, cash=cash)
    try:
        if engine.account.failure:
            raise UsageError(f"trading is off: {engine.account.failure}")
        out.print(f"Trading {account} at {venue}. [dim]Ctrl-C ends it.[/]")
        await _show(engine, stopping, end[0])
        if end[1]:
            for run in engine.runs.values():
                await run.cancel_orders("the session was ended")
    finally:
        await engine.stop()
        out.print(_table([run.record for run in engine.runs.values()], is_at_work=False))
        out.print("Stopped. Open orders stay with the venue." if not end[1] else "Stopped.")


async def _show(engine: Engine, stopping: asyncio.Event, seconds: float) -> None:
    """Show what is at work until it is to end."""
    loop = asyncio.get_running_loop()
    until = loop.time() + (seconds or math.inf)
    with Live(console=out, transient=True, auto_refresh=False) as live:
        while not stopping.is_set() and not engine.account.failure and loop.time() < until:
            table = _table([run.record for run in engine.runs.values()])
            live.update(Group(table, *_waiting()), refresh=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, max(until - loop.time(), 0.0))):
                    await stopping.wait()


def _waiting() -> list[Text]:
    """Say which feeds wait for a connection, and what to do."""
    from workbench.live.market.feed_metrics import running

    return [
        Text(f"{name}: {metrics.state}. {metrics.advice}", style="yellow")
        for name, metrics in running().items()
        if metrics.advice
    ]


def _table(runs: list[Deployed], *, is_at_work: bool = True) -> Table:
    """Lay the runs out; one that nobody carries on waits to be begun again."""
    table = Table(header_style="bold", box=None, padding=(0, 1))
    for name in (
        "strategy",
        "state",
        "venue",
        "bars",
        "decided",
        "wants",
        "equity",
        "P&L",
        "stops",
        "why",
    ):
        table.add_column(name, justify="right" if name in ("equity", "P&L") else "left")
    for run in runs:
        bars = json.loads(run.identity)
        table.add_row(
            escape(run.name),
            run.state if is_at_work or run.state != "running" else "waiting",
            run.venue,
            f"{', '.join(bars['symbols'])} {bars['timeframe']}",
            "" if run.decided is None else f"{run.decided:%m-%d %H:%M:%S}",
            escape(run.decision),
            f"{run.equity:,.0f}",
            f"{run.equity - run.capital:+,.2f}",
            json.loads(run.memory).get("stops", ""),
            escape(run.reason),
        )
    return table


def _parents(parents: list[StoredParent]) -> Table:
    """Lay out what is being worked in parts."""
    table = Table(header_style="bold", box=None, padding=(0, 1))
    for name in ("order", "algorithm", "side", "symbol", "filled", "of", "parts", "until", "state"):
        table.add_column(name, justify="right" if name in ("filled", "of", "parts") else "left")
    for one in parents:
        parent = one.parent
        state = f"{one.state}: {one.reason}" if one.reason else str(one.state)
        table.add_row(
            escape(parent.algo_id), parent.algorithm, str(parent.side), escape(parent.symbol),
            f"{one.filled.normalize():f}", f"{parent.quantity.normalize():f}",
            str(len(one.parts)), f"{parent.end:%m-%d %H:%M:%S}", escape(state),
        )  # fmt: skip
    return table


def _own(param: list[str], name: str, count: int) -> list[str]:
    """Return the parameters that are meant for one of several strategies."""
    if count == 1:
        return param
    prefix = f"{name.rpartition(':')[2]}."
    return [text.removeprefix(prefix) for text in param if text.startswith(prefix)]


def _holder(settings: Settings) -> str:
    """Return who has the journal, as its lock says."""
    path = settings.folder("workbench.db.lock")
    text = path.read_text().strip() if path.is_file() else ""
    number = text.removeprefix("process ")
    if not number.isdigit():
        return text or _NOBODY
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return _NOBODY
    except PermissionError:
        pass
    return text
