"""``workbench demo``: the main job, end to end, on real bars."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

import workbench as wb
from workbench.cli.show import out, step
from workbench.config import Settings, load_settings
from workbench.errors import InvariantError
from workbench.reports import library

if TYPE_CHECKING:
    from workbench.backtest.result import Result
    from workbench.costs.costs import Costs

__all__ = ["demo"]

SYMBOLS = ["AAPL", "GOOG", "IBM", "MSFT"]
SYMBOL = "AAPL"
Files = dict[str, Path | str]


def demo() -> None:
    """Run the main job: load, check, backtest, sweep, replay, report.

    On the daily bars of AAPL, GOOG, IBM and MSFT (2000 to 2013) that come with the
    sample data: no key, no server, no network.
    """
    started = time.perf_counter()
    settings = load_settings()
    with _step(1, f"Load {', '.join(SYMBOLS)} through the catalog"):
        _load()
    with _step(2, "Look for leaks in a crossing of two averages"):
        _check()
    with _step(3, f"Backtest it on {SYMBOL}, then at every point of a grid"):
        best, folder = _research(settings)
    with _step(4, "Replay the best point through the order path"):
        _replay(best)
    with _step(5, "Write the tear sheet and the morning's report"):
        files = _write(settings, best, folder)
    _say_where(settings, best.manifest.run_id, files)
    out.print(f"\n[dim]The whole job took {time.perf_counter() - started:.0f} s.[/]")


@contextmanager
def _step(number: int, title: str) -> Iterator[None]:
    step(number, title)
    start = time.perf_counter()
    yield
    out.print(f"   [dim]{time.perf_counter() - start:.1f} s[/]")


def _load() -> None:
    report = wb.quality(wb.bars(SYMBOLS, source="sample"))
    out.print(escape(str(report)), soft_wrap=True)
    if not report.ok:
        raise InvariantError("the sample bars are not as shipped", findings=report.findings)


def _check() -> None:
    report = wb.check(wb.strategies.SmaCross())
    out.print(escape(str(report)), soft_wrap=True)
    if not report.ok:
        raise InvariantError("the worked example leaks", findings=report.findings)


def _research(settings: Settings) -> tuple[Result, Path]:
    bars = wb.bars(SYMBOL, source="sample")
    result = wb.backtest(wb.strategies.SmaCross(), bars, costs=_costs())
    out.print(f"{escape(repr(result.strategy))}: {_headline(result)}", soft_wrap=True)
    sweep = wb.sweep(
        wb.strategies.SmaCross,
        bars,
        costs=_costs(),
        constraint=lambda point: point["fast"] < point["slow"],
        fast=range(5, 50),
        slow=range(20, 200, 2),
    )
    best = sweep.best("sharpe").run()
    folder = settings.folder("reports") / best.manifest.run_id
    folder.mkdir(parents=True, exist_ok=True)
    heatmap = wb.plots.page.save(
        sweep.heatmap("fast", "slow"), folder / "heatmap.html", title="Sharpe ratio by parameters"
    )
    found = f"best of {len(sweep):,}: {escape(repr(best.strategy))}: {_headline(best)}"
    out.print(found, soft_wrap=True)
    out.print(escape(sweep.deflated_sharpe().explain()), soft_wrap=True)
    out.print(f"heat map: {escape(_near(heatmap))}", soft_wrap=True)
    return best, folder


def _replay(best: Result) -> None:
    from workbench.live.replay.compare import compare

    bars = wb.bars(SYMBOL, source="sample")
    replayed = wb.replay(best.strategy, bars, costs=_costs(), progress=out.is_terminal)
    found = compare(best, replayed)
    out.print(escape(str(found)), soft_wrap=True)
    if not found.ok:
        raise InvariantError("replay and backtest differ", first=found.first)


def _write(settings: Settings, best: Result, folder: Path) -> Files:
    from workbench.reports.run import run_report  # nbconvert is slow to load

    best.save()
    parameters = {
        "symbols": SYMBOLS,
        "strategy": best.strategy.name,
        "params": json.dumps(best.strategy.params),
    }
    notebook = library.find("daily_review", settings)
    report = run_report(notebook, parameters, folder.parent, run_id=folder.name)
    return {
        "the tear sheet": best.tearsheet(folder / "tearsheet.html"),
        "the morning's report": report.html,
        "the heat map": folder / "heatmap.html",
    }


def _say_where(settings: Settings, run_id: str, files: Files) -> None:
    rows = {what: _near(path) for what, path in files.items()} | {
        "the run, to load again": f'wb.load_run("{run_id}")',
        "bars, runs, trial ledger": _near(settings.folder("")),
        "the web app": "make demo   (or workbench serve --demo), which prints a login",
        "the notebooks, as stories": "make lab",
    }
    out.print("\n[bold]What to open next[/]")
    for what, where in rows.items():
        out.print(f"  [bold]{what:<27}[/]{escape(where)}", soft_wrap=True)


def _near(path: Path | str) -> str:
    """Return a path as one would type it here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else str(path)


def _costs() -> Costs:
    return wb.Costs(fee=wb.fees.PerShare(0.005, minimum=1.0), slippage_bps=1)


def _headline(result: Result) -> str:
    stats = result.stats
    return (
        f"return {stats['total_return']:+.0%}, Sharpe {stats['sharpe']:.2f}, "
        f"worst drawdown {stats['max_drawdown']:.0%}, {stats['round_trips']} round trips"
    )
