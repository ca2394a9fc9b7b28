"""How returns are spread, and how steady the Sharpe ratio was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import Label, Span
from bokeh.plotting import figure as Figure

from workbench.errors import DataError
from workbench.plots.reduce import extremes
from workbench.plots.theme import FONT, Theme, find, style

__all__ = ["figure", "rolling_sharpe"]


def figure(
    returns: pd.Series, *, bins: int = 61, theme: str | Theme = "light", height: int = 240
) -> Any:
    """Return a histogram of returns with its mean and its 5 % quantile.

    Parameters
    ----------
    returns : pandas.Series
        Fractions per bar; NaN is left out, and so are bars whose return is exactly 0 (no
        position), whose share the title states.
    bins : int
        Columns between the 0.25 % and 99.75 % quantiles; what lies beyond is in the outer ones.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Raises
    ------
    DataError
        There is no return other than 0.

    Examples
    --------
    >>> plot = figure(pd.Series([0.01, -0.02, 0.0, 0.03]))
    >>> plot.title.text
    'Returns per bar, without the 25% of bars that returned 0'
    """
    look = find(theme)
    values = returns.dropna().to_numpy(np.float64)
    moved = values[values != 0]
    if not len(moved):
        raise DataError("there is no return other than 0")
    low, high = np.quantile(moved, [0.0025, 0.9975])
    edges = np.linspace(low, high if high > low else low + 1e-9, bins + 1)
    counts, _ = np.histogram(np.clip(moved, edges[0], edges[-1]), edges)
    middle = (edges[:-1] + edges[1:]) / 2
    source: Any = ColumnDataSource(
        {
            "left": edges[:-1], "right": edges[1:], "count": counts, "share": counts / len(moved),
            "colour": np.where(middle >= 0, look.up, look.down),
        }
    )  # fmt: skip
    drawn = _canvas(height)
    bars = drawn.quad(
        "left", "right", "count", 0, source=source, fill_color="colour", fill_alpha=0.8,
        line_color=look.surface,
    )  # fmt: skip
    drawn.add_tools(
        HoverTool(
            renderers=[bars],
            tooltips=[
                ("return", "@left{0.00%} to @right{0.00%}"),
                ("bars", "@count (@share{0.0%})"),
            ],
        )
    )
    tail = float(np.quantile(moved, 0.05))
    for at, words, side in ((float(moved.mean()), "mean", 1), (tail, "5 % quantile", -1)):
        drawn.add_layout(Span(dimension="height", location=at, line_color=look.muted,
                              line_dash="dashed", line_width=1))  # fmt: skip
        drawn.add_layout(
            Label(
                x=at, y=height - 78, y_units="screen", text=f"{words} {at:+.2%}", x_offset=6 * side,
                text_align="left" if side > 0 else "right", text_font=FONT,
                text_font_size="11px", text_color=look.muted,
            )
        )  # fmt: skip
    drawn.xaxis.formatter = NumeralTickFormatter(format="0.[0]%")
    drawn.y_range.start = 0
    flat = 1 - len(moved) / len(values)
    drawn.title.text = "Returns per bar" + (
        f", without the {flat:.0%} of bars that returned 0" if flat > 0 else ""
    )
    return style(drawn, look)


def rolling_sharpe(
    returns: pd.Series,
    periods_per_year: float,
    *,
    window: int = 126,
    theme: str | Theme = "light",
    height: int = 240,
) -> Any:
    """Return the Sharpe ratio of the last `window` bars, at each bar.

    Mean over standard deviation (ddof=1) times the root of the periods per year, without a
    risk-free rate; undefined where the window holds no movement.

    Parameters
    ----------
    returns : pandas.Series
        Fractions per bar, indexed by time.
    periods_per_year : float
        252 for the days of a US exchange, 365 for days of crypto; never guessed here.
    window : int
        Bars, at least 2.

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=300, tz="UTC")
    >>> plot = rolling_sharpe(pd.Series(np.sin(np.arange(300)), index), 365)
    >>> plot.title.text
    'Sharpe ratio of the last 126 bars'
    """
    if window < 2:
        raise DataError(f"a window needs at least 2 bars, not {window}", window=window)
    look = find(theme)
    mean, spread = returns.rolling(window).mean(), returns.rolling(window).std(ddof=1)
    ratio = (mean / spread.where(spread > 0)) * np.sqrt(periods_per_year)
    thin = extremes(ratio, 2000)
    times = pd.DatetimeIndex(thin.index)
    times = times.tz_localize(None) if times.tz is not None else times
    source: Any = ColumnDataSource({"time": times.to_numpy(), "value": thin.to_numpy(np.float64)})
    drawn = _canvas(height, x_axis_type="datetime")
    line = drawn.line("time", "value", source=source, line_color=look.primary, line_width=1.5)
    drawn.add_layout(Span(dimension="width", location=0, line_color=look.muted, line_width=1,
                          line_dash="dotted"))  # fmt: skip
    drawn.add_tools(
        HoverTool(
            renderers=[line], mode="vline", formatters={"@time": "datetime"},
            tooltips=[("", "@time{%F}"), ("Sharpe", "@value{0.00}")],
        )
    )  # fmt: skip
    drawn.xaxis.formatter = DatetimeTickFormatter(years="%Y", months="%b %Y", days="%d %b")
    drawn.title.text = f"Sharpe ratio of the last {window} bars"
    return style(drawn, look)


def _canvas(height: int, **kind: Any) -> Any:
    drawn: Any = Figure(
        height=height,
        y_axis_location="right",
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools="",
        min_border_left=8,
        min_border_right=44,
        **kind,
    )
    drawn.yaxis.ticker.desired_num_ticks = 4
    return drawn
