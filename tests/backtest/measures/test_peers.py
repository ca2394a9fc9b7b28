"""Measures against empyrical-reloaded, quantstats, scipy and pandas, on returns made at random."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.integrate
import scipy.stats

import workbench as wb
from workbench.errors import DataError, UsageError

empyrical = pytest.importorskip("empyrical")

INDEX = pd.bdate_range("2020-01-01", periods=700, tz="UTC")
RNG = np.random.default_rng(7)
MARKET = pd.Series(RNG.standard_t(4, 700) * 0.008 + 0.0003, INDEX)
RETURNS = pd.Series(0.6 * MARKET + RNG.standard_t(5, 700) * 0.006 + 0.0002, INDEX)
NAIVE = (RETURNS.tz_convert(None), MARKET.tz_convert(None))  # quantstats joins no time zones
CLOSE = {"rel": 1e-9, "abs": 1e-12}


@pytest.fixture(scope="module")
def quantstats():
    return pytest.importorskip("quantstats").stats


def test_ratios_equal_empyrical():
    kind = {"annualization": 252}
    for name, peer in {
        "cagr": "annual_return",
        "volatility": "annual_volatility",
        "sharpe": "sharpe_ratio",
        "sortino": "sortino_ratio",
        "calmar": "calmar_ratio",
    }.items():
        mine = getattr(wb.stats, name)(RETURNS, 252)
        assert mine == pytest.approx(getattr(empyrical, peer)(RETURNS, **kind), **CLOSE), name
    assert wb.stats.total_return(RETURNS) == pytest.approx(empyrical.cum_returns_final(RETURNS))
    assert wb.stats.max_drawdown(RETURNS) == pytest.approx(empyrical.max_drawdown(RETURNS))
    assert wb.stats.omega(RETURNS) == pytest.approx(empyrical.omega_ratio(RETURNS), **CLOSE)
    rate = wb.stats.sharpe(RETURNS, 252, risk_free=0.0001)
    assert rate == pytest.approx(empyrical.sharpe_ratio(RETURNS, 0.0001, **kind), **CLOSE)


def test_omega_takes_its_threshold_per_bar(quantstats):
    threshold = 1.1 ** (1 / 252) - 1
    mine = wb.stats.omega(RETURNS, threshold)
    assert mine == pytest.approx(empyrical.omega_ratio(RETURNS, required_return=0.1), **CLOSE)
    assert mine == pytest.approx(quantstats.omega(RETURNS, required_return=0.1), **CLOSE)


def test_ratios_equal_those_of_a_run():
    bars = wb.bars("AAPL", start="2010", end="2012")
    result = wb.backtest(wb.strategies.SmaCross(), bars, record=False)
    for name in ("cagr", "volatility", "sharpe", "sortino", "calmar"):
        mine = getattr(wb.stats, name)(result.returns, result.periods_per_year)
        assert mine == pytest.approx(result.stats[name], **CLOSE), name
    for name in ("total_return", "max_drawdown"):
        assert getattr(wb.stats, name)(result.returns) == pytest.approx(result.stats[name])


def test_the_ulcer_index_is_quantstats_but_for_its_denominator(quantstats):
    n = len(RETURNS)
    peer = quantstats.ulcer_index(RETURNS) * math.sqrt((n - 1) / n)
    assert wb.stats.ulcer_index(RETURNS) == pytest.approx(peer, **CLOSE)


def test_value_at_risk_and_shortfall_of_history_equal_empyrical():
    for level in (0.9, 0.95, 0.99):
        mine = wb.stats.value_at_risk(RETURNS, level)
        assert mine == pytest.approx(empyrical.value_at_risk(RETURNS, 1 - level), **CLOSE)
        mine = wb.stats.expected_shortfall(RETURNS, level)
        peer = empyrical.conditional_value_at_risk(RETURNS, 1 - level)
        assert mine == pytest.approx(peer, **CLOSE)


def test_gaussian_value_at_risk_and_shortfall_equal_quantstats(quantstats):
    mine = wb.stats.value_at_risk(RETURNS, 0.95, "gaussian")
    assert mine == pytest.approx(quantstats.value_at_risk(RETURNS), **CLOSE)
    mine = wb.stats.expected_shortfall(RETURNS, 0.95, "gaussian")
    assert mine == pytest.approx(quantstats.conditional_value_at_risk(RETURNS), **CLOSE)


def test_cornish_fisher_equals_its_formula_and_its_integral():
    s = scipy.stats.skew(RETURNS)
    k = scipy.stats.kurtosis(RETURNS)
    mean, deviation = RETURNS.mean(), RETURNS.std()

    def quantile(u):
        z = scipy.stats.norm.ppf(u)
        bent = z + (z**2 - 1) / 6 * s + (z**3 - 3 * z) / 24 * k - (2 * z**3 - 5 * z) / 36 * s**2
        return mean + deviation * bent

    mine = wb.stats.value_at_risk(RETURNS, 0.95, "cornish_fisher")
    assert mine == pytest.approx(quantile(0.05), **CLOSE)
    whole, _ = scipy.integrate.quad(quantile, 0, 0.05, epsabs=1e-12)
    mine = wb.stats.expected_shortfall(RETURNS, 0.95, "cornish_fisher")
    assert mine == pytest.approx(whole / 0.05, rel=1e-6)


def test_tail_ratio_equals_its_peers(quantstats):
    mine = wb.stats.tail_ratio(RETURNS)
    assert mine == pytest.approx(empyrical.tail_ratio(RETURNS), **CLOSE)
    assert mine == pytest.approx(quantstats.tail_ratio(RETURNS), **CLOSE)


def test_shape_equals_its_peers(quantstats):
    assert wb.stats.skewness(RETURNS) == pytest.approx(quantstats.skew(RETURNS), **CLOSE)
    assert wb.stats.kurtosis(RETURNS) == pytest.approx(quantstats.kurtosis(RETURNS), **CLOSE)
    assert wb.stats.skewness(RETURNS, sample=False) == pytest.approx(scipy.stats.skew(RETURNS))
    assert wb.stats.kurtosis(RETURNS, sample=False) == pytest.approx(scipy.stats.kurtosis(RETURNS))


def test_benchmark_statistics_equal_their_peers(quantstats):
    greeks = quantstats.greeks(*NAIVE, prepare_returns=False)
    assert wb.stats.beta(RETURNS, MARKET) == pytest.approx(greeks["beta"], **CLOSE)
    assert wb.stats.beta(RETURNS, MARKET) == pytest.approx(empyrical.beta(RETURNS, MARKET), **CLOSE)
    assert wb.stats.alpha(RETURNS, MARKET, 252) == pytest.approx(greeks["alpha"], **CLOSE)
    compounded = (1 + wb.stats.alpha(RETURNS, MARKET, 252) / 252) ** 252 - 1
    assert compounded == pytest.approx(empyrical.alpha(RETURNS, MARKET), **CLOSE)
    mine = wb.stats.information_ratio(RETURNS, MARKET, 252)
    assert mine == pytest.approx(empyrical.excess_sharpe(RETURNS, MARKET) * math.sqrt(252), **CLOSE)
    peer = quantstats.information_ratio(*NAIVE, prepare_returns=False)
    assert mine == pytest.approx(peer * math.sqrt(252), **CLOSE)
    peer = empyrical.annual_volatility(RETURNS - MARKET)
    assert wb.stats.tracking_error(RETURNS, MARKET, 252) == pytest.approx(peer, **CLOSE)
    assert wb.stats.correlation(RETURNS, MARKET) == pytest.approx(RETURNS.corr(MARKET), **CLOSE)


def test_alpha_with_a_rate_is_that_of_a_regression():
    rate = 0.0001
    line = scipy.stats.linregress(MARKET - rate, RETURNS - rate)
    mine = wb.stats.alpha(RETURNS, MARKET, 252, risk_free=rate)
    assert mine == pytest.approx(line.intercept * 252, **CLOSE)


def test_capture_equals_empyrical_with_one_period_per_year():
    for name in ("up_capture", "down_capture"):
        mine = getattr(wb.stats, name)(RETURNS, MARKET)
        peer = getattr(empyrical, name)(RETURNS, MARKET, period="yearly")
        assert mine == pytest.approx(peer, **CLOSE), name


def test_rolling_measures_equal_their_peers(quantstats):
    mine = wb.stats.rolling_sharpe(RETURNS, 60, 252)
    peer = quantstats.rolling_sharpe(RETURNS, rolling_period=60, prepare_returns=False)
    np.testing.assert_allclose(mine, peer, rtol=1e-9)
    mine = wb.stats.rolling_volatility(RETURNS, 60, 252)
    peer = quantstats.rolling_volatility(RETURNS, 60, prepare_returns=False)
    np.testing.assert_allclose(mine, peer, rtol=1e-9)
    peer = quantstats.rolling_greeks(*NAIVE, 60, prepare_returns=False)["beta"]
    mine = wb.stats.rolling_beta(RETURNS, MARKET, 60)
    np.testing.assert_allclose(mine.iloc[59:], peer.iloc[59:], rtol=1e-8)


def test_rolling_measures_equal_the_measure_of_each_window():
    for name in ("sharpe", "sortino", "volatility"):
        fast = getattr(wb.stats, f"rolling_{name}")(RETURNS, 30, 252)
        slow = wb.stats.rolling(getattr(wb.stats, name), RETURNS, 30, periods_per_year=252)
        np.testing.assert_allclose(fast, slow, rtol=1e-7)
    fast = wb.stats.rolling_correlation(RETURNS, MARKET, 30)
    assert fast.iloc[100] == pytest.approx(wb.stats.correlation(RETURNS[71:101], MARKET[71:101]))
    assert fast.iloc[:29].isna().all()


def test_a_gap_empties_the_windows_it_is_in():
    gap = RETURNS.copy()
    gap.iloc[50] = np.nan
    for found in (
        wb.stats.rolling_sharpe(gap, 10, 252),
        wb.stats.rolling_beta(RETURNS, gap, 10),
        wb.stats.rolling(wb.stats.omega, gap, 10),
    ):
        assert found.iloc[50:60].isna().all()
        assert found.iloc[[49, 60]].notna().all()


def test_nan_is_left_out_and_labels_are_joined():
    gap = RETURNS.copy()
    gap.iloc[::7] = np.nan
    assert wb.stats.sharpe(gap, 252) == wb.stats.sharpe(gap.dropna(), 252)
    assert wb.stats.expected_shortfall(gap) == wb.stats.expected_shortfall(gap.dropna())
    assert wb.stats.beta(gap, MARKET) == pytest.approx(wb.stats.beta(gap.dropna(), MARKET))
    assert wb.stats.beta(RETURNS[100:], MARKET[:300]) == pytest.approx(
        wb.stats.beta(RETURNS[100:300], MARKET[100:300])
    )


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 20])
def test_what_is_not_defined_is_nan(returns):
    for name in ("sharpe", "sortino", "calmar"):
        assert math.isnan(getattr(wb.stats, name)(returns, 252)), name
    for name in ("omega", "skewness", "kurtosis"):
        assert math.isnan(getattr(wb.stats, name)(returns)), name
    for name in ("beta", "correlation", "up_capture", "down_capture"):
        flat = [0.0] * len(returns)
        assert math.isnan(getattr(wb.stats, name)(returns, flat)), name
    assert math.isnan(wb.stats.information_ratio(returns, returns, 252))


def test_what_is_wrong_is_said():
    with pytest.raises(UsageError, match=r"not 'gausian'.*gaussian"):
        wb.stats.value_at_risk(RETURNS, 0.95, "gausian")
    with pytest.raises(UsageError, match=r"between 0 and 1"):
        wb.stats.value_at_risk(RETURNS, 95)
    with pytest.raises(UsageError, match="above 0"):
        wb.stats.sharpe(RETURNS, 0)
    with pytest.raises(UsageError, match="two whole bars"):
        wb.stats.rolling_sharpe(RETURNS, 1, 252)
    with pytest.raises(DataError, match="infinite at row 1"):
        wb.stats.omega([0.1, np.inf])
    with pytest.raises(DataError, match="no label in common"):
        wb.stats.beta(RETURNS, MARKET.tz_convert(None))
    with pytest.raises(DataError, match="differ in length"):
        wb.stats.beta([0.1, 0.2], [0.1])
    with pytest.raises(AttributeError, match="omgea"):
        _ = wb.stats.omgea


def test_every_measure_is_reachable_and_described():
    from workbench.backtest.measures.face import NAMES

    for name in NAMES:
        found = getattr(wb.stats, name)
        assert ">>>" in found.__doc__, name


def test_measures_are_listed_with_the_statistics_of_a_run():
    assert {"measure", "sharpe", "compare", "CONVENTIONS"} <= set(dir(wb.stats))


def test_the_document_names_every_measure():
    from pathlib import Path

    from workbench.backtest.measures.face import NAMES

    text = (Path(__file__).resolve().parents[3] / "docs" / "statistics.md").read_text()
    assert [name for name in NAMES if name not in text] == []
