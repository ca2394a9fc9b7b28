"""Points of a sweep computed by the workers of a Dask cluster.

Workers come and go. A chunk whose worker is lost runs again elsewhere; its points are taken
in once, when its answer is here. Bars that were lost with the last worker that held them are
sent anew. Only where no worker is left for a while does the sweep end, and what is finished
is kept.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UnavailableError, UsageError
from workbench.research.dask_chunk import Answer, Task, compute
from workbench.research.dask_cluster import Cluster, packed
from workbench.research.runner import STATS, Cost, Done

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.engines import Engine

    Integers = NDArray[np.int64]

__all__ = ["Workers"]

_CHUNK_SECONDS = 1.0
_PROBE = 3  # points of the first chunks
_MOST = 100_000  # points of a chunk
_AHEAD = 2  # chunks per thread that are sent before they are due
_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 20.0  # without a worker
_MOST_LOSSES = 20  # in a row, without a chunk that ends


class Workers:
    """A runner on a cluster.

    Parameters
    ----------
    cluster : Cluster
    engine : Engine
        As it would run here: it tells which kernel the workers use.
    """

    def __init__(self, cluster: Cluster, engine: Engine) -> None:
        self._cluster, self._engine = cluster, engine
        self.engine = engine.name
        self.bars = len(engine.simulation.bars)
        self.cost: Cost | None = None
        self.findings: list[str] = []
        self._seconds: float | None = None  # of a point on one thread
        self._memory = 0
        self._pending: dict[Any, Integers] = {}
        self._losses = 0
        self._alone_since: float | None = None

    def run(self, numbers: Integers) -> Generator[Done, None, None]:
        """Run points of the grid, in chunks of about a second.

        Raises
        ------
        UnavailableError
            No worker is left, or the scheduler is gone.
        UsageError
            The workers cannot load what they are sent.
        """
        waiting = [numbers]
        try:
            while waiting or self._pending:
                self._submit(waiting)
                ended = [future for future in self._pending if future.done()]
                if not ended:
                    self._check_there()
                    time.sleep(_POLL_SECONDS)
                for future in ended:
                    chunk = self._pending.pop(future)
                    found = self._answer(future, chunk)
                    if found is None:
                        waiting.insert(0, chunk)
                    else:
                        yield found
        finally:
            self._cancel()

    def _submit(self, waiting: list[Integers]) -> None:
        """Send chunks while there are threads; small ones until it is known what they cost."""
        threads = self._cluster.threads()
        if not threads:  # nothing can be sent: it is waited for workers
            return
        most = threads if self._seconds is None else threads * _AHEAD
        while waiting and len(self._pending) < most:
            chunk = waiting.pop(0)
            head, tail = chunk[: self._size()], chunk[self._size() :]
            if not self._send(head):
                waiting.insert(0, chunk)
                return
            if len(tail):
                waiting.insert(0, tail)

    def _size(self) -> int:
        if self._seconds is None:
            return _PROBE
        return int(min(max(_CHUNK_SECONDS / max(self._seconds, 1e-9), 1), _MOST))

    def _send(self, chunk: Integers) -> bool:
        engine = self._engine
        task = Task(engine.grid.part(chunk), engine.wanted, engine.template)
        sent = packed(task, code_of=type(engine.grid.base))
        try:
            data, key = self._cluster.give(engine.simulation)
            future = self._cluster.client.submit(compute, data, key, sent, pure=False)
        except (OSError, TimeoutError) as error:  # the last worker went just now, or the scheduler
            self._lost(error)
            return False
        self._pending[future] = chunk
        return True

    def _answer(self, future: Any, chunk: Integers) -> Done | None:
        """Return what came of a chunk; None where it must be sent again."""
        if future.status == "finished":
            try:
                answer = future.result(timeout=_PATIENCE_SECONDS)
            except (OSError, TimeoutError, CancelledError) as error:  # its worker was lost since
                self._lost(error)
                return None
            self._losses = 0
            self._learn(answer, len(chunk))
            failures = {int(chunk[k]): error for k, error in answer.failures.items()}
            return Done(chunk, answer.rows, failures)
        if future.status == "error":
            return self._failed(future.exception(), chunk)
        self._lost(None)
        return None

    def _learn(self, answer: Answer, points: int) -> None:
        """Measure what a point costs, on chunks that neither compile nor unpack."""
        self._memory = max(self._memory, answer.memory_bytes)
        if not answer.is_first:
            self._seconds = answer.seconds / points
            self.cost = Cost(self._seconds / max(1, self._cluster.threads()), self._memory)

    def _lost(self, error: BaseException | None) -> None:
        """Make ready to send a chunk again, and the bars with it."""
        self._losses += 1
        self._cluster.forget()
        if self._losses > _MOST_LOSSES:
            why = f"{self._losses} chunks in a row were lost with their workers"
            raise self._gone(why) from error

    def _failed(self, error: BaseException | None, chunk: Integers) -> Done:
        """Take a chunk that no worker could run: not its strategy's errors, which are answers."""
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            killed = UnavailableError(
                f"each worker that ran these {len(chunk):,} points died of them: do they need more "
                "memory than it has?"
            )
            rows = np.full((len(chunk), len(STATS)), np.nan)
            return Done(chunk, rows, dict.fromkeys(chunk.tolist(), killed))
        if isinstance(error, ImportError):
            raise UsageError(
                f"the workers cannot load {self._engine.grid.base.name}: {error}; install what it "
                "imports there, or define it in one file",
                strategy=self._engine.grid.base.name,
            ) from error
        raise error or UnavailableError("a chunk failed and did not say why")

    def _check_there(self) -> None:
        """Raise where there has been no worker for some time."""
        if self._cluster.threads():
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since > _PATIENCE_SECONDS:
            raise self._gone("no worker is left")

    def _gone(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the Dask cluster at {self._cluster.address} does not go on: {why}",
            retry_after=_PATIENCE_SECONDS,
            on=self._cluster.address,
        )

    def _cancel(self) -> None:
        if self._pending and self._cluster.client.status == "running":
            self._cluster.client.cancel(list(self._pending))
        self._pending.clear()
