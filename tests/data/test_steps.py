"""Times told in a few numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.timeframe import Timeframe
from workbench.data import chunks, steps
from workbench.data.expected import expected_times
from workbench.data.versions import Versions
from workbench.errors import DataError

WEEKS = tuple(pd.Timestamp(day, tz="UTC") for day in ("2024-02-26", "2024-03-25"))


def minutes(calendar):
    none = pd.DatetimeIndex([], tz="UTC").as_unit("ns")
    return expected_times(none, Timeframe(1, "m"), calendar, WEEKS)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 10_000)), min_size=1, max_size=8))
def test_what_is_told_is_what_was_given(stretches):
    times, at = [], 0
    for count, gap in stretches:
        times += range(at, at + 7 * count, 7)
        at = times[-1] + gap
    given_times = np.array(times, dtype=np.int64)
    told = steps.told_steps(given_times)
    if told is not None:
        np.testing.assert_array_equal(steps.unfolded(told), given_times)
        assert len(told) < 8 * len(given_times)


def test_sessions_are_told_by_their_opens_and_lengths():
    index = minutes("XNYS")
    step, *stretches = json.loads(steps.told_steps(index.asi8))
    assert step == 60_000_000_000
    assert stretches[1::2] == [390] * 20
    assert steps.told_steps(index.asi8[::-1]) is None
    assert steps.told_steps(np.cumsum(np.arange(1, 500))) is None


@pytest.mark.parametrize("bad", [b"[5]", b"[5, 0]", b"[5, 0, 0]", b"nothing"])
def test_what_tells_no_times_is_refused(bad):
    with pytest.raises(ValueError, match=r"no times|Expecting|not enough"):
        steps.unfolded(bad)


@pytest.mark.parametrize("calendar", ["XNYS", "24/7"])
@pytest.mark.parametrize(
    "window", [(None, None), ("2024-03-07 15:00", "2024-03-12 14:00"), ("2024-03-20", None)]
)
def test_bars_are_the_same_whether_their_times_are_told_or_read(calendar, window, tmp_path):
    index = minutes(calendar)
    values = np.arange(len(index)) / 100
    bars = pd.DataFrame({"close": values, "volume": 1.0}, index=index)
    chunk = chunks.save_chunk(tmp_path, "bars-2024", Versions.of(bars, 1), "test")
    file = pq.ParquetFile(tmp_path / chunk.file)
    assert steps.KEY in file.schema_arrow.metadata
    assert file.read()["time"].to_numpy().tolist() == index.asi8.tolist(), "others read it too"
    low, high = (None if side is None else pd.Timestamp(side, tz="UTC") for side in window)
    cut = tuple(None if side is None else side.as_unit("ns").value for side in (low, high))
    read = chunks.read_bars(tmp_path, [chunk], ["close", "volume"], cut)
    want = bars.loc[low:high] if high is None else bars.loc[low : high - pd.Timedelta(1)]
    pd.testing.assert_frame_equal(read, want, check_freq=False, check_names=False)
    both = chunks.read_bars(tmp_path, [chunk], ["close", "split"], cut)
    pd.testing.assert_series_equal(both["close"], read["close"])


def test_times_that_do_not_fit_the_bars_are_damage(tmp_path, monkeypatch):
    index = minutes("24/7")
    bars = pd.DataFrame({"close": 1.0}, index=index)
    monkeypatch.setattr(chunks, "told_steps", lambda times: steps.told_steps(times[:-1]))
    chunk = chunks.save_chunk(tmp_path, "bars-2024", Versions.of(bars, 1), "test")
    with pytest.raises(DataError, match="damaged"):
        chunks.read_bars(tmp_path, [chunk], ["close"])
