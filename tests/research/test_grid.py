from itertools import count
from typing import Literal

import numpy as np
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.research.grid import Grid


class _Kinds(wb.Strategy):
    window: int = wb.param(10, low=2, high=100)
    weight: float = wb.param(1.0, low=0, high=1)
    side: Literal["long", "short"] = "long"
    gate: bool = True

    def targets(self, bars):
        return bars["close"] * 0


def all_params(grid):
    return [grid.params(k) for k in range(len(grid))]


def test_the_last_parameter_runs_fastest_and_the_rest_is_fixed():
    grid = Grid.of(_Kinds, {"window": [3, 2], "side": ["long", "short"], "weight": 0.5})
    assert [grid.point(k) for k in range(4)] == [
        (3, "long"),
        (3, "short"),
        (2, "long"),
        (2, "short"),
    ]
    assert all(p["weight"] == 0.5 and p["gate"] is True for p in all_params(grid))
    assert grid.strategy(3) == _Kinds(window=2, side="short", weight=0.5)


@pytest.mark.parametrize(
    "values",
    [
        range(2, 5),
        [2, 3, 4],
        (2, 3, 4),
        np.arange(2, 5),
        np.linspace(2, 4, 3),
        iter([2, 3, 4]),
        {2: "a", 3: "b", 4: "c"},
        [2, 3, 4, 3, 2.0],
    ],
)
def test_any_iterable_gives_values_each_once(values):
    grid = Grid.of(_Kinds, {"window": values})
    assert [p["window"] for p in all_params(grid)] == [2, 3, 4]
    assert all(type(p["window"]) is int for p in all_params(grid))


def test_a_text_is_one_value():
    grid = Grid.of(_Kinds, {"side": "short", "gate": [True, False]})
    assert [p["side"] for p in all_params(grid)] == ["short", "short"]


def test_an_object_lends_what_is_not_swept():
    grid = Grid.of(_Kinds(weight=0.25), {"window": [2, 3]})
    assert {p["weight"] for p in all_params(grid)} == {0.25}


def test_a_constraint_leaves_points_out_and_keeps_the_order():
    grid = Grid.of(
        wb.strategies.SmaCross,
        {"fast": range(5, 50), "slow": range(20, 200, 2)},
        lambda p: p["fast"] < p["slow"],
    )
    points = [grid.point(k) for k in range(len(grid))]
    assert len(points) == 3810
    assert points == sorted(points)
    assert all(fast < slow for fast, slow in points)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"windw": [2, 3]}, "did you mean 'window'"),
        ({"window": [50, 101]}, "window must be at most 100, not 101"),
        ({"window": [2.5]}, "whole number, not 2.5"),
        ({"weight": [0.1, float("nan")]}, "finite"),
        ({"side": ["long", "shrt"]}, "did you mean 'short'"),
        ({"window": []}, "no values"),
        ({}, "nothing to sweep"),
        ({"window": 5}, "nothing to sweep"),
        ({"window": count(2)}, "no end of values"),
    ],
)
def test_bad_grids_are_told(given, word):
    with pytest.raises(UsageError, match=word):
        Grid.of(_Kinds, given)


def test_a_grid_beyond_all_bounds_is_refused_before_it_is_laid_out():
    values = np.linspace(0, 1, 50_000)
    swept = {"window": range(2, 101), "weight": values, "side": ["long", "short"]}
    with pytest.raises(UsageError, match="has 19,800,000 points"):
        Grid.of(_Kinds, swept | {"gate": [True, False]})


def test_constraints_that_cannot_be_met_or_understood():
    with pytest.raises(UsageError, match="none of the 2 points"):
        Grid.of(_Kinds, {"window": [2, 3]}, lambda p: False)
    with pytest.raises(UsageError, match="did you mean 'window'"):
        Grid.of(_Kinds, {"window": [2, 3]}, lambda p: p["windw"] > 1)


@pytest.mark.parametrize("what", ["SmaCross", int, None, wb.EventStrategy])
def test_only_strategies_on_bars_are_swept(what):
    with pytest.raises(UsageError):
        Grid.of(what, {"window": [2, 3]})


@pytest.mark.parametrize(("given", "told"), [("Kinds", "not 'Kinds'"), (np.ones(3), "not a ndarr")])
def test_what_is_no_strategy_is_told_briefly(given, told):
    with pytest.raises(UsageError, match=told):
        Grid.of(given, {"window": [2, 3]})
