"""The kernel against vectorbt, where the two have the same rules."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.backtest.engine import backtest, prepare
from workbench.strategy.base import Strategy

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
vbt = pytest.importorskip("vectorbt")

SAME = {"rtol": 1e-9, "atol": 1e-9}


class Given(Strategy):
    """Stands for the targets that are handed in."""

    def targets(self, bars):
        return pd.Series(1.0, index=bars.index)


def make_bars(seed, bars, n=1, gap=0.01):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (bars, n)), axis=0))
    opened = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, gap, (bars, n)))
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.01,
        "low": np.minimum(opened, close) * 0.99,
        "close": close,
        "volume": np.full((bars, n), 1e6),
    }
    index = pd.date_range("2020-01-01", periods=bars, freq="D", tz="UTC", name="time")
    names = list("ABCD")[:n]
    if n == 1:
        frame = pd.DataFrame({name: values[:, 0] for name, values in fields.items()}, index=index)
        frame.attrs["symbol"] = "A"
    else:
        frame = pd.concat(
            {name: pd.DataFrame(values, index, names) for name, values in fields.items()},
            axis=1,
            names=["field", "symbol"],
        )
    frame.attrs |= {"timeframe": "1d", "calendar": "24/7"}
    return frame


def held_signal(seed, bars):
    rng = np.random.default_rng(seed + 7)
    return np.repeat(rng.random(bars) < 0.5, rng.integers(1, 6, bars))[:bars]


def check_curve(mine, theirs, names=("total_return", "max_drawdown")):
    np.testing.assert_allclose(mine.equity, np.asarray(theirs.value()), **SAME)
    np.testing.assert_allclose(mine.cash_held, np.asarray(theirs.cash()), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(mine.returns.iloc[1:], np.asarray(theirs.returns())[1:], **SAME)
    for name in names:
        assert mine.stats[name] == pytest.approx(float(getattr(theirs, name)()), **APPROX)


APPROX = {"rel": 1e-9, "abs": 1e-9}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), bps=st.sampled_from([0.0, 10.0, 35.0]))
def test_long_only_all_in_at_the_next_open(seed, bps):
    bars = make_bars(seed, 120)
    long = held_signal(seed, 120)
    simulation = prepare(bars, costs=wb.Costs(fee=wb.fees.Bps(bps)))
    mine = simulation.result(Given(), long.astype(float))
    wanted = pd.Series(long, index=bars.index)
    before = wanted.shift(1, fill_value=False)
    theirs = vbt.Portfolio.from_signals(
        bars["close"],
        entries=before,
        exits=~before,
        price=bars["open"],
        fees=bps / 1e4,
        init_cash=100_000,
        freq="1D",
    )
    check_curve(mine, theirs)
    trades = theirs.trades.records_readable
    closed = trades[trades["Status"] == "Closed"]
    assert len(mine.round_trips) == len(closed)
    np.testing.assert_allclose(mine.round_trips["pnl"], closed["PnL"], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(mine.round_trips["return"], closed["Return"], rtol=1e-9, atol=1e-9)
    sharpe = theirs.sharpe_ratio()
    if np.isfinite(sharpe):
        assert mine.stats["sharpe"] == pytest.approx(float(sharpe), rel=1e-9)
        assert mine.stats["sortino"] == pytest.approx(float(theirs.sortino_ratio()), rel=1e-9)
        assert mine.stats["volatility"] == pytest.approx(
            float(theirs.annualized_volatility()), rel=1e-9
        )
        assert mine.stats["cagr"] == pytest.approx(float(theirs.annualized_return()), rel=1e-9)
    if len(closed) and (closed["PnL"] < 0).any():
        ended = theirs.trades.closed
        assert mine.stats["win_rate"] == pytest.approx(float(ended.win_rate()), rel=1e-9)
        assert mine.stats["profit_factor"] == pytest.approx(float(ended.profit_factor()), rel=1e-9)
        assert mine.stats["expectancy"] == pytest.approx(float(ended.expectancy()), rel=1e-9)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6))
def test_long_and_short_without_fees(seed):
    bars = make_bars(seed, 80)
    side = np.where(held_signal(seed, 80), 0.5, -0.5)
    mine = prepare(bars).result(Given(), side)
    size = pd.Series(side, index=bars.index)
    size = size.where(size != size.shift()).shift(1)
    theirs = vbt.Portfolio.from_orders(
        bars["close"],
        size=size,
        size_type="targetpercent",
        price=bars["open"],
        val_price=bars["open"],
        init_cash=100_000,
        freq="1D",
    )
    check_curve(mine, theirs)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), n=st.integers(2, 4))
def test_many_symbols_that_share_the_cash(seed, n):
    # No gaps: where an open turns the side of an order, ours trades nothing, theirs turns.
    bars = make_bars(seed, 60, n, gap=0.0)
    rng = np.random.default_rng(seed + 3)
    weights = rng.dirichlet(np.ones(n + 1), 60)[:, :n]
    weights[rng.random(60) < 0.7] = np.nan
    simulation = prepare(bars, sizing=wb.Sizing(rebalance="always"))
    if np.isnan(weights).all():
        return
    mine = simulation.result(Given(), weights)
    size = pd.DataFrame(weights, bars.index, bars["close"].columns).shift(1)
    theirs = vbt.Portfolio.from_orders(
        bars["close"],
        size=size,
        size_type="targetpercent",
        price=bars["open"],
        val_price=bars["open"],
        init_cash=100_000,
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1D",
    )
    check_curve(mine, theirs)


@pytest.mark.parametrize("n", [1, 3])
def test_the_bridge_repeats_the_run(n):
    bars = make_bars(5, 200, n)
    rng = np.random.default_rng(1)
    targets = np.repeat(rng.choice([0.0, 0.3, -0.3], (40, n)), 5, axis=0)
    costs = wb.Costs(fee=wb.fees.PerShare(0.01, minimum=1), slippage_bps=5, max_participation=1e-4)
    mine = prepare(bars, costs=costs).result(Given(), targets)
    theirs = mine.to_vectorbt()
    np.testing.assert_allclose(np.asarray(theirs.value()), mine.equity, rtol=1e-9)


def test_the_bridge_says_what_it_cannot_repeat():
    bars = make_bars(5, 60)
    stops = wb.Stops(loss=1e-6)
    mine = backtest(Given(), bars, stops=stops, record=False)
    assert len(mine.fills) == 2
    with pytest.raises(wb.errors.UsageError, match="both bought and sold in the bar of 2020-01-02"):
        mine.to_vectorbt()


def test_without_vectorbt_the_extra_is_named(monkeypatch):
    import sys

    mine = backtest(Given(), make_bars(5, 60), record=False)
    monkeypatch.setitem(sys.modules, "vectorbt", None)
    with pytest.raises(wb.errors.UsageError, match=r"trading-workbench\[vectorbt\]"):
        mine.to_vectorbt()
