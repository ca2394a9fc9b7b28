"""The picture of a quality report: the price, and where something is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure as Figure

from workbench.data.quality import QualityReport
from workbench.errors import UsageError, nearest
from workbench.plots.reduce import extremes
from workbench.plots.theme import Theme, find, style

__all__ = ["figure"]

_MOST = 4000


def figure(
    report: QualityReport,
    symbol: str | None = None,
    *,
    theme: str | Theme = "light",
    height: int = 320,
) -> Any:
    """Return the closes of a symbol, and under them a row of marks for each check that found.

    Parameters
    ----------
    report : QualityReport
        What `wb.quality` returns.
    symbol : str, optional
        The first one by default.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Raises
    ------
    UsageError
        The report has no such symbol.

    Examples
    --------
    >>> import workbench as wb
    >>> figure(wb.quality(wb.bars("AAPL"))).title.text
    'AAPL: nothing found'
    """
    symbols = list(report.table.index)
    name = str(symbols[0]) if symbol is None else symbol
    if name not in symbols:
        raise UsageError(f"the report has no symbol {name!r}{nearest(str(name), symbols)}")
    look, bars = find(theme), report.bars
    close = bars["close"][name] if bars.columns.nlevels == 2 else bars["close"]
    close = close[close.notna()].sort_index()
    places = report.details[report.details["symbol"] == name]
    checks = list(dict.fromkeys(places["check"]))
    drawn = Figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        toolbar_location=None,
        title=f"{name}: {len(places):,} places" if len(places) else f"{name}: nothing found",
    )
    line = extremes(close, _MOST) if len(close) else close
    drawn.line(
        pd.DatetimeIndex(line.index).tz_convert(None).to_numpy(),
        line.to_numpy(),
        line_color=look.primary,
        line_width=1,
    )
    low, high = (float(close.min()), float(close.max())) if len(close) else (0.0, 1.0)
    step = 0.09 * ((high - low) or 1.0)
    for row, check in enumerate(checks, start=1):
        _marks(drawn, places[places["check"] == check], low - row * step, look, row)
    if checks:
        drawn.legend.location, drawn.legend.orientation = "top_left", "horizontal"
    style(drawn, look)
    return drawn


def _marks(drawn: Any, places: pd.DataFrame, level: float, look: Theme, row: int) -> None:
    check = str(places["check"].iloc[0])
    some = places.iloc[:: max(1, len(places) // _MOST)]
    source: Any = ColumnDataSource(
        {"x": some["time"], "y": np.full(len(some), level), "detail": some["detail"]}
    )
    marks = drawn.scatter(
        "x", "y", source=source, marker="dash", angle=np.pi / 2, size=9,
        line_color=look.series[row % len(look.series)], legend_label=f"{check} ({len(places):,})",
    )  # fmt: skip
    tips = [("", check), ("time", "@x{%F %H:%M}"), ("", "@detail")]
    drawn.add_tools(HoverTool(renderers=[marks], tooltips=tips, formatters={"@x": "datetime"}))
