"""Whose a netted position is: worked by hand."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.netting import split_units


class Up(wb.Strategy):
    """Long a part of equity from one bar to before another."""

    first: int = wb.param(0, low=0)
    last: int = wb.param(99, low=0)
    size: float = wb.param(1.0)

    def targets(self, bars):
        rows = np.arange(len(bars))
        held = (rows >= self.first) & (rows < self.last)
        return pd.Series(np.where(held, self.size, 0.0), index=bars.index)


def run(strategies, opens, **choices):
    opens = np.array(opens, float)
    index = pd.date_range("2024-01-01", periods=len(opens), tz="UTC", name="time")
    columns = {"open": opens, "high": opens + 1, "low": opens - 1, "close": opens, "volume": 1e6}
    sleeves = wb.Sleeves(strategies=strategies, net=True)
    bars = pd.DataFrame(columns, index=index)
    return wb.backtest(sleeves, bars, cash=1_000, record=False, **choices)


def test_what_is_left_over_goes_by_the_size_of_what_was_wanted():
    weights, held = np.array([0.4, -0.2]), np.zeros(2)
    np.testing.assert_allclose(split_units(10.0, 50.0, weights, held), [20, -10])
    np.testing.assert_allclose(split_units(7.0, 50.0, weights, held), [18, -11])
    np.testing.assert_allclose(
        split_units(6.0, 50.0, np.zeros(2), np.array([9.0, -3.0])), [4.5, 1.5]
    )
    np.testing.assert_allclose(split_units(0.0, 50.0, np.zeros(2), held), [0, 0])


def test_each_gets_what_it_wanted_at_the_price_of_the_fill():
    result = run({"a": Up(size=0.8), "b": Up(size=-0.4)}, [100, 100, 110, 120])
    books = result.by_strategy
    assert result.fills["quantity"].tolist() == [2.0]  # one order, for 0.4 - 0.2 of equity
    np.testing.assert_allclose(books.positions.iloc[-1], [4, -2])
    np.testing.assert_allclose(books.equity.iloc[-1], [500 + 4 * 20, 500 - 2 * 20])
    assert books.fills["strategy"].tolist() == ["a", "b"]
    assert books.fills["side"].tolist() == ["buy", "sell"]


def test_a_fee_goes_by_what_each_moves():
    costs = wb.Costs(fee=wb.fees.PerShare(0.0, minimum=6.0))
    result = run({"a": Up(size=0.8), "b": Up(size=-0.4)}, [100, 100, 100], costs=costs)
    fees = result.by_strategy.stats.loc["fees"].astype(float)
    assert fees.sum() == pytest.approx(6.0)
    quantities = result.by_strategy.fills["quantity"]
    np.testing.assert_allclose(fees / fees.sum(), quantities / quantities.sum())


def test_what_cancels_out_moves_at_the_open_without_an_order():
    result = run({"a": Up(size=1.0, last=2), "b": Up(first=2)}, [100, 100, 110, 120, 150])
    books = result.by_strategy
    assert len(result.orders) == 1
    assert books.fills["strategy"].tolist() == ["a", "a", "b"]
    assert books.fills["order_id"].tolist()[1:] == ["", ""]
    assert books.fills["price"].tolist() == [100, 120, 120]
    np.testing.assert_allclose(books.equity.iloc[-1], [500 + 5 * 20, 500 + 5 * 30])
    assert books.stats.loc["round_trips"].tolist() == [1, 0]


def test_opposites_have_books_though_nothing_is_traded():
    result = run({"a": Up(last=2), "b": Up(size=-1.0, last=2)}, [100, 100, 110, 120, 150])
    assert not len(result.orders)
    books = result.by_strategy
    np.testing.assert_allclose(books.pnl.iloc[-1], [100, -100])
    assert not books.positions.iloc[-1].any()
    assert len(books.round_trips) == 2


def test_a_stop_ends_what_all_hold():
    strategies = {"a": Up(size=0.8), "b": Up(size=0.4)}
    result = run(strategies, [100, 100, 100, 80], stops=wb.Stops(loss=0.1))
    books = result.by_strategy
    assert (books.positions.iloc[-1] == 0).all()
    np.testing.assert_allclose(books.pnl.iloc[-1], [-80, -40])


def test_at_the_close_they_change_hands_at_the_close():
    result = run({"a": Up(last=2), "b": Up(first=2)}, [100, 100, 110, 120], fill="close")
    np.testing.assert_allclose(result.by_strategy.pnl.iloc[-1], [50, 50])


def test_a_liquidation_ends_what_all_hold():
    strategies = {"a": Up(size=4.0), "b": Up(size=2.0)}
    sizing = wb.Sizing(leverage=3, maintenance=0.25)
    result = run(strategies, [100, 100, 100, 80], sizing=sizing)
    books = result.by_strategy
    assert result.orders["order_id"].iloc[-1].endswith("-liquidation")
    assert (books.positions.iloc[-1] == 0).all()
    losses = books.pnl.iloc[-1]
    assert losses["a"] == pytest.approx(2 * losses["b"])
    np.testing.assert_allclose(losses.sum(), result.equity.iloc[-1] - 1_000)
