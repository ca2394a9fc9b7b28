"""A cone: where equity might have gone, and where it went."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    DatetimeTickFormatter,
    HoverTool,
    NumeralTickFormatter,
)
from bokeh.plotting import figure as Figure

from workbench.errors import DataError
from workbench.plots.theme import Theme, find, style

__all__ = ["figure"]


def figure(
    cone: pd.DataFrame,
    observed: pd.Series | None = None,
    *,
    theme: str | Theme = "light",
    height: int = 280,
) -> Any:
    """Return the quantiles of equity as bands about their middle, and what happened as a line.

    Parameters
    ----------
    cone : pandas.DataFrame
        Money; the columns are quantiles in rising order, an odd number of them; the index is
        time or a count.
    observed : pandas.Series, optional
        On the same index.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Raises
    ------
    DataError
        Nothing to draw, or an even number of quantiles.

    Examples
    --------
    >>> plot = figure(pd.DataFrame({0.05: [1.0, 0.8], 0.5: [1.0, 1.1], 0.95: [1.0, 1.5]}))
    >>> plot.title.text
    'Where it might have gone: 90% of the draws lie in the outer band'
    """
    if cone.empty or cone.shape[1] % 2 == 0:
        raise DataError("a cone needs rows, and an odd number of quantiles")
    look = find(theme)
    levels = list(cone.columns)
    is_time = isinstance(cone.index, pd.DatetimeIndex)
    at: Any = cone.index
    if is_time and at.tz is not None:
        at = at.tz_convert("UTC").tz_localize(None)
    data: Any = {f"q{k}": cone[level].to_numpy(np.float64) for k, level in enumerate(levels)}
    if observed is not None:
        data["observed"] = observed.to_numpy(np.float64)
    source = ColumnDataSource({"at": at.to_numpy()} | data)
    drawn: Any = Figure(
        height=height,
        x_axis_type="datetime" if is_time else "linear",
        x_axis_label=None if is_time else str(cone.index.name or ""),
        y_axis_location="right",
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools="",
        min_border_right=60,
    )
    for k in range(len(levels) // 2):
        drawn.varea("at", f"q{k}", f"q{len(levels) - 1 - k}", source=source,
                    fill_color=look.primary, fill_alpha=0.12)  # fmt: skip
    middle = len(levels) // 2
    line = drawn.line("at", f"q{middle}", source=source, line_color=look.primary, line_width=1.2,
                      line_dash="dashed")  # fmt: skip
    tips = [("middle", f"@q{middle}{{0,0}}")]
    if observed is not None:
        line = drawn.line("at", "observed", source=source, line_color=look.text, line_width=1.6)
        tips.append(("observed", "@observed{0,0}"))
    hover: Any = HoverTool(renderers=[line], mode="vline", tooltips=tips)
    drawn.add_tools(hover)
    drawn.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]a")
    if is_time:
        drawn.xaxis.formatter = DatetimeTickFormatter(years="%Y", months="%b %Y", days="%d %b")
    share = float(str(levels[-1])) - float(str(levels[0]))
    drawn.title.text = f"Where it might have gone: {share:.0%} of the draws lie in the outer band"
    return style(drawn, look)
