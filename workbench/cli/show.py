"""How the command line shows things: consoles, tables of frames, lists of facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["err", "facts", "frame", "out", "step"]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def step(number: int, title: str) -> None:
    """Announce a step of a longer job."""
    out.print(f"\n[bold cyan]{number}[/]  [bold]{escape(title)}[/]")


def facts(rows: Iterable[tuple[Any, Any]], title: str | None = None) -> Table:
    """Return a two-column table of names and values."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for name, value in rows:
        table.add_row(str(name), value if hasattr(value, "__rich__") else escape(str(value)))
    return table


def frame(rows: pd.DataFrame, title: str | None = None, limit: int = 20) -> Table:
    """Return a table of a frame's first rows; numbers to the right."""
    from pandas.api.types import is_numeric_dtype  # heavy, and only needed with a frame

    table = Table(title=title, title_justify="left", header_style="bold", box=None, padding=(0, 1))
    for column in rows.columns:
        numeric = is_numeric_dtype(rows[column])
        table.add_column(escape(str(column)), justify="right" if numeric else "left")
    for values in rows.head(limit).itertuples(index=False):
        table.add_row(*(escape(_text(value)) for value in values))
    if len(rows) > limit:
        table.caption = f"{len(rows) - limit:,} more"
    return table


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:,.4g}"  # noqa: PLR0124  # NaN
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    return str(value)
