# mypy: allow-untyped-calls
"""Small parts that several pages are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.layouts import column
from panel_material_ui.widgets import RadioButtonGroup

from workbench.plots.market import MarketChart
from workbench.server.look import TABLE_CSS
from workbench.server.pages import Context
from workbench.server.tables import FORMATTERS, RIGHT

__all__ = ["card", "chart_pane", "framed", "range_buttons", "remember", "table"]

_BARS = {"3M": 63, "6M": 126, "1Y": 252, "3Y": 756, "All": 0}
_LEAST_WIDTH = 84
_CARD = {
    "background": "var(--wb-paper)",
    "border": "1px solid var(--wb-line)",
    "border-radius": "8px",
    "overflow": "hidden",
}


def card(*objects: Any, **options: Any) -> pn.Column:
    """Return a bordered box around the objects."""
    options.setdefault("margin", (8, 12, 12, 12))
    return pn.Column(*objects, sizing_mode="stretch_width", styles=_CARD, **options)


def chart_pane() -> Any:
    """Return the pane a chart's layout is put into."""
    return pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)


def framed(layout: Any) -> Any:
    """Return what the pane takes: it cannot hold a layout that brings style sheets itself."""
    return column(layout, sizing_mode="stretch_width", spacing=0)


def range_buttons(
    context: Context, chart: Callable[[], MarketChart | None], start: str = "1Y"
) -> Any:
    """Return buttons that show the last bars of a chart."""
    buttons = RadioButtonGroup(
        options=list(_BARS), value=start, size="small", margin=(8, 0, 0, 8), align="start"
    )

    def look(event: Any) -> None:
        shown = chart()
        if shown is not None:
            count = min(_BARS[event.new] or shown.count, shown.count)
            pad = max(1.0, count * 0.02)
            first, last = shown.count - count - 0.5, shown.count - 0.5 + pad
            context.draw(lambda: shown.update_view(first, last))

    buttons.param.watch(look, "value")
    return buttons


def visible(buttons: Any) -> int | None:
    """Return how many bars the chosen button shows; None is all."""
    return _BARS[buttons.value] or None


def remember(**widgets: Any) -> None:
    """Keep widgets' values in the page's address, so that the address can be passed on."""
    location = pn.state.location
    if location is None:
        return
    for name, widget in widgets.items():
        location.sync(widget, {"value": name})


def table(frame: Any, nothing: str = "Nothing here yet.", **options: Any) -> Any:
    """Return a table in the page's colours; `nothing` stands where it has no rows.

    Where its columns do not fit, it is moved sideways: a squeezed one says nothing.
    """
    least = {"Note": 220, **dict.fromkeys(options.get("widths", ()), 36)}
    configuration = {
        "placeholder": nothing,
        "columnDefaults": {"minWidth": _LEAST_WIDTH},
        "columns": [{"field": name, "minWidth": width} for name, width in least.items()],
    }
    options.setdefault("configuration", configuration)
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    options.setdefault("show_index", False)
    options.setdefault("disabled", True)
    options.setdefault("selectable", False)  # a chosen row does nothing but lose its colours
    options.setdefault("formatters", FORMATTERS)
    options.setdefault("text_align", RIGHT)
    options.setdefault("header_align", RIGHT)
    return pn.widgets.Tabulator(
        frame, theme="simple", stylesheets=[TABLE_CSS], layout="fit_columns", **options
    )
