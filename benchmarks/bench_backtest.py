"""One backtest with full statistics: an all-in crossing, 10 bps, filled at the next open.

vectorbt is asked for those of our statistics that it has; they must agree to 1e-9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import workbench as wb
from benchmarks.market import bars
from benchmarks.timing import Row, cpu

FEE_BPS = 10.0
YEAR = 365 * 24 * 60


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


def _ours(strategy: wb.Strategy, market: pd.DataFrame) -> dict[str, Any]:
    costs = wb.Costs(fee=wb.fees.Bps(FEE_BPS))
    result = wb.backtest(strategy, market, costs=costs, record=False)
    return dict(result.stats)


def _theirs(strategy: wb.Strategy, market: pd.DataFrame) -> dict[str, Any]:
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
    returns = portfolio.returns(group_by=False).to_numpy()
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))
    mean, deviation = returns.mean(), returns.std(ddof=1)
    value, orders, trades = portfolio.value(), portfolio.orders, portfolio.trades.closed
    total, deepest = portfolio.total_return(), portfolio.max_drawdown()
    yearly = (1.0 + total) ** (YEAR / len(close)) - 1.0
    traded = (orders.size.values * orders.price.values).sum()
    return {
        "total_return": total,
        "cagr": yearly,
        "volatility": deviation * np.sqrt(YEAR),
        "sharpe": mean / deviation * np.sqrt(YEAR),
        "sortino": mean / downside * np.sqrt(YEAR),
        "calmar": yearly / abs(deepest),
        "max_drawdown": deepest,
        "win_rate": trades.win_rate(),
        "profit_factor": trades.profit_factor(),
        "expectancy": trades.expectancy(),
        "round_trips": trades.count(),
        "exposure": portfolio.position_coverage(),
        "turnover": traded * YEAR / len(close) / value.mean(),
        "fees": orders.fees.sum(),
        "end_equity": portfolio.final_value(),
    }


def _agree(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for name, other in theirs.items():
        if not abs(ours[name] - other) <= 1e-9 * max(1.0, abs(other)):
            raise AssertionError(f"{name}: {ours[name]!r} against {other!r}")
