"""A walk forward: equity out of sample with its folds shaded, and what the statistic kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    DatetimeTickFormatter,
    HoverTool,
    NumeralTickFormatter,
)
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure as Figure

from workbench.errors import DataError
from workbench.plots.reduce import extremes
from workbench.plots.theme import Theme, find, style

__all__ = ["figure"]

_MOST_POINTS = 2_000


def figure(
    equity: pd.DataFrame,
    folds: pd.DataFrame,
    stat: str = "sharpe",
    *,
    theme: str | Theme = "light",
    height: int = 260,
) -> Any:
    """Return two panes: equity, and the statistic of each fold in training and in its test.

    Parameters
    ----------
    equity : pandas.DataFrame
        Money at each bar out of sample, a column per path; of several, the median is drawn strong.
    folds : pandas.DataFrame
        With the columns ``test_start test_end in_sample out_of_sample``; every other test window
        is shaded; none where they overlap, as those of combinations do.
    stat : str
        What is compared, for the title.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Of the upper pane, in pixels.

    Returns
    -------
    bokeh.models.Column

    Raises
    ------
    DataError
        There is nothing to draw.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=4, tz="UTC")
    >>> folds = pd.DataFrame({"test_start": days[[0, 2]], "test_end": days[[1, 3]],
    ...                       "in_sample": [1.0, 0.8], "out_of_sample": [0.2, -0.1]})
    >>> layout = figure(pd.DataFrame({"one": [100.0, 101, 99, 103]}, days), folds)
    >>> layout.children[1].title.text
    'Sharpe of the chosen, in training (ring) and in the test (dot)'
    """
    if equity.empty or folds.empty:
        raise DataError("there is no walk to draw")
    look = find(theme)
    upper = _pane(height, None)
    lower = _pane(max(140, height * 2 // 3), upper.x_range)
    many = equity.shape[1] > 1
    for name in equity.columns:
        upper.line("time", "value", source=_source(equity[name]), line_width=1 if many else 2,
                   line_color=look.primary, line_alpha=0.35 if many else 1.0)  # fmt: skip
    middle = equity.median(axis=1)
    line = upper.line("time", "value", source=_source(middle), line_width=2,
                      line_color=look.text if many else look.primary)  # fmt: skip
    tips = [("", "@time{%F}"), ("median" if many else "equity", "@value{0,0}")]
    upper.add_tools(
        HoverTool(renderers=[line], mode="vline", formatters={"@time": "datetime"}, tooltips=tips)
    )
    _shade(upper, lower, folds, look)
    _dots(lower, folds, look)
    upper.title.text = "Equity out of sample" + (f", {equity.shape[1]} paths" if many else "")
    lower.title.text = (
        f"{stat.replace('_', ' ').capitalize()} of the chosen, in training (ring) and in the test "
        "(dot)"
    )
    upper.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]a")
    upper.xaxis.visible = False
    for drawn in (upper, lower):
        style(drawn, look)
    return column(upper, lower, sizing_mode="stretch_width", spacing=0)


def _shade(upper: Any, lower: Any, folds: pd.DataFrame, look: Theme) -> None:
    windows = folds[["test_start", "test_end"]].drop_duplicates().sort_values("test_start")
    last = windows["test_start"].shift(-1)
    if (windows["test_end"] >= last).any():  # of combinations: they would lie on one another
        return
    for start, end in windows.iloc[::2].itertuples(index=False):
        for drawn in (upper, lower):
            drawn.add_layout(
                BoxAnnotation(
                    left=_stamp(start), right=_stamp(end), level="underlay", line_color=None,
                    fill_color=look.muted, fill_alpha=0.12,
                )
            )  # fmt: skip


def _dots(lower: Any, folds: pd.DataFrame, look: Theme) -> None:
    starts, ends = pd.DatetimeIndex(folds["test_start"]), pd.DatetimeIndex(folds["test_end"])
    middle = starts + (ends - starts) / 2
    past = folds["in_sample"].to_numpy("float64")
    future = folds["out_of_sample"].to_numpy("float64")
    source: Any = ColumnDataSource(
        {
            "time": _naive(middle), "past": past, "future": future,
            "fold": [str(name) for name in folds.index],
            "colour": np.where(future >= 0, look.up, look.down),
        }
    )  # fmt: skip
    lower.segment("time", "past", "time", "future", source=source, line_color=look.muted,
                  line_alpha=0.6)  # fmt: skip
    lower.scatter("time", "past", source=source, size=8, fill_color=look.surface,
                  line_color=look.muted)  # fmt: skip
    dots = lower.scatter("time", "future", source=source, size=8, fill_color="colour",
                         line_color=None)  # fmt: skip
    tips = [("fold", "@fold"), ("training", "@past{0.00}"), ("test", "@future{0.00}")]
    lower.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    lower.add_layout(Span(dimension="width", location=0, line_color=look.muted, line_width=1,
                          line_dash="dotted"))  # fmt: skip


def _naive(times: pd.DatetimeIndex) -> Any:
    return (times if times.tz is None else times.tz_convert("UTC").tz_localize(None)).to_numpy()


def _stamp(time: Any) -> Any:
    return _naive(pd.DatetimeIndex([time]))[0].astype("datetime64[ms]").astype(np.int64).item()


def _source(series: pd.Series) -> Any:
    thin = extremes(series, _MOST_POINTS)
    times = _naive(pd.DatetimeIndex(thin.index))
    return ColumnDataSource({"time": times, "value": thin.to_numpy(np.float64)})


def _pane(height: int, x_range: Any) -> Any:
    kept = {} if x_range is None else {"x_range": x_range}
    drawn: Any = Figure(
        height=height,
        x_axis_type="datetime",
        y_axis_location="right",
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools="",
        min_border_left=8,
        min_border_right=60,
        **kept,
    )
    drawn.xaxis.formatter = DatetimeTickFormatter(years="%Y", months="%b %Y", days="%d %b")
    return drawn
