"""The tear sheet: one HTML file that tells a run to somebody who was not there.

Everything it needs lies within: it makes no request, and opens from a mail or a disk.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import get_ident
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from bokeh.embed import file_html

from workbench.backtest import stats as statistics
from workbench.backtest import tearsheet_tables as tables
from workbench.errors import UsageError
from workbench.kernels.book import FILL
from workbench.plots import distribution, monthly
from workbench.plots import result as picture
from workbench.plots.inline import INLINE, own_document
from workbench.plots.market import ChartOptions
from workbench.plots.theme import Theme, find

__all__ = ["write"]

_CARRIED = 6_000  # bars; keeps the file near 3 MB, most of which is the chart's own code
_KINDS = {"backtest": "Backtest", "replay": "Replay through the order path", "live": "Live run"}


def write(
    result: Any,
    path: str | Path,
    *,
    title: str | None = None,
    theme: str | Theme = "light",
    benchmark: pd.Series | None = None,
) -> Path:
    """Write a result as one self-contained HTML file.

    Parameters
    ----------
    result : workbench.backtest.result.Result
        Of a backtest, a replay or a live run.
    path : str or Path
        The file; folders are made, an older file is replaced at once and whole.
    title : str, optional
        The heading; strategy and symbols by default.
    theme : {"light", "dark"} or Theme
        See `workbench.plots.theme.find`.
    benchmark : pandas.Series, optional
        Prices or values to compare with, indexed by time; by default what was traded, bought
        in equal parts at the first bar and held.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    UsageError
        No such theme, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import workbench as wb
    >>> result = wb.backtest(wb.strategies.SmaCross(), wb.bars("IBM"), record=False)
    >>> page = write(result, Path(tempfile.mkdtemp()) / "tearsheet.html")
    >>> "<h1>SmaCross(fast=10, slow=50) on IBM</h1>" in page.read_text(encoding="utf-8")
    True
    """
    look = find(theme)
    target = Path(path)
    name = "buy & hold" if benchmark is None else str(benchmark.name or "benchmark")
    held = _compared(result, benchmark).rename(name)
    text = _render(result, look, title, held)
    draft = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"the tear sheet cannot be written to {target}: {error.strerror}; name a file in a "
            "folder that may be written",
            path=str(target),
        ) from error
    return target


def _compared(result: Any, benchmark: pd.Series | None) -> pd.Series:
    """Put the benchmark on the bars' index, scaled to the starting cash."""
    if benchmark is None:
        return picture.buy_and_hold(result.bars, result.cash)
    held = benchmark.reindex(result.equity.index, method="ffill").bfill()
    scaled: pd.Series = held / held.iloc[0] * result.cash
    return scaled


def _render(result: Any, look: Theme, title: str | None, held: pd.Series) -> str:
    heading = title or f"{result.strategy!r} on {tables.names(result.symbols)}"
    chart = picture.chart(
        result,
        theme=look,
        benchmark=held,
        options=ChartOptions(
            symbol=result.symbols[0],
            height=330,
            wheel="ctrl",
            log=picture.is_wide(result.bars),
            carried=_CARRIED,
            server=False,
        ),
    )
    roots = {"chart": chart.layout}
    if bool((result.returns.fillna(0) != 0).any()):
        roots["spread"] = distribution.figure(result.returns, theme=look)
    window = int(min(126, max(20, len(result.returns) // 4)))
    roots["steady"] = distribution.rolling_sharpe(
        result.returns, result.periods_per_year, window=window, theme=look
    )
    for name, root in roots.items():
        root.name = name
    words = {
        **_words(result, look, held),
        "look": look,
        "spread": "spread" in roots,
        "heading": heading,
        "css": _read("tearsheet.css"),
        "merged": _merged(chart.count, len(result.bars)),
    }
    with own_document():
        html: str = file_html(
            list(roots.values()),
            INLINE,
            title=heading,
            template=_template(),
            template_variables=words,
            suppress_callback_warning=True,
        )
    return html


def _words(result: Any, look: Theme, held: pd.Series) -> dict[str, Any]:
    stats, trips = result.stats, result.round_trips
    beside = _measured(held, result)
    return {
        "kind": _KINDS.get(result.kind, result.kind),
        "facts": tables.facts(result),
        "headline": {
            "total": tables.percent(stats["total_return"], signed=True),
            "equity": tables.money(stats["end_equity"]),
            "css": tables.tone(stats["total_return"]),
        },
        "tiles": tables.tiles(stats, beside, str(held.name)),
        "findings": result.findings,
        "chart_words": (
            f"Price of {result.symbols[0]} with {len(result.fills)} fills; equity from "
            f"{tables.money(result.cash)} to {tables.money(stats['end_equity'])}, deepest "
            f"drawdown {tables.percent(stats['max_drawdown'])}"
        ),
        "drawdowns": tables.drawdowns(result.equity, result.cash),
        "costs": tables.costs(result),
        "months": _months(result.returns, look),
        "best": tables.trips(trips.nlargest(8, "pnl")),
        "worst": tables.trips(trips.nsmallest(min(8, max(0, len(trips) - 8)), "pnl")),
        "conventions": tables.conventions(result),
        "pedigree": [
            *tables.pedigree(result.manifest),
            ("Second opinion", str(result.agreement or "not asked for; saving the run does")),
        ],
        "meanings": [
            (name.replace("_", " "), text) for name, text in statistics.CONVENTIONS.items()
        ],
        "footer": (
            f"Past results say little about future ones. Written from run "
            f"{result.manifest.run_id}, {result.manifest.created[:19]} UTC."
        ),
    }


def _measured(held: pd.Series, result: Any) -> dict[str, float]:
    """Measure the benchmark by the same code as the run itself."""
    worth = held.to_numpy(np.float64)
    idle = np.zeros((len(worth), 1))
    return statistics.measure(
        worth, idle, np.empty(0, FILL), float(result.cash), result.periods_per_year
    )


def _months(returns: pd.Series, look: Theme) -> dict[str, Any]:
    table = monthly.table(returns)
    months, whole = table[list(monthly.MONTHS)], table["Year"]
    scales = {name: _scale(months) for name in monthly.MONTHS} | {"Year": _scale(whole)}
    rows = [
        {
            "year": year,
            "cells": [
                {
                    "text": "" if np.isnan(value) else f"{value:+.1%}".replace("-", "−"),
                    "shade": monthly.shade(value, scales[str(name)], look),
                }
                for name, value in row.items()
            ],
        }
        for year, row in table.iterrows()
    ]
    return {"columns": list(table.columns), "rows": rows}


def _scale(values: Any) -> float:
    return float(np.nanquantile(np.abs(values.to_numpy()), 0.95))


def _merged(shown: int, total: int) -> str:
    if shown == total:
        return ""
    return f"The {total:,} bars were merged to {shown:,} for this file."


@cache
def _template() -> jinja2.Template:
    surroundings = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return surroundings.from_string(_read("tearsheet.html"))


def _read(name: str) -> str:
    return files("workbench.backtest").joinpath("templates", name).read_text(encoding="utf-8")
