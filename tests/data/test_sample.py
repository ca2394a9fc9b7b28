"""The sample: real bars, and the splits and dividends that are known to have been."""

from __future__ import annotations

import bokeh_sampledata.stocks as stocks
import numpy as np
import pandas as pd
import pytest

from workbench.core.timeframe import Timeframe
from workbench.data.adjust import adjust
from workbench.data.calendar import sessions
from workbench.data.sample import SampleSource
from workbench.data.schema import check_bars
from workbench.errors import UsageError

DAY = Timeframe(1, "d")
SOURCE = SampleSource()


@pytest.mark.parametrize(
    ("symbol", "rows"), [("AAPL", 3270), ("FB", 196), ("GOOG", 2148), ("IBM", 3270), ("MSFT", 3270)]
)
def test_every_session_is_there_and_every_bar_is_good(symbol, rows):
    bars = check_bars(SOURCE.history(symbol, DAY))
    assert len(bars) == rows
    assert bars.index.equals(sessions("XNYS", bars.index[0], bars.index[-1]).rename("time"))


@pytest.mark.parametrize(
    ("symbol", "splits"),
    [("AAPL", ["2000-06-21", "2005-02-28"]), ("MSFT", ["2003-02-18"]), ("IBM", []), ("FB", [])],
)
def test_splits_are_those_of_history(symbol, splits):
    bars = SOURCE.history(symbol, DAY)
    found = bars.index[bars["split"] != 1]
    assert found.strftime("%Y-%m-%d").tolist() == splits
    assert (bars["split"][found] == 2).all()


def test_dividends_are_those_of_history():
    paid = SOURCE.history("MSFT", DAY)["dividend"]
    assert paid["2004-11-15"] == pytest.approx(3.08, abs=1e-3)  # the special one and 8 cents
    assert paid["2013-02-19"] == pytest.approx(0.23, abs=1e-3)
    apple = SOURCE.history("AAPL", DAY)["dividend"]
    assert apple[apple > 0].round(2).tolist() == [2.65, 2.65, 2.65]


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT", "GOOG", "FB"])
def test_derived_prices_equal_the_vendors_up_to_what_came_later(symbol):
    derived = adjust(SOURCE.history(symbol, DAY), "all")["close"].to_numpy()
    vendor = np.asarray(getattr(stocks, symbol)["adj_close"], float)
    np.testing.assert_allclose(derived / derived[-1], vendor / vendor[-1], rtol=1e-6)


def test_a_range_is_cut_half_open():
    low, high = pd.Timestamp("2012-01-03", tz="UTC"), pd.Timestamp("2012-01-05", tz="UTC")
    assert len(SOURCE.history("IBM", DAY, low, high)) == 2


def test_the_caller_cannot_spoil_the_sample():
    mine = SOURCE.history("IBM", DAY)
    mine["close"] = 0.0
    assert (SOURCE.history("IBM", DAY)["close"] > 0).all()


def test_other_symbols_and_timeframes_are_refused():
    with pytest.raises(UsageError, match="did you mean 'AAPL'"):
        SOURCE.history("APPL", DAY)
    with pytest.raises(UsageError, match="resample"):
        SOURCE.history("AAPL", Timeframe(5, "m"))
