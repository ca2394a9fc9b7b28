"""One limit per vendor and key, shared by every client and every process of a workspace.

The requests made lately stand in an SQLite file of the workspace's data folder, which
the package pyrate-limiter keeps, under a file lock; a vendor's "not before" (the header
Retry-After) stands in a file beside it and holds for all processes as well. Where the
folder cannot be written, the limit holds for this process alone, which is warned of.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sqlite3
import threading
import time
import warnings
from pathlib import Path
from typing import cast

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from workbench.errors import UnavailableError
from workbench.venues.paging import Limit

__all__ = ["Limiter", "shared_limiter"]

_FILE = "limits.db"
_MARGIN = 0.02  # of the window: requests take unequally long to arrive
_LONGEST_PAUSE = 3600.0
_SCALE = 10  # turns are counted in tenths, as exchanges weigh requests in fractions


class Limiter:
    """Gives out turns under a `Limit`, to threads, tasks and processes alike.

    Parameters
    ----------
    folder : Path
        Where the state lies; made where it is missing.
    name : str
        Who is limited, e.g. a vendor and a digest of the key. All limiters of one folder
        and name share one limit.
    limit : Limit

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     limiter = Limiter(Path(folder), "polygon", Limit(2, 60))
    ...     waited = limiter.take(), limiter.take()
    ...     limiter.wait_for_turn() > 50
    ...     limiter.close()
    True
    """

    def __init__(self, folder: Path, name: str, limit: Limit) -> None:
        self.folder, self.name, self.limit = folder, name, limit
        self._capacity = max(1, int(limit.requests * _SCALE))
        self._digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._lock = threading.RLock()
        self._opened: tuple[int, AbstractBucket] | None = None

    def take(self, weight: float = 1.0, timeout: float | None = None, share: float = 1.0) -> float:
        """Wait for a turn and take it; return the seconds waited.

        Parameters
        ----------
        weight : float
            What the request costs; more than the limit counts as all of it.
        timeout : float, optional
            Seconds to wait at most.
        share : float
            How much of the limit may be used up; the rest is kept for what is more urgent.

        Raises
        ------
        UnavailableError
            The turn would come later than `timeout`; nothing was taken.
        """
        began = time.monotonic()
        while True:
            wait = self._attempt(weight, share)
            waited = time.monotonic() - began
            if wait <= 0:
                return waited
            self._check(wait, waited, timeout)
            time.sleep(wait + random.uniform(0, 0.01))  # noqa: S311  so that not all wake at once

    async def take_async(self, weight: float = 1.0, timeout: float | None = None) -> float:
        """As `take`, without holding up the event loop."""
        began = time.monotonic()
        while True:
            wait = await asyncio.to_thread(self._attempt, weight)
            waited = time.monotonic() - began
            if wait <= 0:
                return waited
            self._check(wait, waited, timeout)
            await asyncio.sleep(wait + random.uniform(0, 0.01))  # noqa: S311

    def pause(self, seconds: float) -> None:
        """Give out no turn for a while, in any process: what Retry-After asks for."""
        until = time.time() + min(max(seconds, 0.0), _LONGEST_PAUSE)
        if until <= self._paused_until():
            return
        fresh = self._pause_file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh.write_text(repr(until), encoding="ascii")
            fresh.replace(self._pause_file)
        except OSError as error:
            self._warn(error)

    def wait_for_turn(self, weight: float = 1.0) -> float:
        """Return the seconds until a turn is free, without taking it."""
        with self._lock:
            bucket = self._bucket()
            item = self._item(bucket, weight)
            bucket.leak(item.timestamp)
            return max(self._pause_left(), self._wait(bucket, item, self._capacity))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._opened is not None:
                self._opened[1].close()
                self._opened = None

    def _wait(self, bucket: AbstractBucket, item: RateItem, capacity: int) -> float:
        """Return the seconds until so much of the limit is free as an item takes."""
        used = cast(int, bucket.count())
        if used + item.weight <= capacity:
            return 0.0
        blocking = cast("RateItem | None", bucket.peek(max(0, capacity - item.weight)))
        free = (blocking.timestamp if blocking else item.timestamp) + bucket.rates[0].interval
        return max((free - item.timestamp) / 1000, 0.001)

    def _attempt(self, weight: float, share: float = 1.0) -> float:
        """Take a turn and return 0, or return the seconds until it is worth trying again."""
        left = self._pause_left()
        if left > 0:
            return left
        with self._lock:
            bucket = self._bucket()
            try:
                # A fresh instant each time: the package's own waiting adds up what it meant to
                # sleep, and on a busy machine that falls behind the clock and over the limit.
                with bucket.limiter_lock() or threading.Lock():  # type: ignore[attr-defined]
                    item = self._item(bucket, weight)
                    bucket.leak(item.timestamp)
                    kept = self._kept(bucket, item, share)
                    if kept > 0:
                        return kept
                    if bucket.put(item):
                        return 0.0
                    return max(cast(int, bucket.waiting(item)) / 1000, 0.001)
            except sqlite3.Error as error:
                self._warn(error)
                self._opened = (os.getpid(), self._private())
                return 0.001

    def _kept(self, bucket: AbstractBucket, item: RateItem, share: float) -> float:
        if share >= 1.0:
            return 0.0
        return self._wait(bucket, item, max(item.weight, int(self._capacity * share)))

    def _item(self, bucket: AbstractBucket, weight: float) -> RateItem:
        units = min(max(1, round(weight * _SCALE)), self._capacity)
        return RateItem(self.name[:40], int(bucket.now()), weight=units)  # type: ignore[no-untyped-call]

    def _bucket(self) -> AbstractBucket:
        # SQLite's handles do not survive a fork, so each process opens its own.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), self._open())
        return self._opened[1]

    def _open(self) -> AbstractBucket:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return SQLiteBucket.init_from_file(
                self._rates(),
                table=f"turns_{self._digest}",
                db_path=str(self.folder / _FILE),
                use_file_lock=True,
            )
        except (OSError, sqlite3.Error) as error:
            self._warn(error)
            return self._private()

    def _private(self) -> AbstractBucket:
        return InMemoryBucket(self._rates())

    def _rates(self) -> list[Rate]:
        window = self.limit.seconds * (1 + _MARGIN) + 0.05
        return [Rate(self._capacity, int(window * 1000))]

    @property
    def _pause_file(self) -> Path:
        return self.folder / f"pause-{self._digest}"

    def _paused_until(self) -> float:
        try:
            return float(self._pause_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0.0

    def _pause_left(self) -> float:
        left = self._paused_until() - time.time()
        return left if 0 < left <= _LONGEST_PAUSE else 0.0  # a clock set back must not block

    def _check(self, wait: float, waited: float, timeout: float | None) -> None:
        if timeout is not None and waited + wait > timeout:
            raise UnavailableError(
                f"the limit of {self.name.partition(' ')[0]} ({self.limit.requests:g} requests in "
                f"{self.limit.seconds:g} s) has the next turn in {wait:.1f} s",
                retry_after=wait,
                wait=wait,
                vendor=self.name.partition(" ")[0],
            )

    def _warn(self, error: Exception) -> None:
        warnings.warn(
            f"the limit of {self.name.partition(' ')[0]} cannot be shared through {self.folder} "
            f"({error}); it holds for this process alone",
            stacklevel=3,
        )


_LIMITERS: dict[tuple[Path, str, Limit], Limiter] = {}
_GUARD = threading.Lock()


def shared_limiter(folder: Path, vendor: str, key: str | None, limit: Limit) -> Limiter:
    """Return the limiter of a vendor and key; a process has one for all its clients.

    Parameters
    ----------
    folder : Path
        ``settings.folder("limits")``.
    vendor : str
    key : str or None
        Only a digest of it is kept.
    limit : Limit
    """
    digest = hashlib.sha256((key or "").encode()).hexdigest()[:12]
    name = f"{vendor} {digest}"
    with _GUARD:
        return _LIMITERS.setdefault((folder, name, limit), Limiter(folder, name, limit))
