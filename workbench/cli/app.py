"""The program ``workbench``: what it can do, and how it says that something went wrong."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from workbench import __version__
from workbench.cli import (
    data,
    demo,
    divergence,
    doctor,
    halt,
    messages,
    reconcile,
    reports,
    research,
    runs,
    serve,
    sources,
    stages,
    tokens,
    trade,
    why,
    workspace,
)
from workbench.cli.show import err, out
from workbench.errors import UsageError, WorkbenchError

__all__ = ["app", "main"]

app = typer.Typer(
    name="workbench",
    help="Research, replay and trade one strategy object.\n\n"
    "New here? [bold]workbench demo[/] runs the main job on real bars and says what to open; "
    "[bold]workbench init DIR[/] makes a workspace of your own; [bold]workbench serve[/] "
    "opens the web app; [bold]workbench doctor[/] tells what is wrong and how to mend it.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

_START = "Start here"
_RESEARCH = "Research"
_TRADE = "Trade"
_SERVE = "Serve and report"

app.command(rich_help_panel=_START)(demo.demo)
app.command(rich_help_panel=_START)(doctor.doctor)
app.command(rich_help_panel=_START)(workspace.init)
app.command(rich_help_panel=_START)(workspace.settings)
app.command(rich_help_panel=_RESEARCH)(research.strategies)
app.command(rich_help_panel=_RESEARCH)(research.backtest)
app.command(rich_help_panel=_RESEARCH)(research.check)
app.add_typer(data.app, name="data", rich_help_panel=_RESEARCH)
app.add_typer(messages.app, name="messages", rich_help_panel=_RESEARCH)
app.add_typer(sources.app, name="source", rich_help_panel=_RESEARCH)
app.add_typer(runs.app, name="runs", rich_help_panel=_RESEARCH)
app.command(rich_help_panel=_TRADE)(trade.trade)
app.command(rich_help_panel=_TRADE)(trade.status)
app.add_typer(stages.app, name="strategy", rich_help_panel=_TRADE)
app.command(rich_help_panel=_TRADE)(halt.halt)
app.command(rich_help_panel=_TRADE)(halt.flatten)
app.command(rich_help_panel=_TRADE)(reconcile.reconcile)
app.command(rich_help_panel=_TRADE)(why.why)
app.command(rich_help_panel=_TRADE)(divergence.divergence)
app.command(rich_help_panel=_SERVE)(serve.serve)
app.add_typer(serve.users, name="user", rich_help_panel=_SERVE)
app.add_typer(tokens.tokens, name="token", rich_help_panel=_SERVE)
app.add_typer(reports.app, name="report", rich_help_panel=_SERVE)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"workbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the program; an error of the tree is a sentence, not a traceback.

    The exit code is 2 where the call must be fixed, 1 for any other refusal.
    """
    try:
        app()
    except WorkbenchError as error:
        err.print(f"[bold red]{type(error).__name__}[/]  {_escaped(error.message)}")
        sys.exit(2 if isinstance(error, UsageError) else 1)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


if __name__ == "__main__":
    main()
