"""Flags of messages on a chart."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.core.timeframe import Timeframe
from workbench.plots.flags import columns_of
from workbench.plots.market import ChartOptions, MarketChart
from workbench.testing.market import Market


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def told(*times, title="Buyback", by="known"):
    frame = pd.DataFrame({by: [utc(time) for time in times], "title": title, "source": "note"})
    frame.attrs["by"] = by
    return frame


@pytest.fixture
def bars():
    made = Market().bars("AAPL", Timeframe(1, "d"), utc("2024-03-04"), utc("2024-03-09"))
    made.attrs = {"timeframe": "1d", "calendar": "XNYS", "source": "test"}
    return made


@pytest.mark.parametrize(
    ("time", "place"),
    [
        ("2024-03-04 20:59", 0),
        ("2024-03-04 21:00", 0),  # at the close: the strategy sees it on this bar
        ("2024-03-04 21:01", 1),
        ("2024-03-02 12:00", 0),
        ("2024-03-08 21:30", None),  # no bar knows it yet
    ],
)
@pytest.mark.parametrize("by", ["known", "published"])
def test_a_flag_stands_at_the_bar_with_which_its_message_was_known(bars, time, place, by):
    chart = MarketChart(bars)
    chart.set_messages(told(time, by=by))
    assert chart.flags.source.data["x"] == ([] if place is None else [place])


def test_flags_of_one_bar_are_one_and_go_away_again(bars):
    chart = MarketChart(bars)
    times = [f"2024-03-05 1{number}:00" for number in range(7)]
    chart.set_messages(told(*times, title="<b>Strike</b>"))
    (text,) = chart.flags.source.data["told"]
    assert text.count("<b>Strike") == 4
    assert text.endswith("and 3 more")
    assert text.index("16:00") < text.index("15:00"), "the newest first"
    chart.set_messages(None)
    assert chart.flags.source.data["x"] == []


def test_where_bars_are_merged_the_flag_stands_at_the_merged_one(bars):
    chart = MarketChart(bars, options=ChartOptions(carried=3, server=False))
    chart.set_messages(told("2024-03-08 15:00"))
    (place,) = chart.flags.source.data["x"]
    assert chart.count < len(bars)
    assert place == chart.count - 1


def test_a_flag_moves_no_price_scale(bars):
    chart = MarketChart(bars)
    flags = [r for r in chart.figures[0].renderers if r.data_source is chart.flags.source]
    assert len(flags) == 1
    assert flags[0] not in chart.figures[0].y_range.renderers


def test_nothing_is_told_of_no_bars():
    assert columns_of(pd.DatetimeIndex([], tz="UTC"), told("2024-03-08"))["x"] == []
