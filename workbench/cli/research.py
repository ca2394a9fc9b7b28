"""``workbench strategies|backtest|check``: research from the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

import workbench as wb
from workbench.cli.show import facts, out
from workbench.errors import UsageError
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


def strategies() -> None:
    """List the strategies and their parameters."""
    for name in registry.names():
        cls = registry.find(name)
        summary = (cls.__doc__ or "").strip().splitlines()[0]
        out.print(f"[bold]{name}[/]  {escape(summary)}")
        for spec in specs(cls).values():
            between = f"{spec.low} … {spec.high}" if spec.low is not None else ""
            out.print(f"    {spec.name} = {spec.default!r}  [dim]{between}  {escape(spec.doc)}[/]")


def backtest(
    strategy: Name,
    symbols: Symbols,
    param: Parameters = None,
    timeframe: Frame = "1d",
    source: Source = None,
    fee_bps: Annotated[float, typer.Option(help="Fee in hundredths of a percent.")] = 0.0,
    tearsheet: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
) -> None:
    """Backtest a strategy and print its statistics."""
    chosen = build(strategy, param)
    bars = _bars(symbols, timeframe, source)
    result = wb.backtest(chosen, bars, costs=wb.Costs(fee=wb.fees.Bps(fee_bps)))
    out.print(f"[bold]{escape(repr(chosen))}[/] on {', '.join(symbols)}, {bars.attrs['source']}")
    out.print(facts((str(name), _shown(value)) for name, value in result.stats.items()))
    for finding in result.findings:
        out.print(f"[yellow]![/] {escape(str(finding))}")
    if tearsheet is not None:
        out.print(f"Tear sheet: {result.tearsheet(tearsheet)}")


def check(
    strategy: Name,
    symbols: Annotated[list[str] | None, typer.Argument()] = None,
    param: Parameters = None,
    timeframe: Frame = "1d",
    source: Source = None,
) -> None:
    """Look for leaks, a warm-up that is too short and impurity; exit 1 where there are any."""
    bars = _bars(symbols, timeframe, source) if symbols else None
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


def _bars(symbols: list[str], timeframe: str, source: str | None) -> Any:
    wanted = symbols[0] if len(symbols) == 1 else list(symbols)
    return wb.bars(wanted, timeframe, source=source)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:,.4f}"  # noqa: PLR0124  # NaN
    return str(value)
