"""What holds for every strategy of the library; the tests find them by walking it."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.strategy.base import Strategy, evaluate
from workbench.strategy.parameters import specs

few = settings(max_examples=10, deadline=None, derandomize=True)
ROWS = 500


def library() -> list[type[Strategy]]:
    package = importlib.import_module("workbench.strategy.library")
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        found += [
            c
            for _, c in inspect.getmembers(loaded, inspect.isclass)
            if issubclass(c, Strategy) and c.__module__ == loaded.__name__
        ]
    return found


def test_the_face_shows_the_whole_library():
    assert {c.__name__ for c in library()} == set(wb.strategies.__all__)
    assert len(library()) >= 5


def test_each_file_is_short():
    for cls in library():
        assert len(Path(inspect.getfile(cls)).read_text().splitlines()) < 100


def short(cls: type[Strategy]) -> Strategy:
    """The strategy with windows so short that much happens in a test."""
    return {
        "SmaCross": lambda: cls(fast=5, slow=20),
        "RsiReversion": lambda: cls(window=3, oversold=35.0),
        "DonchianBreakout": lambda: cls(entry=10, exit=5, vol_window=10),
        "Momentum": lambda: cls(lookback=30, skip=5, top=2, every="week"),
        "Pairs": lambda: cls(window=20, entry=1.5),
    }.get(cls.__name__, cls)()


def test_it_has_an_opinion_and_changes_it(case, bars_for):
    cls, count = case
    targets = evaluate(short(cls), bars_for(count, 1500, seed=3))
    assert targets.shape == (1500, count)
    for column in targets.T:
        assert len(np.unique(column[~np.isnan(column)])) > 1


@few
@given(seed=st.integers(0, 10**6), cut=st.integers(150, ROWS - 1), gaps=st.booleans())
def test_the_future_cannot_change_the_past(case, bars_for, seed, cut, gaps):
    cls, count = case
    strategy = short(cls)
    bars = bars_for(count, ROWS, seed)
    if gaps:
        rng = np.random.default_rng(seed)
        if count == 1:
            bars[rng.random(ROWS) < 0.05] = np.nan
        else:
            late = bars.columns.get_level_values("symbol")[-1]
            bars.loc[bars.index[:60], (slice(None), late)] = np.nan
            bars.loc[rng.random(ROWS) < 0.05, (slice(None), "A")] = np.nan
    whole = evaluate(strategy, bars)
    np.testing.assert_allclose(
        evaluate(strategy, bars.iloc[:cut]), whole[:cut], rtol=1e-9, atol=1e-9
    )
    other = bars.copy()
    other.iloc[cut:] = (bars_for(count, ROWS, seed + 1) * 2).iloc[cut:]
    np.testing.assert_allclose(evaluate(strategy, other)[:cut], whole[:cut], rtol=1e-9, atol=1e-9)


def test_it_is_pure(case, bars_for):
    cls, count = case
    bars = bars_for(count, ROWS)
    before = bars.copy()
    first, second = cls().targets(bars), cls().targets(bars)
    assert type(first) is type(second)
    np.testing.assert_array_equal(first, second)
    pd.testing.assert_frame_equal(bars, before)


@few
@given(seed=st.integers(0, 10**6), start=st.integers(1, 200))
def test_the_warmup_is_honest(case, bars_for, seed, start):
    """From the row of the warm-up on, what came before the first row makes no difference."""
    cls, count = case
    strategy = short(cls)
    bars = bars_for(count, ROWS, seed)
    whole = evaluate(strategy, bars)[start:]
    late = evaluate(strategy, bars.iloc[start:])
    warm = strategy.warmup
    assert 0 < warm < 250
    np.testing.assert_allclose(late[warm:], whole[warm:], rtol=1e-6, atol=1e-9)


def test_gross_exposure_of_a_symbol_is_at_most_all(case, bars_for):
    cls, count = case
    targets = evaluate(cls(), bars_for(count, 1500))
    assert np.nanmax(np.abs(targets)) <= 1.0
    if cls is not wb.strategies.SmaCross:
        assert np.nansum(np.abs(targets), axis=1).max() <= 1.0 + 1e-9


@pytest.mark.parametrize("cls", library(), ids=lambda c: c.__name__)
def test_it_prints_compares_hashes_and_pickles(cls):
    strategy = cls()
    assert eval(repr(strategy), {cls.__name__: cls}) == strategy
    again = pickle.loads(pickle.dumps(strategy))
    assert again == strategy
    assert hash(again) == hash(strategy)
    assert type(again) is cls


@pytest.mark.parametrize("cls", library(), ids=lambda c: c.__name__)
def test_its_parameters_are_ready_for_sliders(cls):
    for spec in specs(cls).values():
        assert spec.doc
        if spec.type in (int, float):
            assert spec.low is not None
            assert spec.high is not None
        else:
            assert spec.choices


def test_sma_cross_is_long_above(make_bars):
    bars = make_bars(300)
    close = bars["close"]
    slow = close.rolling(50).mean()
    expected = (close.rolling(10).mean() > slow).astype(float).where(slow.notna())
    np.testing.assert_array_equal(wb.strategies.SmaCross().targets(bars), expected)


def test_rsi_reversion_keeps_between_its_levels(make_bars):
    bars = make_bars(600)
    rsi = wb.ta.rsi(bars["close"], 14)
    targets = wb.strategies.RsiReversion().targets(bars)
    assert (targets[rsi < 30] == 1).all()
    assert (targets[rsi > 55] == 0).all()
    assert targets[(rsi >= 30) & (rsi <= 55)].isna().all()


def test_donchian_doses_by_volatility(make_bars):
    bars = make_bars(1500, seed=2)
    strategy = wb.strategies.DonchianBreakout(target_vol=0.01, max_weight=0.8)
    targets = strategy.targets(bars)
    bought = targets[targets > 0]
    assert len(bought) > 5
    above = bars["close"] > bars["high"].rolling(20).max().shift(1)
    assert above[bought.index].all()
    realised = bars["close"].pct_change().rolling(20).std(ddof=0)
    expected = (0.01 / realised).clip(upper=0.8).round(2)[bought.index]
    np.testing.assert_allclose(bought, expected)
    sold = bars["close"] < bars["low"].rolling(10).min().shift(1)
    assert (targets[sold] == 0).all()
    assert targets[~sold & ~above].isna().all()


def test_momentum_holds_the_best_that_rose(make_panel):
    bars = make_panel(600, ["A", "B", "C", "D"], seed=1)
    strategy = wb.strategies.Momentum(lookback=60, skip=10, top=2)
    targets = strategy.targets(bars).dropna(how="all")
    past = bars["close"].shift(10) / bars["close"].shift(70) - 1
    months = set()
    for time, row in targets.iterrows():
        months.add((time.year, time.month))
        rose = past.loc[time]
        best = rose[rose > 0].nlargest(2).index
        assert set(row[row > 0].index) == set(best)
        assert set(row[row > 0]) <= {0.5}
    assert len(months) == len(targets) > 15


def test_momentum_of_one_symbol_is_held_while_it_rises(make_bars):
    bars = make_bars(600)
    targets = wb.strategies.Momentum(lookback=60, skip=10).targets(bars).dropna()
    past = bars["close"].shift(10) / bars["close"].shift(70) - 1
    np.testing.assert_array_equal(targets, (past[targets.index] > 0).astype(float))


def test_pairs_sells_the_dear_and_buys_the_cheap(make_panel):
    bars = make_panel(900, ["A", "B"], seed=4)
    strategy = wb.strategies.Pairs(window=40)
    targets = strategy.targets(bars)
    logs = np.log(bars["close"])
    opened = targets[(targets["A"].abs() > 0)]
    assert len(opened) > 5
    for time, row in opened.iterrows():
        window = logs.loc[:time].iloc[-40:]
        slope, level = np.polyfit(window["B"], window["A"], 1)
        residual = window["A"] - slope * window["B"] - level
        z = residual.iloc[-1] / np.sqrt((residual**2).sum() / 38)
        assert abs(z) > 2
        assert np.sign(row["A"]) == -np.sign(z)
        np.testing.assert_allclose(row["B"] / row["A"], -slope, rtol=1e-6)
        np.testing.assert_allclose(row.abs().sum(), 1)


def test_pairs_wants_two_symbols(make_bars, make_panel):
    for bars in (make_bars(100), make_panel(100, ["A", "B", "C"])):
        with pytest.raises(wb.errors.UsageError, match="Pairs: needs bars of 2 symbols"):
            evaluate(wb.strategies.Pairs(), bars)
