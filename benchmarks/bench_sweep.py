"""Sweeps against vectorbt: the same fills, the same statistics, the same run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

import workbench as wb
from benchmarks.market import bars
from benchmarks.timing import Row, cpu
from workbench.kernels.compile import jit

FEE_BPS = 10.0
YEAR = 365 * 24 * 60
COSTS = wb.Costs(fee=wb.fees.Bps(FEE_BPS))
STATS = (
    "total_return", "sharpe", "sortino", "max_drawdown", "round_trips", "win_rate", "profit_factor"
)  # fmt: skip
FAST, SLOW = range(5, 30), range(40, 140, 10)  # 250 points
MANY_FAST, MANY_SLOW = range(2, 101), range(104, 306, 2)  # 9,999 points


class PlainCross(wb.Strategy):
    """The crossing of two averages as anyone would write it."""

    fast: int = wb.param(10, low=2, high=100)
    slow: int = wb.param(50, low=5, high=400)

    @property
    def warmup(self) -> int:
        return self.slow

    def targets(self, bars: pd.DataFrame) -> pd.Series:
        fast, slow = wb.ta.sma(bars["close"], self.fast), wb.ta.sma(bars["close"], self.slow)
        return (fast > slow).astype(float).where(slow.notna())


class RsiBothWays(wb.Strategy):
    """Against the extremes of the index, long and short."""

    window: int = wb.param(14, low=2, high=100)
    low: float = wb.param(30.0, low=1, high=50)
    high: float = wb.param(70.0, low=50, high=99)

    def rule(self) -> wb.rules.Rule:
        rsi = wb.rules.rsi(self.window)
        return wb.rules.enter(rsi < self.low, rsi > self.high, exit=rsi.between(49, 51))


def rows() -> Iterator[Row]:
    long, short = bars(100_000), bars(2_500)
    yield from _crossings(long, FAST, SLOW, {wb.strategies.SmaCross: 250, PlainCross: 100})
    yield from _crossings(short, MANY_FAST, MANY_SLOW, {wb.strategies.SmaCross: 300})
    yield _stopped(long)
    yield _memory("1GiB", 200.0)
    yield _memory("64MiB", 67.1)
    yield _scan(long)


def _crossings(
    market: pd.DataFrame, fast: range, slow: range, classes: dict[Any, float]
) -> Iterator[Row]:
    theirs, found = _best_engine(partial(_their_crossings, _naive(market), fast, slow))
    for cls, at_least in classes.items():
        ours = partial(_sweep, cls, market, fast=fast, slow=slow)
        _agree(ours().stats, found)
        how = "rule" if cls is not PlainCross else "plain pandas"
        work = f"SMA cross, {how}, {len(market):,} bars × {len(fast) * len(slow):,} points"
        yield Row(work, "vectorbt", cpu(ours, 5), theirs, at_least)


def _sweep(cls: Any, market: pd.DataFrame, **grid: Any) -> Any:
    return wb.sweep(cls, market, costs=COSTS, progress=False, record=False, **grid)


def _naive(market: pd.DataFrame) -> pd.DataFrame:
    return market.tz_localize(None)  # an aware index would slow vectorbt down 50 times


def _engines() -> list[str]:
    return ["numba", "rust"] if find_spec("vectorbt_rust") else ["numba"]


def _best_engine(work: Any) -> tuple[float, pd.DataFrame]:
    """Return the least CPU time of vectorbt's engines, compiled before, and what it found."""
    import vectorbt as vbt

    best = float("inf")
    found = pd.DataFrame()
    for engine in _engines():
        vbt.settings["engine"] = engine
        work(small=True)

        def run() -> None:
            nonlocal found
            found = work()

        best = min(best, cpu(run, 1))
    return best, found


def _their_crossings(
    market: pd.DataFrame, fast: range, slow: range, small: bool = False
) -> pd.DataFrame:
    import vectorbt as vbt

    pairs = list(product(fast, slow))[: 2 if small else None]
    close = market["close"]
    averages = {w: vbt.MA.run(close, w).ma.to_numpy() for w in {w for p in pairs for w in p}}
    above = np.stack([averages[f] > averages[s] for f, s in pairs], axis=1)
    known = np.stack([~np.isnan(averages[s]) for _, s in pairs], axis=1)
    below = known & ~above
    columns = pd.MultiIndex.from_tuples(pairs, names=["fast", "slow"])

    def later(flags: np.ndarray) -> pd.DataFrame:
        moved = np.zeros_like(flags)
        moved[1:] = flags[:-1]
        return pd.DataFrame(moved, index=close.index, columns=columns)

    portfolio = vbt.Portfolio.from_signals(
        close, later(above), later(below), price=market["open"], init_cash=100_000.0,
        fees=FEE_BPS / 1e4, freq="1min",
    )  # fmt: skip
    return _their_stats(portfolio)


def _their_stats(portfolio: Any) -> pd.DataFrame:
    returns = portfolio.returns().to_numpy()
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2, axis=0))
    mean = returns.mean(axis=0)
    trades = portfolio.trades.closed
    return pd.DataFrame(
        {
            "total_return": portfolio.total_return().to_numpy(),
            "sharpe": mean / returns.std(axis=0, ddof=1) * np.sqrt(YEAR),
            "sortino": mean / downside * np.sqrt(YEAR),
            "max_drawdown": portfolio.max_drawdown().to_numpy(),
            "round_trips": trades.count().to_numpy(),
            "win_rate": trades.win_rate().to_numpy(),
            "profit_factor": trades.profit_factor().to_numpy(),
        }
    )


def _agree(ours: pd.DataFrame, theirs: pd.DataFrame, share: float = 1.0) -> None:
    """Hold every statistic of at least a `share` of the points to 1e-9."""
    fine = np.ones(len(ours), bool)
    for name in STATS:
        mine, other = ours[name].to_numpy(float), theirs[name].to_numpy(float)
        # Without a loss or a trade theirs is infinite or zero, ours not defined.
        both = np.isfinite(mine) & np.isfinite(other)
        if not both.any():
            raise AssertionError(f"{name} is not defined anywhere")
        with np.errstate(invalid="ignore"):
            fine &= ~both | (np.abs(mine - other) <= 1e-9 * np.maximum(1.0, np.abs(other)))
    if fine.mean() < share:
        raise AssertionError(f"{np.sum(~fine)} of {len(fine)} points are off")


def _stopped(market: pd.DataFrame) -> Row:
    windows, lows = range(5, 15), (20.0, 25.0, 28.0, 30.0, 35.0)
    stops = wb.Stops(loss=0.01, profit=0.02)

    def ours() -> Any:
        return wb.sweep(
            RsiBothWays, market, costs=COSTS, stops=stops, progress=False, record=False,
            window=windows, low=lows,
        )  # fmt: skip

    theirs, found = _best_engine(partial(_their_rsi, _naive(market), windows, lows))
    # Where a decided exit and a stop meet in one bar theirs takes the stop, ours the open.
    _agree(ours().stats, found, share=0.9)
    work = f"RSI with stops, long and short, 100,000 × {len(windows) * len(lows)}"
    return Row(work, "vectorbt", cpu(ours, 5), theirs, 50)


def _their_rsi(
    market: pd.DataFrame, windows: range, lows: tuple[float, ...], small: bool = False
) -> pd.DataFrame:
    import vectorbt as vbt

    pairs = list(product(windows, lows))[: 2 if small else None]
    close = market["close"]
    rsi = vbt.talib("RSI")  # its own is smoothed another way than Wilder's
    index = {w: rsi.run(close, w).real.to_numpy() for w in {w for w, _ in pairs}}
    columns = pd.MultiIndex.from_tuples(pairs, names=["window", "low"])

    def later(flags: list[np.ndarray]) -> pd.DataFrame:
        moved = np.zeros((len(close), len(pairs)), bool)
        moved[1:] = np.stack(flags, axis=1)[:-1]
        return pd.DataFrame(moved, index=close.index, columns=columns)

    wanted = [_wanted(index[w], low) for w, low in pairs]
    turns = [np.diff(side, prepend=0.0) != 0.0 for side in wanted]
    sides = {
        side: later([turn & (want == side) for turn, want in zip(turns, wanted, strict=True)])
        for side in (1.0, 0.0, -1.0)
    }
    # Stops count from the price of the fill, and a position that was stopped waits for a turn.
    portfolio = vbt.Portfolio.from_signals(
        close, sides[1.0], sides[0.0], sides[-1.0], sides[0.0], price=market["open"],
        open=market["open"], high=market["high"], low=market["low"], sl_stop=0.01, tp_stop=0.02,
        stop_entry_price="fillprice", upon_opposite_entry="reverse",
        init_cash=100_000.0, fees=FEE_BPS / 1e4, freq="1min",
    )  # fmt: skip
    return _their_stats(portfolio)


def _wanted(index: np.ndarray, low: float) -> np.ndarray:
    """Return 1, 0 or -1 for each bar: the side that is held until another is called for."""
    said = np.select(
        [index < low, index > 70, (index >= 49) & (index <= 51)], [1.0, -1.0, 0.0], 2.0
    )
    last = np.maximum.accumulate(np.where(said != 2.0, np.arange(len(said)), 0))
    return np.where(said[last] == 2.0, 0.0, said[last])


_MEMORY = """
import sys
from pathlib import Path
import workbench as wb
from benchmarks.bench_sweep import COSTS, MANY_FAST, MANY_SLOW
from benchmarks.market import bars
market = bars(100_000)
def run(fast, slow):
    wb.sweep(wb.strategies.SmaCross, market, costs=COSTS, progress=False, record=False,
             memory=sys.argv[1], fast=fast, slow=slow)
def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))
run([5], [20])
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew at what is held now
before = kilobytes("VmRSS")
run(MANY_FAST, MANY_SLOW)
print((kilobytes("VmHWM") - before) / 1024)
"""


def _memory(budget: str, limit: float) -> Row:
    """Measure in a process of its own what 10,000 points need beyond a single one."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, budget], check=True, capture_output=True, text=True
    )
    points = len(MANY_FAST) * len(MANY_SLOW)
    work = f"extra memory of 100,000 × {points:,}, budget {budget}"
    return Row(work, "limit", float(done.stdout), limit, 1, unit="MB")


def _scan(market: pd.DataFrame) -> Row:
    """Measure a sweep of 1,000 points against nothing but the comparison of its averages."""
    fast, slow = range(5, 45), range(60, 310, 10)
    points = len(fast) * len(slow)
    windows = sorted({*fast, *slow})
    rows = np.stack([wb.ta.sma(market["close"], w).to_numpy() for w in windows])
    left = np.array([windows.index(f) for f, _ in product(fast, slow)])
    right = np.array([windows.index(s) for _, s in product(fast, slow)])
    _scanned(rows, left[:1], right[:1])
    each = 1e9 / points / len(market)
    limit = cpu(partial(_scanned, rows, left, right), 5) * each
    ours = partial(_sweep, wb.strategies.SmaCross, market, fast=fast, slow=slow)
    work = "event-driven, 100,000 × 1,000, per bar and point"
    return Row(work, "scan limit", cpu(ours, 5) * each, limit, 1 / 8, unit="ns")


@jit
def _scanned(rows: Any, left: Any, right: Any) -> int:
    """Compare each point's rows, tile by tile, and do nothing with the answer."""
    bars = rows.shape[1]
    answer = np.zeros(2048, np.uint8)
    seen = 0
    for t in range(0, bars, 2048):
        size = min(2048, bars - t)
        for p in range(len(left)):
            a, b = rows[left[p], t : t + size], rows[right[p], t : t + size]
            for i in range(size):
                answer[i] = a[i] > b[i]
            seen += answer[size // 2]
    return seen
