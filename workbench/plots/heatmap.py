"""What a sweep found: two parameters, and a statistic in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NumeralTickFormatter,
    Range1d,
    TapTool,
)
from bokeh.models.annotations import ColorBar
from bokeh.palettes import Cividis256, Viridis256
from bokeh.plotting import figure as Figure

from workbench.errors import DataError, UsageError, nearest
from workbench.plots.theme import FONT, Theme, find, style
from workbench.plots.units import FRACTIONS

__all__ = ["figure"]

_LESS_IS_BEST = {"volatility", "max_drawdown_bars", "recovery_bars", "turnover", "fees", "slippage"}


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
    for name in (x, y, value):
        if name not in stats.columns:
            raise UsageError(
                f"the sweep has no {name!r}{nearest(name, map(str, stats.columns))}; "
                f"it has {', '.join(map(str, stats.columns))}",
                column=name,
            )
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
    form = "0.0%" if value in FRACTIONS else "0,0.00"
    finite = source.data["value"][np.isfinite(source.data["value"])]
    best = int(np.nanargmin(source.data["value"]) if value in _LESS_IS_BEST
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
            tooltips=[(x, "@x_name"), (y, "@y_name"), (words, f"@value{{{form}}}")],
            point_policy="follow_mouse",
        )
    )
    bar = ColorBar(
        color_mapper=mapper, width=10, padding=8, bar_line_color=None, title=None,
        formatter=NumeralTickFormatter(format=form), ticker=BasicTicker(desired_num_ticks=6),
        background_fill_color=look.surface, major_label_text_color=look.muted,
        major_label_text_font=FONT, major_label_text_font_size="11px", major_tick_line_color=None,
    )  # fmt: skip
    drawn.add_layout(bar, "right")
    return style(drawn, look)


def _cells(stats: pd.DataFrame, x: str, y: str, value: str) -> tuple[pd.DataFrame, int]:
    """One row for each cell: the best of its points."""
    table = stats[[x, y, value]].copy()
    table["row"] = np.arange(len(stats))
    if not np.isfinite(table[value].to_numpy(np.float64)).any():
        raise DataError(f"{value!r} has not one finite number", column=value)
    ranked = table.sort_values(value, ascending=value in _LESS_IS_BEST, na_position="last")
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
