"""One backtest with full statistics: an all-in crossing, 10 bps, filled at the next open."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

import workbench as wb
from benchmarks.market import bars
from benchmarks.timing import Row, cpu

FEE_BPS = 10.0
STATS = ("total_return", "max_drawdown", "sharpe", "sortino")


def rows() -> Iterator[Row]:
    cross = wb.strategies.SmaCross(fast=20, slow=100)
    for count, at_least in ((100_000, 5), (1_000_000, 5)):
        market = bars(count)
        naive = market.tz_localize(None)  # an aware index would slow vectorbt down 50 times
        _agree(_ours(cross, market), _theirs(cross, naive))
        ours = cpu(partial(_ours, cross, market), 5)
        theirs = cpu(partial(_theirs, cross, naive), 5)
        work = f"one backtest with full statistics, {count:,} bars"
        yield Row(work, "vectorbt", ours, theirs, at_least)


def _ours(strategy: wb.Strategy, market: pd.DataFrame) -> dict[str, float]:
    costs = wb.Costs(fee=wb.fees.Bps(FEE_BPS))
    result = wb.backtest(strategy, market, costs=costs, record=False)
    return {name: result.stats[name] for name in STATS}


def _theirs(strategy: wb.Strategy, market: pd.DataFrame) -> dict[str, float]:
    import vectorbt as vbt

    close = market["close"]
    fast = vbt.MA.run(close, strategy.fast).ma
    slow = vbt.MA.run(close, strategy.slow).ma
    known = slow.notna()
    above = (fast > slow) & known
    portfolio = vbt.Portfolio.from_signals(
        close,
        entries=above.shift(1, fill_value=False),
        exits=(~above & known).shift(1, fill_value=False),
        price=market["open"],
        init_cash=100_000.0,
        fees=FEE_BPS / 1e4,
        freq="1min",
    )
    returns = portfolio.returns(group_by=False)
    year = 365 * 24 * 60
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)) * np.sqrt(year)
    trades = portfolio.trades.closed
    for figure in (trades.win_rate, trades.profit_factor, trades.expectancy, trades.count):
        figure()
    return {
        "total_return": portfolio.total_return(),
        "max_drawdown": portfolio.max_drawdown(),
        "sharpe": returns.mean() / returns.std(ddof=1) * np.sqrt(year),
        "sortino": returns.mean() * year / downside,
    }


def _agree(ours: dict[str, float], theirs: dict[str, float]) -> None:
    for name in STATS:
        if abs(ours[name] - theirs[name]) > 1e-9 * max(1.0, abs(theirs[name])):
            raise AssertionError(f"{name}: {ours[name]!r} against {theirs[name]!r}")
