"""``workbench messages``: news and notes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

import workbench as wb
from workbench.cli.show import frame, out

__all__ = ["app"]

app = typer.Typer(help="News and notes: list, search, fetch, note.", no_args_is_help=True)

Symbols = Annotated[list[str] | None, typer.Argument(help="About any of these; all by default.")]
Source = Annotated[str | None, typer.Option(help="note, alpaca, polygon, finnhub")]
Day = Annotated[str | None, typer.Option(help="A date or an instant; naive is UTC.")]
Limit = Annotated[int, typer.Option(min=1, help="The newest so many.")]


@app.command("list")
def listed(
    symbols: Symbols = None,
    source: Source = None,
    start: Day = None,
    end: Day = None,
    as_of: Day = None,
    limit: Limit = 20,
) -> None:
    """List messages, the newest first; --as-of shows what was known then."""
    _show(symbols, None, source, (start, end, as_of), limit)


@app.command()
def search(
    words: Annotated[str, typer.Argument(help='All words; "a phrase", -not, this or that.')],
    symbols: Symbols = None,
    source: Source = None,
    as_of: Day = None,
    limit: Limit = 20,
) -> None:
    """Search titles and texts."""
    _show(symbols, words, source, (None, None, as_of), limit)


@app.command()
def fetch(
    symbols: Annotated[list[str], typer.Argument(help="One or more symbols.")],
    source: Annotated[str | None, typer.Option(help="alpaca, polygon, finnhub")] = None,
    start: Day = None,
    end: Day = None,
) -> None:
    """Fetch news; without --start from where the last fetch came to, less a day."""
    found = wb.fetch_messages(symbols, start, end, source=source)
    edited = int((found["edition"] > 1).sum())
    out.print(f"{len(found) - edited} new messages, {edited} edited")


@app.command()
def note(
    text: Annotated[str, typer.Argument(help="Its first line is the title.")],
    symbol: Annotated[list[str] | None, typer.Option(help="Whom it is about; repeat it.")] = None,
    sentiment: Annotated[float | None, typer.Option(min=-1, max=1)] = None,
    note_id: Annotated[str | None, typer.Option(help="The same name again edits it.")] = None,
) -> None:
    """Write a note."""
    made = wb.note(text, symbol or (), note_id=note_id, sentiment=sentiment)
    out.print(f"note {escape(made.vendor_id)}, edition {made.edition}")


def _show(
    symbols: list[str] | None,
    words: str | None,
    source: str | None,
    times: tuple[str | None, str | None, str | None],
    limit: int,
) -> None:
    start, end, as_of = times
    found = wb.messages(
        symbols or None, start, end, search=words, source=source, as_of=as_of, limit=limit
    )
    if found.empty:
        out.print(
            "No message here: [bold]workbench messages fetch AAPL[/] brings news, "
            '[bold]workbench messages note "…"[/] writes one.'
        )
        return
    short = found[["published", "source", "symbols", "sentiment", "title"]].iloc[::-1].copy()
    short["symbols"] = short["symbols"].map(" ".join)
    short["published"] = short["published"].dt.strftime("%Y-%m-%d %H:%M")
    out.print(frame(short, limit=limit))
