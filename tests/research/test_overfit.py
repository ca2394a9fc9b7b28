import math

import numpy as np
import pytest
from scipy import stats

from workbench.errors import UsageError
from workbench.research.overfit import (
    Moments,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    probabilistic_sharpe_ratio,
)

PAPER = Moments(sharpe=2.5 / math.sqrt(250), periods=1250, skew=-3, kurtosis=10)


def test_the_example_of_the_paper():
    found = deflated_sharpe_ratio(PAPER, trials=100, variance=0.5 / 250)
    assert found.threshold == pytest.approx(0.1132, abs=5e-5)
    assert found == pytest.approx(0.9004, abs=5e-5)


def test_the_other_figures_of_the_paper():
    # with 46 trials the same strategy would have passed at 95 %, and with normal returns
    # its number could have been 88
    assert deflated_sharpe_ratio(PAPER, trials=46, variance=0.5 / 250) == pytest.approx(
        0.9505, abs=5e-5
    )
    normal = Moments(PAPER.sharpe, PAPER.periods)
    assert deflated_sharpe_ratio(normal, trials=88, variance=0.5 / 250) == pytest.approx(
        0.9505, abs=5e-4
    )


def test_the_expected_maximum_is_that_of_simulation():
    draws = np.random.default_rng(1).normal(0, 0.2, (20_000, 50)).max(axis=1)
    assert expected_maximum_sharpe(50, 0.04) == pytest.approx(draws.mean(), rel=0.02)


def test_moments_agree_with_scipy():
    returns = np.random.default_rng(2).standard_t(5, 500) / 100
    found = Moments.of(returns)
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert found.skew == pytest.approx(stats.skew(returns))
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False))
    assert Moments.of([*returns, np.nan]) == found


@pytest.mark.parametrize("returns", [[], [0.1], [0.1] * 7, [np.nan, 0.1], [0.0] * 9])
def test_returns_without_variation_have_no_sharpe(returns):
    moments = Moments.of(returns)
    assert math.isnan(moments.sharpe)
    assert math.isnan(deflated_sharpe_ratio(moments, trials=10, variance=0.01))


def test_one_trial_is_no_choice_and_equal_trials_neither():
    assert expected_maximum_sharpe(1, 0.5) == 0
    assert expected_maximum_sharpe(100, 0.0) == 0
    plain = probabilistic_sharpe_ratio(PAPER)
    assert deflated_sharpe_ratio(PAPER, trials=1, variance=math.nan) == plain
    assert deflated_sharpe_ratio(PAPER, trials=100, variance=0.0) == plain


def test_more_trials_deflate_more():
    found = [deflated_sharpe_ratio(PAPER, trials=n, variance=0.002) for n in (1, 2, 10, 10**6)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 4


def test_an_unknown_variance_is_not_taken_for_none():
    assert math.isnan(deflated_sharpe_ratio(PAPER, trials=10, variance=math.nan))


def test_one_period_says_nothing():
    assert math.isnan(probabilistic_sharpe_ratio(Moments(0.1, 1)))


def test_excess_kurtosis_is_refused():
    with pytest.raises(UsageError, match="raw"):
        probabilistic_sharpe_ratio(Moments(0.1, 100, 0, 0.0))


@pytest.mark.parametrize(("trials", "variance"), [(0, 0.1), (-1, 0.1), (5, -0.1)])
def test_nonsense_is_refused(trials, variance):
    with pytest.raises(UsageError):
        expected_maximum_sharpe(trials, variance)


def test_negative_sharpe_is_improbable():
    assert probabilistic_sharpe_ratio(Moments(-0.5, 250)) < 0.001
