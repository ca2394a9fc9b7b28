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


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=25, deadline=None)
@given(minute_bars(), TIMEFRAMES, st.floats(0.05, 0.95))
def test_aligned_values_do_not_change_when_more_comes(bars, timeframe, share):
    cut = bars.iloc[: int(len(bars) * share)]
    early, late = (
        align(resample(part, timeframe)["close"], part, timeframe=timeframe) for part in (cut, bars)
    )
    pd.testing.assert_series_equal(early, late.loc[early.index], check_exact=True)


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=60, deadline=None)
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


KINDS = st.sampled_from(["trades", "volume", "dollars", "range", "renko"])


@st.composite
def some_trades(draw):
    """Trades with repeats of instants, jumps and sizes of many decimals."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 400))
    steps = rng.choice([0, 1, 7, 4000], count, p=[0.3, 0.4, 0.2, 0.1])
    times = pd.Timestamp("2024-03-08 20:00", tz="UTC") + pd.to_timedelta(np.cumsum(steps), "s")
    level = np.round(100 + np.cumsum(rng.choice([0, 0.01, -0.01, 0.7, -0.7], count)), 2)
    sizes = np.round(rng.exponential(1.0, count), draw(st.integers(0, 8)))
    trades = pd.DataFrame({"price": np.abs(level) + 0.01, "size": sizes}, index=times)
    return trades, draw(st.sampled_from([0.03, 0.5, 2.0, 40.0]))


@settings(max_examples=60, deadline=None)
@given(some_trades(), KINDS, st.floats(0.0, 1.0))
def test_bars_by_what_happens_do_not_change_when_more_comes(made, by, share):
    trades, size = made
    cut = trades.iloc[: int(len(trades) * share)]
    if not len(cut):
        return
    early, late = resample(cut, by=by, size=size), resample(trades, by=by, size=size)
    pd.testing.assert_frame_equal(early, late.iloc[: len(early)], check_exact=True)
    # none that was sure by then is held back
    assert (late["known"].iloc[len(early) :] >= cut.index[-1]).all()


@settings(max_examples=60, deadline=None)
@given(some_trades(), KINDS)
def test_bars_by_what_happens_lose_nothing_and_follow_each_other(made, by):
    trades, size = made
    bars = resample(trades, by=by, size=size, partial=True)
    check_bars(bars)
    assert np.isclose(bars["volume"].sum(), trades["size"].sum(), rtol=1e-12)
    assert bars["high"].max() == trades["price"].max()
    assert bars["low"].min() == trades["price"].min()
    assert bars["open"].iloc[0] == trades["price"].iloc[0]
    assert bars["close"].iloc[-1] == trades["price"].iloc[-1]
    assert (bars["known"] >= bars.index).all()
    assert (bars.index[1:] > bars["known"].iloc[:-1]).all()
    for begin, known, close, volume in zip(
        bars.index, bars["known"], bars["close"], bars["volume"], strict=True
    ):
        inside = trades[(trades.index >= begin) & (trades.index <= known)]
        assert inside["price"].iloc[-1] == close
        assert np.isclose(inside["size"].sum(), volume, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(minute_bars(), st.sampled_from(["volume", "dollars", "range", "renko"]), st.floats(0.1, 0.9))
def test_what_is_seen_of_bars_by_what_happens_does_not_change_either(bars, by, share):
    size = {"volume": 900.0, "dollars": 90_000.0, "range": 3.0, "renko": 1.0}[by]
    cut = bars.iloc[: int(len(bars) * share)]
    if not len(cut):
        return
    early, late = (
        align(longer["close"], part, known=longer["known"])
        for part in (cut, bars)
        for longer in (resample(part, by=by, size=size),)
    )
    pd.testing.assert_series_equal(early, late.loc[early.index], check_exact=True)
