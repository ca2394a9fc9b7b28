"""Whether what was chosen in the past was worth choosing: logits, and future against past."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.models.annotations import Span
from bokeh.plotting import figure as Figure

from workbench.errors import DataError
from workbench.plots.theme import Theme, find, style

__all__ = ["figure"]

_MOST_DOTS = 2_000


def figure(
    logits: Any,
    past: Any,
    future: Any,
    probability: float,
    *,
    theme: str | Theme = "light",
    height: int = 260,
) -> Any:
    """Return two figures: where the best of the past ends in the future, and with what.

    Parameters
    ----------
    logits : array
        Of the relative rank of the best of the past in the future; what is not positive lies
        in the lower half and is drawn in the colour of a loss.
    past, future : array
        The statistic of the best of the past, there and later; of more than 2,000 every
        n-th is drawn.
    probability : float
        For the title.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Returns
    -------
    bokeh.models.Row

    Raises
    ------
    DataError
        There are no splits.

    Examples
    --------
    >>> layout = figure([-1.0, 0.5], [0.2, 0.1], [0.0, 0.1], 0.5)
    >>> layout.children[0].title.text
    'Where the best of the past ends: 50% in the lower half'
    """
    look = find(theme)
    values = np.asarray(logits, dtype=np.float64)
    if not len(values):
        raise DataError("there are no splits to draw")
    edge = max(float(np.abs(values).max()), 1e-9)
    edges = np.linspace(-edge, edge, 41)
    counts, _ = np.histogram(values, edges)
    colours = np.where(edges[1:] <= 1e-12, look.down, look.up)
    source: Any = ColumnDataSource(
        {"left": edges[:-1], "right": edges[1:], "count": counts, "colour": colours}
    )
    left = _canvas(height, "logit of the relative rank", "splits", look)
    bars = left.quad("left", "right", "count", 0, source=source, fill_color="colour",
                     fill_alpha=0.8, line_color=look.surface)  # fmt: skip
    tips = [("logit", "@left{0.0} to @right{0.0}"), ("splits", "@count{0,0}")]
    left.add_tools(HoverTool(renderers=[bars], tooltips=tips))
    left.y_range.start = 0
    left.title.text = f"Where the best of the past ends: {probability:.0%} in the lower half"
    right = _canvas(height, "past", "future", look)
    step = -(-len(values) // _MOST_DOTS)
    dots = ColumnDataSource(
        {"past": np.asarray(past)[::step], "future": np.asarray(future)[::step]}
    )
    right.scatter("past", "future", source=dots, size=4, line_color=None, fill_color=look.primary,
                  fill_alpha=0.35)  # fmt: skip
    right.add_layout(Span(dimension="width", location=0, line_color=look.muted, line_width=1,
                          line_dash="dotted"))  # fmt: skip
    right.title.text = "What it showed, and what it kept, per period"
    return row(left, right, sizing_mode="stretch_width")


def _canvas(height: int, x: str, y: str, look: Theme) -> Any:
    drawn: Any = Figure(
        height=height,
        x_axis_label=x,
        y_axis_label=y,
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools="",
        min_border_right=16,
    )
    return style(drawn, look)
