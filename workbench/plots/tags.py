"""Small labels on the scales: the last value of a line, and what the pointer is at."""

from __future__ import annotations

from typing import Any

from bokeh.models import XY, CustomJS
from bokeh.models.ui import Panel
from bokeh.models.widgets import Div

from workbench.plots.scripts import script
from workbench.plots.theme import Painter

__all__ = ["Tag", "follow_date", "follow_value", "keep_value"]

_BARE: Any = {
    "background": "transparent",
    "border": "none",
    "padding": "0",
    "pointer-events": "none",
}


class Tag:
    """A label that stands at a point of a figure, its axes included.

    Parameters
    ----------
    figure : bokeh.plotting.figure
        Where.
    painter : Painter
        Gives the colours.
    anchor : str
        Which point of the label stands there.
    """

    def __init__(self, figure: Any, painter: Painter, anchor: Any = "center_left") -> None:
        self.at: Any = XY(x=0, y=0, syncable=False)
        self.label: Any = Div(syncable=False, stylesheets=[painter.sheet], styles={"margin": "0"})
        self.label.margin = 0
        self.panel: Any = Panel(
            position=self.at,
            anchor=anchor,
            elements=[self.label],
            styles=_BARE,
            visible=False,
            syncable=False,
        )
        figure.elements = [*figure.elements, self.panel]

    @property
    def models(self) -> dict[str, Any]:
        """What a script needs to move it."""
        return {"at": self.at, "panel": self.panel, "label": self.label}


def keep_value(figure: Any, painter: Painter) -> Tag:
    """Return a tag that stays on the right scale at the value `show` gives it."""
    tag = Tag(figure, painter)
    ranges = {"x_range": figure.x_range, "y_range": figure.y_range}
    move = CustomJS(code=script("tag"), args={**tag.models, **ranges})
    figure.x_range.js_on_change("end", move)
    figure.y_range.js_on_change("start", move)
    figure.y_range.js_on_change("end", move)
    tag.at.js_on_change("y", move)
    return tag


def follow_value(figure: Any, painter: Painter, level: Any) -> None:
    """Write the pointer's value on the right scale; `level` is the crosshair's line."""
    args = {**Tag(figure, painter).models, "level": level, "x_range": figure.x_range}
    args["axis"] = figure.right[0]
    move = CustomJS(code=script("pointer"), args=args)
    level.js_on_change("location", move)
    figure.x_range.js_on_change("end", move)


def follow_date(figure: Any, painter: Painter, cross: Any, view: Any, readout: Any) -> None:
    """Write the pointer's date on the time axis; `cross` is the crosshair's upright."""
    args = {**Tag(figure, painter, "top_center").models, "cross": cross, "view": view}
    args.update(y_range=figure.y_range, readout=readout)
    cross.js_on_change("location", CustomJS(code=script("day"), args=args))
