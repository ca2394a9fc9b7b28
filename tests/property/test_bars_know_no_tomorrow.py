"""Whatever the bars: the future changes nothing that was known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.align import align
from workbench.data.calendar import known_times
from workbench.data.resample import resample
from workbench.data.schema import FIELDS, check_bars, clean

TIMEFRAMES = st.sampled_from(["15m", "1h", "4h", "1d", "1w"])


@st.composite
def minute_bars(draw, calendar=None):
    """5-minute bars over two weeks around a clock change, with holes."""
    calendar = calendar or draw(st.sampled_from(["XNYS", "24/7"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    start = draw(st.sampled_from(["2024-03-04", "2024-06-27", "2024-10-30"]))
    index = pd.date_range(start, periods=288 * 12, freq="5min", tz="UTC", name="time")
    index = index[rng.random(len(index)) > draw(st.sampled_from([0.0, 0.1, 0.9]))].as_unit("ns")
    level = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(index))))
    spread = rng.random((2, len(index)))
    bars = pd.DataFrame(
        {
            "open": level,
            "high": level + spread[0],
            "low": level - spread[1],
            "close": level,
            "volume": rng.integers(0, 100, len(index)).astype(float),
        },
        index=index,
    )
    bars.attrs = {"timeframe": "5m", "calendar": calendar, "symbol": "X"}
    return bars


@settings(max_examples=40, deadline=None)
@given(minute_bars(), TIMEFRAMES, st.floats(0.05, 0.95))
def test_complete_long_bars_do_not_change_when_more_comes(bars, timeframe, share):
    cut = bars.iloc[: int(len(bars) * share)]
    early, late = resample(cut, timeframe), resample(bars, timeframe)
    pd.testing.assert_frame_equal(early, late.loc[early.index], check_exact=True)
    # and none that was complete is held back
    if len(cut):
        reached = known_times(cut.index[-1:], "5m", bars.attrs["calendar"])[0]
        known = known_times(late.index, timeframe, bars.attrs["calendar"])
        assert set(late.index[known <= reached]) <= set(early.index)


@settings(max_examples=40, deadline=None)
@given(minute_bars(), TIMEFRAMES, st.floats(0.05, 0.95))
def test_aligned_values_do_not_change_when_more_comes(bars, timeframe, share):
    cut = bars.iloc[: int(len(bars) * share)]
    early, late = (
        align(resample(part, timeframe)["close"], part, timeframe=timeframe) for part in (cut, bars)
    )
    pd.testing.assert_series_equal(early, late.loc[early.index], check_exact=True)


@settings(max_examples=40, deadline=None)
@given(minute_bars(), TIMEFRAMES, st.floats(0.05, 0.95))
def test_aligned_values_do_not_change_when_the_future_does(bars, timeframe, share):
    edge = int(len(bars) * share)
    other = bars.copy()
    other.iloc[edge:, :4] *= 7.0
    one, two = (
        align(resample(part, timeframe, partial=True), part, timeframe=timeframe)
        for part in (bars, other)
    )
    pd.testing.assert_frame_equal(one.iloc[:edge], two.iloc[:edge], check_exact=True)


@settings(max_examples=25, deadline=None)
@given(minute_bars(), st.sampled_from(["1h", "1d"]))
def test_align_is_what_its_definition_says(bars, timeframe):
    calendar = bars.attrs["calendar"]
    longer = resample(bars, timeframe, partial=True)["close"]
    seen = align(longer, bars, timeframe=timeframe)
    known = known_times(longer.index, timeframe, calendar)
    now = known_times(bars.index, "5m", calendar)
    for row in range(0, len(bars), max(1, len(bars) // 40)):
        there = longer[known <= now[row]]
        expected = there.iloc[-1] if len(there) else np.nan
        assert seen.iloc[row] == expected or (np.isnan(seen.iloc[row]) and np.isnan(expected))


@settings(max_examples=25, deadline=None)
@given(minute_bars(calendar="24/7"), st.sampled_from(["1h", "1d"]))
def test_nothing_is_lost_in_a_longer_bar(bars, timeframe):
    longer = resample(bars, timeframe, partial=True)
    assert longer["volume"].sum() == bars["volume"].sum()
    assert longer["high"].max() == bars["high"].max()
    assert longer["low"].min() == bars["low"].min()


CELLS = st.one_of(
    st.floats(0.5, 50), st.sampled_from([np.nan, np.inf, -1.0, 0.0, "x", None, "3", True])
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), CELLS, CELLS, CELLS, CELLS, CELLS), max_size=12),
    st.booleans(),
)
def test_every_row_is_either_a_bar_or_told(rows, with_unreadable_time):
    days = pd.DatetimeIndex(
        [pd.Timestamp("2024-01-01") + pd.Timedelta(days=row[0]) for row in rows]
    )
    index = days.tz_localize("UTC").as_unit("ns")
    if with_unreadable_time and len(index):
        index = index[:-1].append(pd.DatetimeIndex([pd.NaT], tz="UTC"))
    values = [list(row[1:]) for row in rows]
    frame = pd.DataFrame(values, columns=list(FIELDS), index=index, dtype=object)
    good, dropped = clean(frame, symbol="X")
    assert len(good) + len(dropped) == len(frame)
    assert dropped["rule"].notna().all()
    check_bars(good)
    positions = set(dropped["row"])
    assert len(positions) == len(dropped)
    assert positions <= set(range(len(frame)))
