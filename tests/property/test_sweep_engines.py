"""Every engine of a sweep gives the numbers of a backtest."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.errors import UsageError
from workbench.kernels.codes import CostCode, EntryCode, SizingCode, StopCode, Terms
from workbench.kernels.sweep_spans import run_spans
from workbench.research.engines import Engine
from workbench.strategy.lines import Lines

few = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class BothWays(wb.Strategy):
    window: int = wb.param(5, low=2, high=50)
    low: float = wb.param(35.0, low=1, high=50)

    def rule(self):
        rsi, close = wb.rules.rsi(self.window), wb.rules.close
        calm = close.between(wb.rules.sma(3), wb.rules.max(9)) | ~(rsi >= 50)
        return wb.rules.enter(rsi < self.low, rsi > 65, exit=calm)


class Counted(wb.Strategy):
    """A rule that computes with its parameter: no template holds for all points."""

    half: int = wb.param(3, low=2, high=50)

    def rule(self):
        return wb.rules.hold(wb.rules.sma(self.half) > wb.rules.sma(2 * self.half))


class Plain(wb.Strategy):
    fast: int = wb.param(3, low=2, high=50)
    size: float = wb.param(1.0, low=-1, high=1)

    def targets(self, bars):
        average = wb.ta.sma(bars["close"], self.fast)
        return (bars["close"] > average).astype(float).where(average.notna()) * self.size


class Large(Plain):
    size: float = wb.param(4.0, low=-4, high=4)


def market(seed, rows, tick=0.0):
    import pandas as pd

    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, rows)))
    opened = np.concatenate([[50.0], close[:-1]]) * np.exp(rng.normal(0, 0.003, rows))
    if tick:  # on a grid of prices many bars are alike
        close, opened = (np.maximum(np.round(x / tick), 1) * tick for x in (close, opened))
    index = pd.date_range("2020-01-01", periods=rows, tz="UTC", name="time")
    high = np.maximum(opened, close) * (1 + rng.random(rows) * 0.02)
    low = np.minimum(opened, close) * (1 - rng.random(rows) * 0.02)
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": 1e5}
    return pd.DataFrame(columns, index=index)


def compare(cls, bars, engine, choices, **grid):
    told = {"progress": False, "record": False, "calendar": "24/7", **choices}
    found = wb.sweep(cls, bars, engine=engine, **told, **grid)
    each = wb.sweep(cls, bars, engine="each", **told, **grid)
    assert found.engine != "each" and each.engine == "each"
    np.testing.assert_array_equal(found.numbers, each.numbers)
    np.testing.assert_allclose(found.table, each.table, rtol=1e-9, atol=1e-11)
    return found


fees = st.sampled_from([0.0, 10.0, 45.0, -1.0])
slips = st.sampled_from([0.0, 3.0])
fills = st.sampled_from(["next_open", "close"])


@few
@given(
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([2, 6, 60, 700, 2049, 5000]),
    tick=st.sampled_from([0.0, 0.0, 1.0]),
    fee=fees,
    slip=slips,
    fill=fills,
)
def test_events(seed, rows, tick, fee, slip, fill):
    bars = market(seed, rows, tick)
    choices = {"costs": wb.Costs(fee=wb.fees.Bps(fee), slippage_bps=slip), "fill": fill}
    if rows == 2:  # no average of five yet
        for engine in ("events", "each"):
            with pytest.raises(UsageError, match="no opinion"):
                compare(wb.strategies.SmaCross, bars, engine, choices, fast=[2], slow=[5, 20])
        return
    found = compare(
        wb.strategies.SmaCross, bars, "events", choices, fast=[2, 5, 30], slow=[5, 20, 300]
    )
    assert found.engine == "events"
    compare(wb.strategies.RsiReversion, bars, "events", choices, window=[2, 9], exit=[50.0, 60.0])
    compare(Plain, bars, "auto", choices, fast=[2, 7], size=[1.0, 0.5])
    best = found.best("total_return")
    alone = wb.backtest(best.strategy, bars, record=False, calendar="24/7", **choices)
    assert_frame_equal(best.run().fills, alone.fills, check_exact=True)
    for name in found.names:
        assert best.stats[name] == pytest.approx(alone.stats[name], rel=1e-9, nan_ok=True)


@few
@given(
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([60, 900]),
    fee=fees,
    fill=fills,
    stops=st.sampled_from([{}, {"loss": 0.02, "profit": 0.03}, {"trail": 0.03}]),
    sizing=st.sampled_from([{}, {"lot": 1}, {"at": "decision"}, {"rebalance": "always"}]),
    cap=st.sampled_from([None, 0.01]),
)
def test_generic(seed, rows, fee, fill, stops, sizing, cap):
    bars = market(seed, rows)
    choices = {
        "costs": wb.Costs(fee=wb.fees.Bps(fee), max_participation=cap),
        "stops": wb.Stops(**stops),
        "sizing": wb.Sizing(**sizing),
        "fill": fill,
    }
    compare(BothWays, bars, "generic", choices, window=[2, 5, 9], low=[20.0, 40.0])
    compare(Counted, bars, "generic", choices, half=[2, 5, 9])
    compare(Plain, bars, "generic", choices, fast=[2, 7], size=[1.0, -0.4])


def test_generic_carries_what_a_backtest_does():
    bars = market(3, 300)
    rng = np.random.default_rng(3)
    bars["funding"] = rng.normal(0, 0.001, len(bars))
    bars["dividend"] = np.where(rng.random(len(bars)) < 0.02, 0.4, 0.0)
    bars["split"] = np.where(rng.random(len(bars)) < 0.02, 1.5, np.nan)
    financing = wb.financing.Financing(borrow_bps=400, margin_bps=600, cash_bps=100)
    choices = {"costs": wb.Costs(financing=financing), "sizing": wb.Sizing(leverage=2)}
    compare(BothWays, bars, "generic", choices, window=[2, 5, 9], low=[20.0, 40.0])
    compare(Plain, bars, "generic", choices, fast=[2, 7], size=[1.0, -0.4])


@few
@given(
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([61, 900, 2500]),
    tick=st.sampled_from([0.0, 1.0]),
    gaps=st.sampled_from([0.0, 0.05]),
    costs=st.sampled_from(
        [
            wb.Costs(),
            wb.Costs(fee=wb.fees.Bps(10), slippage_bps=3),
            wb.Costs(fee=wb.fees.MakerTaker(-2, 12)),
            wb.Costs(fee=wb.fees.PerShare(0.01, 1.0)),
            wb.Costs(fee=wb.fees.Tiered([(0, 10, 20), (500_000, -1, 5)])),
        ]
    ),
    fill=fills,
    stops=st.sampled_from(
        [
            {},
            {"loss": 0.02},
            {"loss": 0.02, "profit": 0.03},
            {"trail": 0.03},
            {"loss": 0.01, "profit": 0.01, "trail": 0.02},
        ]
    ),
    sizing=st.sampled_from(
        [
            {},
            {"lot": 1},
            {"at": "decision"},
            {"at": "decision", "overdraw": "trim", "lot": 0.1},
            {"leverage": 0.5, "cash_buffer": 0.1},
            {"leverage": 2.0},
        ]
    ),
)
def test_spans(seed, rows, tick, gaps, costs, fill, stops, sizing):
    bars = market(seed, rows, tick)
    rng = np.random.default_rng(seed)
    bars.iloc[1 + np.flatnonzero(rng.random(rows - 1) < gaps)] = np.nan
    choices = {"costs": costs, "stops": wb.Stops(**stops), "sizing": wb.Sizing(**sizing)}
    choices["fill"] = fill
    assert compare(BothWays, bars, "spans", choices, window=[2, 9], low=[20.0, 40.0])
    compare(wb.strategies.SmaCross, bars, "spans", choices, fast=[2, 5], slow=[9, 40])
    compare(Counted, bars, "spans", choices, half=[2, 5])
    compare(Plain, bars, "spans", choices, fast=[2, 7], size=[1.0, -0.4])


@few
@given(
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([500, 3000]),
    missing=st.sampled_from([(), ("close",), ("open",), ("high", "low"), ("open", "close")]),
    fill=fills,
    stops=st.sampled_from(
        [
            {"loss": 0.15, "profit": 0.3},
            {"loss": 0.3},
            {"profit": 0.1},
            {"loss": 0.2, "trail": 0.15},
            {"loss": 1e-4, "profit": 1e-4},  # on the bar of the entry
        ]
    ),
    size=st.sampled_from([1.0, -1.0, -0.3]),
)
def test_spans_of_many_bars_whose_stops_are_far(seed, rows, missing, fill, stops, size):
    bars = market(seed, rows)
    rng = np.random.default_rng(seed)
    for name in missing:
        bars.iloc[1 + np.flatnonzero(rng.random(rows - 1) < 0.03), bars.columns.get_loc(name)] = (
            np.nan
        )
    choices = {"costs": wb.Costs(fee=wb.fees.Bps(10)), "stops": wb.Stops(**stops), "fill": fill}
    compare(Plain, bars, "spans", choices, fast=[3, 50], size=[size])
    compare(BothWays, bars, "spans", choices, window=[9, 30], low=[20.0])


def test_spans_take_no_other_for_their_own():
    bars = market(5, 900)
    stops = wb.Stops(loss=0.02, profit=0.03)
    found = wb.sweep(
        BothWays, bars, stops=stops, window=[3, 5], low=[30.0], calendar="24/7",
        progress=False, record=False,
    )  # fmt: skip
    assert found.engine == "spans"
    ran = Engine(found.grid, found.simulation, "spans")
    rules = ran.template.rules(found.grid.places(), found.grid, Lines(found.simulation.bars))
    table = np.full((2, 20), np.nan)
    assert run_spans(0, 2, rules, ran._prices, ran._setting, table) == 0
    np.testing.assert_array_equal(table, found.table)  # none was handed to another kernel


def test_generic_liquidates_as_a_backtest_does():
    bars = market(3, 300)
    financing = wb.financing.Financing(liquidation_bps=50)
    choices = {
        "costs": wb.Costs(fee=wb.fees.Bps(5), financing=financing),
        "sizing": wb.Sizing(leverage=4, maintenance=0.24),
    }
    compare(Plain, bars, "auto", choices, fast=[2, 7], size=[1.0, -1.0])
    compare(Large, bars, "generic", choices, fast=[2, 7], size=[4.0, -4.0])
    tested = wb.backtest(Large(fast=7, size=4.0), bars, record=False, calendar="24/7", **choices)
    assert any("liquidated" in text for text in tested.findings)


def test_an_engine_that_is_not_exact_is_refused_with_the_reason():
    bars = market(1, 100)
    grid = {"fast": [2, 3], "slow": [5, 9], "progress": False, "record": False}
    cases = {
        "stops": {"stops": wb.Stops(loss=0.1)},
        "minimum": {"costs": wb.Costs(fee=wb.fees.PerShare(0.01, 1.0))},
        "lots": {"sizing": wb.Sizing(lot=1)},
        "rebalanced": {"sizing": wb.Sizing(rebalance="always")},
        "decision": {"sizing": wb.Sizing(at="decision")},
        "financed": {"costs": wb.Costs(financing=wb.financing.Financing(cash_bps=1))},
        "equity": {"sizing": wb.Sizing(cash_buffer=0.1)},
        "maintenance": {"sizing": wb.Sizing(leverage=2, maintenance=0.3)},
    }
    for why, choices in cases.items():
        with pytest.raises(UsageError, match=why):
            wb.sweep(wb.strategies.SmaCross, bars, engine="events", **grid, **choices)
        engine = wb.sweep(wb.strategies.SmaCross, bars, **grid, **choices).engine
        is_plain = why not in ("rebalanced", "financed", "maintenance")
        assert engine == ("spans" if is_plain else "generic")
        if not is_plain:
            with pytest.raises(UsageError, match=why):
                wb.sweep(wb.strategies.SmaCross, bars, engine="spans", **grid, **choices)
    with pytest.raises(UsageError, match="short"):
        wb.sweep(BothWays, bars, engine="events", window=[2, 3], progress=False, record=False)
    with pytest.raises(UsageError, match="other than 0, 1 and NaN"):
        wb.sweep(Plain, bars, engine="events", size=[0.5], fast=[3], progress=False, record=False)
    with pytest.raises(UsageError, match="did you mean 'events'"):
        wb.sweep(wb.strategies.SmaCross, bars, engine="event", **grid)


def test_gaps_and_the_number_of_cores_change_nothing(monkeypatch):
    bars = market(2, 400)
    grid = {"fast": range(2, 30), "slow": range(30, 60)}
    found = compare(wb.strategies.SmaCross, bars, "auto", {}, **grid)
    monkeypatch.setattr("os.cpu_count", lambda: 5)
    again = wb.sweep(
        wb.strategies.SmaCross, bars, progress=False, record=False, calendar="24/7", **grid
    )
    np.testing.assert_array_equal(found.table, again.table)
    monkeypatch.setattr("workbench.research.engines._ROWS", 10 * 400 * 8)
    parts = wb.sweep(
        wb.strategies.SmaCross, bars, progress=False, record=False, calendar="24/7", **grid
    )
    np.testing.assert_array_equal(found.table, parts.table)
    bars.iloc[100:110] = np.nan
    told = compare(wb.strategies.SmaCross, bars, "auto", {}, **grid)
    assert told.engine == "spans"


@pytest.mark.parametrize("sizing", [{"rebalance": "week"}, {"rebalance": "month", "drift": 0.02}])
def test_rebalancing_by_calendar_leaves_the_events_engine(sizing):
    bars, choices = market(3, 300, 0.0), {"sizing": wb.Sizing(**sizing)}
    grid = {"fast": [2, 5], "slow": [20, 40]}
    assert compare(wb.strategies.SmaCross, bars, "auto", choices, **grid).engine == "generic"
    with pytest.raises(UsageError, match="rebalanced"):
        compare(wb.strategies.SmaCross, bars, "events", choices, **grid)


def test_no_term_is_new_to_the_fast_engines():
    """Whoever adds a term says in `research.engines` for which engines it is not exact."""
    assert Terms._fields == ("costs", "sizing", "stops", "at_close", "best_first", "entry")
    assert CostCode._fields == (
        "per_share", "minimum", "tiers", "slip_rate", "slip_fixed", "impact",
        "max_participation", "expires", "borrow", "margin", "credit", "liquidation",
    )  # fmt: skip
    assert SizingCode._fields == (
        "lot", "at_fill", "cash_buffer", "mode", "drift", "leverage", "trims", "least",
        "maintenance",
    )  # fmt: skip
    assert EntryCode._fields == ("offset", "good_for", "touch")
    assert StopCode._fields == ("loss", "profit", "trail")
