import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataError, UsageError
from workbench.plots.scattered import figure

STATS = pd.DataFrame(
    {
        "fast": [5, 31, 12, 9],
        "slow": [20.5, 57.25, 131.0, 80.0],
        "side": ["long", "short", "long", "both"],
        "gate": [True, False, True, True],
        "sharpe": [0.4, np.nan, 0.2, 0.9],
        "volatility": [0.3, 0.1, 0.2, np.nan],
    }
)


def drawn(plot):
    return plot.select_one("points").data_source.data, plot.select_one("best").data_source.data


def test_each_point_lies_at_its_parameters_and_the_best_is_marked():
    points, best = drawn(figure(STATS, "fast", "slow"))
    rows = points["row"]
    assert sorted(rows) == [0, 1, 2, 3]
    np.testing.assert_array_equal(points["x"], STATS["fast"].to_numpy()[rows])
    np.testing.assert_array_equal(points["y"], STATS["slow"].to_numpy()[rows])
    np.testing.assert_array_equal(points["value"], STATS["sharpe"].to_numpy()[rows])
    assert (best["x"], best["y"]) == ([9], [80.0])


def test_less_is_best_where_it_is():
    _, best = drawn(figure(STATS, "fast", "slow", "volatility"))
    assert best["x"] == [31]


def test_words_and_yes_or_no_are_names_along_the_axis():
    plot = figure(STATS, "side", "gate", theme="dark", height=300)
    assert plot.x_range.factors == ["long", "short", "both"]
    assert plot.y_range.factors == ["True", "False"]
    points, _ = drawn(plot)
    assert set(points["x"]) == {"long", "short", "both"}


def test_what_is_not_there_is_told():
    with pytest.raises(UsageError, match="did you mean 'slow'"):
        figure(STATS, "fast", "slw")
    with pytest.raises(DataError, match="not one finite"):
        figure(STATS.assign(sharpe=np.nan), "fast", "slow")
