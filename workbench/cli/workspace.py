"""``workbench init`` and ``workbench settings``: a workspace of one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from workbench.cli.show import facts, out
from workbench.config import load_settings
from workbench.errors import UsageError

__all__ = ["init", "settings"]

_TEMPLATE = files("workbench.cli") / "template"


def init(
    folder: Annotated[Path, typer.Argument(help="Made where it is missing.")],
) -> None:
    """Make a workspace: settings, a sample strategy, a notebook and a dashboard.

    Nothing that is already there is overwritten.
    """
    target = folder.expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file; name a folder", path=str(target))
    written, kept = [], []
    for name in sorted(_names()):
        path = target / name
        if path.exists():
            kept.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_TEMPLATE.joinpath(name).read_text(encoding="utf-8"), encoding="utf-8")
        written.append(name)
    (target / "data").mkdir(exist_ok=True)
    for name in written:
        out.print(f"[green]+[/] {escape(str(folder / name))}")
    for name in kept:
        out.print(f"[dim]= {escape(str(folder / name))} (kept as it was)[/]")
    out.print(
        f"\nNext:\n  cd {escape(str(folder))}\n"
        "  workbench backtest strategies/pullback.py MSFT\n"
        "  workbench serve --demo   [dim]# prints a login; the dashboard is on its first page[/]\n"
        "  jupyter lab notebooks    [dim]# the notebook explains each step[/]"
    )


def settings() -> None:
    """Show the settings in force, and the workspace they belong to."""
    found = load_settings()
    rows = [("workspace", found.workspace)]
    rows += [(name, value) for name, value in found if name not in ("workspace", "risk")]
    rows += [(f"risk.{name}", value) for name, value in found.risk]
    out.print(facts(rows))
    out.print(
        "\n[dim]From workbench.toml (or \\[tool.workbench] of pyproject.toml), .env and "
        "WORKBENCH_… in the environment; the nearest wins.[/]"
    )


def _names() -> list[str]:
    root = Path(str(_TEMPLATE))
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
