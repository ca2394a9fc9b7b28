import math

import pytest

from workbench.errors import UsageError
from workbench.research.overfit import (
    Moments,
    expected_maximum_sharpe,
    probabilistic_sharpe_ratio,
)
from workbench.research.track_record import minimum_backtest_length, minimum_track_record_length


def years(periods, skew=0.0, kurtosis=3.0):
    moments = Moments(2 / math.sqrt(periods), 0, skew, kurtosis)
    return minimum_track_record_length(moments, 1 / math.sqrt(periods)) / periods


def test_the_figures_of_the_paper():
    # Bailey and López de Prado 2012: a Sharpe ratio of 2 against 1 at 95 %, normal returns of
    # days, weeks and months, and months with the skewness and kurtosis of a hedge fund index
    assert years(250) == pytest.approx(2.73, abs=5e-3)
    assert years(52) == pytest.approx(2.83, abs=5e-3)
    assert years(12) == pytest.approx(3.24, abs=5e-3)
    assert years(12, skew=-0.72, kurtosis=5.78) == pytest.approx(4.99, abs=5e-3)


def test_at_that_length_the_probabilistic_sharpe_ratio_is_the_confidence():
    moments = Moments(0.12, 0, skew=-0.5, kurtosis=6)
    for confidence in (0.9, 0.95, 0.99):
        length = minimum_track_record_length(moments, 0.03, confidence=confidence)
        reached = Moments(0.12, length, skew=-0.5, kurtosis=6)
        assert probabilistic_sharpe_ratio(reached, 0.03) == pytest.approx(confidence)


def test_what_does_not_beat_the_benchmark_never_will():
    assert minimum_track_record_length(Moments(0.1, 0), 0.1) == math.inf
    assert math.isnan(minimum_track_record_length(Moments(math.nan, 0)))


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95, math.nan])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(UsageError, match=r"between 0\.5 and 1"):
        minimum_track_record_length(Moments(0.1, 0), confidence=confidence)


def test_excess_kurtosis_is_refused():
    with pytest.raises(UsageError, match="raw"):
        minimum_track_record_length(Moments(0.1, 0, kurtosis=0.0))


def test_the_figures_of_pseudo_mathematics():
    # the best of ten standard normal draws is 1.57; five years allow 45 trials
    assert expected_maximum_sharpe(10, 1.0) == pytest.approx(1.57, abs=6e-3)
    assert minimum_backtest_length(45) == pytest.approx(5.0, abs=0.01)
    assert minimum_backtest_length(46) > 5.0 > minimum_backtest_length(44)
    # and seven are enough to show a Sharpe ratio of 1 in two years
    assert minimum_backtest_length(7) == pytest.approx(2.0, abs=0.2)


def test_a_higher_sharpe_needs_less():
    assert minimum_backtest_length(45, 2.0) == pytest.approx(minimum_backtest_length(45) / 4)
    assert minimum_backtest_length(1) == 0
    with pytest.raises(UsageError, match="positive"):
        minimum_backtest_length(45, 0.0)
    with pytest.raises(UsageError, match="trials"):
        minimum_backtest_length(0)
