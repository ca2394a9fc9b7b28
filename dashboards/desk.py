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
from workbench.server.bridge import Look
from workbench.server.limit_editor import LimitEditor
from workbench.server.look import note, part, tiles
from workbench.server.pages import Context, View
from workbench.server.parts import card, chart_pane, framed, remember, table
from workbench.server.strategies import StrategyTable
from workbench.server.strategy_starter import StrategyStarter

TITLE = "Desk"
ORDER = 3

WIDE = {"sizing_mode": "stretch_width", "margin": (5, 10)}
SECONDS = 15
TABS = ("Orders", "Positions", "Fills", "Strategies", "Profit", "Limits")
# of the orders, in pixels; the note takes what is left
WIDTHS = {
    "Time": 80, "Symbol": 98, "Side": 54, "Type": 76, "Quantity": 84, "Filled": 74, "Price": 88,
    "State": 126, "End": 40,
}  # fmt: skip


def page(context: Context) -> View:
    board = DeskBoard(context)
    board.show()
    context.every(1.0, lambda: board.show(is_fresh=False))
    return View(main=board.main, sidebar=board.sidebar, on_theme=[board.set_theme])


class DeskBoard:
    """The page's widgets, and what they do."""

    def __init__(self, context: Context) -> None:
        self.context, self.theme, self.desk = context, context.theme, context.services.desk
        self.seen, self.chart, self.told = -1, None, set()
        look = self.desk.look()
        shot = look.shot
        self.rows_seen, self.shown_at = {}, shot.time
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
        self.strategies = StrategyTable(context, look.at_work)
        self.profits = table(
            tables.profits(shot), "No profit, no loss: nothing was filled yet.", height=300
        )
        self.limits = LimitEditor(context)
        self.starter = StrategyStarter(
            context, lambda: self.strategies.show(self.desk.look().at_work)
        )
        at_work = pn.Column(
            self.starter.button, self.strategies.table, sizing_mode="stretch_width", margin=0
        )
        self.orders.on_click(context.guarded(self._cancel), column="End")
        self.tabs = ui.Tabs(
            ("Orders", self.orders),
            ("Positions", self.positions),
            ("Fills", self.fills),
            ("Strategies", at_work),
            ("Profit", self.profits),
            ("Limits", self.limits.view),
            dynamic=True,  # a table that is not on the screen takes no rows
            sizing_mode="stretch_width",
        )
        self.tabs.param.watch(context.guarded(lambda _: self.show(is_fresh=False)), "active")
        chart = card(self.pane, margin=(8, 12, 8, 12))
        self.main = [
            self.strip, chart, card(self.tabs, margin=(4, 12, 12, 12)), self.strategies.dialog,
            self.starter.question.dialog, self.limits.question.dialog,
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

    def show(self, is_fresh: bool = True) -> None:
        """Show prices, what is new, and the tab that is on the screen."""
        look = self.desk.look(is_fresh=is_fresh)
        with self.context.turn:
            if look.shot.time < self.shown_at:  # another thread has shown a later one
                return
            self.shown_at = look.shot.time
            if look.shot.changes != self.seen:
                self._tell(look.shot)
                self.seen = look.shot.changes
            self._show_tab(look)
            self._show_prices(look.shot)

    def _show_tab(self, look: Look) -> None:
        """Fill the visible tab where it would say something else; the others wait their turn."""
        shot, tab = look.shot, TABS[self.tabs.active]
        if tab in ("Orders", "Fills"):
            if self.rows_seen.get(tab) != shot.changes:
                self.rows_seen[tab] = shot.changes
                if tab == "Orders":
                    self.orders.value = tables.blotter(shot)
                else:
                    self.fills.value = tables.fills(shot)
        elif tab == "Positions":
            self.positions.value = tables.holdings(shot.holdings)
        elif tab == "Strategies":
            self.strategies.show(look.at_work)
        elif tab == "Profit":
            self.profits.value = tables.profits(shot)
        else:
            self.limits.show(look)

    def _tell(self, shot: Snapshot) -> None:
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
