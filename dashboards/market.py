"""Candles, volume and any indicator of a symbol, with the fills of a strategy and the news."""

from __future__ import annotations

import panel_material_ui as ui

from workbench.core.clock import WallClock
from workbench.data import sources
from workbench.data.loader import bars as load_bars
from workbench.data.resample import resample
from workbench.plots.market import ChartOptions, MarketChart
from workbench.server import figures
from workbench.server.jobs import Wanted, run
from workbench.server.layers import CHOICES, layers
from workbench.server.look import empty, part, tiles
from workbench.server.message_board import MessageBoard
from workbench.server.pages import Context, View
from workbench.server.parts import card, chart_pane, framed, range_buttons, remember, visible
from workbench.strategy import registry

TITLE = "Market"
ORDER = 1

WIDE = {"sizing_mode": "stretch_width", "margin": (5, 10)}
NOTHING = "no fills"
DAILY = {"1d": None, "1w": "1w", "1M": "1M"}
INTRADAY = ("1m", "5m", "15m", "1h", "1d")
INVENTED = ["ACME", "BOLT", "CRUX", "BTC/USD"]


def page(context: Context) -> View:
    board = Market(context)
    board.refresh()
    return View(main=board.main, sidebar=board.sidebar, on_theme=[board.set_theme])


class Market:
    """The page's widgets, and what they do to the chart."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.theme = context.theme
        self.chart: MarketChart | None = None
        default = context.settings.source
        self.source = ui.Select(
            label="Source", options=list(sources.names()), value=default, **WIDE
        )
        self.symbol = ui.AutocompleteInput(
            label="Symbol", value="AAPL", restrict=False, min_characters=0, **WIDE
        )
        self.timeframe = ui.RadioButtonGroup(options=list(DAILY), value="1d", size="small", **WIDE)
        self.indicators = ui.MultiChoice(
            label="Indicators",
            options=list(CHOICES),
            value=["sma 50", "bbands 20", "rsi 14"],
            **WIDE,
        )
        self.fills = ui.Select(
            label="Fills of", options=[NOTHING, *registry.names()], value="SmaCross", **WIDE
        )
        self.strip = part(margin=(12, 12, 4, 12))
        self.pane = chart_pane()
        self.nothing = part(visible=False, margin=12)
        self.ranges = range_buttons(context, lambda: self.chart)
        self.sidebar = [self.source, self.symbol, self.timeframe, self.indicators, self.fills]
        self.board = MessageBoard(context, lambda: context.draw(self._flag))
        self.main = [
            self.strip,
            card(self.ranges, self.pane),
            card(self.board.view),
            self.nothing,
        ]
        remember(symbol=self.symbol, timeframe=self.timeframe, source=self.source, fills=self.fills)
        self._offer()
        changed = context.guarded(lambda _: self.refresh())
        for widget in (self.symbol, self.timeframe, self.indicators, self.fills):
            widget.param.watch(changed, "value")
        self.source.param.watch(context.guarded(lambda _: self._switch()), "value")

    def _offer(self) -> None:
        name = self.source.value
        found = list(sources.find(name, self.context.settings).symbols())
        self.symbol.options = found or INVENTED
        self.timeframe.options = list(INTRADAY if name == "synthetic" else DAILY)

    def _switch(self) -> None:
        self._offer()
        if self.symbol.value not in self.symbol.options:
            self.symbol.value = self.symbol.options[0]
        if self.timeframe.value not in self.timeframe.options:
            self.timeframe.value = "1d"
        self.refresh()

    def _bars(self):
        name, frame = self.source.value, self.timeframe.value
        if name == "synthetic":
            return load_bars(self.symbol.value, frame, source=name)
        daily = load_bars(self.symbol.value, "1d", source=name)
        return resample(daily, DAILY[frame]) if DAILY.get(frame) else daily

    def _fills(self):
        if self.fills.value == NOTHING or self.timeframe.value != "1d":
            return None
        wanted = Wanted(self.fills.value, (self.symbol.value,), source=self.source.value)
        return run(wanted).fills

    def refresh(self) -> None:
        """Load what is chosen and draw it."""
        self.context.say("")
        if not self.symbol.value:
            self.nothing.object = empty("No symbol chosen", "Type one in the field on the left.")
            self.nothing.visible = True
            return
        self.nothing.visible = False
        bars = self._bars()
        shown = layers(bars, self.indicators.value)
        self.strip.object = tiles(figures.market_tiles(bars, WallClock().now()))
        given = (bars, shown.overlays, shown.panes, self._fills())
        options = ChartOptions(symbol=self.symbol.value, height=370, visible=visible(self.ranges))
        self.chart = MarketChart(*given, theme=self.theme, options=options)
        self.pane.object = framed(self.chart.layout)
        # a search that cannot be read says so, beside the chart that is there
        self.board.show(self.symbol.value)
        self.context.draw(self._flag)

    def _flag(self) -> None:
        if self.chart is not None:
            self.chart.set_messages(self.board.found)

    def set_theme(self, theme: str) -> None:
        """Repaint the chart."""
        self.theme = theme
        if self.chart is not None:
            self.chart.set_theme(theme)
