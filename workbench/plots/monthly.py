"""Returns by calendar month, a row for each year."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.core.properties import value as fixed
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.plotting import figure as Figure

from workbench.plots.months import MONTHS, table
from workbench.plots.theme import FONT, Theme, find, style

__all__ = ["MONTHS", "figure", "shade", "table"]


def shade(value: float, scale: float, theme: str | Theme = "light") -> str:
    """Return the background of a return: the surface at 0, full at `scale` and beyond.

    Examples
    --------
    >>> shade(0.0, 0.1), shade(0.2, 0.1) == shade(0.1, 0.1)
    ('#ffffff', True)
    """
    look = find(theme)
    if not np.isfinite(value):
        return look.surface
    part = _part(value, scale)
    ground, full = look.surface, look.up if value > 0 else look.down
    mixed = (
        round(int(ground[i : i + 2], 16) * (1 - part) + int(full[i : i + 2], 16) * part)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _part(value: float, scale: float) -> float:
    return min(1.0, abs(value) / scale) * 0.62 if scale > 0 else 0.0


def figure(returns: pd.Series, *, theme: str | Theme = "light", height: int | None = None) -> Any:
    """Return the table of `table` as a heat map with the numbers in it.

    Parameters
    ----------
    returns : pandas.Series
        Fractions per bar, indexed by time.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    height : int, optional
        Pixels; 26 for each year by default.

    Returns
    -------
    bokeh.plotting.figure

    Examples
    --------
    >>> index = pd.date_range("2023-01-01", periods=400, tz="UTC")
    >>> len(figure(pd.Series(0.001, index)).renderers[0].data_source.data["text"])
    16
    """
    look = find(theme)
    months = table(returns)
    scale = float(np.nanquantile(np.abs(months[list(MONTHS)].to_numpy()), 0.95))
    whole = float(np.nanquantile(np.abs(months["Year"].to_numpy()), 0.95))
    cells = months.stack().dropna()
    years = [str(year) for year, _ in cells.index]
    names = [str(month) for _, month in cells.index]
    source = ColumnDataSource(
        {
            "year": years,
            "month": names,
            "value": cells.to_numpy(),
            "text": [f"{v:+.1%}" for v in cells],
            # a role and how much of it, not their mixture: it can be painted anew in another theme
            "colour": [look.up if v > 0 else look.down for v in cells.to_numpy(np.float64)],
            "part": [
                _part(float(v), whole if m == "Year" else scale)
                for v, m in zip(cells, names, strict=True)
            ],
        }
    )
    order: list[Any] = [str(year) for year in sorted(months.index, reverse=True)]
    drawn: Any = Figure(
        height=height or 26 * len(order) + 34,
        x_range=FactorRange(factors=[*MONTHS, "Year"]),
        y_range=FactorRange(factors=order),
        x_axis_location="above",
        toolbar_location=None,
        sizing_mode="stretch_width",
        tools="",
    )
    drawn.rect(
        "month", "year", 0.96, 0.92, source=source, fill_color="colour", fill_alpha="part",
        line_color=None,
    )  # fmt: skip
    drawn.text(
        "month", "year", "text", source=source, text_align="center", text_baseline="middle",
        text_font=fixed(FONT), text_font_size="11px", text_color=look.text,
    )  # fmt: skip
    drawn.add_tools(HoverTool(tooltips=[("", "@month @year"), ("return", "@value{0.00%}")]))
    style(drawn, look)
    drawn.grid.grid_line_color = None
    return drawn
