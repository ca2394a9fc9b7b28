"""Backtests asked for over the API: a few at a time, beside the event loop."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["Backtests", "Job", "Wanted"]

_WORKERS = 2
_MOST_WAITING = 16
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """A backtest as it is asked for.

    Parameters
    ----------
    strategy : str
        A registered name.
    symbols : tuple of str
        One or several.
    parameters : Mapping
        Of the strategy; the defaults where left out.
    fee_bps, slippage_bps : float
        Costs of a fill, in hundredths of a percent of its value.
    """

    strategy: str
    symbols: tuple[str, ...]
    timeframe: str = "1d"
    start: datetime | None = None
    end: datetime | None = None
    source: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cash: float = 100_000.0
    fee_bps: float = 0.0
    slippage_bps: float = 0.0
    save: bool = False


@dataclass(frozen=True)
class Job:
    """A backtest on its way, or done."""

    job_id: str
    owner: str
    wanted: Wanted
    created: datetime
    future: Future[Result]

    @property
    def status(self) -> str:
        """``waiting``, ``running``, ``done`` or ``failed``."""
        if self.future.done():
            return "failed" if self.future.exception() else "done"
        return "running" if self.future.running() else "waiting"

    async def within(self, seconds: float) -> bool:
        """Wait a while; return whether it has ended."""
        await asyncio.wait({asyncio.wrap_future(self.future)}, timeout=seconds)
        return self.future.done()


class Backtests:
    """The backtests of one server; the last 64 are kept in memory.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = WallClock()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="backtest")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = Lock()

    def start(self, wanted: Wanted, owner: str) -> Job:
        """Put a backtest in the queue.

        Raises
        ------
        UnavailableError
            The queue is full.
        """
        with self._lock:
            waiting = sum(not job.future.done() for job in self._jobs.values())
            if waiting >= _MOST_WAITING:
                raise UnavailableError(
                    f"{waiting} backtests wait already; try again shortly", retry_after=5.0
                )
            future = self._pool.submit(run, wanted)
            job = Job(uuid.uuid4().hex[:12], owner, wanted, self._clock.now(), future)
            self._jobs[job.job_id] = job
            while len(self._jobs) > _KEPT:
                self._jobs.popitem(last=False)
        return job

    def find(self, job_id: str, owner: str | None = None) -> Job:
        """Return a job; with `owner`, one of theirs only, and others' as if there were none.

        Raises
        ------
        UsageError
            There is none, or it is no longer kept.
        """
        job = self._jobs.get(job_id)
        if job is None or owner not in (None, job.owner):
            raise UsageError(
                f"no such backtest: {job_id[:40]!r}; the last {_KEPT} are kept, saved ones as runs",
                missing=True,
            )
        return job

    def jobs(self, owner: str | None = None) -> list[Job]:
        """Return the jobs, newest first; with `owner`, theirs only."""
        return [job for job in reversed(self._jobs.values()) if owner in (None, job.owner)]

    def close(self) -> None:
        """Start no further one."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def run(wanted: Wanted) -> Result:
    """Do what is wanted, here and now.

    Raises
    ------
    UsageError
        Unknown strategy, parameter, symbol or source.
    """
    # the engine compiles as it is loaded: a server that is only looked at need not wait for it
    from workbench.backtest.engine import backtest
    from workbench.costs.costs import Costs
    from workbench.costs.fees import Bps
    from workbench.data.loader import bars
    from workbench.strategy.base import Strategy
    from workbench.strategy.registry import find

    strategy = find(wanted.strategy)(**wanted.parameters)
    if not isinstance(strategy, Strategy):
        raise UsageError(
            f"{wanted.strategy} answers to events: replay it, a backtest takes targets",
            strategy=wanted.strategy,
        )
    symbols = wanted.symbols[0] if len(wanted.symbols) == 1 else list(wanted.symbols)
    data = bars(symbols, wanted.timeframe, wanted.start, wanted.end, wanted.source)
    costs = Costs(fee=Bps(wanted.fee_bps), slippage_bps=wanted.slippage_bps)
    result = backtest(strategy, data, cash=wanted.cash, costs=costs)
    if wanted.save:
        result.save()
    return result
