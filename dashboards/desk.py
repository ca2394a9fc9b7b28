"""Orders, positions and profit of the paper desk, an order ticket and the kill switch."""

from __future__ import annotations

from decimal import Decimal

import panel as pn
import panel_material_ui as ui

from workbench.core.money import decimal
from workbench.errors import RefusedError, WorkbenchError
from workbench.live.accounts.ticket import Ticket
from workbench.live.accounts.view import Snapshot
from workbench.plots.market import ChartOptions, MarketChart
from workbench.server import figures, tables
from workbench.server.limit_bars import limit_bars
from workbench.server.look import note, part, tiles
from workbench.server.pages import Context, View
from workbench.server.parts import card, chart_pane, framed, remember, table
from workbench.server.strategies import StrategyTable

TITLE = "Desk"
ORDER = 3

WIDE = {"sizing_mode": "stretch_width", "margin": (5, 10)}
SECONDS = 15
# of the orders, in pixels; the note takes what is left
WIDTHS = {
    "Time": 80, "Symbol": 98, "Side": 54, "Type": 76, "Quantity": 84, "Filled": 74, "Price": 88,
    "State": 126, "End": 40,
}  # fmt: skip


def page(context: Context) -> View:
    board = DeskBoard(context)
    board.show()
    context.every(1.0, board.show)
    return View(main=board.main, sidebar=board.sidebar, on_theme=[board.set_theme])


class DeskBoard:
    """The page's widgets, and what they do."""

    def __init__(self, context: Context) -> None:
        self.context, self.theme, self.desk = context, context.theme, context.services.desk
        self.seen, self.chart, self.told = -1, None, set()
        shot = self.desk.snapshot()
        self.strip = part(margin=(12, 12, 4, 12))
        self._make_ticket()
        self.pane = chart_pane()
        self.orders = table(
            tables.blotter(shot),
            "No order yet. Choose a symbol on the left, then buy or sell: it is paper.",
            hidden_columns=["order_id"],
            titles={"End": ""},
            widths=WIDTHS,
            frozen_columns={"End": "right"},
            height=300,
        )
        self.positions = table(
            tables.holdings(shot.holdings),
            "No position: nothing was filled yet.",
            height=300,
        )
        self.fills = table(tables.fills(shot), "No fill yet.", height=300)
        self.strategies = StrategyTable(context)
        self.profits = table(
            tables.profits(shot), "No profit, no loss: nothing was filled yet.", height=300
        )
        self.limits = part(margin=(10, 14, 14, 14))
        self.orders.on_click(context.guarded(self._cancel), column="End")
        tabs = ui.Tabs(
            ("Orders", self.orders),
            ("Positions", self.positions),
            ("Fills", self.fills),
            ("Strategies", self.strategies.table),
            ("Profit", self.profits),
            ("Limits", self.limits),
            dynamic=True,  # a table that is not on the screen takes no rows
            sizing_mode="stretch_width",
        )
        chart = card(self.pane, margin=(8, 12, 8, 12))
        self.main = [
            self.strip, chart, card(tabs, margin=(4, 12, 12, 12)), self.strategies.dialog
        ]  # fmt: skip

    def _make_ticket(self) -> None:
        may_trade = self.context.who.may("trade")
        self.symbol = ui.Select(label="Symbol", options=list(self.desk.symbols), **WIDE)
        remember(symbol=self.symbol)
        self.kind = ui.RadioButtonGroup(
            options=["market", "limit", "stop"], value="market", size="small", **WIDE
        )
        self.quantity = ui.FloatInput(
            label="Quantity", value=100, start=0, step=10, format="0,0.[0000]", **WIDE
        )
        self.price = ui.FloatInput(label="Price", value=None, step=0.05, visible=False, **WIDE)
        self.quote = part(margin=(5, 10))
        half = {"sizing_mode": "stretch_width", "variant": "contained", "disabled": not may_trade}
        self.buy = ui.Button(label="Buy", color="success", margin=(5, 5, 5, 10), **half)
        self.sell = ui.Button(label="Sell", color="error", margin=(5, 10, 5, 5), **half)
        self.answer = part(margin=(6, 10))
        self.sidebar = [
            part("<h2>Order ticket</h2>", margin=(4, 10)),
            self.symbol,
            self.quote,
            self.kind,
            self.quantity,
            self.price,
            pn.Row(self.buy, self.sell, sizing_mode="stretch_width", margin=0),
            self.answer,
        ]
        if not may_trade:
            self.answer.object = note("Your role may look, not trade.", "warn")
        self.symbol.param.watch(self.context.guarded(lambda _: self._other_symbol()), "value")
        self.kind.param.watch(self.context.guarded(lambda _: self._other_kind()), "value")
        self.buy.on_click(self.context.guarded(lambda _: self._send("buy")))
        self.sell.on_click(self.context.guarded(lambda _: self._send("sell")))

    def _other_kind(self) -> None:
        self.price.visible = self.kind.value != "market"
        self.price.label = "Limit price" if self.kind.value == "limit" else "Stop price"
        self.price.value = round(self.desk.snapshot().quotes[self.symbol.value].mid, 2)

    def _other_symbol(self) -> None:
        self._other_kind()
        with self.context.turn:
            self.chart = None
            self.show()

    def _send(self, side: str) -> None:
        price = None if self.kind.value == "market" else _number(self.price.value, "the price")
        ticket = Ticket(
            self.symbol.value,
            side,
            _number(self.quantity.value, "the quantity"),
            self.kind.value,
            limit_price=price if self.kind.value == "limit" else None,
            stop_price=price if self.kind.value == "stop" else None,
        )
        try:
            order = self.desk.wait(self.desk.place(ticket, self.context.who))
        except RefusedError as error:
            rule = error.facts.get("rule")
            self.answer.object = note(
                f"Refused{f' by {rule}' if rule else ''}: {error.message}", "bad"
            )
        except WorkbenchError as error:
            self.answer.object = note(error.message, "bad")
        else:
            words = f"{side.capitalize()} {order.quantity:f} {order.symbol}: {order.state.value}."
            self.answer.object = note(words, "good")
        self.show()

    def _cancel(self, event) -> None:
        order_id = self.orders.value["order_id"].iloc[event.row]
        if self.orders.value["End"].iloc[event.row]:
            self.desk.wait(self.desk.cancel(order_id, self.context.who))
        self.show()

    # what is shown

    def show(self) -> None:
        """Show prices, and the tables where something has happened."""
        with self.context.turn:
            shot = self.desk.snapshot()
            if shot.changes != self.seen:
                self._show_tables(shot)
                self.seen = shot.changes
            self._show_prices(shot)

    def _show_tables(self, shot: Snapshot) -> None:
        self.orders.value = tables.blotter(shot)
        self.fills.value = tables.fills(shot)
        for halt in shot.halts:
            if halt not in self.told:
                self.told.add(halt)
                what = f"{halt.scope} is halted ({halt.level.value.replace('_', ' ')})"
                self.context.say(
                    f"{what} by {halt.actor}: {halt.reason or 'no reason given'}", "bad"
                )
        if shot.failure:
            self.context.say(f"The desk is not trading: {shot.failure}", "bad")

    def _show_prices(self, shot: Snapshot) -> None:
        self.strip.object = tiles(figures.desk_tiles(shot))
        version, uses = self.desk.limits()
        self.limits.object = limit_bars(uses, version)
        self.positions.value = tables.holdings(shot.holdings)
        self.strategies.show()
        self.profits.value = tables.profits(shot)
        symbol = self.symbol.value
        quote = shot.quotes[symbol]
        word, since = figures.age(quote.time, shot.time)
        self.quote.object = (
            f'<div class="quote"><div><small>Bid</small><b>{quote.bid:,.2f}</b></div>'
            f"<div><small>Ask</small><b>{quote.ask:,.2f}</b></div></div>"
            f'<p class="muted" style="margin:8px 2px 0"><span class="dot {word}"></span>'
            f"{word}, {since} · synthetic quotes</p>"
        )
        self.quote.object += "".join(
            note(f"{halt.level.value.replace('_', ' ').capitalize()}: {halt.reason}", "bad")
            for halt in shot.halts
            if halt.scope == f"symbol:{symbol}"
        )
        bars = self.desk.bars(symbol, SECONDS, 240)
        fills = tables.fills_of(shot, symbol)
        if self.chart is None:
            options = ChartOptions(symbol=f"{symbol} · synthetic", height=250, wheel="ctrl")
            self.chart = MarketChart(bars, fills=fills, theme=self.theme, options=options)
            self.pane.object = framed(self.chart.layout)
        else:
            chart = self.chart
            self.context.draw(lambda: chart.set_bars(bars, fills=fills, keep_view=True))

    def set_theme(self, theme: str) -> None:
        """Repaint the chart."""
        self.theme = theme
        if self.chart is not None:
            self.chart.set_theme(theme)


def _number(value: float | None, what: str) -> Decimal:
    if value is None or value <= 0:
        raise RefusedError(f"{what} must be above zero")
    return decimal(value, what)
