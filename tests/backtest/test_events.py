"""What bars carry beside prices, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.events import events_of
from workbench.errors import DataError
from workbench.kernels.codes import DIVIDEND, SPLIT, YEARS


def frame(**columns):
    times = pd.date_range("2024-03-07", periods=4, freq="B", tz="UTC", name="time")
    return pd.DataFrame({"close": 10.0, **columns}, index=times)


def test_columns_without_an_event_carry_nothing():
    bars = frame(split=[1.0, 0.0, np.nan, 1.0], dividend=0.0)
    assert len(events_of(bars, ["A"], "1d", "XNYS", is_timed=False)) == 0


def test_the_time_between_closes_knows_weekends_and_the_change_of_the_clock():
    found = events_of(frame(), ["A"], "1d", "XNYS", is_timed=True)
    hours = found[:, 0, YEARS] * 365 * 24
    # the clocks went forward on Sunday the 10th: the closes lie 71 hours apart
    assert hours.tolist() == pytest.approx([0, 24, 71, 24])
    assert (found[:, :, SPLIT] == 1).all()


def test_a_symbol_without_the_column_has_no_event():
    bars = pd.concat({("close", s): frame()["close"] for s in "AB"}, axis=1)
    bars["dividend", "B"] = [0.0, 0.5, 0.0, 0.0]
    found = events_of(bars, ["A", "B"], "1d", "XNYS", is_timed=False)
    assert found[:, :, DIVIDEND].tolist() == [[0, 0], [0, 0.5], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    "column", [{"split": -1.0}, {"dividend": -0.1}, {"funding": np.inf}, {"split": np.inf}]
)
def test_what_cannot_be_is_refused(column):
    with pytest.raises(DataError, match=next(iter(column))):
        events_of(frame(**column), ["A"], "1d", "XNYS", is_timed=False)


@pytest.mark.parametrize(("how", "column"), [("all", "dividend"), ("splits", "split")])
def test_an_action_beside_adjusted_prices_would_count_twice(how, column):
    bars = wb.bars("IBM", start="2012")
    bars[column] = 1.0 if column == "dividend" else 2.0
    bars.attrs["adjustment"] = how
    with pytest.raises(DataError, match="twice"):
        wb.backtest(wb.strategies.SmaCross(), bars, record=False)
