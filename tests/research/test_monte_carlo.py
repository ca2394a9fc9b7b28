import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, UsageError
from workbench.research.monte_carlo import _drawn, of_returns, of_round_trips


@pytest.fixture
def result(one):
    return wb.backtest(wb.strategies.SmaCross(fast=3, slow=8), one, record=False)


def test_what_happened_lies_in_the_cone(result):
    for drawn in (of_returns(result), of_round_trips(result)):
        assert len(drawn.final) == len(drawn.drawdown) == 1000
        assert drawn.final.min() < result.stats["total_return"] < drawn.final.max()
        assert (np.diff(drawn.cone.to_numpy(), axis=1) >= 0).all()
        assert (drawn.drawdown <= 0).all() and 0 <= drawn.loss <= 1
        assert drawn.plot().renderers


def test_the_middle_grows_as_the_returns_do(result):
    drawn = of_returns(result, samples=4000, block=1)
    mean = np.log1p(drawn.final).mean()
    observed = np.log1p(result.stats["total_return"])
    spread = np.log1p(result.returns).std() * np.sqrt(len(result.returns))
    assert mean == pytest.approx(observed, abs=4 * spread / np.sqrt(4000))
    assert np.log1p(drawn.final).std() == pytest.approx(spread, rel=0.05)


def test_what_is_observed_is_the_equity(result):
    observed = of_returns(result).observed
    pd.testing.assert_series_equal(
        observed, result.equity.loc[observed.index], check_names=False, check_freq=False
    )
    assert observed.index[-1] == result.equity.index[-1]


def test_closed_round_trips_multiply_to_the_equity_when_flat(one):
    flat = wb.backtest(wb.strategies.SmaCross(fast=3, slow=8), one, record=False)
    trips = flat.round_trips
    after = flat.equity.loc[trips["exit_time"].iloc[-1]]
    assert of_round_trips(flat).observed.iloc[-1] == pytest.approx(after, rel=1e-9)


def test_the_seed_decides(result):
    assert (of_returns(result, seed=1).final == of_returns(result, seed=1).final).all()
    assert (of_returns(result, seed=1).final != of_returns(result, seed=2).final).any()


def test_equal_steps_leave_nothing_to_chance():
    def rows(count, rng):
        return rng.integers(0, 50, (count, 50))

    drawn = _drawn(np.full(50, -0.01), rows, (20, 0, 100.0), pd.RangeIndex(50), "bars")
    np.testing.assert_allclose(drawn.final, 0.99**50 - 1)
    np.testing.assert_allclose(drawn.drawdown, 0.99**50 - 1)
    assert drawn.loss == 1


def test_the_table_and_the_card(result):
    drawn = of_round_trips(result)
    assert list(drawn.table.columns) == ["total_return", "max_drawdown"]
    assert "draws of round trips" in drawn._repr_html_()


def test_what_cannot_be_drawn(result, one):
    with pytest.raises(UsageError, match="samples"):
        of_returns(result, samples=9)
    with pytest.raises(UsageError, match="block"):
        of_returns(result, block=601)
    never = wb.backtest(wb.strategies.SmaCross(fast=99, slow=400), one, record=False)
    with pytest.raises(DataError, match="closed round trips"):
        of_round_trips(never)
