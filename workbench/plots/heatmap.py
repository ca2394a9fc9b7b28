"""What a sweep found: two parameters, and a statistic in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
    TapTool,
)
from bokeh.palettes import Cividis256, Viridis256
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
    """Return a heat map of one statistic over two parameters, with the best point marked.

    Parameters
    ----------
    stats : pandas.DataFrame
        One row for each point, the parameters and the statistics as columns. Where further
        parameters were swept, a cell shows the best of its points, and the title says so.
    x, y : str
        Parameters.
    value : str
        The statistic. NaN (no round trip, say) leaves a hole.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Returns
    -------
    bokeh.plotting.figure
        The renderer named ``cells`` has a source whose ``row`` column holds each cell's row
        number in `stats`: ``figure.select_one("cells").data_source.selected`` is what was
        clicked.

    Raises
    ------
    UsageError
        No such column.
    DataError
        Not one finite number.

    Examples
    --------
    >>> stats = pd.DataFrame({"fast": [5, 5, 10, 10], "slow": [20, 50, 20, 50],
    ...                       "sharpe": [0.1, 0.4, 0.2, 0.3]})
    >>> plot = figure(stats, "fast", "slow")
    >>> plot.select_one("cells").data_source.data["row"].tolist()
    [0, 1, 2, 3]
    """
    check_columns(stats, x, y, value)
    look = find(theme)
    cells, merged = _cells(stats, x, y, value)
    xs, ys = np.unique(cells[x]), np.unique(cells[y])
    source: Any = ColumnDataSource(
        {
            "x": np.searchsorted(xs, cells[x]).astype(float),
            "y": np.searchsorted(ys, cells[y]).astype(float),
            "value": cells[value].to_numpy(np.float64),
            "row": cells["row"].to_numpy(np.int64),
            "x_name": [f"{v:g}" if isinstance(v, float) else str(v) for v in cells[x]],
            "y_name": [f"{v:g}" if isinstance(v, float) else str(v) for v in cells[y]],
        }
    )
    drawn = _canvas(xs, ys, (x, y), height, look)
    finite = source.data["value"][np.isfinite(source.data["value"])]
    best = int(np.nanargmin(source.data["value"]) if value in LESS_IS_BEST
               else np.nanargmax(source.data["value"]))  # fmt: skip
    blind = look.up == find(look.name, colour_blind=True).up
    palette = Cividis256 if blind else Viridis256
    low, high = float(finite.min()), float(finite.max())
    mapper = LinearColorMapper(palette=palette, low=low, high=high, nan_color=look.grid)
    drawn.rect(
        "x", "y", 1, 1, source=source, name="cells",
        fill_color={"field": "value", "transform": mapper},
        line_color={"field": "value", "transform": mapper},
        nonselection_fill_alpha=1, selection_line_color=look.text, selection_line_width=2,
        hover_line_color=look.text,
    )  # fmt: skip
    _mark_best(drawn, source, best, look)
    words = value.replace("_", " ")
    drawn.title.text = f"{words.capitalize()} by {x} and {y}" + (
        f", best over {merged} further points each" if merged else ""
    )
    drawn.add_tools(
        HoverTool(
            renderers=[drawn.select_one("cells")],
            tooltips=[(x, "@x_name"), (y, "@y_name"), (words, f"@value{{{number_format(value)}}}")],
            point_policy="follow_mouse",
        )
    )
    drawn.add_layout(colour_bar(mapper, value, look), "right")
    return style(drawn, look)


def _cells(stats: pd.DataFrame, x: str, y: str, value: str) -> tuple[pd.DataFrame, int]:
    """One row for each cell: the best of its points."""
    table = stats[[x, y, value]].copy()
    table["row"] = np.arange(len(stats))
    ranked = table.sort_values(value, ascending=value in LESS_IS_BEST, na_position="last")
    cells = ranked.drop_duplicates([x, y]).sort_values("row").reset_index(drop=True)
    return cells, round(len(table) / len(cells)) if len(table) > len(cells) else 0


def _canvas(xs: Any, ys: Any, names: tuple[str, str], height: int, look: Theme) -> Any:
    drawn: Any = Figure(
        height=height,
        x_range=Range1d(start=-0.5, end=len(xs) - 0.5),
        y_range=Range1d(start=-0.5, end=len(ys) - 0.5),
        x_axis_label=names[0],
        y_axis_label=names[1],
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools=[TapTool()],
        min_border_right=16,
    )
    drawn.grid.grid_line_color = None
    for axis, values, room in ((drawn.xaxis, xs, 16), (drawn.yaxis, ys, max(2, height // 34))):
        step = max(1, -(-len(values) // room))
        ticks = list(range(0, len(values), step))
        axis.ticker = FixedTicker(ticks=ticks)
        axis.major_label_overrides = {
            t: f"{values[t]:g}" if isinstance(values[t], np.floating) else str(values[t])
            for t in ticks
        }
    drawn.background_fill_color = look.grid
    return drawn


def _mark_best(drawn: Any, source: Any, best: int, look: Theme) -> None:
    where: Any = {key: [source.data[key][best]] for key in ("x", "y")}
    drawn.rect("x", "y", 1, 1, source=ColumnDataSource(where), fill_color=None,
               line_color="#ffffff", line_width=3, name="best")  # fmt: skip
    drawn.scatter("x", "y", marker="star", size=14, source=ColumnDataSource(where),
                  fill_color="#ffffff", line_color=look.text if look.name == "light" else
                  look.background)  # fmt: skip
