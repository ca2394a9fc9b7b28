"""Pullback on the sample shares: how it did, and where it traded."""

import panel as pn

import workbench as wb
from workbench.strategy import registry

TITLE = "Pullback"
SYMBOLS = ["AAPL", "GOOG", "IBM", "MSFT"]


def page(context):
    """Return what the page shows; the first line of the file's docstring describes it."""
    strategy = registry.load(context.settings.workspace / "strategies" / "pullback.py")
    symbol = pn.widgets.Select(name="Symbol", options=SYMBOLS, width=200)

    def chart(symbol):
        result = wb.backtest(strategy(), wb.bars(symbol))
        return pn.pane.Bokeh(result.plot(theme=context.theme), sizing_mode="stretch_width")

    return pn.Column(symbol, pn.bind(chart, symbol), sizing_mode="stretch_width")
