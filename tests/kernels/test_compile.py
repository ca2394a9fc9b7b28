"""The compiler's door: where compiled code is kept, and what happens where it cannot be."""

import os
import subprocess
import sys

import pytest

from workbench.errors import UsageError
from workbench.kernels import compile as door

CODE = """
import warnings
from pathlib import Path
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    from workbench.kernels.rules import floor_lot
print(floor_lot(10.7, 1.0), [str(w.message) for w in seen if "compiled" in str(w.message)])
"""


def run_with(folder):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", CODE], check=True, capture_output=True, text=True, env=env
    )
    return done.stdout


def test_the_named_folder_is_respected_and_keyed_by_the_sources(tmp_path):
    assert run_with(tmp_path).startswith("10.0 []")
    kept = list(tmp_path.glob("numba-*/**/*.nbi"))
    assert kept, "nothing was kept"
    assert f"numba-{door._digest()}" in {path.name for path in tmp_path.iterdir()}


def test_a_folder_that_cannot_be_written_is_said_and_all_goes_on(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    said = run_with(blocked)
    assert said.startswith("10.0 [")
    assert "NUMBA_CACHE_DIR" in said


def test_the_digest_follows_every_kernel_source(tmp_path, monkeypatch):
    before = door._digest()
    for path in door.Path(door.__file__).parent.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(door, "__file__", str(tmp_path / "compile.py"))
    assert door._digest() == before
    with (tmp_path / "rules.py").open("a") as stream:
        stream.write("\n# edited\n")
    assert door._digest() != before


def test_numba_keeps_its_own_setting():
    import numba

    before = numba.config.CACHE_DIR

    from workbench.kernels import simulate  # noqa: F401

    assert before == numba.config.CACHE_DIR


@pytest.mark.parametrize("name", ["rules", "simulate", "statistics", "trips", "book"])
def test_plain_and_compiled_stand_side_by_side(name):
    module = __import__(f"workbench.kernels.{name}", fromlist=[name])
    compiled = [v for v in vars(module).values() if hasattr(v, "py_func")]
    assert compiled


def test_a_step_is_part_of_its_caller():
    import numpy as np

    row = np.array([1.0, 2.0])
    before = sys.getrefcount(row)
    assert doubled(row) == 4.0
    assert row.tolist() == [1.0, 4.0]
    door.plain(last_doubled)(row)
    assert row.tolist() == [1.0, 8.0]
    assert sys.getrefcount(row) == before


@pytest.mark.parametrize("kind", [door.step, door.part])
def test_what_has_no_way_in_says_so_before_and_after_it_was_compiled(kind):
    half = kind(lambda x: 0.5 * x)
    halved = door.jit(lambda x: 2.0 * half(x) / 2.0)
    for _ in range(2):
        with pytest.raises(UsageError, match="no way in from Python"):
            half(3.0)
        assert halved(3.0) == 1.5


def test_a_rule_is_called_by_both():
    half = door.rule(lambda x: 0.5 * x)
    halved = door.jit(lambda x: 2.0 * half(x) / 2.0)
    assert halved(3.0) == half(3.0) == 1.5


@door.step
def last_doubled(row):
    """Double the last value."""
    row[-1] = 2.0 * row[-1]


@door.jit
def doubled(row):
    """Double the last value, and return it."""
    last_doubled(row)
    return row[-1]


def test_kernels_do_not_load_scipy_and_numba_finds_it_when_it_is_used():
    code = """
import sys
import numba, numpy as np
from workbench.kernels.compile import jit
from workbench.kernels.rules import floor_lot
assert floor_lot(10.7, 1.0) == 10.0
print("scipy.linalg" in sys.modules)
dot = numba.njit(lambda a, b: np.dot(a, b))
print(dot(np.eye(2), 2.0 * np.eye(2)).tolist(), "scipy.linalg" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False", "[[2.0, 0.0], [0.0, 2.0]] True"]
