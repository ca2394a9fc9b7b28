"""Spans of time and joined pieces."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.data.coverage import add, gaps, join


@pytest.mark.parametrize(
    ("covered", "wanted", "missing"),
    [
        ([], (None, None), [(None, None)]),
        ([(None, None)], ("2020-01-01", None), []),
        ([("2020", "2021"), ("2022", "2023")], ("2020", "2023"), [("2021", "2022")]),
        ([("2020", "2023")], ("2021", "2022"), []),
        ([("2020", "2021"), ("2020-06", "2022")], ("2019", "2022"), [("2019", "2020")]),
    ],
)
def test_gaps(covered, wanted, missing):
    def year(span):
        return tuple(None if side is None else side[:4] for side in span)

    assert [year(gap) for gap in gaps(covered, wanted)] == missing


def test_spans_that_touch_become_one():
    spans = add(add((), ("2020-01-01", "2020-02-01")), ("2020-03-01", "2020-04-01"))
    assert len(spans) == 2
    assert len(add(spans, ("2020-02-01", "2020-03-01"))) == 1
    assert add(spans, ("2021-01-01", "2021-01-01")) == spans


def test_stored_bars_win(make_bars):
    days = pd.date_range("2024-01-01", periods=4, tz="UTC")
    stored, fresh = make_bars(days[:3]), make_bars(days[1:])
    joined = join(stored, fresh)
    assert joined.index.equals(days.rename("time"))
    assert joined.loc[days[1], "open"] == stored.loc[days[1], "open"]
