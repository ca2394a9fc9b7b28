"""NautilusTrader's side of `bench_replay`, run by an interpreter that has it.

``python peer_nautilus.py BARS.csv FAST SLOW`` prints the CPU seconds and the number of orders.
"""

from __future__ import annotations

import gc
import json
import sys
import time

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy


class Cross(Strategy):
    """Long while the fast average is above the slow one."""

    def __init__(self, bar_type, instrument, lengths):
        super().__init__()
        self.bar_type, self.instrument = bar_type, instrument
        self.fast, self.slow = (SimpleMovingAverage(length) for length in lengths)

    def on_start(self):
        for average in (self.fast, self.slow):
            self.register_indicator_for_bars(self.bar_type, average)
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar):  # noqa: ARG002 - the averages have taken it in
        if not self.slow.initialized:
            return
        is_above = self.fast.value > self.slow.value
        if is_above == self.portfolio.is_flat(self.instrument.id):
            side = OrderSide.BUY if is_above else OrderSide.SELL
            quantity = self.instrument.make_qty(1_000)
            self.submit_order(self.order_factory.market(self.instrument.id, side, quantity))


def run(frame, lengths):
    """Return CPU seconds, from the frame to the statistics, and the number of fills."""
    gc.collect()
    start = time.process_time()
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    cash = [Money(1_000_000_000, USD)]
    engine.add_venue(Venue("XNAS"), OmsType.NETTING, AccountType.CASH, cash, base_currency=USD)
    instrument = TestInstrumentProvider.equity("AAPL", "XNAS")
    engine.add_instrument(instrument)
    bar_type = BarType.from_str("AAPL.XNAS-1-MINUTE-LAST-EXTERNAL")
    engine.add_data(BarDataWrangler(bar_type, instrument).process(frame))
    engine.add_strategy(Cross(bar_type, instrument, lengths))
    engine.run()
    assert engine.portfolio.analyzer.get_performance_stats_returns()
    seconds = time.process_time() - start
    orders = len(engine.cache.orders())
    engine.dispose()
    return seconds, orders


def main(path, *lengths):
    frame = pd.read_csv(path, index_col=0, parse_dates=True)
    run(frame.head(500).copy(), [5, 20])
    seconds, orders = run(frame, [int(length) for length in lengths])
    print(json.dumps({"seconds": seconds, "orders": orders}))


if __name__ == "__main__":
    main(*sys.argv[1:])
