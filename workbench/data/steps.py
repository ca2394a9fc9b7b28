"""Times that follow each other in equal steps, told in a few numbers.

The minutes of a session, or of a market that never closes, are a beginning, a step and a
count. A chunk says so beside its bars, where that is much shorter than its times, and what
reads it need not unpack a tenth of the file.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

__all__ = ["KEY", "told_steps", "unfolded"]

KEY = b"workbench.times"

Longs = npt.NDArray[np.int64]

_WORTH = 64  # times per stretch, on average


def told_steps(times: Longs) -> bytes | None:
    """Return increasing times in short, None where that is not short.

    Examples
    --------
    >>> told_steps(np.arange(0, 600, 5))
    b'[5, 0, 120]'
    >>> told_steps(np.array([1, 2, 4, 7]))
    """
    if len(times) < _WORTH:
        return None
    gaps = np.diff(times)
    step = int(np.median(gaps[: 4 * _WORTH + 1]))
    begins = np.concatenate([[0], np.flatnonzero(gaps != step) + 1])
    if len(begins) * _WORTH > len(times) or step <= 0:
        return None
    counts = np.diff([*begins, len(times)])
    stretches = np.column_stack([times[begins], counts]).ravel().tolist()
    return json.dumps([step, *stretches]).encode()


def unfolded(told: bytes) -> Longs:
    """Return the times that `told_steps` was given.

    Raises
    ------
    ValueError
        It is not what that returns.

    Examples
    --------
    >>> unfolded(b"[5, 0, 3, 100, 2]").tolist()
    [0, 5, 10, 100, 105]
    """
    step, *stretches = json.loads(told)
    begins, counts = stretches[::2], stretches[1::2]
    if not counts or len(begins) != len(counts) or min(counts) < 1:
        raise ValueError(f"no times: {told[:40]!r}")
    grid: Longs = np.arange(max(counts), dtype=np.int64) * step
    if len(counts) == 1:
        grid += begins[0]
        return grid
    times: Longs = np.empty(sum(counts), dtype=np.int64)
    at = 0
    for begin, count in zip(begins, counts, strict=True):
        np.add(grid[:count], begin, out=times[at : at + count])
        at += count
    return times
