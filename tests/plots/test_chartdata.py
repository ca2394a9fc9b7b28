import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataError
from workbench.plots.chartdata import VIEW_LIMIT, ChartData


def test_a_million_bars_are_merged_for_each_view(bars):
    data = ChartData.of(bars(1_000_000, freq="min"), [], carried=None)
    assert not data.in_browser
    for start, stop in ((0, 1_000_000), (500_000, 500_100), (999_000, 1_000_050), (-50, 10)):
        drawn, (low, high, size) = data.view(start, stop)
        assert len(drawn["x"]) <= VIEW_LIMIT
        assert low <= max(0, start)
        assert high >= min(len(data), stop)
        assert size == 1 or (stop - start) > VIEW_LIMIT / 2


def test_a_figure_without_a_server_carries_no_more_than_it_is_told(bars):
    frame = bars(50_000)
    data = ChartData.of(frame, [frame["close"]], carried=20_000)
    assert len(data) <= 20_000
    assert data.in_browser
    assert data.columns["high"].max() == frame["high"].max()
    assert data.columns["volume"].sum() == pytest.approx(frame["volume"].sum())
    assert data.last("line0")[0] == frame["close"].iloc[-1]


def test_lines_are_aligned_to_the_bars(bars):
    frame = bars(20)
    later = frame["close"].iloc[5:]
    data = ChartData.of(frame, [later], carried=None)
    assert np.isnan(data.columns["line0"][:5]).all()
    assert (data.columns["line0"][5:] == later.to_numpy()).all()


def test_intraday_bars_of_new_york_show_new_york_time(bars):
    frame = bars(10, freq="5min")
    frame.index = pd.date_range("2024-07-01 13:30", periods=10, freq="5min", tz="UTC", name="time")
    frame.attrs["calendar"] = "XNYS"
    data = ChartData.of(frame, [], carried=None)
    first = pd.Timestamp(data.columns["time"][0], unit="ms")
    assert (first.hour, first.minute, data.zone) == (9, 30, " New York")


def test_fills_stand_on_the_bar_they_happened_in(bars, fills):
    frame = bars(200)
    made = fills(frame)
    marks = ChartData.of(frame, [], carried=None).marks(made)
    assert marks["row"] == list(range(10, 200, 40))
    assert marks["side"][:2] == ["buy", "sell"]
    assert marks["y"][0] == frame["low"].iloc[10]
    assert marks["y"][1] == frame["high"].iloc[50]
    assert marks["note"][0].startswith("Buy 10 @ ")


def test_fills_before_the_first_bar_are_left_out(bars, fills):
    frame = bars(200)
    marks = ChartData.of(frame.iloc[60:], [], carried=None).marks(fills(frame))
    assert len(marks["row"]) == 3


@pytest.mark.parametrize(("price", "digits"), [(50_000, 0), (120, 2), (0.5, 4), (0.00012, 7)])
def test_decimals_follow_the_price(bars, price, digits):
    frame = bars(30)
    frame[["open", "high", "low", "close"]] *= price / frame["close"].median()
    assert ChartData.of(frame, [], carried=None).digits == digits


def test_what_cannot_be_shown_is_refused(bars):
    frame = bars(5)
    with pytest.raises(DataError, match="'low'"):
        ChartData.of(frame.drop(columns="low"), [], carried=None)
    with pytest.raises(DataError, match="no bars"):
        ChartData.of(frame.iloc[:0], [], carried=None)
    with pytest.raises(DataError, match="one symbol"):
        ChartData.of(pd.concat({"A": frame}, axis=1).swaplevel(axis=1), [], carried=None)
