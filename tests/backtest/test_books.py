"""The books of strategies that have columns of their own, worked by hand."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.books import books_of


class Long(wb.Strategy):
    """Long a symbol from a bar on."""

    column: int = wb.param(0, low=0)
    first: int = wb.param(0, low=0)
    last: int = wb.param(99, low=0)

    def targets(self, bars):
        values = np.zeros(bars["close"].shape)
        values[self.first : self.last, self.column] = 1.0
        return pd.DataFrame(values, index=bars.index, columns=bars["close"].columns)


@pytest.fixture
def bars():
    prices = np.array([[100.0, 50], [100, 50], [110, 50], [120, 40], [120, 60]])
    index = pd.date_range("2024-01-01", periods=5, tz="UTC", name="time")
    fields = {"open": 0, "high": 1, "low": -1, "close": 0}
    parts = {name: pd.DataFrame(prices + by, index, ["A", "B"]) for name, by in fields.items()}
    parts["volume"] = pd.DataFrame(1e6, index, ["A", "B"])
    return pd.concat(parts, axis=1, names=["field", "symbol"])


def run(bars, **choices):
    sleeves = wb.Sleeves(
        strategies={"one": Long(last=2), "two": Long(column=1, first=1)},
        shares={"one": 0.6, "two": 0.4},
    )
    choices = {"sizing": wb.Sizing(leverage=2), **choices}
    return wb.backtest(sleeves, bars, cash=1_000, calendar="24/7", record=False, **choices)


def test_each_has_its_own_books_and_trades_with_what_all_have(bars):
    result = run(bars)
    books = result.by_strategy
    # two buys at bar 2 with 0.4 of 1,060: the sixty were earned by one
    assert books.fills["quantity"].tolist() == pytest.approx([6, 424 / 50, 6])
    assert books.fills["strategy"].tolist() == ["one", "two", "one"]
    assert books.fills["symbol"].tolist() == ["A", "B", "A"]
    assert result.fills["symbol"].tolist() == ["one/A", "two/B", "one/A"]
    assert result.fills["strategy"].tolist() == ["one", "two", "one"]
    assert result.orders["strategy"].tolist() == ["one", "two", "one"]
    np.testing.assert_allclose(books.equity["one"], [600, 600, 660, 720, 720])
    np.testing.assert_allclose(books.equity["two"], [400, 400, 400, 400 - 84.8, 400 + 84.8])
    np.testing.assert_allclose(books.cash["two"].iloc[-1], 400 - 424)  # lent by one
    np.testing.assert_allclose(books.pnl.sum(axis=1), result.equity - 1_000)
    assert books.stats.loc["total_return"].tolist() == pytest.approx([0.2, 0.212])
    assert books.round_trips[["strategy", "symbol"]].to_numpy().tolist() == [["one", "A"]]
    assert repr(books) == "<books of 2 strategies: one +120.00, two +84.80>"


def test_where_cash_is_short_what_one_holds_is_not_there_for_the_other(bars):
    books = run(bars, sizing=wb.Sizing()).by_strategy
    assert books.fills["quantity"].tolist() == pytest.approx([6, 400 / 50, 6])


def test_who_lends_to_another_is_paid_for_it(bars):
    free, rate = run(bars), wb.financing.Financing(cash_bps=365.0)
    paid = run(bars, costs=wb.Costs(financing=rate))
    books = paid.by_strategy
    daily = 365e-4 / 365
    assert books.cash["two"].iloc[1] == pytest.approx(400 * (1 + daily))
    assert books.equity["one"].iloc[1] > free.by_strategy.equity["one"].iloc[1]
    np.testing.assert_allclose(books.equity.sum(axis=1), paid.equity, rtol=1e-12)
    assert books.cash["two"].diff().iloc[-1] < 0  # it owes at the end


def test_one_strategy_has_no_such_books(bars):
    result = wb.backtest(Long(), bars, record=False)
    assert result.by_strategy is None
    assert books_of(result._run) is None
    assert "strategy" not in result.fills
