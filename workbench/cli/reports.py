"""``workbench report``: run a report, list what there is; for cron and for people."""

from __future__ import annotations

import ast
from typing import Annotated, Any

import typer
from rich.markup import escape

from workbench.cli.show import facts, out
from workbench.config import load_settings
from workbench.errors import UsageError
from workbench.reports import library

__all__ = ["app"]

app = typer.Typer(help="Run a report notebook with papermill, list reports.", no_args_is_help=True)


@app.command("list")
def listed() -> None:
    """List the report notebooks of this workspace and the reports that were made."""
    settings = load_settings()
    out.print(facts(library.listed(settings).items(), title="Report notebooks"))
    made = sorted(settings.folder("reports").glob("*/*.html"), reverse=True)
    if made:
        rows = [(path.parent.name, path) for path in made[:20]]
        out.print(facts(rows, title="Made, the newest first"))


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A report's name, or a path to an .ipynb.")],
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="name=value")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for the whole report.")] = 600.0,
) -> None:
    """Run a report and render it as one HTML file that needs no network."""
    from workbench.reports.run import run_report  # nbconvert is slow to load

    notebook = library.find(name, load_settings())
    report = run_report(notebook, dict(_pair(text) for text in param or []), timeout=timeout)
    out.print(f"[green]✓[/] {escape(str(report.html))}  [dim]{report.seconds:.0f} s[/]")


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"a parameter is written name=value, not {text!r}", text=text)
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
