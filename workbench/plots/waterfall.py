"""From one amount to another, cause by cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.core.properties import value as fixed
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure as Figure

from workbench.plots.theme import FONT, Theme, find, style

__all__ = ["figure"]


def figure(
    start: float,
    steps: Mapping[str, float],
    ends: tuple[str, str] = ("start", "end"),
    *,
    theme: str | Theme = "light",
    height: int = 300,
) -> Any:
    """Return a waterfall: a bar from 0 for the first and last amount, floating ones between.

    The two ends may lie far from 0 beside what lies between them; the axis then begins near
    them, so that the steps can be seen.

    Parameters
    ----------
    start : float
        The first amount.
    steps : mapping of str to float
        What each cause adds, in order.
    ends : tuple of str
        What the first and the last bar are called.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int
        Pixels.

    Returns
    -------
    bokeh.plotting.figure

    Examples
    --------
    >>> bars = figure(100.0, {"price": -3.0, "fee": -1.25}).renderers[1].data_source.data
    >>> bars["top"].tolist(), bars["text"][1]
    ([100.0, 100.0, 97.0, 95.75], '-3.00')
    """
    look = find(theme)
    amounts = np.array(list(steps.values()), dtype=np.float64)
    levels = start + np.concatenate([[0.0], np.cumsum(amounts)])
    low, high = float(levels.min()), float(levels.max())
    base = 0.0
    if low > 0.0 or high < 0.0:  # beside a large profit a small step would not be seen
        near, far = (low, high) if low > 0.0 else (high, low)
        if abs(far - near) < abs(near):
            base = near - np.sign(near) * max(abs(far - near) * 0.5, abs(near) * 1e-6)
    names = [ends[0], *steps, ends[1]]
    begins = np.concatenate([[base], levels[:-1], [base]])
    finishes = np.concatenate([[levels[0]], levels[1:], [levels[-1]]])
    changes = np.concatenate([[levels[0]], amounts, [levels[-1]]])
    is_end = [place in (0, len(names) - 1) for place in range(len(names))]
    source = ColumnDataSource(
        {
            "name": names,
            "bottom": np.minimum(begins, finishes),
            "top": np.maximum(begins, finishes),
            "amount": changes,
            "text": [
                f"{one:,.2f}" if end else f"{one:+,.2f}"
                for one, end in zip(changes, is_end, strict=True)
            ],
            "colour": [
                look.primary if end else look.up if one > 0 else look.down
                for one, end in zip(changes, is_end, strict=True)
            ],
        }
    )
    drawn: Any = Figure(
        height=height, x_range=FactorRange(factors=names), toolbar_location=None,
        sizing_mode="stretch_width", tools="",
    )  # fmt: skip
    links = ColumnDataSource({
        "from": names[:-1], "to": names[1:], "level": levels,
    })  # fmt: skip
    drawn.segment(
        "from", "level", "to", "level", source=links, line_color=look.muted, line_dash=[3, 3],
    )  # fmt: skip
    drawn.vbar(
        "name", width=0.62, bottom="bottom", top="top", source=source, fill_color="colour",
        line_color="colour",
    )  # fmt: skip
    drawn.text(
        "name", "top", "text", source=source, text_align="center", text_baseline="bottom",
        y_offset=-4, text_font=fixed(FONT), text_font_size="11px", text_color=look.text,
    )  # fmt: skip
    edges = [base, low, high] if base == 0.0 else [float(base), low, high]
    span = (max(edges) - min(edges)) or 1.0
    drawn.y_range.start = min(edges) - (0.0 if min(edges) == base else span * 0.08)
    drawn.y_range.end = max(edges) + span * 0.16
    drawn.add_tools(HoverTool(tooltips=[("", "@name"), ("amount", "@amount{0,0.00}")]))
    style(drawn, look)
    drawn.yaxis.formatter = NumeralTickFormatter(format="0,0.00" if span < 20 else "0,0")
    drawn.xgrid.grid_line_color = None
    return drawn
