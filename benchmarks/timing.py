"""CPU seconds of a call or of a fresh process; the best of a few, since noise only adds."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: a work, ours and the peer's cost, and what was asked for."""

    work: str
    peer: str
    ours: float
    theirs: float
    at_least: float
    unit: str = "CPU s"

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours

    @property
    def holds(self) -> bool:
        return self.ratio >= self.at_least


def cpu(call: Callable[[], object], repeat: int = 5) -> float:
    """Return the least CPU time of `repeat` calls, all threads of this process counted."""
    best = float("inf")
    for _ in range(repeat):
        gc.collect()
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def fresh_process(code: str, repeat: int = 3) -> float:
    """Return the least CPU time that a new interpreter spends on `code`, its start included."""
    best = float("inf")
    for _ in range(repeat):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, used)
    return best
