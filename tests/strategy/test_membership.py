"""Targets of members."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.strategy.membership import barred, of_members


def test_bars_without_the_column_bar_nobody():
    bars = pd.DataFrame({"close": [1.0]})
    targets = np.array([[0.5]])
    assert barred(bars) is None
    assert of_members(targets, bars) is targets


def test_columns_are_taken_by_name_and_what_is_not_said_is_allowed():
    names = [("close", "A"), ("close", "B"), ("close", "C"), ("member", "B"), ("member", "A")]
    bars = pd.DataFrame([[1.0, 1.0, 1.0, 0.0, 1.0]], columns=pd.MultiIndex.from_tuples(names))
    assert barred(bars).tolist() == [[False, True, False]]
