"""``workbench strategy``: how far strategies have come on their way to real money."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from workbench.cli.research import Parameters, build
from workbench.cli.show import out
from workbench.config import load_settings

if TYPE_CHECKING:
    from workbench.live.runs.stages import Stages

__all__ = ["app"]

app = typer.Typer(
    help="The stages of strategies: draft, checked, paper, live, paused, retired.",
    no_args_is_help=True,
)


@app.command("promote")
def promote(
    strategy: Annotated[str, typer.Argument(help="A known name, or file.py:Class.")],
    to: Annotated[str, typer.Argument(help="checked, paper, live, paused, retired or draft.")],
    param: Parameters = None,
    override: Annotated[str, typer.Option(help="Go on against the gate, for this reason.")] = "",
    user: Annotated[str, typer.Option(help="Your name.")] = "",
) -> None:
    """Let a strategy take a step, where its gate lets it."""
    from workbench.live.runs.stages import Stage
    from workbench.research.promotion import promote as take

    with _stages() as stages:
        done = take(
            stages, build(strategy, param), Stage.parse(to),
            actor=user or getpass.getuser(), override=override,
            paper_days=load_settings().paper_days,
        )  # fmt: skip
    out.print(f"{escape(strategy)}: {done.before} → [bold]{done.after}[/]")
    if done.evidence:
        style = "yellow" if done.is_overridden else "dim"
        out.print(f"[{style}]{escape(done.evidence)}[/]", soft_wrap=True)


@app.command("stages")
def listed(
    strategy: Annotated[str, typer.Argument(help="One; all by default.")] = "",
) -> None:
    """Show who let which strategy take which step, and why."""
    with _stages() as stages:
        steps = stages.history(strategy or None)
    table = Table(header_style="bold", box=None, padding=(0, 1))
    for name in ("strategy", "stage", "code", "when", "who", "why"):
        table.add_column(name)
    for one in steps:
        when = f"{one.time:%Y-%m-%d %H:%M}"
        table.add_row(one.strategy, one.stage, one.code[:8], when, one.actor, escape(one.reason))
    out.print(table if steps else "No strategy has left its draft yet.")


@contextmanager
def _stages() -> Iterator[Stages]:
    from workbench.core.clock import WallClock
    from workbench.live.runs.stages import Stages
    from workbench.store.migrate import open_database

    with closing(open_database(load_settings())) as database:
        yield Stages(database, WallClock())
