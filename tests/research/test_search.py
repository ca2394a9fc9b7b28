import math
import sys

import numpy as np
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.research.search import Search, proposals
from workbench.research.search_draws import draw
from workbench.research.search_prune import Pruning
from workbench.research.search_space import Space
from workbench.research.search_tpe import Tpe

SPACE = {"fast": (5, 50), "slow": (20, 200)}


def space(constraint=None, **given):
    return Space.of(wb.strategies.SmaCross, given or SPACE, constraint)


def in_order(point):
    return point["fast"] < point["slow"]


@pytest.mark.parametrize("how", ["random", "sobol"])
def test_draws_are_distinct_allowed_and_the_seeds(how):
    found = draw(space(in_order), how, 300, seed=4)
    assert len(found.points) == len(set(found.points)) == 300
    assert all(5 <= fast <= 50 and 20 <= slow <= 200 and fast < slow for fast, slow in found.points)
    assert found.refused > 0 and not found.is_all
    assert found.again > 0 or how == "sobol"  # whose points keep their distance
    assert draw(space(in_order), how, 300, seed=4) == found
    assert draw(space(in_order), how, 300, seed=5).points != found.points
    # fewer trials are the first of more
    assert draw(space(in_order), how, 30, seed=4).points == found.points[:30]


def test_sobol_is_more_even_than_chance():
    boxes = {}
    for how in ("random", "sobol"):
        points = draw(space(fast=(5, 68), slow=(20, 83)), how, 64, seed=1).points
        boxes[how] = len({((fast - 5) // 8, (slow - 20) // 8) for fast, slow in points})
    assert boxes["sobol"] == 64  # one in each of the 8 by 8 boxes
    assert boxes["random"] < 50


def test_a_small_space_is_taken_whole():
    found = draw(space(in_order, fast=[10, 30], slow=[20, 40]), "random", 50, seed=0)
    assert found.points == [(10, 20), (10, 40), (30, 40)]
    assert found.is_all and found.refused == 1


def test_a_space_with_few_points_behind_its_constraint_ends():
    rare = space(lambda p: p["fast"] == 7 and p["slow"] < 40)
    found = draw(rare, "random", 100, seed=0)
    assert 0 < len(found.points) <= 20
    with pytest.raises(UsageError, match="none of 10,000 points passes"):
        draw(space(lambda _: False), "sobol", 10, seed=0)
    with pytest.raises(UsageError, match="none of 4 points passes"):
        draw(space(lambda _: False, fast=[5, 6], slow=[7, 8]), "sobol", 10, seed=0)


def value(point):
    return -((point[0] - 20) ** 2) - ((point[1] - 100) / 4) ** 2


def run(tpe, batches=12, size=10):
    for _ in range(batches):
        points = tpe.ask(size)
        tpe.tell({p: value(p) for p in points}, {})
    return list(tpe.known)


def test_tpe_finds_the_top_and_repeats_itself_by_its_seed():
    first = run(Tpe(space(), seed=3, startup=10))
    assert len(first) == len(set(first)) == 120
    assert run(Tpe(space(), seed=3, startup=10)) == first
    assert run(Tpe(space(), seed=4, startup=10)) != first
    best = max(map(value, first))
    chance = [max(map(value, draw(space(), "random", 120, seed=s).points)) for s in range(5)]
    assert best >= np.median(chance)
    # it looks where it is good: the second half lies higher than the first
    assert np.mean([value(p) for p in first[60:]]) > np.mean([value(p) for p in first[:60]])


def test_tpe_keeps_to_the_constraint_and_the_direction():
    tpe = Tpe(space(in_order), seed=1, startup=10, more=False)
    for _ in range(8):
        points = tpe.ask(10)
        assert all(fast < slow for fast, slow in points)
        tpe.tell({p: -value(p) for p in points}, {})
    assert min(tpe.known.values()) < 100


def test_tpe_ends_where_there_is_nothing_new():
    tpe = Tpe(space(fast=[5, 6], slow=[20, 30]), seed=1, startup=10)
    assert sorted(tpe.ask(10)) == [(5, 20), (5, 30), (6, 20), (6, 30)]
    tpe.tell(dict.fromkeys(tpe.ask(10), 1.0), {})
    assert tpe.ask(10) == []
    assert tpe.again > 0
    rare = Tpe(space(lambda p: p["fast"] < 7, fast=[5, 6, 7, 8], slow=[20, 30]), seed=1, startup=4)
    assert len(rare.ask(8)) == 4
    with pytest.raises(UsageError, match="passes the constraint"):
        Tpe(space(lambda _: False), seed=1, startup=4).ask(3)


def test_tpe_lives_with_failed_silent_and_pruned_points():
    tpe = Tpe(space(), seed=2, startup=5)
    for _ in range(5):
        points = tpe.ask(6)
        values = {p: value(p) for p in points[:2]} | {points[2]: math.nan}
        tpe.tell(values, {points[3]: [-3.0], points[4]: [-4.0, math.nan]})
    assert len(tpe.known) == 30
    assert sum(math.isfinite(v) for v in tpe.known.values()) == 10


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r'pip install "trading-workbench\[search\]"'):
        proposals(Search("tpe"), space())
    assert len(proposals(Search("sobol", trials=5), space()).ask(5)) == 5


def test_the_median_prunes_what_is_worse_than_all_before_it():
    pruning = Pruning("median", more=True)
    few = np.array([5.0, 1.0, 3.0])
    assert pruning.goes_on(0, few).all()  # too few to judge
    more = np.array([0.0, 4.0, 9.0, 2.0, np.nan, 3.5])
    # the median of 5 1 3 0 4 9 2 3.5 is 3.25
    assert pruning.goes_on(0, more).tolist() == [False, True, True, False, True, True]
    assert pruning.goes_on(1, few).all()  # another part has its own median
    less = Pruning("median", more=False)
    less.goes_on(0, few)
    assert less.goes_on(0, more).tolist() == [True, False, False, True, True, False]


def test_halving_keeps_the_better_half_and_what_cannot_be_judged():
    halving = Pruning("halving", more=False)
    kept = halving.goes_on(0, np.array([3.0, 1.0, np.nan, 2.0, 4.0, 5.0]))
    assert kept.tolist() == [True, True, True, True, False, False]
    assert halving.goes_on(0, np.array([np.nan, np.nan])).all()
    assert halving.goes_on(0, np.array([7.0])).all()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"how": "tpee"}, "did you mean 'tpe'"),
        ({"how": "tpe", "objective": "sharp"}, "did you mean 'sharpe'"),
        ({"how": "tpe", "prune": "medan"}, "did you mean 'median'"),
        ({"how": "sobol", "trials": 0}, "trials must be a whole number from 1"),
        ({"how": "sobol", "trials": 2.5}, "trials"),
        ({"how": "random", "seed": -1}, "seed"),
        ({"how": "random", "seed": [1, 2]}, "is given as seed_"),
    ],
)
def test_bad_words_are_told(given, word):
    with pytest.raises(UsageError, match=word):
        Search(**given)


def test_the_batch_depends_on_the_trials_alone():
    assert [Search("tpe", trials=t).batch for t in (1, 100, 500, 100_000)] == [8, 8, 25, 64]
