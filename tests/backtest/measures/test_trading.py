"""Exposure, turnover, capacity and tables, against values worked by hand."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.measures.tables import drawdown_table
from workbench.backtest.tearsheet_tables import drawdowns
from workbench.plots import monthly
from workbench.strategy.base import Strategy


class Given(Strategy):
    """Long for two bars, flat for one, short for the rest."""

    def targets(self, bars):
        wanted = np.array([1.0, 1.0, 0.0, -0.5, -0.5, -0.5])
        return pd.Series(wanted[: len(bars)], index=bars.index)


@pytest.fixture(scope="module")
def result():
    index = pd.date_range("2023-12-29", periods=6, tz="UTC", name="time")
    flat = pd.Series(10.0, index)
    bars = pd.DataFrame(
        {"open": flat, "high": flat, "low": flat, "close": flat, "volume": 1000.0}, index=index
    )
    bars.attrs = {"timeframe": "1d", "calendar": "24/7", "symbol": "A"}
    return wb.backtest(Given(), bars, cash=1000.0, record=False)


def test_exposure(result):
    # filled a bar later: flat, long, long, flat, short, short
    found = wb.stats.exposure(result)
    assert found["time_in_market"] == pytest.approx(4 / 6)
    assert found["time_long"] == pytest.approx(2 / 6)
    assert found["time_short"] == pytest.approx(2 / 6)
    assert found["gross"] == pytest.approx((1 + 1 + 0.5 + 0.5) / 6)
    assert found["net"] == pytest.approx((1 + 1 - 0.5 - 0.5) / 6)
    assert found["highest_gross"] == pytest.approx(1.0)


def test_turnover(result):
    # 1000 bought on the 30th, 1000 sold on the 1st, 500 sold short on the 2nd
    found = wb.stats.turnover(result)
    assert found[2023] == pytest.approx(1.0)
    assert found[2024] == pytest.approx(1.5)
    assert found["yearly"] == pytest.approx(2.5 * 365 / 6)
    assert found["yearly"] == pytest.approx(result.stats["turnover"])


def test_capacity(result):
    # 100, 100 and 50 units of 1000: at 5 % of the volume equity may be 500, 500 and 1000
    assert wb.stats.capacity(result, 0.05, 1e-9) == pytest.approx(500.0)
    assert wb.stats.capacity(result, 0.10, 1e-9) == pytest.approx(1000.0)
    assert wb.stats.capacity(result, 0.05, 1 - 1e-9) == pytest.approx(1000.0)


def test_without_fills_there_is_no_capacity(result):
    idle = wb.backtest(Given(), result.bars, sizing=wb.Sizing(lot=1e9), record=False)
    assert np.isnan(wb.stats.capacity(idle))
    assert wb.stats.exposure(idle)["gross"] == 0.0
    assert wb.stats.turnover(idle)["yearly"] == 0.0


def test_the_tables_are_those_of_sheet_and_plot():
    index = pd.date_range("2024-01-30", periods=5, tz="UTC")
    equity = pd.Series([100.0, 80, 100, 90, 95], index)
    assert wb.stats.drawdown_table is drawdown_table
    assert wb.stats.monthly_table is monthly.table
    table = wb.stats.drawdown_table(equity)
    assert table["depth"].round(9).tolist() == [-0.2, -0.1]
    assert len(drawdowns(equity, 100.0)["rows"]) == len(table)
    assert len(wb.stats.drawdown_table(equity.iloc[:0])) == 0
    assert wb.stats.drawdown_table(equity, 200.0)["depth"].round(9).tolist() == [-0.6]


def test_drawdowns_equal_quantstats():
    details = pytest.importorskip("quantstats").stats.drawdown_details
    rng = np.random.default_rng(2)
    equity = pd.Series(
        100 * np.cumprod(1 + rng.normal(0.001, 0.02, 200)), pd.date_range("2024-01-01", periods=200)
    )
    mine = wb.stats.drawdown_table(equity, most=1000)
    peer = details(equity / equity.cummax() - 1)["max drawdown"] / 100
    np.testing.assert_allclose(mine["depth"], np.sort(peer))
