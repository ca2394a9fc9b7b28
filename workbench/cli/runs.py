"""``workbench runs``: what was saved."""

from __future__ import annotations

import typer
from rich.markup import escape

import workbench as wb
from workbench.cli.show import facts, frame, out

__all__ = ["app"]

_SHOWN = ("run_id", "strategy", "params", "symbols", "bars", "total_return", "sharpe")

app = typer.Typer(help="What was saved: list the runs, show one.", no_args_is_help=True)


@app.command("list")
def listed() -> None:
    """List the saved runs of this workspace, the newest first."""
    from workbench.runs import registry  # pandas, where it is needed

    rows = registry.list_runs()
    if rows.empty:
        out.print("No run has been saved yet: [bold]result.save()[/] keeps one.")
        return
    rows = rows.reset_index()
    out.print(frame(rows[[name for name in _SHOWN if name in rows]], limit=50))


@app.command()
def show(run_id: str) -> None:
    """Show a saved run's statistics and its pedigree."""
    result = wb.load_run(run_id)
    out.print(facts(result.stats.items(), title=escape(run_id)))
    out.print(facts(result.manifest.to_dict().items(), title="Pedigree"))
