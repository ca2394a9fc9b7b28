import numpy as np
import pytest

from workbench.backtest.engine import prepare
from workbench.research.grid import Grid
from workbench.research.runner import Local
from workbench.strategy.library import Momentum, SmaCross


@pytest.mark.parametrize(
    ("strategy", "values"),
    [(SmaCross, {"fast": range(5, 25), "slow": range(30, 50)}), (Momentum, {"lookback": range(9)})],
    ids=["a rule", "targets"],
)
def test_some_points_have_the_numbers_they_have_among_all(one, strategy, values):
    values = {name: [v + 20 for v in given] for name, given in values.items()}
    grid, simulation = Grid.of(strategy, values), prepare(one)
    whole = np.empty((len(grid), 20))
    for done in Local(grid, simulation).run(np.arange(len(grid))):
        whole[done.numbers] = done.rows
    some = np.arange(1, len(grid), 2)
    part = Local(grid, simulation)
    found = [(done, part.cost) for done in part.run(some)]
    assert sorted(np.concatenate([done.numbers for done, _ in found])) == some.tolist()
    for done, _ in found:
        np.testing.assert_array_equal(done.rows, whole[done.numbers])
    assert found[-1][1].memory_bytes > 0
