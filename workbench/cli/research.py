"""``workbench strategies|backtest|check``: research from the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

import workbench as wb
from workbench.cli.show import facts, out
from workbench.errors import UsageError
from workbench.plots.units import shown
from workbench.strategy import registry
from workbench.strategy.parameters import specs

__all__ = ["backtest", "build", "check", "strategies"]

Name = Annotated[str, typer.Argument(help="A known name, or file.py:Class.")]
Symbols = Annotated[list[str], typer.Argument(help="One or more symbols.")]
Parameters = Annotated[
    list[str] | None, typer.Option("--param", "-p", help="name=value; may be repeated.")
]
Source = Annotated[str | None, typer.Option(help="sample, synthetic, files, …")]
Frame = Annotated[str, typer.Option(help="1m, 1h, 1d, …")]
Day = Annotated[str | None, typer.Option(help="A date or an instant; naive is UTC.")]


@dataclass(frozen=True)
class _Choice:
    """Which bars."""

    symbols: list[str]
    timeframe: str = "1d"
    source: str | None = None
    start: str | None = None
    end: str | None = None

    def bars(self) -> Any:
        wanted = self.symbols[0] if len(self.symbols) == 1 else list(self.symbols)
        return wb.bars(wanted, self.timeframe, self.start, self.end, source=self.source)


def strategies() -> None:
    """List the strategies and their parameters."""
    for name in registry.names():
        cls = registry.find(name)
        summary = (cls.__doc__ or "").strip().splitlines()[0]
        out.print(f"[bold]{name}[/]  {escape(summary)}")
        for spec in specs(cls).values():
            between = f"{spec.low} … {spec.high}" if spec.low is not None else ""
            out.print(f"    {spec.name} = {spec.default!r}  [dim]{between}  {escape(spec.doc)}[/]")


def backtest(  # noqa: PLR0913, PLR0917 - an option each
    strategy: Name,
    symbols: Symbols,
    param: Parameters = None,
    timeframe: Frame = "1d",
    source: Source = None,
    start: Day = None,
    end: Day = None,
    cash: Annotated[float, typer.Option(help="To begin with.")] = 100_000.0,
    fee_bps: Annotated[float, typer.Option(help="Fee in hundredths of a percent.")] = 0.0,
    slippage_bps: Annotated[float, typer.Option(help="The same, of slippage.")] = 0.0,
    save: Annotated[bool, typer.Option("--save", help="Keep the run in the workspace.")] = False,
    tearsheet: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
) -> None:
    """Backtest a strategy and print its statistics."""
    chosen = build(strategy, param)
    bars = _Choice(symbols, timeframe, source, start, end).bars()
    costs = wb.Costs(fee=wb.fees.Bps(fee_bps), slippage_bps=slippage_bps)
    result = wb.backtest(chosen, bars, cash=cash, costs=costs)
    out.print(f"[bold]{escape(repr(chosen))}[/] on {', '.join(symbols)}, {bars.attrs['source']}")
    out.print(facts((str(name), shown(str(name), value)) for name, value in result.stats.items()))
    for finding in result.findings:
        out.print(f"[yellow]![/] {escape(str(finding))}", soft_wrap=True)
    if save:
        result.save()
        out.print(f'Saved: wb.load_run("{result.manifest.run_id}")')
    if tearsheet is not None:
        out.print(f"Tear sheet: {result.tearsheet(tearsheet)}", soft_wrap=True)


def check(
    strategy: Name,
    symbols: Annotated[list[str] | None, typer.Argument(help="Sample shares if none.")] = None,
    param: Parameters = None,
    timeframe: Frame = "1d",
    source: Source = None,
) -> None:
    """Look for leaks, a warm-up that is too short and impurity; exit 1 where there are any."""
    bars = _Choice(symbols, timeframe, source).bars() if symbols else None
    report = wb.check(build(strategy, param), bars)
    out.print(escape(str(report)), soft_wrap=True)
    raise typer.Exit(0 if report.ok else 1)


def build(strategy: str, param: list[str] | None = None) -> Any:
    """Return a strategy object of a name and ``name=value`` texts."""
    cls = registry.find(strategy)
    known = specs(cls)
    values: dict[str, Any] = {}
    for text in param or []:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"a parameter is written name=value, not {text!r}", text=text)
        values[name] = _typed(value, known[name].type) if name in known else value
    return cls(**values)


def _typed(text: str, kind: type) -> Any:
    if kind is bool:
        return text.lower() in ("1", "true", "yes", "on")
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text  # the strategy says what it wants instead
