"""A sweep while it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from workbench.errors import UnavailableError
from workbench.research.progress import Plan, Progress, duration
from workbench.research.runner import Cost, Runner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workbench.research.budget import Budget
    from workbench.research.finished import Finished
    from workbench.research.source import Source
    from workbench.research.sweep_result import Sweep
    from workbench.runs.checkpoint import Stored

__all__ = ["Run"]


@dataclass
class Run:
    """Points on their way from a source through a runner to those that are kept.

    Attributes
    ----------
    plan : Plan or None
        What it said before it started.
    interrupted, exhausted : bool
        Whether somebody ended it, and whether the source has no more points.
    lost : UnavailableError or None
        What ended it where the workers were lost.
    before : int
        How many points were finished before.
    """

    source: Source
    runner: Runner
    kept: Finished
    budget: Budget
    plan: Plan | None = None
    interrupted: bool = False
    exhausted: bool = False
    lost: UnavailableError | None = None
    before: int = 0

    def start(self, bar: Progress, stored: Stored | None) -> None:
        """Run all points; an interrupt or the loss of all workers ends it and loses none."""
        kept = self.kept
        self._ends_at = monotonic() + (self.budget.seconds or math.inf)
        if stored is not None:
            self._restore(stored, bar)
        try:
            while not self.exhausted and not self._is_late():
                numbers = self.source.ask()
                self.exhausted = not len(numbers)
                if len(numbers):
                    self._run(numbers, bar)
        except KeyboardInterrupt:
            self.interrupted = True
        except UnavailableError as error:
            self.lost = error
        finally:
            kept.flush(last=True)
        if kept.first_failure and self.exhausted and not kept.done.any():
            raise kept.first_failure[1]

    @property
    def is_over(self) -> bool:
        """Whether no more points were to come."""
        return self.exhausted and not self.interrupted and self.lost is None

    def explained(self, found: Sweep) -> UnavailableError:
        """Return what ended it, with what is finished."""
        assert self.lost is not None  # noqa: S101 - the caller looks
        goes_on = f", and resume={found.run_id!r} goes on" if self.kept.is_kept else ""
        return UnavailableError(
            f"{self.lost.message}; {len(found):,} of {len(self.source.grid):,} points are "
            f"finished: they are in the error's field `finished`{goes_on}",
            **self.lost.facts,
            finished=found,
        )

    def _restore(self, stored: Stored, bar: Progress) -> None:
        pruned = self.source.restore(stored.numbers, stored.rows)
        self.before = self.kept.restore(stored, pruned)
        bar.begin_at(self.before)

    def _run(self, numbers: NDArray[np.int64], bar: Progress) -> None:
        untold = 0  # the plan stands above the bar
        with closing(self.runner.run(numbers)) as chunks:
            for done in chunks:
                self.kept.keep(done)
                self.source.tell(done.numbers, done.rows)
                untold += len(done.numbers)
                if self.runner.cost is not None:
                    if self.plan is None:
                        self._say(self.runner.cost, untold, bar)
                    bar.step(untold)
                    untold = 0
                if self._is_late():
                    return

    def _is_late(self) -> bool:
        return monotonic() >= self._ends_at

    def _say(self, cost: Cost, ran: int, bar: Progress) -> None:
        points = len(self.source.grid)
        self.plan = Plan(
            points=points,
            bars=self.runner.bars,
            seconds=cost.seconds * (points - self.before - ran),
            memory_bytes=cost.memory_bytes + self.budget.taken,
            limit=self.budget.seconds,
        )
        bar.say(str(self.plan))

    def findings(self, run_id: str) -> Iterator[str]:
        """Say what a search met, and what did not go as it should."""
        grid, kept = self.source.grid, self.kept
        searched = self.source.searched()
        if searched is not None:
            yield from searched.findings()
        if kept.said:
            yield kept.said
        if kept.first_failure is not None:
            first, error = kept.first_failure
            yield (
                f"{int(kept.failed.sum()):,} of {len(grid):,} points failed and are left out; "
                f"the first, {grid.strategy(first)!r}: {error}"
            )
        done = int(kept.done.sum())
        left = int((~(kept.done | kept.failed)).sum()) - len(kept.pruned)
        goes_on = f"; resume={run_id!r} goes on" if kept.is_kept else ""
        if self.interrupted:
            yield f"interrupted: {done:,} of {len(grid):,} points are finished{goes_on}"
        elif left and not self.exhausted and self.lost is None:
            yield (
                f"out of time after {duration(self.budget.seconds or 0)}: {done:,} of "
                f"{len(grid):,} points are finished and {left:,} were not run{goes_on}"
            )
        if kept.kept_said:
            yield f"not kept: {kept.kept_said}; the table of this sweep has them all"
        yield from self.runner.findings
