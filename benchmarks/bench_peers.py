"""One backtest of 100,000 bars, with statistics, against frameworks that go bar by bar.

Each is used as its documentation shows: a crossing of two averages, all in with whole units,
filled at the next open, and the statistics it offers. There are no costs, since each charges
them its own way. End equity must agree to 1e-9, and so must the number of closed round trips
where a peer counts them; ratios differ by convention and are not compared. The cash is so much
that a unit more or less does not show.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

import workbench as wb
from benchmarks.market import bars
from benchmarks.timing import Row, cpu

FAST, SLOW, CASH = 20, 100, 1e13
COUNT = 100_000
WORK = f"one backtest, {COUNT:,} bars"


def rows(count: int = COUNT) -> Iterator[Row]:
    market = bars(count)
    naive = market.tz_localize(None)
    ours = partial(_ours, market)
    found = ours()
    spent = cpu(ours, 9)
    peers: dict[str, tuple[Callable[[pd.DataFrame], tuple[float, int | None]], float]] = {
        "backtesting": (_backtesting, 100),
        "backtrader": (_backtrader, 1_000),
        "bt": (_bt, 1_000),
        "bt, told of changes only": (partial(_bt, is_sparse=True), 1_000),
    }
    for name, (run, at_least) in peers.items():
        if find_spec(name.split(",")[0]) is None:
            print(f"{name} is not installed: its line is left out", file=sys.stderr)
            continue
        quietly(run, naive.head(500))
        kept: list[Any] = []
        theirs = cpu(lambda run=run, kept=kept: kept.append(quietly(run, naive)), 1)
        _agree(name, found, kept[0])
        yield Row(WORK, name, spent, theirs, at_least)


def quietly(run: Callable[[pd.DataFrame], Any], market: pd.DataFrame) -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return run(market)


def _agree(name: str, ours: wb.Result, theirs: tuple[float, int | None]) -> None:
    equity, trips = theirs
    # bt knows one price per bar: what it holds at the end is worth the last open.
    held = ours.positions.iloc[-1, 0]
    closed = ours.bars["open" if name.startswith("bt") else "close"].iloc[-1]
    mine = ours.cash_held.iloc[-1] + held * closed
    if abs(equity - mine) > 1e-9 * mine:
        raise AssertionError(f"{name} ends with {equity!r}, not with {mine!r}")
    if trips is not None and trips != ours.stats["round_trips"]:
        raise AssertionError(f"{name} counts {trips}, not {ours.stats['round_trips']} round trips")


def _ours(market: pd.DataFrame) -> wb.Result:
    strategy = wb.strategies.SmaCross(fast=FAST, slow=SLOW)
    result = wb.backtest(strategy, market, cash=CASH, sizing=wb.Sizing(lot=1), record=False)
    assert len(result.stats) > 20
    return result


def _backtesting(market: pd.DataFrame) -> tuple[float, int]:
    from backtesting import Backtest, Strategy

    class Cross(Strategy):
        def init(self) -> None:
            close = pd.Series(self.data.Close)
            self.fast = self.I(lambda: close.rolling(FAST).mean())
            self.slow = self.I(lambda: close.rolling(SLOW).mean())

        def next(self) -> None:
            is_above = self.fast[-1] > self.slow[-1]
            if is_above and not self.position:
                self.buy(size=1 - 1e-12)
            elif not is_above and self.position:
                self.position.close()

    stats = Backtest(market.rename(columns=str.capitalize), Cross, cash=CASH).run()
    return float(stats["Equity Final [$]"]), int(stats["# Trades"])


def _backtrader(market: pd.DataFrame) -> tuple[float, int]:
    return backtrader_orders(market)[:2]


def backtrader_orders(market: pd.DataFrame) -> tuple[float, int, int]:
    """Return end equity, closed round trips and the number of orders."""
    import backtrader

    class Cross(backtrader.Strategy):
        def __init__(self) -> None:
            self.fast = backtrader.indicators.SMA(self.data.close, period=FAST)
            self.slow = backtrader.indicators.SMA(self.data.close, period=SLOW)

        def next_open(self) -> None:
            # Before the open is traded the averages still stand on the bar before.
            is_above = self.fast[0] > self.slow[0]
            if is_above and not self.position:
                self.order_target_percent(target=1.0, price=self.data.open[0])
            elif not is_above and self.position:
                self.close()

    cerebro = backtrader.Cerebro(cheat_on_open=True)
    cerebro.addstrategy(Cross)
    cerebro.adddata(backtrader.feeds.PandasData(dataname=market))
    cerebro.broker.setcash(CASH)
    cerebro.broker.set_checksubmit(False)  # it would look at a close not yet known
    analyzers = backtrader.analyzers
    for analyzer in (analyzers.DrawDown, analyzers.SharpeRatio, analyzers.Returns):
        cerebro.addanalyzer(analyzer)
    cerebro.addanalyzer(analyzers.TradeAnalyzer, _name="trades")
    [ran] = cerebro.run()
    total = ran.analyzers.trades.get_analysis().total
    closed = total.get("closed", 0)
    return cerebro.broker.getvalue(), closed, 2 * closed + total.get("open", 0)


def _bt(market: pd.DataFrame, is_sparse: bool = False) -> tuple[float, None]:
    import bt

    close = market["close"]
    fast, slow = close.rolling(FAST).mean(), close.rolling(SLOW).mean()
    wanted = (fast > slow).astype(float).shift(1, fill_value=0.0)
    if is_sparse:
        wanted = wanted[wanted.diff() != 0.0]
    prices = pd.DataFrame({"asset": market["open"]})
    steps = [bt.algos.WeighTarget(wanted.to_frame("asset")), bt.algos.Rebalance()]
    test = bt.Backtest(
        bt.Strategy("cross", steps), prices, initial_capital=CASH, progress_bar=False
    )
    result = bt.run(test)
    assert np.isfinite(result.stats.loc["total_return", "cross"])
    return float(test.strategy.values.iloc[-1]), None
