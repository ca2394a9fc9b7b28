"""Trades as a table."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from workbench.core.trade import Trade
from workbench.data.trades import are_trades, as_trades
from workbench.errors import DataError, UsageError

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def table(**changes):
    columns = {"price": [10.0, 11.0, 11.0], "size": [1.0, 0.0, 2.0]} | changes
    times = pd.DatetimeIndex(["2024-01-02 12:00", "2024-01-02 12:01", "2024-01-02 12:01"], tz="UTC")
    return pd.DataFrame(columns, index=times)


def test_objects_and_tables_are_the_same():
    trades = [Trade("X", NOON, 10.0, 1.0), Trade("X", NOON, 11.0, 2.0)]
    made = as_trades(trades)
    assert are_trades(trades)
    assert are_trades(made)
    assert made["price"].tolist() == [10.0, 11.0]
    assert made.attrs == {"symbol": "X"}
    pd.testing.assert_frame_equal(as_trades(made), made)


def test_bars_are_no_trades():
    assert not are_trades(pd.DataFrame({"close": [1.0], "price": [1.0]}))
    assert not are_trades([])
    assert not are_trades(7)


@pytest.mark.parametrize(
    ("trades", "rule"),
    [
        (table(price=[10.0, 0.0, 11.0]), "price not positive"),
        (table(price=[10.0, np.nan, 11.0]), "price not positive"),
        (table(size=[1.0, -1.0, 2.0]), "size below 0"),
        (table(size=[1.0, np.inf, 2.0]), "size below 0"),
        (table()[::-1], "times not in order"),
        (table().tz_localize(None), "naive time zone"),
        (table().reset_index(drop=True), "naive time zone"),
    ],
)
def test_what_is_no_trade_is_told(trades, rule):
    with pytest.raises(DataError) as caught:
        as_trades(trades)
    assert caught.value.rule == rule


def test_missing_columns_and_mixed_symbols_are_refused():
    with pytest.raises(
        UsageError, match="need the columns price and size; there are price, amount"
    ):
        as_trades(table().rename(columns={"size": "amount"}))
    with pytest.raises(UsageError, match="of 2 symbols"):
        as_trades([Trade("X", NOON, 1.0, 1.0), Trade("Y", NOON, 1.0, 1.0)])
