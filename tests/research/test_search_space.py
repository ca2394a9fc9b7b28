from enum import Enum
from itertools import count
from typing import Literal

import numpy as np
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.research.grid import Grid
from workbench.research.search_points import Scatter
from workbench.research.search_space import Space, Span, Steps


class _Mood(Enum):
    CALM = "calm"
    WILD = "wild"


class _Kinds(wb.Strategy):
    window: int = wb.param(10, low=2, high=100, step=2)
    weight: float = wb.param(1.0, low=0, high=1)
    lot: float = wb.param(0.3, low=0.1, high=1.0, step=0.1)
    side: Literal["long", "short"] = "long"
    gate: bool = True
    mood: _Mood = _Mood.CALM
    free: int = 3

    def targets(self, bars):
        return bars["close"] * 0


class _Loose(wb.Strategy):
    free: int = 3

    def targets(self, bars):
        return bars["close"] * 0


def test_where_nothing_is_given_all_that_declare_limits_or_choices_are_searched():
    space = Space.of(_Kinds, {})
    axes = {axis.name: axis for axis in space.axes}
    assert list(axes) == ["window", "weight", "lot", "side", "gate", "mood"]
    assert axes["window"].values == range(2, 101, 2)
    assert axes["weight"] == Span("weight", 0.0, 1.0)
    assert axes["lot"].values == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert axes["side"] == Steps("side", ("long", "short"), False)
    assert axes["gate"].values == (False, True)
    assert axes["mood"].values == (_Mood.CALM, _Mood.WILD)
    assert space.size is None


def test_a_fixed_value_is_not_searched_and_what_is_given_is_all():
    assert [a.name for a in Space.of(_Kinds, {"window": 8, "weight": 0.5}).axes] == [
        *("lot", "side", "gate", "mood")
    ]
    space = Space.of(_Kinds(weight=0.25), {"window": (10, 20), "lot": ..., "side": "short"})
    assert [axis.name for axis in space.axes] == ["window", "lot"]
    assert space.base.params["side"] == "short" and space.base.params["weight"] == 0.25
    assert space.size == 6 * 10


def test_two_numbers_are_a_range_and_all_else_a_list():
    space = Space.of(_Kinds, {"window": [20, 10, 20], "free": (1, 3), "weight": (0.2, 0.4)})
    assert [getattr(axis, "values", None) for axis in space.axes] == [
        *((10, 20), range(1, 4), None)
    ]
    assert space.point([0.0, 0.0, 0.0]) == (10, 1, 0.2)
    assert space.point([0.999, 0.999, 0.5]) == (20, 3, pytest.approx(0.3))


def test_each_value_is_as_likely_as_the_others():
    axis = Space.of(_Kinds, {"window": [2, 4, 6, 8]}).axes[0]
    found = [axis.at(part) for part in np.linspace(0, 1, 400, endpoint=False)]
    assert [found.count(v) for v in (2, 4, 6, 8)] == [100] * 4


@pytest.mark.parametrize(
    ("strategy", "given", "word"),
    [
        (_Kinds, {"windw": (2, 9)}, "did you mean 'window'"),
        (_Kinds, {"window": (2, 900)}, "at most 100, not 900"),
        (_Kinds, {"window": (20, 10)}, "the lowest value comes first"),
        (_Kinds, {"window": []}, "no values"),
        (_Kinds, {"window": count(2)}, "at most 100|no end"),
        (_Kinds, {"free": ...}, "declares no limits"),
        (_Loose, {}, "nothing to search"),
        (_Kinds, {"lot": (0.1, 0.9), "side": ["long", "shrt"]}, "did you mean 'short'"),
    ],
)
def test_what_cannot_be_searched_is_told(strategy, given, word):
    with pytest.raises(UsageError, match=word):
        Space.of(strategy, given)


def test_too_many_steps_are_told():
    class _Fine(wb.Strategy):
        weight: float = wb.param(1.0, low=0, high=1, step=1e-9)

        def targets(self, bars):
            return bars["close"] * 0

    with pytest.raises(UsageError, match="1,000,000 are the most"):
        Space.of(_Fine, {})


def test_a_constraint_sees_all_parameters_and_asks_for_none_that_is_missing():
    space = Space.of(_Kinds(free=7), {"window": (2, 20)}, lambda p: p["window"] > p["free"])
    assert [space.passes((w,)) for w in (6, 8)] == [False, True]
    wrong = Space.of(_Kinds, {"window": (2, 20)}, lambda p: p["windw"] > 3)
    with pytest.raises(UsageError, match="did you mean 'window'"):
        wrong.passes((6,))


def test_scattered_points_have_the_face_of_a_grid():
    grid = Grid.of(wb.strategies.SmaCross, {"fast": [5, 10, 15], "slow": [20, 30]})
    points = [grid.point(k) for k in (4, 0, 3)]
    scatter = Scatter.at(grid.base, ["fast", "slow"], points)
    assert [scatter.params(k) for k in range(3)] == [grid.params(k) for k in (4, 0, 3)]
    assert [scatter.strategy(k) for k in range(3)] == [grid.strategy(k) for k in (4, 0, 3)]
    places = scatter.places()
    values = scatter.values
    again = zip(*([values[n][p] for p in places[n]] for n in values), strict=True)
    assert list(again) == points
    some = scatter.part(np.array([2, 0]))
    assert [some.point(k) for k in range(2)] == [points[2], points[0]]
    assert some.values == {"fast": (10, 15), "slow": (20, 30)}
    assert grid.part(np.array([4, 0])).point(0) == grid.point(4)
    assert not scatter.is_full and grid.is_full
