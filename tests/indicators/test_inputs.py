import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError


def test_a_series_keeps_its_index_and_is_named_after_the_indicator(bars):
    found = wb.ta.sma(bars["close"], 10)
    assert found.index.is_(bars.index)
    assert found.name == "sma"
    assert found.attrs == {}


def test_the_second_argument_is_the_first_parameter(bars):
    pd.testing.assert_series_equal(wb.ta.atr(bars, 7), wb.ta.atr(bars, timeperiod=7))
    found = wb.ta.bbands(bars["close"], 20, 2, 2)
    assert list(found.columns) == ["upperband", "middleband", "lowerband"]


def test_separate_series_are_bars(bars):
    apart = wb.ta.atr(bars["high"], bars["low"], bars["close"], 14)
    pd.testing.assert_series_equal(apart, wb.ta.atr(bars, 14))
    named = wb.ta.atr(close=bars["close"], high=bars["high"], low=bars["low"], timeperiod=14)
    pd.testing.assert_series_equal(named, apart)


def test_one_input_may_come_beside_bars(bars):
    periods = bars["close"] * 0 + 5
    pd.testing.assert_series_equal(
        wb.ta.mavp(bars, periods=periods), wb.ta.mavp(bars["close"], periods)
    )


def test_a_series_beside_a_frame_serves_every_symbol(make_panel):
    close = make_panel(200, ["A", "B", "C"])["close"]
    beta = wb.ta.beta(close, close["A"], 20)
    expected = wb.ta.beta(close["B"], close["A"], 20)
    np.testing.assert_array_equal(beta["B"], expected)


def test_a_frame_of_symbols_gives_a_frame(make_panel):
    close = make_panel(100, ["B", "A"])["close"]
    found = wb.ta.sma(close, 5)
    assert list(found.columns) == ["B", "A"]
    bands = wb.ta.bbands(close, 5)
    assert bands["upperband"]["A"].iloc[-1] > bands["lowerband"]["A"].iloc[-1]


@pytest.mark.parametrize("kind", ["int64", "float32", "Int64", "Float64", "bool"])
def test_any_number_will_do(kind):
    values = pd.Series([1, 0, 1, 1, 0, 1, 1, 1]).astype(kind)
    expected = wb.ta.sma(values.astype("float64"), 3)
    pd.testing.assert_series_equal(wb.ta.sma(values, 3), expected)


def test_nullable_missing_is_a_gap():
    values = pd.Series([1, None, 3, 5], dtype="Int64")
    assert wb.ta.sma(values, 2).tolist()[2:] == [2.0, 4.0]


def test_infinite_is_a_gap_and_poisons_nothing():
    found = wb.ta.sma(pd.Series([1.0, np.inf, 3.0, 5.0, -np.inf, 7.0]), 2)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 2.0, 4.0, np.nan, 6.0])


def test_huge_numbers_are_not_taken_for_gaps():
    values = pd.Series([1e308, 1e308, 1e308])
    assert wb.ta.max(values, 2).tolist()[1:] == [1e308, 1e308]


def test_read_only_and_strided_arrays_will_do(bars):
    wide = bars[["open", "close"]].copy()
    expected = wb.ta.sma(bars["close"].copy(), 5)
    pd.testing.assert_series_equal(wb.ta.sma(wide["close"], 5), expected)
    backwards = bars["close"].iloc[::-1]
    assert np.isfinite(wb.ta.sma(backwards, 5).iloc[-1])


def test_an_object_column_is_refused():
    with pytest.raises(UsageError, match="holds object, not numbers"):
        wb.ta.sma(pd.Series([1.0, "x"], dtype=object), 2)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], np.arange(5.0), "close", None, 3])
def test_another_type_is_refused(wrong):
    with pytest.raises(UsageError, match="takes a Series") as caught:
        wb.ta.sma(wrong, 2)
    assert caught.value.function == "sma"


def test_a_missing_column_is_named(bars):
    with pytest.raises(UsageError, match=r"atr needs the columns .*missing: high, low") as caught:
        wb.ta.atr(bars[["close"]])
    assert caught.value.missing == ["high", "low"]


def test_a_frame_of_symbols_is_no_bars(make_panel):
    with pytest.raises(UsageError, match="missing: high, low, close"):
        wb.ta.atr(make_panel(20, ["A", "B"])["close"])


def test_indexes_that_differ_are_refused(bars):
    with pytest.raises(UsageError, match="low has another index than high"):
        wb.ta.midprice(bars["high"], bars["low"].iloc[1:])


def test_symbols_that_differ_are_refused(make_panel):
    panel = make_panel(20, ["A", "B"])
    with pytest.raises(UsageError, match="low has other symbols"):
        wb.ta.midprice(panel["high"], panel["low"][["B", "A"]])


def test_column_levels_left_over_are_refused(make_panel):
    panel = make_panel(20, ["A", "B"])
    with pytest.raises(UsageError, match="column levels left"):
        wb.ta.midprice(panel, panel)


def test_too_many_or_too_few_inputs_are_refused(bars):
    with pytest.raises(UsageError, match="not 2 inputs"):
        wb.ta.sma(bars["close"], bars["open"])
    with pytest.raises(UsageError, match="3 Series"):
        wb.ta.atr(bars["high"], bars["low"])
    with pytest.raises(UsageError, match="3 Series"):
        wb.ta.atr(bars["high"])
