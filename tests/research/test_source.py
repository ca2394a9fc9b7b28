import numpy as np

from workbench.research.grid import Grid
from workbench.research.source import Whole
from workbench.strategy.library import SmaCross


def test_each_point_is_asked_for_once_and_none_that_was_told():
    source = Whole(Grid.of(SmaCross, {"fast": range(5, 10)}))
    source.tell(np.array([0, 3]), np.zeros((2, 20)))
    assert source.ask().tolist() == [1, 2, 4]
    assert source.ask().tolist() == []
