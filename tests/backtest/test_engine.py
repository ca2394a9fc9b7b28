"""The engine: the figure that decides, its choices, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.engine import backtest, prepare
from workbench.errors import DataError, UsageError
from workbench.strategy.base import Strategy

backtesting_test = pytest.importorskip("backtesting.test")


class Crosses(Strategy):
    """Long from an upward cross, short from a downward one, no opinion before the first."""

    def targets(self, bars):
        close = bars["close"]
        fast, slow = close.rolling(10).mean(), close.rolling(30).mean()
        above = (fast > slow).where(slow.notna())
        before = above.shift()
        targets = pd.Series(np.nan, index=bars.index)
        targets[(above == 1) & (before == 0)] = 1.0
        targets[(above == 0) & (before == 1)] = -1.0
        return targets


class Given(Strategy):
    """Targets that were given, by the length of the bars."""

    value: float = 1.0

    def targets(self, bars):
        return pd.Series(self.value, index=bars.index)


@pytest.fixture(scope="module")
def goog():
    return wb.as_bars(backtesting_test.GOOG, symbol="GOOG", tz="UTC")


def make_bars(closes, opens=None, **attrs):
    index = pd.date_range("2024-01-01", periods=len(closes), freq="D", tz="UTC", name="time")
    close = np.asarray(closes, float)
    opened = close if opens is None else np.asarray(opens, float)
    bars = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": 1000.0,
        },
        index=index,
    )
    bars.attrs = {"timeframe": "1d", "calendar": "24/7", "symbol": "A", **attrs}
    return bars


def test_goog_sma_cross_gives_the_known_figures(goog):
    result = backtest(
        Crosses(), goog, cash=10_000, sizing=wb.Sizing(lot=1, at="fill"), record=False
    )
    assert len(goog) == 2148
    assert len(result.round_trips) == 65
    assert len(result.open_round_trips) == 1
    assert result.equity.max() == pytest.approx(75_787.44, abs=0.005)
    assert result.stats["max_drawdown"] == pytest.approx(-0.4798, abs=5e-5)
    assert result.stats["end_equity"] == pytest.approx(51_959.95, abs=0.005)
    held, last = result.positions.iloc[-1, 0], goog.iloc[-1]
    at_open = result.equity.iloc[-1] - held * (last["close"] - last["open"])
    assert at_open == pytest.approx(51_422.99, abs=0.005)


def test_the_package_can_be_called_and_tells_its_signature(goog):
    import inspect

    import workbench.backtest as package

    assert list(inspect.signature(package).parameters)[:2] == ["strategy", "bars"]
    assert inspect.getdoc(package).startswith("Run a strategy over bars.")
    mine = package(Crosses(), goog, record=False)
    assert mine.stats["end_equity"] == backtest(Crosses(), goog, record=False).stats["end_equity"]


def test_stats_alone_equal_those_of_the_result(goog):
    simulation = prepare(goog, costs=wb.Costs(fee=wb.fees.Bps(10)), stops=wb.Stops(loss=0.05))
    targets = Crosses().targets(goog).to_numpy()
    alone = simulation.stats(targets)
    full = simulation.result(Crosses(), targets).stats
    assert list(full.index) == ["start", "end", *alone]
    for name, value in alone.items():
        assert full[name] == pytest.approx(value, rel=1e-12, nan_ok=True)


def test_decided_at_a_close_filled_at_the_next_open():
    bars = make_bars([10, 11, 12], opens=[10, 10.5, 12])
    result = backtest(Given(), bars, cash=105, record=False)
    assert result.fills["price"].tolist() == [10.5]
    assert result.fills["time"].tolist() == [bars.index[1]]
    assert result.orders["time"].tolist() == [bars.index[0]]
    assert result.orders["order_id"].tolist() == ["20240101T000000-A"]
    assert result.equity.tolist() == [105.0, 110.0, 120.0]


def test_fill_at_the_close_is_said():
    result = backtest(Given(), make_bars([10, 11, 12]), fill="close", record=False)
    assert result.fills["time"].tolist() == [result.index[0]]
    assert any("close" in text and "next_open" in text for text in result.findings)


def test_periods_follow_the_calendar():
    bars = make_bars([10, 11, 12])
    assert backtest(Given(), bars, record=False).stats["periods_per_year"] == 365
    there = backtest(Given(), bars, calendar="XNYS", record=False)
    assert there.stats["periods_per_year"] == 252


def test_what_is_inferred_is_said():
    bars = make_bars([10, 11, 12])
    bars.attrs = {}
    found = backtest(Given(), bars, record=False).findings
    assert any(text.startswith("timeframe 1d") for text in found)
    assert any(text.startswith("calendar") for text in found)


def test_several_symbols_share_the_cash():
    one = make_bars([10, 10, 10, 10])
    two = make_bars([20, 20, 20, 20])
    bars = pd.concat({"A": one, "B": two}, axis=1).swaplevel(axis=1).sort_index(axis=1)
    bars.columns = bars.columns.set_names(["field", "symbol"])
    bars.attrs = {"timeframe": "1d", "calendar": "24/7"}
    simulation = prepare(bars, cash=1_000)
    targets = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan], [np.nan, np.nan]])
    result = simulation.result(Given(), targets)
    assert result.fills[["symbol", "side", "quantity"]].to_numpy().tolist() == [
        ["A", "buy", 100.0],
        ["A", "sell", 100.0],
        ["B", "buy", 50.0],
    ]
    assert result.positions.columns.tolist() == ["A", "B"]
    assert result.cash_held.min() == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cash": 0}, "cash"),
        ({"cash": -5}, "cash"),
        ({"cash": float("nan")}, "cash"),
        ({"cash": "many"}, "cash"),
        ({"fill": "next_opne"}, "did you mean 'next_open'"),
        ({"costs": 10}, "wb.Costs"),
        ({"sizing": 1}, "wb.Sizing"),
        ({"stops": 0.1}, "wb.Stops"),
        ({"calendar": "XNYZ"}, "no such calendar: 'XNYZ', did you mean"),
    ],
)
def test_bad_choices_are_refused_by_name(change, words):
    with pytest.raises(UsageError, match=words):
        backtest(Given(), make_bars([10, 11, 12]), record=False, **change)


def test_a_class_is_not_an_object():
    with pytest.raises(UsageError, match=r"Given is a class: give an object, Given\(\)"):
        backtest(Given, make_bars([10, 11, 12]), record=False)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_bars(rows):
    with pytest.raises(DataError, match="at least two bars"):
        backtest(Given(), make_bars([10, 11, 12]).iloc[:rows], record=False)


def test_no_target_at_all():
    with pytest.raises(UsageError, match="no opinion on any of the 40 bars; its warm-up is 0"):
        backtest(Crosses(), make_bars([10.0] * 40), record=False)


@pytest.mark.parametrize("shape", [(2, 1), (3, 2), (4,)])
def test_targets_of_another_shape(shape):
    with pytest.raises(UsageError, match="shape"):
        prepare(make_bars([10, 11, 12])).run(np.ones(shape))


def test_infinite_targets_are_refused_with_their_bar():
    with pytest.raises(UsageError, match=r"A at 2024-01-02.*infinite"):
        prepare(make_bars([10, 11, 12])).stats(np.array([1.0, np.inf, 0.0]))


def test_all_nan_targets_have_statistics_without_an_opinion():
    found = prepare(make_bars([10, 11, 12])).stats(np.full(3, np.nan))
    assert found["round_trips"] == 0
    assert found["total_return"] == 0
    assert np.isnan(found["sharpe"])


def test_the_input_is_not_changed(goog):
    before = goog.copy(deep=True)
    backtest(Crosses(), goog, record=False)
    pd.testing.assert_frame_equal(goog, before)
    assert goog.attrs == before.attrs
