"""A strategy under your hands: move a parameter, and the backtest follows."""

from __future__ import annotations

from threading import Event, Lock

import pandas as pd
import panel as pn
import panel_material_ui as ui

from workbench.backtest.engine import backtest
from workbench.costs.costs import Costs
from workbench.costs.fees import Bps
from workbench.data import sources
from workbench.data.loader import bars as load_bars
from workbench.errors import UsageError
from workbench.plots import heatmap
from workbench.plots.market import ChartOptions, MarketChart
from workbench.server import figures, tables
from workbench.server.lab import axis_values, control, picture, slices, usual_symbols
from workbench.server.look import empty, note, part, tiles
from workbench.server.pages import Context, View
from workbench.server.parts import card, chart_pane, framed, range_buttons, remember, table, visible
from workbench.strategy import registry
from workbench.strategy.parameters import specs

TITLE = "Lab"
ORDER = 2

WIDE = {"sizing_mode": "stretch_width", "margin": (5, 10)}
METRICS = ["sharpe", "total_return", "max_drawdown", "sortino", "calmar", "round_trips"]
GRID_POINTS = 24


def page(context: Context) -> View:
    lab = Lab(context)
    lab.choose_strategy()
    return View(main=lab.main, sidebar=lab.sidebar, on_theme=[lab.set_theme])


class Lab:
    """The page's widgets, and what they do."""

    def __init__(self, context: Context) -> None:
        self.context, self.theme = context, context.theme
        self.lock, self.wanted, self.stop = Lock(), 0, Event()
        self.chart = self.result = self.found = None
        self.asked = dict(pn.state.location.query_params) if pn.state.location else {}
        known = list(sources.find(context.settings.source, context.settings).symbols())
        self.strategy = ui.Select(
            label="Strategy", options=registry.names(), value="SmaCross", **WIDE
        )
        self.symbols = ui.MultiChoice(label="Symbols", options=known, value=["GOOG"], **WIDE)
        self.controls = pn.Column(sizing_mode="stretch_width", margin=0)
        self.fee = ui.FloatSlider(label="Fee (bps)", start=0, end=30, step=0.5, value=1.0, **WIDE)
        self.slippage = ui.FloatSlider(
            label="Slippage (bps)", start=0, end=30, step=0.5, value=2.0, **WIDE
        )
        self.again = ui.Button(label="Back to the defaults", variant="outlined", **WIDE)
        rule = part("<hr>", margin=(6, 10))
        self.sidebar = [
            self.strategy, self.symbols, self.controls, rule, self.fee, self.slippage, self.again
        ]  # fmt: skip
        self.strip = part(margin=(12, 12, 4, 12))
        self.pane = chart_pane()
        self.ranges = range_buttons(context, lambda: self.chart, start="All")
        self.findings = part(margin=12)
        self.trips = table(pd.DataFrame(), pagination="local", page_size=10)
        self.pedigree = part(margin=12)
        self.tabs = ui.Tabs(
            ("Findings", self.findings),
            ("Sweep", self._sweep_tab()),
            ("Round trips", self.trips),
            ("Pedigree", self.pedigree),
            dynamic=True,  # a table that is not on the screen takes no rows
            sizing_mode="stretch_width",
        )
        self.main = [self.strip, card(self.ranges, self.pane), card(self.tabs)]
        remember(strategy=self.strategy, symbols=self.symbols)
        self.follow = context.guarded(lambda *_: self.refresh())
        self.strategy.param.watch(
            context.guarded(lambda _: self.choose_strategy(fresh=True)), "value"
        )
        for widget in (self.symbols, self.fee, self.slippage):
            widget.param.watch(self.follow, "value")
        self.again.on_click(context.guarded(lambda _: self.reset()))

    # the strategy and its parameters

    def choose_strategy(self, *, fresh: bool = False) -> None:
        """Make the controls of the chosen strategy and run it."""
        name = self.strategy.value
        if fresh:
            self.asked = {}
        self.widgets = {
            spec.name: control(spec, self.asked.get(spec.name))
            for spec in specs(registry.find(name)).values()
        }
        self.controls.objects = list(self.widgets.values())
        for widget in self.widgets.values():
            widget.param.watch(self.follow, "value")
        axes = [n for n, s in specs(registry.find(name)).items() if s.low is not None or s.choices]
        self.across.options = self.up.options = axes
        self.across.value, self.up.value = axes[0], axes[min(1, len(axes) - 1)]
        self.show_sweep(None)
        if fresh:
            self.symbols.value = usual_symbols(name)
        self.refresh()

    def chosen(self):
        """Return the strategy with the parameters as they stand."""
        values = {name: widget.value for name, widget in self.widgets.items()}
        return registry.find(self.strategy.value)(**values)

    def reset(self) -> None:
        """Put every parameter back to its default."""
        for name, spec in specs(registry.find(self.strategy.value)).items():
            self.widgets[name].value = spec.default

    def bars(self):
        """Load the bars of the chosen symbols."""
        names = self.symbols.value
        if not names:
            raise UsageError("no symbol is chosen; choose one on the left")
        return load_bars(
            names[0] if len(names) == 1 else names, source=self.context.settings.source
        )

    def costs(self) -> Costs:
        """Return the costs as they stand."""
        return Costs(fee=Bps(self.fee.value), slippage_bps=self.slippage.value)

    # the backtest

    def refresh(self) -> None:
        """Run what is chosen now; while one runs, only the latest wish waits."""
        self.wanted += 1
        mine = self.wanted
        with self.lock:
            if mine != self.wanted:
                return
            strategy = self.chosen()
            self.result = backtest(strategy, self.bars(), costs=self.costs())
            with pn.io.hold():
                self.show(strategy)
        self.context.say("")

    def show(self, strategy) -> None:
        """Show the result in the strip, the chart and the tabs."""
        result = self.result
        self.strip.object = tiles(figures.result_tiles(result.stats))
        drawn = picture(strategy, result)
        given = (drawn.bars, drawn.overlays, drawn.panes, drawn.fills)
        symbol = result.symbols[0] if result.symbols else self.symbols.value[0]
        labels = (
            list(drawn.overlays),
            [pane.name for pane in drawn.panes],
            symbol,
            len(drawn.bars),
        )
        if self.chart is not None and labels == self.labels:
            chart = self.chart
            self.context.draw(lambda: chart.set_bars(*given, symbol=symbol, keep_view=True))
        else:
            options = ChartOptions(
                symbol=symbol, height=270, visible=visible(self.ranges), wheel="ctrl"
            )
            self.chart, self.labels = MarketChart(*given, theme=self.theme, options=options), labels
            self.pane.object = framed(self.chart.layout)
        self.findings.object = tables.findings(result)
        self.trips.value = tables.round_trips(result)
        self.pedigree.object = tables.pedigree(result)
        if pn.state.location:
            values = {name: widget.value for name, widget in self.widgets.items()}
            pn.state.location.update_query(**values)

    # the sweep

    def _sweep_tab(self):
        self.across = ui.Select(label="Across", options=[], width=150)
        self.up = ui.Select(label="Up", options=[], width=150)
        self.metric = ui.Select(label="Statistic", options=METRICS, value="sharpe", width=170)
        self.go = ui.Button(label="Sweep", icon="grid_on", variant="contained", width=110)
        self.cancel = ui.Button(label="Cancel", variant="outlined", width=90, visible=False)
        self.bar = ui.LinearProgress(value=0, visible=False, sizing_mode="stretch_width")
        self.map = pn.pane.Bokeh(sizing_mode="stretch_width")
        self.best = part(margin=(4, 10))
        self.go.on_click(self.context.guarded(lambda _: self.sweep()))
        self.cancel.on_click(lambda _: self.stop.set())
        self.metric.param.watch(
            self.context.guarded(lambda _: self.show_sweep(self.found)), "value"
        )
        row = pn.Row(self.across, self.up, self.metric, self.go, self.cancel)
        return pn.Column(row, self.bar, self.best, self.map, sizing_mode="stretch_width", margin=8)

    def sweep(self) -> None:
        """Run the grid, slice by slice."""
        if self.across.value == self.up.value:
            raise UsageError("choose two different parameters to sweep")
        known = specs(registry.find(self.strategy.value))
        axes = {n: axis_values(known[n], GRID_POINTS) for n in (self.across.value, self.up.value)}
        self.stop.clear()
        self.bar.visible = self.cancel.visible = True
        self.go.disabled = True
        parts = []
        try:
            for share, found in slices(
                self.chosen(), self.bars(), axes, self.stop, costs=self.costs()
            ):
                parts.append(found)
                self.bar.value = round(share * 100)
        finally:
            self.bar.visible = self.cancel.visible = self.go.disabled = False
        if parts:
            self.show_sweep(parts)

    def show_sweep(self, parts) -> None:
        """Show the heat map of the slices, or how to get one."""
        self.found = parts
        if not parts:
            self.map.object = None
            self.best.object = empty(
                "No sweep yet",
                f"It tries {GRID_POINTS} × {GRID_POINTS} points; a click on one goes there.",
            )
            return
        stats = pd.concat([found.stats for found in parts], ignore_index=True)
        x, y = self.across.value, self.up.value
        self.best.object = note(tables.sweep_words(parts, stats, self.metric.value), "good")
        drawn = heatmap.figure(stats, x, y, self.metric.value, theme=self.theme, height=430)
        drawn.sizing_mode = "stretch_width"
        source = drawn.select_one("cells").data_source

        known = specs(registry.find(self.strategy.value))

        def go_there(row) -> None:
            for name in (x, y):
                self.widgets[name].value = known[name].type(row[name])

        @self.context.guarded
        def chosen(_attr, _old, rows) -> None:
            if rows:
                row = stats.iloc[source.data["row"][rows[0]]]
                # later: it may be told under a lock that a change of the widgets waits for
                self.context.draw(lambda: go_there(row))

        source.selected.on_change("indices", chosen)
        self.map.object = framed(drawn)

    def set_theme(self, theme: str) -> None:
        """Repaint the charts."""
        self.theme = theme
        if self.chart is not None:
            self.chart.set_theme(theme)
        if self.found:
            self.show_sweep(self.found)
