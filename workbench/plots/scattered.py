"""What a search found: points over two parameters, and a statistic in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    FactorRange,
    HoverTool,
    LinearColorMapper,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure as Figure

from workbench.plots.coloured import LESS_IS_BEST, check_columns, colour_bar, number_format
from workbench.plots.theme import Theme, find, style

__all__ = ["figure"]


def figure(
    stats: pd.DataFrame,
    x: str,
    y: str,
    value: str = "sharpe",
    *,
    theme: str | Theme = "light",
    height: int = 420,
) -> Any:
    """Return points over two parameters, coloured by a statistic, the best one a star.

    Unlike a heat map it invents no cells between points that lie on no grid. Better points
    are drawn over worse ones.

    Parameters
    ----------
    stats : pandas.DataFrame
        One row for each point, the parameters and the statistics as columns.
    x, y : str
        Parameters. Words and yes or no are laid out as names.
    value : str
        The statistic. A point without it (NaN) is hollow.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Returns
    -------
    bokeh.plotting.figure
        The renderer named ``points`` has a source whose ``row`` column holds each point's row
        number in `stats`.

    Raises
    ------
    UsageError
        No such column.
    DataError
        Not one finite number.

    Examples
    --------
    >>> stats = pd.DataFrame({"fast": [5, 31, 12], "slow": [20, 57, 131],
    ...                       "sharpe": [0.4, 0.1, 0.2]})
    >>> plot = figure(stats, "fast", "slow")
    >>> plot.select_one("points").data_source.data["row"].tolist()  # the best is drawn last
    [1, 2, 0]
    """
    check_columns(stats, x, y, value)
    values = stats[value].to_numpy(np.float64)
    look = find(theme)
    signed = -values if value in LESS_IS_BEST else values
    order = np.argsort(np.where(np.isfinite(signed), signed, -np.inf), kind="stable")
    ranges: dict[str, Any] = {"x_range": _names(stats[x]), "y_range": _names(stats[y])}
    drawn: Any = Figure(
        height=height,
        x_axis_label=x,
        y_axis_label=y,
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,reset,tap",
        min_border_right=16,
        **{name: names for name, names in ranges.items() if names is not None},
    )
    source = ColumnDataSource(
        {
            "x": _places(stats[x].iloc[order]),
            "y": _places(stats[y].iloc[order]),
            "value": values[order],
            "row": order,
        }
    )
    finite = values[np.isfinite(values)]
    mapper = LinearColorMapper(
        palette=Viridis256,
        low=float(finite.min()),
        high=float(finite.max()),
        nan_color=look.surface,
    )
    points = drawn.scatter(
        "x", "y", size=9, source=source, name="points",
        fill_color={"field": "value", "transform": mapper}, line_color=look.muted,
        line_width=0.5,
    )  # fmt: skip
    best: Any = {key: [source.data[key][-1]] for key in ("x", "y")}
    drawn.scatter("x", "y", marker="star", size=18, source=ColumnDataSource(best), name="best",
                  fill_color="#ffffff", line_color=look.text)  # fmt: skip
    form = number_format(value)
    words = value.replace("_", " ")
    drawn.add_tools(
        HoverTool(renderers=[points], tooltips=[(x, "@x"), (y, "@y"), (words, f"@value{{{form}}}")])
    )
    drawn.title.text = f"{words.capitalize()} of {len(stats):,} points by {x} and {y}"
    drawn.add_layout(colour_bar(mapper, value, look), "right")
    return style(drawn, look)


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _names(column: pd.Series) -> FactorRange | None:
    """Return the names along an axis, None for numbers."""
    if _is_numeric(column):
        return None
    return FactorRange(factors=list(dict.fromkeys(map(str, column))))


def _places(column: pd.Series) -> Any:
    return column.to_numpy() if _is_numeric(column) else [str(v) for v in column]
