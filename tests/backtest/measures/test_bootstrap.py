"""Block bootstrap: the draws, the intervals, and two results side by side."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.measures.bootstrap import BESIDE, MEASURES, blocks
from workbench.errors import DataError, UsageError
from workbench.strategy.base import Strategy

RNG = np.random.default_rng(3)
RETURNS = RNG.normal(0.0005, 0.01, 400)


class Weight(Strategy):
    """A constant weight, from the first bar on."""

    weight: float = 1.0

    def targets(self, bars):
        return pd.Series(self.weight, index=bars.index)


def test_blocks_are_runs_of_rows_of_the_mean_length():
    rng = np.random.default_rng(0)
    lengths = []
    for _ in range(200):
        rows = blocks(500, 10.0, rng)
        cuts = np.flatnonzero(np.diff(rows) % 500 != 1)
        lengths.append(500 / (len(cuts) + 1))
    # a block goes on by chance where the next one begins: one time in 500
    assert np.mean(lengths) == pytest.approx(10.0, rel=0.05)


def test_with_blocks_of_one_each_row_is_drawn_alone():
    rows = blocks(2000, 1.0, np.random.default_rng(0))
    assert len(np.unique(rows)) / 2000 == pytest.approx(1 - np.exp(-1), abs=0.03)


def test_an_interval_of_a_mean_is_that_of_its_standard_error():
    found = wb.stats.interval("sharpe", RETURNS, periods_per_year=1, block=1, draws=4000)
    error = np.sqrt((1 + found.value**2 / 2) / len(RETURNS))  # Lo (2002), independent returns
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_returns_that_follow_one_another_need_longer_blocks():
    noise = RNG.normal(0, 0.01, 1000)
    follows = pd.Series(noise).ewm(alpha=0.1).mean().to_numpy()
    short = wb.stats.interval("sharpe", follows, periods_per_year=1, block=1)
    long = wb.stats.interval("sharpe", follows, periods_per_year=1, block=40)
    assert long.high - long.low > 2 * (short.high - short.low)


def test_the_seed_decides():
    one = wb.stats.interval("omega", RETURNS, draws=50, seed=1)
    assert one == wb.stats.interval("omega", RETURNS, draws=50, seed=1)
    assert one != wb.stats.interval("omega", RETURNS, draws=50, seed=2)


def test_every_statistic_has_an_interval():
    market = RETURNS + RNG.normal(0, 0.005, 400)
    table = wb.stats.intervals(RETURNS, periods_per_year=252, benchmark=market, draws=60)
    assert list(table.index) == [*MEASURES, *BESIDE]
    assert (table["low"] < table["high"]).all()
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).sum() >= 18


def test_a_benchmark_is_drawn_with_its_returns():
    found = wb.stats.interval("beta", 2 * RETURNS, benchmark=RETURNS, draws=50)
    assert found[:3] == pytest.approx((2.0, 2.0, 2.0))


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(UsageError, match="no statistic 'sharp'"):
        wb.stats.interval("sharp", RETURNS)
    with pytest.raises(UsageError, match="needs a benchmark"):
        wb.stats.interval("beta", RETURNS)
    with pytest.raises(UsageError, match="periods_per_year"):
        wb.stats.interval("sharpe", RETURNS)
    with pytest.raises(DataError, match="too few"):
        wb.stats.interval("omega", RETURNS[:9])
    with pytest.raises(UsageError, match="block"):
        wb.stats.interval("omega", RETURNS, block=0.5)
    assert np.isnan(wb.stats.interval("omega", np.abs(RETURNS)).low)


def make_bars(drift, seed=1, n=400, start="2022-01-01"):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(drift, 0.01, n)))
    index = pd.date_range(start, periods=n, tz="UTC", name="time")
    opened = np.concatenate(([50.0], close[:-1]))
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    data = {"open": opened, "high": high, "low": low, "close": close, "volume": 1e6}
    bars = pd.DataFrame(data, index=index)
    bars.attrs = {"timeframe": "1d", "calendar": "24/7", "symbol": "A"}
    return bars


def run(bars, weight=1.0, **options):
    return wb.backtest(Weight(weight=weight), bars, record=False, **options)


def test_a_result_is_no_different_from_itself():
    result = run(make_bars(0.001))
    table = wb.stats.compare(result, result, draws=50)
    assert (table["difference"].fillna(0) == 0).all()
    assert table.loc["sharpe", "p_value"] == 1.0


def test_what_differs_on_the_same_days_is_found_and_luck_is_not():
    bars = make_bars(0.001)
    half = wb.stats.compare(run(bars), run(bars, 0.5), draws=200)
    assert half.loc["volatility", "p_value"] < 0.02
    assert half.loc["volatility", "low"] > 0
    luck = wb.stats.compare(run(bars), run(make_bars(0.001, seed=2)), draws=200)
    assert luck.loc["sharpe", "p_value"] > 0.05
    dear = run(bars, costs=wb.Costs(fee=wb.fees.Bps(50)))
    assert wb.stats.compare(dear, run(bars), draws=20).loc["fees", "difference"] > 0


def test_results_are_compared_on_the_bars_they_share():
    early, late = make_bars(0.001), make_bars(0.001, start="2022-06-01")
    table = wb.stats.compare(run(early), run(late), draws=20)
    assert table.attrs["bars"] == len(early.index.intersection(late.index))
    assert table.attrs["start"].startswith("2022-06-01")


def test_results_that_cannot_be_compared():
    result = run(make_bars(0.0))
    with pytest.raises(DataError, match="no bar in common"):
        wb.stats.compare(result, run(make_bars(0.0, start="2030-01-01")))
    with pytest.raises(UsageError, match="periods per year"):
        wb.stats.compare(result, run(make_bars(0.0), calendar="XNYS"))
    with pytest.raises(UsageError, match="two results"):
        wb.stats.compare(result, RETURNS)
    with pytest.raises(UsageError, match="'sharp' is no statistic"):
        wb.stats.compare(result, result, names=["sharp"])
