"""Each statistic against a hand-worked value or an independent source."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.backtest import stats
from workbench.kernels.book import FILL

empyrical = pytest.importorskip("empyrical")


def make_fills(*rows):
    """Rows of bar, symbol, side, quantity, price, fee."""
    fills = np.zeros(len(rows), FILL)
    for place, (bar, symbol, side, quantity, price, fee) in enumerate(rows):
        fills[place] = (bar, symbol, side, quantity, price, fee, 0.5, place, 0)
    return fills


def measured(equity, cash=100.0, periods=252.0, fills=None, units=None):
    values = np.asarray(equity, float)
    units = np.zeros((len(values), 1)) if units is None else np.asarray(units, float)
    return stats.measure(values, units, make_fills() if fills is None else fills, cash, periods)


def test_names_and_their_order_are_those_of_the_design():
    assert " ".join(stats.NAMES) == (
        "start end bars total_return cagr volatility sharpe sortino calmar max_drawdown "
        "max_drawdown_bars recovery_bars win_rate profit_factor expectancy round_trips exposure "
        "turnover fees slippage end_equity periods_per_year"
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=60).filter(lambda r: np.std(r) > 1e-6),
    st.sampled_from([252.0, 365.0, 52.0]),
)
def test_ratios_equal_empyrical(changes, periods):
    returns = np.array(changes)
    equity = 1000.0 * np.cumprod(1 + returns)
    found = measured(equity, 1000.0, periods)
    close = {"rel": 1e-9, "abs": 1e-9}
    peer = empyrical
    kind = {"annualization": periods}
    assert found["total_return"] == pytest.approx(peer.cum_returns_final(returns), **close)
    assert found["cagr"] == pytest.approx(peer.annual_return(returns, **kind), **close)
    assert found["volatility"] == pytest.approx(peer.annual_volatility(returns, **kind), **close)
    assert found["sharpe"] == pytest.approx(peer.sharpe_ratio(returns, **kind), **close)
    assert found["max_drawdown"] == pytest.approx(peer.max_drawdown(returns), **close)
    if (returns < -1e-6).any():
        assert found["sortino"] == pytest.approx(peer.sortino_ratio(returns, **kind), **close)
    if found["max_drawdown"] < -1e-6:
        assert found["calmar"] == pytest.approx(peer.calmar_ratio(returns, **kind), **close)


def test_a_drawdown_by_hand():
    found = measured([100, 120, 90, 60, 80, 120, 110])
    assert found["max_drawdown"] == pytest.approx(-0.5)
    assert found["max_drawdown_bars"] == 2
    assert found["recovery_bars"] == 2


def test_the_starting_cash_is_the_first_peak():
    found = measured([80, 90])
    assert found["max_drawdown"] == pytest.approx(-0.2)
    assert found["max_drawdown_bars"] == 1
    assert np.isnan(found["recovery_bars"])


def test_of_two_equal_drawdowns_the_first_counts():
    found = measured([100, 50, 100, 75, 50, 60])
    assert found["max_drawdown_bars"] == 1
    assert found["recovery_bars"] == 1


def test_what_is_not_defined_is_nan_and_nothing_is_infinite():
    found = measured([100, 100, 100])
    for name in ("sharpe", "sortino", "calmar", "win_rate", "profit_factor", "expectancy"):
        assert np.isnan(found[name]), name
    rising = measured([101, 102, 104])
    assert np.isnan(rising["sortino"])
    assert np.isnan(rising["calmar"])
    ruined = measured([50, 0, -20, -30])
    assert not np.isinf(list(ruined.values())).any()
    assert np.isnan(ruined["sharpe"])
    assert np.isnan(ruined["cagr"])


def test_one_bar_has_no_deviation():
    assert np.isnan(measured([101])["volatility"])


def test_round_trips_by_hand():
    fills = make_fills(
        (0, 0, 1, 10, 10.0, 1.0),  # opens long
        (1, 0, 1, 10, 12.0, 1.0),  # adds: average 11
        (2, 0, -1, 30, 14.0, 3.0),  # closes 20 at 14, opens 10 short
        (3, 0, 1, 10, 15.0, 1.0),  # closes the short with a loss
    )
    found, trips = stats.figures(np.full(5, 100.0), np.zeros((5, 1)), fills, 100.0, 252.0)
    assert found["round_trips"] == 2
    assert len(trips.open) == 0
    won = 20 * 14 - (100 + 120) - (1 + 1 + 2)
    lost = 10 * (14 - 15) - (1 + 1)
    assert found["win_rate"] == 0.5
    assert found["profit_factor"] == pytest.approx(won / -lost)
    assert found["expectancy"] == pytest.approx((won + lost) / 2)
    assert found["fees"] == 6.0
    assert found["slippage"] == 2.0
    traded = 100 + 120 + 420 + 150
    assert found["turnover"] == pytest.approx(traded / 100 * 252 / 5)


def test_profits_of_round_trips_and_cash_are_the_same_money():
    rng = np.random.default_rng(3)
    rows, held = [], 0.0
    for bar in range(40):
        side, quantity = rng.choice([-1, 1]), float(rng.integers(1, 9))
        rows.append((bar, 0, side, quantity, float(rng.integers(5, 15)), 0.25))
        held += side * quantity
    rows.append((40, 0, -np.sign(held), abs(held), 10.0, 0.25))
    fills = make_fills(*rows)
    _, trips = stats.figures(np.full(41, 100.0), np.zeros((41, 1)), fills, 100.0, 252.0)
    closed = trips.closed
    profit = closed["side"] * (closed["gained"] - closed["spent"]) - closed["fees"]
    paid = np.sum(fills["side"] * fills["quantity"] * fills["price"]) + fills["fee"].sum()
    assert len(trips.open) == 0
    assert profit.sum() == pytest.approx(-paid)


def test_exposure_counts_bars_that_end_with_a_position():
    units = [[0, 0], [1, 0], [0, -1], [0, 0]]
    assert measured([100] * 4, units=units)["exposure"] == 0.5


def test_series_carries_the_conventions_and_whole_counts():
    found = measured([100, 90, 110])
    series = stats.as_series(found, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-03"))
    assert list(series.index) == list(stats.NAMES)
    assert set(series.attrs["conventions"]) == set(stats.NAMES)
    assert series["bars"] == 3
    assert isinstance(series["bars"], int)


def test_curves():
    equity = pd.Series([90.0, 120.0, 60.0])
    assert stats.returns(equity, 100.0).round(9).tolist() == [-0.1, 0.333333333, -0.5]
    assert stats.drawdown(equity, 100.0).round(9).tolist() == [-0.1, 0.0, -0.5]
