"""A sweep that ends early, by a budget or a kill, and goes on."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.errors import DataError, UsageError
from workbench.research.sweep import sweep
from workbench.runs import checkpoint
from workbench.runs.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
GRID = {"fast": range(5, 45), "slow": range(50, 100)}

_SCRIPT = """
import sys, time
import pandas as pd
import workbench as wb
from workbench.research import engines, finished

finished._BATCH_SECONDS = 0.05  # many writes in a short time
engines._BLOCKS = (128, 128)

def grids(name):
    if name == "rule":
        return wb.strategies.SmaCross, {"fast": range(5, 45), "slow": range(50, 100)}
    from plain_cross import PlainCross, ReadCross
    if name == "read":
        return ReadCross, {"fast": range(5, 45), "slow": range(50, 100)}
    if name == "tpe":
        return PlainCross, {"fast": (5, 45), "slow": (50, 99), "search": "tpe", "trials": 160}
    return PlainCross, {"fast": range(5, 25), "slow": range(50, 60)}

if __name__ == "__main__":
    name, pause, resume = sys.argv[1], float(sys.argv[2]), sys.argv[3] or None
    cls, grid = grids(name)
    bars = pd.read_pickle("bars.pickle")
    wb.sweep(cls, bars, resume=resume, checkpoint=True,
             progress=lambda done, total: time.sleep(pause), **grid)
"""
_PLAIN = """
import workbench as wb

class ReadCross(wb.Strategy):
    fast: int = wb.param(5, low=2, high=100)
    slow: int = wb.param(50, low=5, high=400)

    def targets(self, bars):
        close = bars["close"]
        return (wb.ta.sma(close, self.fast) > wb.ta.sma(close, self.slow)).astype(float)

class PlainCross(ReadCross):
    def targets(self, bars):
        close = bars["close"]
        return (wb.ta.sma(close, self.fast) > close.rolling(self.slow).mean()).astype(float)
"""


@pytest.mark.parametrize(
    ("name", "pause"), [("rule", 0.5), ("read", 0.5), ("plain", 0.05), ("tpe", 0.05)]
)
def test_killed_at_random_points_it_ends_with_the_same_table(
    one, workspace, monkeypatch, name, pause
):
    (workspace / "killed_sweep.py").write_text(_SCRIPT)
    (workspace / "plain_cross.py").write_text(_PLAIN)
    monkeypatch.syspath_prepend(str(workspace))
    one.to_pickle(workspace / "bars.pickle")
    kills = random.Random()
    run_id = _killed(workspace, name, pause, "", kills)
    before = len(checkpoint.Checkpoint.of(run_id).read().numbers)
    assert _killed(workspace, name, pause, run_id, kills) == run_id
    stored = checkpoint.Checkpoint.of(run_id).read()
    from killed_sweep import grids

    cls, grid = grids(name)
    ran = []
    rest = sweep(cls, one, resume=run_id, progress=lambda done, _: ran.append(done), **grid)
    assert 0 < before <= len(stored.numbers) < len(rest)
    assert ran[-1] == len(rest) and ran[0] > len(stored.numbers)  # nothing was run twice
    rows = Ledger.open().frame()
    assert len(rows) == rows["trial"].nunique() == len(rest)
    whole = sweep(cls, one, progress=False, record=False, **grid)
    assert_frame_equal(rest.stats, whole.stats, check_exact=True)
    assert rest.run_id == run_id and rest.finished
    told = {"read": ["traced"], "tpe": ["tpe se"]}
    assert [text[:6] for text in rest.findings] == told.get(name, [])


def _killed(workspace, name, pause, resume, kills):
    """Run a sweep in a process, kill it after it has kept more than it had; return its id."""
    command = [sys.executable, "killed_sweep.py", name, str(pause), resume]
    environment = os.environ | {"WORKBENCH_HOME": str(workspace), "PYTHONPATH": str(ROOT)}
    had = _chunks(workspace)
    process = subprocess.Popen(command, cwd=workspace, env=environment, stderr=subprocess.PIPE)
    while _chunks(workspace) <= had:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)
    time.sleep(kills.uniform(0, 3 * pause))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    [file] = (workspace / "data" / "sweeps").glob("*.db")
    return file.stem


def _chunks(workspace):
    files = list((workspace / "data" / "sweeps").glob("*.db"))
    if not files:
        return 0
    try:
        with sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT COUNT(*) FROM chunks").fetchone()[0]
    except sqlite3.OperationalError:  # it is being made
        return 0


def test_out_of_time_it_keeps_what_is_finished_and_goes_on(one):
    found = sweep(
        wb.strategies.SmaCross, one, time=0.2, progress=lambda *_: time.sleep(0.15), **GRID
    )
    assert 0 < len(found) < 2000 and not found.finished
    [said] = found.findings
    assert f"{len(found):,} of 2,000 points are finished and {2000 - len(found):,} were not" in said
    assert f"resume='{found.run_id}' goes on" in said
    rest = sweep(wb.strategies.SmaCross, one, resume=found.run_id, progress=False, **GRID)
    whole = sweep(wb.strategies.SmaCross, one, progress=False, record=False, **GRID)
    assert_frame_equal(rest.stats, whole.stats, check_exact=True)
    assert len(Ledger.open().frame()) == 2000
    again = sweep(wb.strategies.SmaCross, one, resume=found.run_id, progress=False, **GRID)
    assert_frame_equal(again.stats, whole.stats, check_exact=True)
    assert len(Ledger.open().frame()) == 2000


def test_the_plan_tells_what_fits_into_the_time():
    from workbench.research.progress import Plan

    said = str(Plan(10_000, 600, 1200.0, 1_000_000, limit=600.0))
    assert said.endswith("ends after 10 min with about 5,000 of them")
    assert "ends" not in str(Plan(10_000, 600, 1200.0, 1_000_000, limit=1300.0))


def test_a_short_sweep_writes_no_file_and_one_that_is_told_to_does(one, workspace):
    folder = workspace / "data" / "sweeps"
    sweep(wb.strategies.SmaCross, one, progress=False, fast=[5, 6], slow=[20, 30])
    assert not folder.exists()
    found = sweep(
        wb.strategies.SmaCross, one, progress=False, checkpoint=True, fast=[5, 6], slow=[20, 30]
    )
    assert [file.stem for file in folder.glob("*.db")] == [found.run_id]
    stopped = {"fast": [5, 6], "slow": [20, 30], "progress": _interrupt}
    sweep(wb.strategies.SmaCross, one, checkpoint=False, **stopped)
    assert len(list(folder.glob("*.db"))) == 1


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"slow": 60}, "parameters"),
        ({"fast": [5, 7]}, "values"),
        ({"constraint": lambda p: p["fast"] < 6}, "points"),
        ({"stops": wb.Stops(loss=0.1)}, "choice of stops"),
        ({"costs": wb.Costs(slippage_bps=3)}, "choice of costs"),
        ({"cash": 5_000}, "choice of cash"),
        ({"fill": "close"}, "choice of fill"),
        ({"engine": "generic"}, "engine: events then, generic now"),
        ({"bars": 500}, "bars"),
        ({"strategy": wb.strategies.RsiReversion}, "strategy: SmaCross then, RsiReversion now"),
    ],
)
def test_another_sweep_is_not_resumed(one, changes, word):
    given = {"strategy": wb.strategies.SmaCross, "bars": 600, "fast": [5, 6]}
    given |= {"progress": False, "checkpoint": True}
    found = _swept(one, **given)
    if "strategy" in changes:
        given = {k: v for k, v in given.items() if k != "fast"} | {"window": [5, 6]}
    with pytest.raises(UsageError, match=f"was another sweep .*{word}") as refused:
        _swept(one, **given | changes, resume=found.run_id)
    assert any(word.split(":")[0] in name for name in refused.value.differs)


def _swept(one, strategy, bars, **given):
    return sweep(strategy, one.iloc[:bars], **given)


def test_another_code_or_version_is_not_resumed(one, monkeypatch):
    class Shifting(wb.Strategy):
        window: int = wb.param(5, low=2, high=100)

        def targets(self, bars):
            return (bars["close"] > bars["close"].shift(self.window)).astype(float)

    found = sweep(Shifting, one, progress=False, checkpoint=True, window=[5, 6])
    with monkeypatch.context() as patch:
        patch.setattr(Shifting, "targets", lambda self, bars: bars["close"] * 0.0)
        with pytest.raises(UsageError, match="code of the strategy"):
            sweep(Shifting, one, progress=False, resume=found.run_id, window=[5, 6])
    monkeypatch.setattr("workbench.runs.manifest.package_versions", lambda: {"numpy": "1.0"})
    with pytest.raises(UsageError, match="version of numpy"):
        sweep(Shifting, one, progress=False, resume=found.run_id, window=[5, 6])


def test_a_sweep_that_is_not_there_is_told(one):
    found = sweep(wb.strategies.SmaCross, one, progress=False, checkpoint=True, fast=[5, 6])
    with pytest.raises(UsageError, match=f"did you mean '{found.run_id}'"):
        sweep(wb.strategies.SmaCross, one, resume=found.run_id[:-1], fast=[5, 6])
    with pytest.raises(UsageError, match="no file name"):
        sweep(wb.strategies.SmaCross, one, resume="../x", fast=[5, 6])


def test_a_damaged_file_is_told(one):
    found = sweep(wb.strategies.SmaCross, one, progress=False, checkpoint=True, fast=[5, 6])
    file = checkpoint.Checkpoint.of(found.run_id).path
    broken = file.with_name("broken.db")
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        sweep(wb.strategies.SmaCross, one, resume="broken", fast=[5, 6])


_FULL = """
import resource, sys
import pandas as pd
import workbench as wb
from workbench.errors import DataError
from workbench.research import finished

finished._BATCH_SECONDS = 0.0
bars = pd.read_pickle("bars.pickle")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
fills = []
def listen(done, total):
    if done > 500 and not fills:
        fills.append(done)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))
found = wb.sweep(wb.strategies.SmaCross, bars, checkpoint=True, progress=listen,
                 fast=range(5, 45), slow=range(50, 100))
try:
    found.save()
except DataError as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
found.save()
print(len(found), *found.findings, sep="\\n")
again = wb.sweep(wb.strategies.SmaCross, bars, resume=found.run_id, progress=False,
                 fast=range(5, 45), slow=range(50, 100))
assert again.stats.equals(found.stats)
"""


def test_a_full_disk_is_told_and_loses_no_point(one, workspace):
    one.to_pickle(workspace / "bars.pickle")
    environment = os.environ | {"WORKBENCH_HOME": str(workspace), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _FULL],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused, count, *findings = done.stdout.splitlines()
    assert refused.startswith("refused: run 'sweep") and "could not be saved" in refused
    assert count == "2000"
    assert any(text.startswith("not kept: ") and "make room" in text for text in findings)
    assert any(text.startswith("not counted: ") for text in findings)
    assert np.all(checkpoint.Checkpoint.of(_only(workspace)).read().numbers == np.arange(2000))


def _only(workspace):
    [file] = (workspace / "data" / "sweeps").glob("*.db")
    return file.stem
