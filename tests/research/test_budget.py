import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.errors import UsageError
from workbench.research.budget import Budget
from workbench.research.sweep import sweep

ROOT = Path(__file__).resolve().parents[2]
GRID = {"fast": range(5, 45), "slow": range(50, 110)}

_MEASURED = """
import resource
import numpy as np, pandas as pd
import workbench as wb

def held(name):
    [line] = [line for line in open("/proc/self/status") if line.startswith(name)]
    return int(line.split()[1]) * 1024

rng = np.random.default_rng(1)
close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, 40_000)))
times = pd.date_range("2024-01-01", periods=len(close), freq="min", tz="UTC", name="time")
bars = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1.0},
                    index=times)
bars.attrs = {"timeframe": "1m", "calendar": "24/7"}
def run(fast, slow):
    return wb.sweep(wb.strategies.SmaCross, bars, progress=False, record=False, fast=fast,
                    slow=slow, memory="24MiB")
run([5], [20])
before = held("VmRSS:")
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
found = run(range(2, 52), range(60, 100))
print(len(found), held("VmHWM:") - before, found.plan.memory_bytes)
"""


def test_the_peak_of_a_process_stays_within_the_budget(tmp_path):
    environment = os.environ | {"WORKBENCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    points, peak, planned = map(int, done.stdout.split())
    assert points == 2_000
    rows = 90 * 40_000 * 8  # all averages at once: more than the budget
    assert peak < 24 * 2**20 < rows
    assert 0 < planned < 24 * 2**20


@pytest.mark.parametrize("strategy", ["SmaCross", "Plain"])
def test_the_table_is_the_same_whatever_the_memory_and_the_cores(one, monkeypatch, strategy):
    cls = wb.strategies.SmaCross if strategy == "SmaCross" else _Plain
    grid = GRID if strategy == "SmaCross" else {"fast": range(5, 12), "slow": range(50, 55)}
    whole = sweep(cls, one, progress=False, record=False, **grid)
    for memory, cores in (("8MiB", 1), ("3MiB", 2), ("1.9MiB", 5)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        again = sweep(cls, one, progress=False, record=False, memory=memory, **grid)
        assert_frame_equal(again.stats, whole.stats, check_exact=True)


class _Plain(wb.Strategy):
    fast: int = wb.param(5, low=2, high=100)
    slow: int = wb.param(50, low=5, high=400)

    def targets(self, bars):
        close = bars["close"]
        return (wb.ta.sma(close, self.fast) > wb.ta.ema(close, self.slow)).astype(float)


class _Large(wb.Strategy):
    window: int = wb.param(5, low=2, high=100)

    def targets(self, bars):
        many = [bars["close"].rolling(self.window + k).mean() for k in range(2_000)]
        return (bars["close"] > many[-1]).astype(float)


@pytest.mark.parametrize(
    ("cls", "grid", "memory", "word"),
    [
        (wb.strategies.SmaCross, {"fast": range(2, 101), "slow": range(5, 400)}, "1MiB", "table"),
        (wb.strategies.SmaCross, {"fast": [5, 6, 7]}, "64KiB", "one point on 600 bars"),
        (_Large, {"window": [5, 6, 7]}, "4MiB", "one point on 600 bars"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_budget_that_is_enough(one, cls, grid, memory, word):
    with pytest.raises(UsageError, match=word) as refused:
        sweep(cls, one, progress=False, record=False, memory=memory, **grid)
    assert refused.value.memory == Budget.of(memory).memory < refused.value.needed
    offered = re.search(r"memory='(\w+)'", refused.value.message)[1]
    few = {name: list(values)[:3] for name, values in grid.items()}
    assert len(sweep(cls, one, progress=False, record=False, memory=offered, **few)) > 0


@pytest.mark.parametrize(
    ("memory", "time", "word"),
    [
        ("1 Gib of it", None, "memory may not be"),
        (0, None, "memory may not be 0"),
        (True, None, "memory may not be True"),
        ("1GiB", -1, "time may not be -1"),
        ("1GiB", "10 parsecs", "10min"),
        ("1GiB", float("nan"), "time may not be nan"),
    ],
)
def test_what_is_no_budget_is_told(memory, time, word):
    with pytest.raises(UsageError, match=word):
        Budget.of(memory, time)


def test_sizes_and_spans_are_read():
    assert Budget.of("2 kB", 3) == Budget(2_000, 3.0)
    assert Budget.of(4096, "2h") == Budget(4096, 7200.0)
