import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.plots.reduce import aggregate, bucket_size, extremes


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(2, 5000))
def test_never_more_buckets_than_the_limit(start, count, limit):
    size = bucket_size(count, limit)
    touched = (start + count - 1) // size - start // size + 1
    assert touched <= limit or (size == 1 and count <= limit)


@pytest.mark.parametrize(("start", "stop", "limit"), [(0, 500, 7), (13, 477, 50), (250, 260, 600)])
def test_merging_is_what_resampling_by_hand_gives(bars, start, stop, limit):
    frame = bars(500)
    frame.iloc[[20, 21, 300]] = np.nan
    merged = aggregate(frame, start, stop, limit)
    assert len(merged) <= limit
    assert merged["first"].iloc[0] == start
    assert merged["last"].iloc[-1] == stop - 1
    assert (merged["first"].to_numpy()[1:] == merged["last"].to_numpy()[:-1] + 1).all()
    for _, row in merged.iterrows():
        part = frame.iloc[int(row["first"]) : int(row["last"]) + 1]
        whole = part.dropna()
        if whole.empty:
            assert np.isnan(row["close"])
            continue
        assert row["open"] == whole["open"].iloc[0]
        assert row["close"] == whole["close"].iloc[-1]
        assert (row["high"], row["low"]) == (part["high"].max(), part["low"].min())
        assert row["volume"] == pytest.approx(part["volume"].sum())


def test_a_drag_keeps_the_buckets(bars):
    frame = bars(3000)
    one, other = aggregate(frame, 0, 2000, 300), aggregate(frame, 5, 2005, 300)
    shared = one.index[1:].intersection(other.index[1:])
    assert len(shared) > 240
    pd.testing.assert_frame_equal(one.loc[shared[:-1]], other.loc[shared[:-1]])


def test_nothing_in_view_gives_nothing(bars):
    assert len(aggregate(bars(10), 10, 10)) == 0


def test_a_limit_that_shows_nothing_is_refused():
    with pytest.raises(UsageError, match="limit"):
        bucket_size(10, 1)


@given(st.integers(4, 400), st.integers(0, 2000), st.integers(0, 2**32 - 1))
def test_a_thinned_line_keeps_its_ends_and_extremes(limit, count, seed):
    rng = np.random.default_rng(seed)
    line = pd.Series(rng.normal(size=count))
    line[rng.random(count) < 0.1] = np.nan
    thin = extremes(line, limit)
    assert len(thin) <= max(limit, 4) or len(thin) == count <= limit
    assert thin.index.is_monotonic_increasing
    assert thin.index.is_unique
    if line.notna().any():
        assert (thin.max(), thin.min()) == (line.max(), line.min())
    if count:
        assert thin.index[-1] == line.index[-1]
