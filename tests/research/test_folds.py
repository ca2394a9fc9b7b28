from itertools import pairwise
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.research.folds import combinatorial, path_numbers, windows

DAYS = pd.bdate_range("2010-01-01", "2019-12-31", tz="UTC")


@given(
    st.integers(5, 300), st.integers(1, 60), st.integers(1, 30), st.integers(0, 5), st.booleans()
)
def test_no_bar_is_judged_twice_or_known_before(rows, train, test, purge, anchored):
    index = DAYS[:rows]
    if train + purge + test > rows:
        with pytest.raises(UsageError, match="not one fold fits"):
            windows(index, train, test, purge=purge)
        return
    folds = windows(index, train, test, purge=purge, anchored=anchored)
    judged = np.zeros(rows, dtype=int)
    for fold in folds:
        ((start, end),), ((begin, until),) = fold.train, fold.test
        assert end + purge == begin < until <= rows and until - begin == test
        assert start == 0 if anchored else end - start == train
        judged[begin:until] += 1
    assert judged.max() == 1
    first, last = folds[0].test[0][0], folds[-1].test[0][1]
    assert judged[first:last].all() and rows - last < test


def test_spans_of_the_calendar():
    folds = windows(DAYS, "2y", "6M")
    assert len(folds) == 16
    for fold in folds:
        ((start, end),), ((begin, _),) = fold.train, fold.test
        assert end == begin
        assert DAYS[begin].day <= 4 and DAYS[begin].month in (1, 7)
        assert 725 < (DAYS[end] - DAYS[start]).days < 736
    # the last one is whole: the span ends on the day after the last bar
    assert folds[-1].test[0][1] == len(DAYS)


def test_tests_touch_even_where_months_have_unequal_ends():
    index = pd.date_range("2023-01-31", periods=500, tz="UTC")
    folds = windows(index, "1M", "1M")
    for one, other in pairwise(folds):
        assert one.test[0][1] == other.test[0][0]


def test_a_step_leaves_bars_out():
    folds = windows(DAYS[:50], 10, 5, step=20)
    assert [fold.test for fold in folds] == [((10, 15),), ((30, 35),)]
    assert folds[1].train == ((20, 30),)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"train": 0, "test": 5}, "train must hold at least one bar"),
        ({"train": 5, "test": 0}, "test must hold at least one bar"),
        ({"train": -5, "test": 5}, "must not be negative"),
        ({"train": "2 fortnights", "test": 5}, "a span such as"),
        ({"train": 2.5, "test": 5}, "a span such as"),
        ({"train": True, "test": 5}, "a span such as"),
        ({"train": 10, "test": 5, "step": 4}, "judged twice"),
        ({"train": "8y", "test": "3y"}, "not one fold fits"),
        ({"train": 10, "test": 5, "purge": -1}, "must not be negative"),
    ],
)
def test_sizes_that_do_not_do(choices, words):
    with pytest.raises(UsageError, match=words):
        windows(DAYS, **choices)


@pytest.mark.parametrize(("train", "test"), [(4, 2), (5, 1), (3, 3), (6, 2)])
def test_each_path_holds_each_bar_once(train, test):
    rows, groups = 240, train + test
    folds = combinatorial(rows, train, test)
    paths = path_numbers(folds)
    assert len(folds) == comb(groups, test)
    count = comb(groups, test) * test // groups
    assert paths.max() + 1 == count
    seen = np.zeros((count, rows), dtype=int)
    for fold, numbers in zip(folds, paths, strict=True):
        for (begin, until), path in zip(fold.test, numbers, strict=True):
            seen[path, begin:until] += 1
    assert (seen == 1).all()


def test_purge_and_embargo_keep_training_away():
    for fold in combinatorial(120, 4, 2, purge=3, embargo=5):
        for begin, until in fold.test:
            for start, end in fold.train:
                assert end <= begin - 3 or start >= until + 5


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ((100, "2y", 2), "count of groups"),
        ((100, 4, 0), "count of groups"),
        ((100, 4, 2, "5d"), "count of bars"),
        ((10, 4, 2), "too few"),
        ((10_000, 20, 15), "folds"),
    ],
)
def test_groups_that_do_not_do(choices, words):
    with pytest.raises(UsageError, match=words):
        combinatorial(*choices)
