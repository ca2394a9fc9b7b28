"""The account's value over time, against a benchmark, with its drawdown below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    CrosshairTool,
    DatetimeTickFormatter,
    HoverTool,
    NumeralTickFormatter,
    PanTool,
    WheelZoomTool,
)
from bokeh.models.annotations import Span
from bokeh.plotting import figure as Figure

from workbench.errors import DataError
from workbench.plots.reduce import extremes
from workbench.plots.theme import Painter, Theme, dress

__all__ = ["figure"]


def figure(
    equity: pd.Series,
    benchmark: pd.Series | None = None,
    *,
    theme: str | Theme = "light",
    log: bool = False,
    height: int = 260,
    currency: str = "$",
) -> Any:
    """Return two panes: equity with its benchmark, and the drawdown.

    Parameters
    ----------
    equity : pandas.Series
        Money at each bar, indexed by time; NaN is left out.
    benchmark : pandas.Series, optional
        Any scale: it is set to begin where the equity begins.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    log : bool
        A logarithmic scale, on which equal growth is an equal slope; it needs an equity above 0.
    height : int
        Of the upper pane, in pixels; the lower has a third of it.
    currency : str
        The sign before money.

    Returns
    -------
    bokeh.models.Column

    Raises
    ------
    DataError
        There is nothing to draw, or a logarithm of what is not positive.

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=5, tz="UTC")
    >>> layout = figure(pd.Series([100.0, 110, 99, 105, 120], index))
    >>> len(layout.children)
    2
    """
    equity = equity.dropna()
    if equity.empty:
        raise DataError("there is no equity to draw")
    if log and float(equity.min()) <= 0:
        raise DataError("a logarithmic scale needs an equity above 0", minimum=float(equity.min()))
    painter = Painter(theme)
    drawdown = equity / equity.cummax() - 1
    upper = _pane(painter, height, None, log=log, form=f"{currency}0,0.[0]a")
    lower = _pane(painter, height // 3 + 24, upper.x_range, log=False, form="0.[0]%")
    if benchmark is not None:
        held = benchmark.dropna()
        held = held[held.index >= equity.index[0]]
        if len(held):
            held = held / held.iloc[0] * equity.iloc[0]
            line = upper.line("time", "value", source=_source(held), line_width=1.2,
                              line_dash="dashed", legend_label="Benchmark")  # fmt: skip
            painter.paint(line.glyph, line_color="muted")
    line = upper.line(
        "time", "value", source=_source(equity), line_width=2, legend_label="Strategy"
    )
    painter.paint(line.glyph, line_color="primary")
    money = f"@value{{{currency}0,0}}"
    upper.add_tools(_hover(line, [("", "@time{%F}"), ("equity", money)]))
    upper.legend.location = "top_left"
    upper.legend.orientation = "horizontal"
    area = lower.varea("time", 0, "value", source=_source(drawdown), fill_alpha=0.22)
    painter.paint(area.glyph, fill_color="down")
    edge = lower.line("time", "value", source=_source(drawdown), line_width=1.2)
    painter.paint(edge.glyph, line_color="down")
    lower.add_tools(_hover(edge, [("", "@time{%F}"), ("drawdown", "@value{0.0%}")]))
    upper.xaxis.visible = False
    cross = Span(dimension="height", line_dash="dashed", line_width=1)
    painter.paint(cross, line_color="crosshair")
    for drawn in (upper, lower):
        drawn.add_tools(CrosshairTool(overlay=cross))
        painter.style(drawn)
    dress(lower, "edge", f":host{{border-top:1px solid {painter.theme.divider}}}")
    return column(upper, lower, sizing_mode="stretch_width", spacing=0)


def _source(series: pd.Series) -> ColumnDataSource:
    thin = extremes(series)
    times = pd.DatetimeIndex(thin.index)
    if times.tz is not None:
        times = times.tz_convert("UTC").tz_localize(None)
    return ColumnDataSource({"time": times.to_numpy(), "value": thin.to_numpy(np.float64)})


def _pane(painter: Painter, height: int, x_range: Any, *, log: bool, form: str) -> Any:
    zoom = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
    kept = {} if x_range is None else {"x_range": x_range}
    drawn: Any = Figure(
        height=height,
        x_axis_type="datetime",
        y_axis_type="log" if log else "linear",
        y_axis_location="right",
        window_axis="x",
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools=[PanTool(dimensions="width"), zoom],
        min_border_left=6,
        min_border_right=74,
        min_border_top=4,
        **kept,
    )
    drawn.toolbar.active_scroll = zoom
    drawn.x_range.range_padding = 0.01
    drawn.yaxis.formatter = NumeralTickFormatter(format=form)
    drawn.yaxis.ticker.desired_num_ticks = max(3, height // 50)
    drawn.xaxis.formatter = DatetimeTickFormatter(years="%Y", months="%b %Y", days="%d %b")
    return painter.style(drawn)


def _hover(renderer: Any, lines: list[tuple[str, str]]) -> Any:
    tool: Any = HoverTool(renderers=[renderer], mode="vline", tooltips=lines)
    tool.formatters = {"@time": "datetime"}
    tool.point_policy = "follow_mouse"
    return tool
