import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError


@pytest.fixture
def close(bars) -> pd.Series:
    return bars["close"]


def test_an_unknown_parameter_offers_the_nearest(close):
    with pytest.raises(UsageError, match="did you mean 'timeperiod'") as caught:
        wb.ta.sma(close, timeperod=3)
    assert caught.value.known == ["timeperiod"]


def test_too_many_parameters_are_refused(close):
    with pytest.raises(UsageError, match="sma takes timeperiod=30, not 2 parameters"):
        wb.ta.sma(close, 3, 4)


def test_twice_given_is_refused(close):
    with pytest.raises(UsageError, match="timeperiod is given twice"):
        wb.ta.sma(close, 3, timeperiod=4)


@pytest.mark.parametrize("value", [2.5, "3", True, None, np.nan, np.inf])
def test_no_whole_number_is_refused(close, value):
    with pytest.raises(UsageError, match="timeperiod must be a") as caught:
        wb.ta.sma(close, value)
    assert caught.value.parameter == "timeperiod"


@pytest.mark.parametrize("value", [5.0, np.int64(5), np.float32(5)])
def test_what_is_a_whole_number_is_taken(close, value):
    pd.testing.assert_series_equal(wb.ta.sma(close, value), wb.ta.sma(close, 5))


def test_a_parameter_that_is_not_finite_is_refused(close):
    with pytest.raises(UsageError, match="nbdevup must be finite"):
        wb.ta.bbands(close, 20, float("nan"))


@pytest.mark.parametrize(
    ("name", "values", "guilty"),
    [
        ("sma", (0,), "timeperiod"),
        ("sma", (-5,), "timeperiod"),
        ("sma", (2**40,), "timeperiod"),
        ("bbands", (20, 2, 2, 77), "matype"),
        ("macd", (12, 26, 0), "signalperiod"),
        ("zscore", (1,), "timeperiod"),
        ("ichimoku", (9, 26, 52, -1), "displacement"),
    ],
)
def test_out_of_range_is_refused_by_name(bars, name, values, guilty):
    data = bars if name == "ichimoku" else bars["close"]
    with pytest.raises(UsageError) as caught:
        getattr(wb.ta, name)(data, *values)
    assert caught.value.parameter == guilty
    assert guilty in str(caught.value)
