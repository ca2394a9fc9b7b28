"""An order executed in parts: its fills over the price, and what was done over what should be."""

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
)
from bokeh.models.annotations import Span
from bokeh.plotting import figure as Figure

from workbench.errors import DataError
from workbench.plots.reduce import extremes
from workbench.plots.theme import Painter, Theme, dress

__all__ = ["figure"]

_LEAST, _MOST = 5.0, 16.0
_LEVELS = {"arrival": "dotted", "vwap": "dashed"}


def figure(
    price: pd.Series,
    fills: pd.DataFrame,
    done: pd.DataFrame,
    levels: pd.Series | None = None,
    *,
    is_buy: bool = True,
    theme: str | Theme = "light",
    title: str = "",
) -> Any:
    """Return two panes: the price with the fills upon it, and the units done over time.

    Parameters
    ----------
    price : pandas.Series
        Of the market, indexed by time.
    fills : pandas.DataFrame
        ``time price quantity``; the area of a mark grows with its quantity.
    done : pandas.DataFrame
        Units that were ``filled`` by a time, and the ``target`` where there is one.
    levels : pandas.Series, optional
        Prices to draw as lines, by their names; NaN is left out.
    is_buy : bool
    theme : str or Theme
        See `workbench.plots.theme.find`.
    title : str

    Returns
    -------
    bokeh.models.Column

    Raises
    ------
    DataError
        There is no price to draw.

    Examples
    --------
    >>> times = pd.date_range("2024-01-02", periods=3, freq="h", tz="UTC")
    >>> fills = pd.DataFrame({"time": times[1:], "price": [1.5, 2.0], "quantity": [1.0, 3.0]})
    >>> done = pd.DataFrame({"filled": [0.0, 1.0, 4.0]}, index=times)
    >>> panes = figure(pd.Series([1.0, 1.5, 2.0], times), fills, done, title="twap")
    >>> panes.children[0].title.text
    'twap'
    """
    price = price.dropna()
    if price.empty:
        raise DataError("there is no price to draw")
    painter = Painter(theme)
    upper = _pane(painter, 260, None, "0,0.[0000]")
    lower = _pane(painter, 130, upper.x_range, "0,0.[0]a")
    upper.title.text = title
    thin = extremes(price)
    market: Any = ColumnDataSource({"time": _plain(thin.index), "price": thin.to_numpy()})
    line = upper.line("time", "price", source=market, line_width=1.2, legend_label="price")
    painter.paint(line.glyph, line_color="muted")
    for name, level in ({} if levels is None else levels).items():
        if np.isfinite(level):
            _level(painter, upper, str(name), float(level), market.data["time"])
    marks = _marks(painter, upper, fills, "buy" if is_buy else "sell")
    upper.add_tools(_hover(marks, [("", "@time{%F %T}"), ("price", "@price{0,0.[0000]}"),
                                   ("units", "@quantity{0,0.[0000]}")]))  # fmt: skip
    steps = _steps(painter, lower, done)
    lower.add_tools(
        _hover(steps, [("", "@time{%F %T}")] + [(n, f"@{n}{{0,0.[00]}}") for n in done.columns])
    )
    upper.xaxis.visible = False
    cross = Span(dimension="height", line_dash="dashed", line_width=1)
    painter.paint(cross, line_color="crosshair")
    for drawn in (upper, lower):
        drawn.add_tools(CrosshairTool(overlay=cross))
        painter.style(drawn)
        drawn.legend.location, drawn.legend.orientation = "top_left", "horizontal"
    dress(lower, "edge", f":host{{border-top:1px solid {painter.theme.divider}}}")
    return column(upper, lower, sizing_mode="stretch_width", spacing=0)


def _plain(times: Any) -> Any:
    index = pd.DatetimeIndex(times)
    return (index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index).to_numpy()


def _pane(painter: Painter, height: int, x_range: Any, form: str) -> Any:
    kept = {} if x_range is None else {"x_range": x_range}
    drawn: Any = Figure(
        height=height,
        x_axis_type="datetime",
        y_axis_location="right",
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools=[],
        min_border_left=6,
        min_border_right=74,
        min_border_top=4,
        **kept,
    )
    drawn.x_range.range_padding = 0.02
    drawn.y_range.range_padding = 0.18  # the legend stands above what is drawn
    drawn.yaxis.formatter = NumeralTickFormatter(format=form)
    drawn.yaxis.ticker.desired_num_ticks = max(3, height // 50)
    drawn.xaxis.formatter = DatetimeTickFormatter(
        hourmin="%H:%M", hours="%H:%M", days="%d %b", months="%b %Y", years="%Y"
    )
    return painter.style(drawn)


def _level(painter: Painter, drawn: Any, name: str, level: float, times: Any) -> None:
    dash = _LEVELS.get(name, "dashdot")
    line = drawn.line(
        [times[0], times[-1]], [level, level], line_dash=dash, line_width=1.2,
        legend_label=f"{name} {level:,.2f}",
    )  # fmt: skip
    role = f"series{list(_LEVELS).index(name) if name in _LEVELS else len(_LEVELS)}"
    painter.paint(line.glyph, line_color=role)


def _marks(painter: Painter, drawn: Any, fills: pd.DataFrame, role: str) -> Any:
    units = fills["quantity"].to_numpy(np.float64)
    largest = np.abs(units).max() if len(units) else 1.0
    source: Any = ColumnDataSource(
        {
            "time": _plain(fills["time"]),
            "price": fills["price"].to_numpy(np.float64),
            "quantity": units,
            "size": _LEAST + (_MOST - _LEAST) * np.sqrt(np.abs(units) / largest),
        }
    )
    marks = drawn.scatter(
        "time", "price", size="size", source=source, fill_alpha=0.55, line_width=1,
        legend_label="bought" if role == "buy" else "sold",
    )  # fmt: skip
    painter.paint(marks.glyph, fill_color=role, line_color=role)
    return marks


def _steps(painter: Painter, drawn: Any, done: pd.DataFrame) -> Any:
    units: Any = {str(name): values.to_numpy(np.float64) for name, values in done.items()}
    source: Any = ColumnDataSource({"time": _plain(done.index)} | units)
    last = None
    for name, role, dash in (("target", "muted", "dashed"), ("filled", "primary", "solid")):
        if name in done.columns:
            last = drawn.step("time", name, source=source, mode="after", line_width=1.6,
                              line_dash=dash, legend_label=name)  # fmt: skip
            painter.paint(last.glyph, line_color=role)
    return last


def _hover(renderer: Any, lines: list[tuple[str, str]]) -> Any:
    tool: Any = HoverTool(renderers=[renderer], tooltips=lines)
    tool.formatters = {"@time": "datetime"}
    return tool
