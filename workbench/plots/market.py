"""The trading chart: candles, volume, indicators, fills, equity and drawdown on one time axis.

The axis counts bars, so that nights and weekends leave no gap. What is drawn is never more
than some hundred bars: up to 20,000 are sent once and merged in the browser as one zooms;
beyond that a server session merges them for each view, and a figure without a server carries
20,000 merged ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.events import DoubleTap, RangesUpdate
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, CustomJS, Range1d
from bokeh.models.layouts import Column
from bokeh.models.widgets import Div

from workbench.data.known import known_of
from workbench.data.schema import describe
from workbench.errors import UsageError
from workbench.plots.chartdata import CLIENT_LIMIT, MARGIN, VIEW_LIMIT, ChartData
from workbench.plots.drawing import Drawing, role_of
from workbench.plots.flags import Flags
from workbench.plots.inline import is_served
from workbench.plots.panes import Line, Pane, as_lines
from workbench.plots.reduce import aggregate
from workbench.plots.scripts import script
from workbench.plots.tags import follow_date
from workbench.plots.theme import Painter, Theme, dress

__all__ = ["ChartOptions", "MarketChart", "aggregate", "figure"]

Overlays = Mapping[str, "pd.Series | pd.DataFrame | Line"]


@dataclass(frozen=True)
class ChartOptions:
    """How a chart is laid out.

    Parameters
    ----------
    symbol : str
        Written first in the readout.
    height : int
        Of the price pane, in pixels; the panes bring their own.
    visible : int, optional
        How many of the last bars are shown at first; all by default.
    volume : bool
        Whether there is a volume pane.
    currency : str
        The sign before money.
    wheel : {"free", "ctrl"}
        Whether the wheel zooms by itself or only with Ctrl, which leaves it to scroll a page.
    log : bool
        Whether the price has a logarithmic scale, on which equal growth is an equal slope.
    carried : int
        The most bars a figure without a server carries; more are merged to that many.
    server : bool, optional
        Whether a live session answers; found out by itself when left out.
    """

    symbol: str = ""
    height: int = 380
    visible: int | None = None
    volume: bool = True
    currency: str = "$"
    wheel: str = "free"
    log: bool = False
    carried: int = CLIENT_LIMIT
    server: bool | None = None


class MarketChart:
    """A chart that holds its sources and ranges.

    Parameters
    ----------
    bars : pandas.DataFrame
        Bars of one symbol; NaN rows are shown as missing.
    overlays : Mapping of str to Series, DataFrame or Line
        Drawn upon the price. A frame with the columns ``upper`` and ``lower`` is shaded.
    panes : sequence of Pane
        Below the price and the volume, in this order.
    fills : pandas.DataFrame, optional
        With ``time side quantity price``; a triangle each, below for a buy, above for a sell.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    options : ChartOptions
        The rest.

    Attributes
    ----------
    layout : bokeh.models.Column
        To show, to embed or to give to a pane.
    x_range : bokeh.models.Range1d
        The view, in bar numbers.
    source : bokeh.models.ColumnDataSource
        What is drawn.

    Raises
    ------
    DataError
        A price column is missing, there are no bars, or several symbols were given.

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=900, freq="D", tz="UTC", name="time")
    >>> price = pd.Series(np.linspace(10.0, 20.0, 900), index)
    >>> bars = pd.DataFrame({"open": price, "high": price + 1, "low": price - 1, "close": price,
    ...                      "volume": 1e6})
    >>> chart = MarketChart(bars, overlays={"SMA 20": price.rolling(20).mean()})
    >>> len(chart.source.data["x"]) <= 600
    True
    """

    def __init__(
        self,
        bars: pd.DataFrame,
        overlays: Overlays | None = None,
        panes: Sequence[Pane] = (),
        fills: pd.DataFrame | None = None,
        theme: str | Theme = "dark",
        options: ChartOptions | None = None,
    ) -> None:
        self.options = options or ChartOptions()
        self._painter = Painter(theme)
        self.source: Any = ColumnDataSource(syncable=False)
        self.fills_source: Any = ColumnDataSource()
        self._full: Any = ColumnDataSource()
        self.x_range: Any = Range1d(min_interval=8)
        self.readout = Div(
            syncable=False,
            sizing_mode="stretch_width",
            stylesheets=[self._painter.sheet],
            styles={"font-size": "12px", "line-height": "1.55", "padding": "6px 10px 4px"},
            min_height=28,
        )
        served = self.options.server
        self._served = is_served() if served is None else served
        self._overlays = as_lines(overlays or {})
        self._panes = [(pane, as_lines(pane.lines)) for pane in panes]
        self._load(bars, fills, self.options.symbol)
        self._build()
        self.reset()

    @property
    def count(self) -> int:
        """How many bars the axis counts."""
        return len(self._data)

    @property
    def labels(self) -> list[str]:
        """The lines' labels, overlays first."""
        return [label for label, _, _ in self._all_lines()]

    def set_bars(
        self,
        bars: pd.DataFrame,
        overlays: Overlays | None = None,
        panes: Sequence[Pane] = (),
        fills: pd.DataFrame | None = None,
        *,
        symbol: str | None = None,
        keep_view: bool = False,
    ) -> None:
        """Show other bars in the same panes.

        Parameters
        ----------
        bars, overlays, panes, fills
            As at the beginning, with the same labels: a chart with others is a new chart.
        symbol : str, optional
            The new one, if it is another.
        keep_view : bool
            Stay where one looks; a view that shows the last bar follows the new last bar.

        Raises
        ------
        UsageError
            The labels are not those the chart was made with.
        """
        before, was = self.count, self.labels
        kept = self._overlays, self._panes
        self._overlays = as_lines(overlays or {})
        self._panes = [(pane, as_lines(pane.lines)) for pane in panes]
        if self.labels != was:
            now = self.labels
            self._overlays, self._panes = kept
            raise UsageError(f"this chart has the lines {was}, not {now}; make a new chart")
        start, end = self.x_range.start, self.x_range.end
        self._load(bars, fills, self._symbol if symbol is None else symbol)
        if keep_view:
            self._bound()
            shift = self.count - before if end >= before - 1 else 0
            self.update_view(start + shift, end + shift)
        else:
            self.reset()

    def reset(self) -> None:
        """Go back to the first view: the last bars, or all of them."""
        shown = min(self.options.visible or self.count, self.count)
        room = max(1.0, shown * 0.03)
        start, end = self.count - shown - 0.5, self.count - 0.5 + room
        self._bound()
        self.x_range.update(reset_start=start, reset_end=end)
        self.update_view(start, end)

    def _bound(self) -> None:
        """Let nobody zoom or drag out into the void."""
        free = max(10.0, self.count * 0.1)
        self.x_range.bounds = (-free, self.count + free)

    def update_view(self, start: float, stop: float) -> None:
        """Show the bars from `start` to `stop` and merge what is visible.

        Parameters
        ----------
        start, stop : float
            Bar numbers; beyond the bars there is nothing to see, which is no error.
        """
        if (self.x_range.start, self.x_range.end) != (start, stop):
            self.x_range.update(start=start, end=stop)
        self.source.data, self._loaded = self._data.view(start, stop)

    def set_messages(self, messages: pd.DataFrame | None) -> None:
        """Show messages as flags at the bars with which they were known.

        Parameters
        ----------
        messages : pandas.DataFrame, optional
            As ``wb.messages`` returns them; None takes the flags away.
        """
        told = describe(self._bars)
        known = known_of(self._bars, told.timeframe, told.calendar)
        places = self._data.index.searchsorted(pd.DatetimeIndex(self._bars.index), side="right") - 1
        self.flags.show(known, messages, places)

    def set_theme(self, theme: str | Theme) -> None:
        """Repaint everything."""
        self._painter.use(theme)
        self._ground()

    def _all_lines(self) -> list[tuple[str, Line, str]]:
        found = [(label, line, "price") for label, line in self._overlays.items()]
        for pane, lines in self._panes:
            found += [(label, line, pane.unit) for label, line in lines.items()]
        return found

    def _load(self, bars: pd.DataFrame, fills: pd.DataFrame | None, symbol: str) -> None:
        values = [line.values for _, line, _ in self._all_lines()]
        carried = None if self._served else self.options.carried
        self._data, self._bars = ChartData.of(bars, values, carried=carried), bars
        self._symbol = symbol
        self.fills_source.data = self._data.marks(fills)
        whole = self._data.columns if self._data.in_browser else {"time": np.empty(0)}
        self._full.data = dict(whole)
        self.readout.tags = [self._spec()]
        if hasattr(self, "_drawing"):
            self._drawing.mark_last(self._data, self.options.currency)

    def _spec(self) -> dict[str, Any]:
        lines = []
        for number, (label, line, unit) in enumerate(self._all_lines()):
            role = role_of(label, line, number)
            css = role.replace("series", "s")
            lines.append({"column": f"line{number}", "label": label, "unit": unit, "css": css})
        return {
            "symbol": self._symbol,
            "intraday": self._data.intraday,
            "zone": self._data.zone,
            "digits": self._data.digits,
            "currency": self.options.currency,
            "lines": lines,
        }

    def _build(self) -> None:
        options = self.options
        drawing = self._drawing = Drawing(
            self.source,
            self.fills_source,
            self.x_range,
            self._painter,
            currency=options.currency,
            wheel=options.wheel,
        )
        digits = self._data.digits
        price = drawing.price(options.height, digits, self._overlays, log=options.log)
        self.flags = Flags(price, self._painter)
        self.figures: list[Any] = [price]
        if options.volume:
            self.figures.append(drawing.volume())
        offset = len(self._overlays)
        for pane, lines in self._panes:
            self.figures.append(drawing.pane(pane, lines, offset))
            offset += len(lines)
        drawing.date_axis(self.figures)
        follow_date(self.figures[-1], self._painter, drawing.cross, self.source, self.readout)
        drawing.mark_last(self._data, options.currency)
        self._wire()
        self.layout: Column = column(
            self.readout, *self.figures, sizing_mode="stretch_width", spacing=0
        )
        self._ground()

    def _ground(self) -> None:
        look = self._painter.theme
        dress(self.layout, "ground", f":host{{background:{look.surface}}}")
        for drawn in self.figures[1:]:
            dress(drawn, "edge", f":host{{border-top:1px solid {look.divider}}}")

    def _wire(self) -> None:
        tell = CustomJS(
            code=script("readout"),
            args={
                "view": self.source,
                "fills": self.fills_source,
                "cross": self._drawing.cross,
                "readout": self.readout,
            },
        )
        self._drawing.cross.js_on_change("location", tell)
        self.source.js_on_change("data", tell)
        # the first layout sets the width: the moment to say what the last bar is
        self.figures[0].js_on_change("inner_width", tell)
        merge = CustomJS(
            code=script("view"),
            args={
                "full": self._full,
                "view": self.source,
                "x_range": self.x_range,
                "limit": VIEW_LIMIT,
                "margin": MARGIN,
            },
        )
        for edge in ("start", "end"):
            self.x_range.js_on_change(edge, merge)
        self._full.js_on_change("data", merge)
        home = CustomJS(
            code="x_range.setv({start: x_range.reset_start, end: x_range.reset_end})",
            args={"x_range": self.x_range},
        )
        for drawn in self.figures:
            drawn.js_on_event(DoubleTap, home)
        if self._served:
            self.figures[0].on_event(RangesUpdate, self._follow)

    def _follow(self, event: Any) -> None:
        """Answer a change of the view in a live session."""
        if self._data.in_browser or event.x0 is None:
            return
        low, high, size = self._loaded
        inside = low <= max(0, event.x0) and high >= min(self.count, event.x1)
        wanted = (event.x1 - event.x0) * (1 + 2 * MARGIN) / VIEW_LIMIT
        fits = wanted <= size and (size == 1 or wanted >= size * 0.4)
        if not (inside and fits):
            self.update_view(event.x0, event.x1)


def figure(
    bars: pd.DataFrame,
    overlays: Overlays | None = None,
    panes: Sequence[Pane] = (),
    fills: pd.DataFrame | None = None,
    theme: str | Theme = "light",
    options: ChartOptions | None = None,
) -> Any:
    """Return candles with what is drawn upon and below them, to look at in a notebook.

    The parameters are those of `MarketChart`; without `options` the wheel scrolls the
    page unless Ctrl is held, and the symbol is that of the bars; invented bars are named so.

    Returns
    -------
    bokeh.models.Column

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=3, freq="D", tz="UTC", name="time")
    >>> price = {"open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0}
    >>> bars = pd.DataFrame(price | {"volume": 9.0}, index)
    >>> len(figure(bars).children)  # the readout, the price, the volume
    3
    """
    name = str(bars.attrs.get("symbol", ""))
    if bars.attrs.get("source") == "synthetic":
        name = f"{name} (synthetic)"
    told = options or ChartOptions(wheel="ctrl", symbol=name)
    return MarketChart(bars, overlays, panes, fills, theme, told).layout
