"""Messages upon a chart: a small flag at the bar with which they were known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.models.glyphs import Scatter

from workbench.plots.theme import Painter

__all__ = ["Flags", "columns_of"]

Places = npt.NDArray[np.intp]

_SHOWN = 4  # headlines in a tooltip
_LONGEST = 90
_FRAME = (
    '<div style="max-width:340px;font-size:12px;line-height:1.45;white-space:pre-line">@told</div>'
)


class Flags:
    """Flags at the foot of a figure, with the headlines where the pointer is.

    Parameters
    ----------
    figure : bokeh.plotting.figure
    painter : Painter
        Gives the colours.
    """

    def __init__(self, figure: Any, painter: Painter) -> None:
        self.source: Any = ColumnDataSource()
        self.show(pd.DatetimeIndex([]), None)
        figure.extra_y_ranges = {**figure.extra_y_ranges, "flags": Range1d(start=0, end=1)}
        mark: Any = Scatter(x="x", y=0.03, size=9, marker="inverted_triangle", line_width=1)
        drawn = figure.add_glyph(self.source, mark, y_range_name="flags", level="overlay")
        painter.paint(mark, fill_color="series1", line_color="surface")
        figure.add_tools(
            HoverTool(
                renderers=[drawn], tooltips=_FRAME, point_policy="snap_to_data", visible=False
            )
        )

    def show(
        self, known: pd.DatetimeIndex, messages: pd.DataFrame | None, places: Places | None = None
    ) -> None:
        """Show messages beside bars; None takes all flags away. See `columns_of`."""
        data: Any = columns_of(known, messages, places)  # Bokeh escapes it where it is shown
        self.source.data = data


def columns_of(
    known: pd.DatetimeIndex, messages: pd.DataFrame | None, places: Places | None = None
) -> dict[str, list[Any]]:
    """Return the flags of messages: one for each bar with which any was known.

    Parameters
    ----------
    known : DatetimeIndex
        When each bar is complete.
    messages : DataFrame, optional
        As of ``wb.messages``; ``attrs["by"]`` says which of its times counts.
    places : ndarray of int, optional
        Where each bar is drawn, where several are drawn as one.

    Examples
    --------
    >>> known = pd.DatetimeIndex(["2024-01-02 21:00", "2024-01-03 21:00"], tz="UTC")
    >>> told = pd.DataFrame({"known": known[:1], "title": ["Halt <1 h>"], "source": ["note"]})
    >>> found = columns_of(known, told)
    >>> found["x"], found["told"][0].splitlines()
    ([0.0], ['2024-01-02 21:00 note', 'Halt <1 h>'])
    """
    rows: dict[int, list[str]] = {}
    if messages is not None and len(messages) and len(known):
        times = pd.DatetimeIndex(messages[messages.attrs.get("by", "known")])
        bars = known.searchsorted(times, side="left")
        words = zip(bars, times, messages["source"], messages["title"], strict=True)
        for bar, time, source, title in words:
            if bar < len(known):
                place = bar if places is None else places[bar]
                rows.setdefault(int(place), []).append(_line(time, str(source), str(title)))
    return {"x": [float(row) for row in rows], "told": [_told(lines) for lines in rows.values()]}


def _line(time: pd.Timestamp, source: str, title: str) -> str:
    short = title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"
    return f"{time:%Y-%m-%d %H:%M} {source}\n{short}"


def _told(lines: list[str]) -> str:
    more = len(lines) - _SHOWN
    rest = [f"and {more} more"] if more > 0 else []
    return "\n".join([*lines[-_SHOWN:][::-1], *rest])
