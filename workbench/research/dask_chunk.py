"""What a Dask worker does: a chunk of points, by the engines of its own process.

Bars and choices come as bytes that were scattered once, and are unpacked once per process.
"""

from __future__ import annotations

import pickle
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import cloudpickle
import numpy as np

from workbench.research.engines import Engine
from workbench.research.runner import STATS, Cost, Local
from workbench.runs.manifest import package_versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.engine import Simulation
    from workbench.research.grid import Grid
    from workbench.research.templates import Template

__all__ = ["Answer", "Task", "compute", "versions"]

_KEPT = 2  # simulations per process
_unpacked: OrderedDict[str, Simulation] = OrderedDict()
_lock = Lock()


class Task(NamedTuple):
    """What is asked of a worker.

    Parameters
    ----------
    points : Grid
    wanted : str
        The engine, as in ``wb.sweep``.
    template : Template or None
        That of all points of the sweep.
    """

    points: Grid
    wanted: str
    template: Template | None


class Answer(NamedTuple):
    """What came of a chunk.

    Parameters
    ----------
    rows : ndarray
        (points, statistics).
    failures : dict of int to Exception
        By place in the chunk.
    seconds : float
        Of the whole chunk.
    memory_bytes : int
        The most that was held; measured on the first chunk of a process, else 0.
    is_first : bool
        Whether it was the first chunk of its process, which compiles and unpacks.
    """

    rows: NDArray[np.float64]
    failures: dict[int, Exception]
    seconds: float
    memory_bytes: int
    is_first: bool


def compute(simulation: bytes, key: str, task: bytes) -> Answer:
    """Run all points of a chunk on one thread.

    Parameters
    ----------
    simulation : bytes
        Pickled.
    key : str
        Of `simulation`, by which it is unpacked once.
    task : bytes
        A `Task`, pickled.
    """
    started = time.perf_counter()
    asked: Task = pickle.loads(task)  # noqa: S301 - from the client of this cluster
    points, (market, is_first) = asked.points, _simulation(simulation, key)
    engine = Engine(points, market, asked.wanted, template=asked.template, threads=1)
    runner = Local(points, market, engine)
    if not is_first:
        runner.cost = Cost(0.0, 0)  # known to the client: nothing is measured again
    rows = np.full((len(points), len(STATS)), np.nan)
    failures: dict[int, Exception] = {}
    for done in runner.run(np.arange(len(points))):
        rows[done.numbers] = done.rows
        failures |= {k: _portable(error) for k, error in done.failures.items()}
    memory = runner.cost.memory_bytes if runner.cost else 0
    return Answer(rows, failures, time.perf_counter() - started, memory, is_first)


def versions() -> dict[str, str]:
    """Return what the numbers depend on beside bars, choices and strategy."""
    found = dict(package_versions())
    return found | {"python": ".".join(found["python"].split(".")[:2])}


def _simulation(packed: bytes, key: str) -> tuple[Simulation, bool]:
    """Return bars and choices, and whether they were unpacked just now."""
    with _lock:
        is_new = key not in _unpacked
        if is_new:
            _unpacked[key] = pickle.loads(packed)  # noqa: S301 - as above
            while len(_unpacked) > _KEPT:
                _unpacked.popitem(last=False)
        _unpacked.move_to_end(key)
        return _unpacked[key], is_new


def _portable(error: Exception) -> Exception:
    """Return an error that can travel: one that cannot be pickled becomes its text."""
    try:
        again = cloudpickle.loads(cloudpickle.dumps(error))
    except Exception as why:  # noqa: BLE001 - whatever a user's error raises when it is pickled
        return RuntimeError(f"{type(error).__name__}: {error} ({type(why).__name__} on its way)")
    return error if isinstance(again, Exception) else RuntimeError(str(error))
