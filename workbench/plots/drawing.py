"""The panes of a price chart, each a figure on the shared time axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import (
    CDSView,
    ColumnDataSource,
    CrosshairTool,
    CustomJSTicker,
    CustomJSTickFormatter,
    CustomJSTransform,
    DataRange1d,
    Grid,
    GroupFilter,
    LinearAxis,
    LinearColorMapper,
    LogScale,
    LogTicker,
    NumeralTickFormatter,
    PanTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.models.annotations import Label, Span
from bokeh.plotting import figure as Figure

from workbench.plots.chartdata import ChartData
from workbench.plots.panes import Line, Pane
from workbench.plots.scripts import script
from workbench.plots.tags import Tag, follow_value, keep_value
from workbench.plots.theme import DARK, FONT, Painter

__all__ = ["Drawing", "role_of", "written"]

_TAG_WIDTH = 52
_DATES_HEIGHT = 30
_FORMATS = {"%": "0.[0]%", "m": "0.[0]a", "": "0,0.[00]"}


def written(value: float, unit: str, *, digits: int = 2, currency: str = "$") -> str:
    """Return a number as a scale writes it.

    Examples
    --------
    >>> written(1_234_567, "$"), written(-0.0815, "%"), written(146.2, "price2")
    ('$1.23m', '-8.2%', '146.20')
    """
    if not np.isfinite(value):
        return ""
    if unit == "%":
        return f"{value:.1%}"
    if unit.startswith("price"):
        return f"{value:,.{digits}f}"
    sign = currency if unit == "$" else ""
    for size, letter in ((1e9, "b"), (1e6, "m"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{sign}{scaled:,.{1 if letter == 'k' else 2}f}{letter}"
    return f"{sign}{value:,.{0 if unit == '$' else 2}f}"


def role_of(label: str, line: Line, number: int) -> str:
    """Return the colour role of a line: its own, the band's, or the next of the series."""
    if line.role:
        return line.role
    if label.endswith((" upper", " lower")):
        return "primary"
    return f"series{number % len(DARK.series)}"


class Drawing:
    """Makes figures that share one view, one crosshair and one painter.

    Parameters
    ----------
    source, fills : bokeh.models.ColumnDataSource
        What is drawn, and the marks upon it.
    x_range : bokeh.models.Range1d
        The view.
    painter : Painter
        Gives the colours.
    currency, wheel : str
        See `workbench.plots.market.ChartOptions`.
    """

    def __init__(
        self,
        source: ColumnDataSource,
        fills: ColumnDataSource,
        x_range: Range1d,
        painter: Painter,
        *,
        currency: str = "$",
        wheel: str = "free",
    ) -> None:
        self.source, self.fills, self.x_range, self.painter = source, fills, x_range, painter
        self._currency, self._wheel = currency, wheel
        self.mapper = painter.palette(LinearColorMapper(low=0, high=1), "down", "up")
        self.cross = Span(dimension="height", line_dash="dashed", line_width=1, syncable=False)
        painter.paint(self.cross, line_color="crosshair")
        self.last = Span(dimension="width", line_dash="dotted", line_width=1)
        self._tags: list[tuple[str, str, Any, Tag]] = []

    def figure(self, height: int, unit: str) -> Any:
        """Return an empty pane with its scale on the right."""
        drawn: Any = Figure(
            height=height,
            name=unit,
            x_range=self.x_range,
            y_range=DataRange1d(range_padding=0.12, syncable=False),
            x_axis_type=None,
            y_axis_type=None,
            window_axis="x",
            toolbar_location=None,
            sizing_mode="stretch_width",
            lod_threshold=None,
            min_border_left=6,
            min_border_right=74,
            min_border_top=2,
            min_border_bottom=2,
            tools=[],
        )
        axis: Any = LinearAxis(major_label_standoff=8)
        axis.formatter = NumeralTickFormatter(format=self._format(unit))
        axis.ticker.desired_num_ticks = max(2, min(8, height // 42))
        axis.ticker.num_minor_ticks = 0
        drawn.add_layout(axis, "right")
        drawn.add_layout(Grid(dimension=1, axis=axis))
        level = Span(dimension="width", line_dash="dashed", line_width=1, syncable=False)
        self.painter.paint(level, line_color="crosshair")
        zoom = WheelZoomTool(dimensions="width", maintain_focus=False)
        if self._wheel == "ctrl":
            zoom.modifiers = {"ctrl": True}
        pan = PanTool(dimensions="width")
        drawn.add_tools(pan, zoom, CrosshairTool(overlay=(level, self.cross)))
        follow_value(drawn, self.painter, level)
        drawn.toolbar.active_scroll, drawn.toolbar.active_drag = zoom, pan
        return drawn

    def _format(self, unit: str) -> str:
        if unit.startswith("price"):
            digits = int(unit.removeprefix("price") or 2)
            return "0,0." + "0" * digits if digits else "0,0"
        return f"{self._currency}0,0.[0]a" if unit == "$" else _FORMATS[unit]

    def price(
        self, height: int, digits: int, overlays: dict[str, Line], *, log: bool = False
    ) -> Any:
        """Return the candles with lines and fills upon them."""
        drawn: Any = self.figure(height, f"price{digits}")
        if log:
            drawn.y_scale = LogScale()
            drawn.right[0].ticker = LogTicker(
                mantissas=[1, 2, 5], desired_num_ticks=max(4, height // 50)
            )
            self._name(drawn, "log scale")
        colours = {"field": "rising", "transform": self.mapper}
        self.lines(drawn, overlays, 0)
        drawn.segment("x", "high", "x", "low", source=self.source, line_color=colours)
        # the scale follows wicks and lines; a rect would ask for room beyond itself
        drawn.y_range.renderers = list(drawn.renderers)
        drawn.rect(
            "x", "mid", "width", "body", source=self.source, fill_color=colours, line_color=colours
        )
        self._triangles(drawn, "buy", "top")
        self._triangles(drawn, "sell", "bottom")
        drawn.add_layout(self.last)
        self._tags.append(("close", "", drawn, keep_value(drawn, self.painter)))
        return drawn

    def _triangles(self, drawn: Any, side: str, base: str) -> None:
        glyph = drawn.text(
            "x", "y", "mark", y_offset="shift", source=self.fills, text_align="center",
            text_baseline=base, text_font_size="14px", text_font=value(FONT),
            view=CDSView(filter=GroupFilter(column_name="side", group=side)),
        )  # fmt: skip
        self.painter.paint(glyph.glyph, text_color=side)

    def volume(self) -> Any:
        """Return the volume's pane."""
        drawn: Any = self.figure(90, "m")
        drawn.min_border_bottom = 8  # half of the lowest number stands below zero
        colours: dict[str, Any] = {"field": "rising", "transform": self.mapper}
        self._bars(drawn, "volume", fill_color=colours, fill_alpha=0.55)
        drawn.y_range.start = 0
        self._name(drawn, "Volume")
        return drawn

    def _bars(self, drawn: Any, name: str, **look: Any) -> Any:
        """Columns from zero; a rect, since a vbar leaves a line at the edge for each bar beyond."""
        middle = CustomJSTransform(v_func="return xs.map((v) => v / 2)")
        height = CustomJSTransform(v_func="return xs.map((v) => Math.abs(v))")
        tops = drawn.line("x", name, source=self.source, line_alpha=0)
        drawn.y_range.renderers = [tops]
        return drawn.rect(
            "x",
            {"field": name, "transform": middle},
            "width",
            {"field": name, "transform": height},
            source=self.source,
            line_color=None,
            **look,
        ).glyph

    def pane(self, pane: Pane, lines: dict[str, Line], offset: int) -> Any:
        """Return a pane whose lines start at column ``line<offset>``."""
        drawn: Any = self.figure(pane.height, pane.unit)
        if pane.levels:
            drawn.right[0].ticker = list(pane.levels)
            # beside the tag of the last value, which would cover the level it is near to
            drawn.right[0].major_label_standoff = _TAG_WIDTH
        role = role_of("", next(iter(lines.values())), offset)
        if pane.kind == "area":
            area = drawn.varea("x", f"line{offset}", 0, source=self.source, fill_alpha=0.22)
            self.painter.paint(area.glyph, fill_color=role)
            drawn.y_range.range_padding = 0.05
        if pane.kind == "bars":
            self.painter.paint(self._bars(drawn, f"line{offset}"), fill_color=role)
        self.lines(drawn, lines, offset, skip=pane.kind == "bars")
        for level in pane.levels:
            span = Span(dimension="width", location=level, line_dash="dotted", line_width=1)
            drawn.add_layout(self.painter.paint(span, line_color="muted"))
        self._name(drawn, pane.name)
        css = role.replace("series", "s")
        self._tags.append((f"line{offset}", css, drawn, keep_value(drawn, self.painter)))
        return drawn

    def mark_last(self, data: ChartData, currency: str) -> None:
        """Draw the line of the last price and write the last values on the scales."""
        close, rising = data.last("close")
        self.last.location = close if np.isfinite(close) else None
        self.painter.paint(self.last, line_color="up" if rising else "down")
        for name, css, drawn, tag in self._tags:
            value, rising = data.last(name)
            unit = drawn.name or ""
            text = written(value, unit, digits=data.digits, currency=currency)
            tag.label.text = (
                f'<span class="tag {css or ("up" if rising else "down")}">{text}</span>'
            )
            tag.at.update(x=self.x_range.end, y=value)

    def lines(self, drawn: Any, lines: dict[str, Line], offset: int, *, skip: bool = False) -> None:
        """Draw lines from column ``line<offset>`` on; ``X upper`` and ``X lower`` are shaded."""
        labels = list(lines)
        for upper, label in enumerate(labels):
            lower = f"{label.removesuffix(' upper')} lower"
            if label.endswith(" upper") and lower in lines:
                band = drawn.varea(
                    "x", f"line{offset + upper}", f"line{offset + labels.index(lower)}",
                    source=self.source, fill_alpha=0.07,
                )  # fmt: skip
                self.painter.paint(band.glyph, fill_color="primary")
        for number, (label, line) in enumerate(lines.items(), offset):
            if skip and number == offset:
                continue
            glyph = drawn.line(
                "x", f"line{number}", source=self.source, line_width=line.width,
                line_dash=line.dash, line_join="round",
            ).glyph  # fmt: skip
            self.painter.paint(glyph, line_color=role_of(label, line, number))
            if label.endswith((" upper", " lower")):
                glyph.line_alpha = 0.5

    def _name(self, drawn: Any, text: str) -> None:
        label: Any = Label(
            x=8, y=drawn.height - 8, x_units="screen", y_units="screen", text=text,
            text_font=FONT, text_font_size="11px", text_baseline="top",
            background_fill_alpha=0.85,
        )  # fmt: skip
        label.padding = 3
        self.painter.paint(label, text_color="muted", background_fill_color="surface")
        drawn.add_layout(label)

    def date_axis(self, figures: list[Any]) -> None:
        """Give every pane the calendar's grid, and the last its labels."""
        args: dict[str, Any] = {"view": self.source, "figure": figures[0]}
        ticker: Any = CustomJSTicker(major_code=script("ticks"), args=args)
        for drawn in figures:
            drawn.add_layout(Grid(dimension=0, ticker=ticker))
        labels: Any = CustomJSTickFormatter(code=script("labels"), args={"view": self.source})
        dates: Any = LinearAxis(ticker=ticker, formatter=labels, major_tick_out=2)
        figures[-1].add_layout(dates, "below")
        figures[-1].min_border_bottom = _DATES_HEIGHT
        figures[-1].height += _DATES_HEIGHT - 2
        for drawn in figures:
            self.painter.style(drawn)
