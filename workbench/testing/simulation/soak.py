"""A long campaign on every core: it tells how far it is, and can be gone on with."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import count

from workbench.testing.simulation.campaign import Campaign, campaign

__all__ = ["soak"]

SEEDS = 50
"""Of one part, which takes a process about a second."""


def soak(first: int, steps: int, say: Callable[[str], None] = print) -> Campaign:
    """Run seeds from `first` on until there are so many steps, and add them up.

    After each part it says how far it is, and the seed and the steps with which to go on
    should it be interrupted: all seeds below have been run.

    Parameters
    ----------
    first : int
        The first seed.
    steps : int
        How many steps there shall be at least.
    say : callable
        Takes a line to show.

    Examples
    --------
    >>> total = soak(7, 1, say=lambda line: None)
    >>> total.steps > 1, total.breaches
    (True, [])
    """
    total, began, starts = Campaign(), time.monotonic(), count(first, SEEDS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        ahead: deque[Future[Campaign]] = deque()
        while total.steps < steps:
            while len(ahead) < 2 * (os.cpu_count() or 1):
                start = next(starts)
                ahead.append(pool.submit(campaign, range(start, start + SEEDS)))
            total.join(ahead.popleft().result())  # in order: what is done is one range
            rate, rest = total.steps / (time.monotonic() - began), max(steps - total.steps, 0)
            say(
                f"{total.steps:,} steps, {rate:,.0f} a second, {total.orders:,} orders, "
                f"{total.crashes:,} crashes, {len(total.breaches)} breaches{_first(total)}; "
                f"to go on: SOAK_SEED={first + total.seeds} SOAK_STEPS={rest}"
            )
        pool.shutdown(cancel_futures=True)
    return total


def _first(total: Campaign) -> str:
    if not total.breaches:
        return ""
    seed, what = total.breaches[0]
    return f" (first seed {seed}: {what})"
