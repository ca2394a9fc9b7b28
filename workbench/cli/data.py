"""``workbench data``: what the catalog holds, and how good it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

import workbench as wb
from workbench.cli.show import frame, out
from workbench.config import load_settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["app"]

app = typer.Typer(help="Bars: list, fetch, judge, compare, compact.", no_args_is_help=True)

Symbols = Annotated[list[str], typer.Argument(help="One or more symbols.")]
Frame = Annotated[str, typer.Option(help="1m, 1h, 1d, …")]
Source = Annotated[str | None, typer.Option(help="sample, files, polygon, alpaca, binance, …")]
Day = Annotated[str | None, typer.Option(help="A date or an instant; naive is UTC.")]


@app.command("list")
def listed() -> None:
    """List what the catalog of this workspace holds."""
    from workbench.data.catalog import Catalog  # pandas, where it is needed

    rows = Catalog.of(load_settings()).entries()
    if rows.empty:
        out.print("The catalog is empty: [bold]workbench data fetch AAPL[/] puts something in.")
        return
    short = rows.rename(columns={"timeframe": "bar", "megabytes": "MB"})
    short["fetched"] = short["fetched"].str[:16].str.replace("T", " ")
    out.print(frame(short, limit=200))


@app.command()
def fetch(
    symbols: Symbols,
    timeframe: Frame = "1d",
    start: Day = None,
    end: Day = None,
    source: Source = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it costs, and ask before anything is fetched.")
    ] = False,
) -> None:
    """Fetch bars into the catalog; what is stored already is not fetched again."""
    if plan and not _is_wanted(symbols, timeframe, (start, end), source):
        return
    for symbol in symbols:
        bars = wb.bars(symbol, timeframe, start, end, source=source)
        out.print(
            f"[bold]{escape(symbol)}[/]  {len(bars):,} bars {timeframe}  "
            f"{bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d}  "
            f"[dim]{bars.attrs['source']}, {bars.attrs['fingerprint'][:12]}[/]"
        )


@app.command()
def actions(
    symbols: Annotated[list[str] | None, typer.Argument(help="Whose to show.")] = None,
    source: Source = None,
    add: Annotated[
        Path | None, typer.Option(help="A CSV or Parquet file: symbol,date,kind,value,former.")
    ] = None,
) -> None:
    """Show splits, dividends and changes of name, and add those that a source lacks."""
    if add is not None:
        out.print(f"{wb.record_actions(add)} actions recorded from {escape(str(add))}")
    for symbol in symbols or ():
        told = wb.actions(symbol, source=source)
        out.print(f"[bold]{escape(symbol)}[/]  {len(told)} actions")
        if len(told):
            told["date"] = told["date"].dt.strftime("%Y-%m-%d")
            out.print(frame(told, limit=200))


@app.command()
def quality(
    symbols: Symbols,
    timeframe: Frame = "1d",
    start: Day = None,
    end: Day = None,
    source: Source = None,
) -> None:
    """Judge bars: gaps, duplicates, spikes, stale runs and the like; exit 1 where bad."""
    wanted = symbols[0] if len(symbols) == 1 else list(symbols)
    report = wb.quality(wb.bars(wanted, timeframe, start, end, source=source))
    out.print(escape(str(report)), soft_wrap=True)
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def diff(
    symbols: Annotated[list[str] | None, typer.Argument(help="These; all by default.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="1m, 1h, 1d, …")] = None,
    source: Source = None,
    since: Annotated[str | None, typer.Option(help="Only what changed after it.")] = None,
    again: Annotated[bool, typer.Option(help="Ask the source for what is stored again.")] = False,
) -> None:
    """Show bars that a vendor restated, and the saved runs that this touches; exit 1 if any."""
    if again:
        _ask_again(symbols, timeframe, source)
    found = wb.revisions(symbols, timeframe, source, since)
    out.print(escape(str(found)), soft_wrap=True)
    if len(found):
        out.print(frame(_short(found.table), limit=200))
    if len(found.runs):
        out.print(frame(found.runs, limit=200))
    raise typer.Exit(1 if len(found) else 0)


@app.command()
def compact() -> None:
    """Move live bars to the Parquet files, and make of many small files few."""
    from workbench.data.catalog import Catalog

    catalog = Catalog.of(load_settings())
    try:
        moved = catalog.compact()
    finally:
        catalog.close()
    if moved.empty:
        out.print("No live bar was waiting; small files were joined.")
        return
    out.print(frame(moved, limit=200))


def _is_wanted(
    symbols: list[str], timeframe: str, window: tuple[str | None, str | None], source: str | None
) -> bool:
    """Say what a download costs; ask whether to go on, and stop where nobody can answer."""
    told = wb.plan(symbols, timeframe, *window, source=source)
    out.print(escape(repr(told)), soft_wrap=True)
    if not told.requests:
        return True
    if not sys.stdin.isatty():
        out.print("Nothing was fetched: leave [bold]--plan[/] out to fetch it.")
        return False
    return typer.confirm("Fetch it?")


def _ask_again(symbols: list[str] | None, timeframe: str | None, source: str | None) -> None:
    from workbench.core.timeframe import Timeframe
    from workbench.data import sources
    from workbench.data.catalog import Catalog

    settings = load_settings()
    catalog = Catalog.of(settings)
    meant = None if timeframe is None else Timeframe.parse(timeframe)
    for name, length, symbol in catalog.names():
        if (
            (symbols and symbol not in symbols)
            or (meant is not None and length != meant)
            or (source is not None and name != source)
        ):
            continue
        told = catalog.read(name, length, symbol)
        if told is not None and len(told[0]):
            index = told[0].index
            end = index[-1] + length.delta
            catalog.again(sources.find(name, settings), symbol, length, index[0], end)


def _short(table: pd.DataFrame) -> pd.DataFrame:
    short = table.copy()
    for name in ("time", "stored", "replaced"):
        short[name] = short[name].dt.strftime("%Y-%m-%d %H:%M")
    return short
