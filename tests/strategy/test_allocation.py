import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.errors import UsageError
from workbench.strategy.allocation import Allocation, _within

METHODS = [
    "equal",
    "inverse_volatility",
    "risk_parity",
    "mean_variance",
    "black_litterman",
    "hrp",
]


def made(rows=300, seed=3):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2020-01-01", periods=rows, freq="D", tz="UTC", name="time")
    common = rng.normal(0, 0.006, rows)
    frames = {}
    for name, size in {"AAA": 0.005, "BBB": 0.01, "CCC": 0.02}.items():
        close = 100 * np.exp((common + rng.normal(0, size, rows)).cumsum())
        frames[name] = pd.DataFrame(
            {"open": close, "high": close, "low": close, "close": close, "volume": 1e3},
            index=index,
        )
    bars = pd.concat(frames, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
    bars = bars.reindex(columns=["open", "high", "low", "close", "volume"], level=0)
    bars.attrs = {"timeframe": "1d", "calendar": "24/7"}
    return bars


BARS = made()


@pytest.fixture(params=METHODS)
def method(request):
    if request.param not in METHODS[:2]:
        pytest.importorskip("skfolio", reason="the extra portfolio is not installed")
    return request.param


def test_weights_keep_their_limits_and_come_on_the_first_of_the_month(method):
    strategy = Allocation(method=method, lookback=90, min_weight=0.1, max_weight=0.6)
    held = strategy.targets(BARS).dropna(how="all")
    assert (held.index.day == 1).all() and len(held) == 7
    assert ((held >= 0.1 - 1e-9) & (held <= 0.6 + 1e-9)).all(axis=None)
    assert held.sum(axis=1).between(1 - 3e-4, 1 + 1e-12).all()


def test_later_rows_change_nothing(method):
    strategy = Allocation(method=method, lookback=90, views=("AAA - CCC == 0.001",))
    whole = strategy.targets(BARS)
    for rows in (92, 183, 250):
        pd.testing.assert_frame_equal(
            whole.iloc[:rows], strategy.targets(BARS.iloc[:rows]), check_freq=False
        )


@pytest.mark.parametrize("chosen", ["inverse_volatility", "hrp"])
def test_the_check_passes_it(chosen, tmp_path, monkeypatch):
    if chosen == "hrp":
        pytest.importorskip("skfolio", reason="the extra portfolio is not installed")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    report = wb.check(Allocation(method=chosen, lookback=40), BARS.iloc[:200], cuts=4, plant=False)
    assert report.ok, str(report)
    assert report.table.loc[["leaks", "rare leaks"], "verdict"].tolist() == ["ok", "ok"]


def test_inverse_volatility_is_what_it_says():
    held = Allocation(method="inverse_volatility", lookback=90).targets(BARS).dropna()
    row = BARS.index.get_loc(held.index[0])
    past = BARS["close"].pct_change().iloc[row - 89 : row + 1]
    wanted = 1 / past.std()
    np.testing.assert_allclose(held.iloc[0], wanted / wanted.sum(), atol=1e-4)


def test_risk_parity_makes_contributions_equal():
    pytest.importorskip("skfolio", reason="the extra portfolio is not installed")
    held = Allocation(method="risk_parity", lookback=90).targets(BARS).dropna()
    row = BARS.index.get_loc(held.index[0])
    past = BARS["close"].pct_change().iloc[row - 89 : row + 1]
    weights = held.iloc[0].to_numpy()
    parts = weights * (past.cov().to_numpy() @ weights)
    np.testing.assert_allclose(parts / parts.sum(), np.full(3, 1 / 3), atol=0.01)


def test_a_view_pulls_the_weight():
    pytest.importorskip("skfolio", reason="the extra portfolio is not installed")
    plain = Allocation(method="black_litterman", lookback=90)
    bold = plain.replace(views=("CCC == 0.005", "ZZZ == 1e-3"))
    none, some = (s.targets(BARS).dropna()["CCC"] for s in (plain, bold))
    assert (some > none).all()


def test_costs_and_the_band_trade_less():
    pytest.importorskip("skfolio", reason="the extra portfolio is not installed")
    plain = Allocation(method="mean_variance", lookback=60, every="week")

    def turnover(strategy):
        return strategy.targets(BARS).dropna().diff().abs().sum().sum()

    assert turnover(plain.replace(cost_bps=100)) < turnover(plain)
    banded = Allocation(method="inverse_volatility", lookback=60, every="week", band=0.02)
    steps = banded.targets(BARS).dropna().diff().abs().sum(axis=1).iloc[1:] / 2
    assert 0 < len(steps) < 20 and (steps >= 0.02 - 1e-9).all()


def test_a_symbol_without_its_past_gets_nothing():
    torn = BARS.copy()
    torn.iloc[:150, torn.columns.get_level_values(1) == "BBB"] = np.nan
    held = Allocation(method="equal", lookback=60).targets(torn).dropna()
    young = held.index < BARS.index[210]
    assert (held.loc[young, "BBB"] == 0).all() and (held.loc[~young, "BBB"] > 0.3).all()
    assert young.any() and not young.all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0, 0.1), st.floats(0.5, 1))
@settings(max_examples=60)
def test_the_projection_is_the_nearest(raw, low, high):
    weights = np.array(raw)
    found = _within(weights, low, high)
    assert found.sum() == pytest.approx(1)
    assert ((found >= low) & (found <= high)).all()
    # moving weight from one to another, within the limits, comes no nearer
    for give in range(len(weights)):
        for take in range(len(weights)):
            step = 1e-4
            if give != take and found[give] - step >= low and found[take] + step <= high:
                moved = found.copy()
                moved[give] -= step
                moved[take] += step
                near = ((moved - weights) ** 2).sum()
                assert near >= ((found - weights) ** 2).sum() - 1e-12


def test_limits_that_cannot_be_kept_are_told():
    with pytest.raises(UsageError, match="cannot sum to 1"):
        Allocation(method="equal", max_weight=0.2, lookback=60).targets(BARS)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfolio.optimization", None)
    with pytest.raises(UsageError, match=r"trading-workbench\[portfolio\]"):
        Allocation(method="hrp", lookback=61).targets(BARS)
    assert Allocation(method="equal", lookback=61).targets(BARS).notna().any(axis=None)
