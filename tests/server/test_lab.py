from threading import Event

import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.server.lab import slices


@pytest.fixture(autouse=True)
def _workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))


def test_a_slice_without_a_point_that_runs_is_left_out_and_nothing_else_is_an_error():
    bars = wb.bars("AAPL", start="2010", end="2011", source="sample")
    cross = wb.strategies.SmaCross()
    found = list(slices(cross, bars, {"slow": [20, 300, 50], "fast": [5, 10]}, Event()))
    assert [share for share, _ in found] == [1 / 3, 1.0]
    assert [len(part) for _, part in found] == [2, 2]
    with pytest.raises(UsageError, match="no opinion"):
        list(slices(cross, bars, {"slow": [300, 350], "fast": [5, 10]}, Event()))
