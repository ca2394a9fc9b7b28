"""How often something may be tried: a moving window per key, in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

__all__ = ["Window"]

_MOST_KEYS = 10_000


class Window:
    """At most so many tries in so many seconds, counted per key.

    A try is taken before it is known how it ends, so that many at once cannot slip
    through; one that ended well is given back.

    Parameters
    ----------
    most : int
    seconds : float
    clock : callable
        Monotonic seconds.

    Examples
    --------
    >>> window = Window(2, 60.0, clock=lambda: 0.0)
    >>> [window.take("eve"), window.take("eve"), window.take("eve")]
    [0.0, 0.0, 60.0]
    """

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._tries: dict[str, deque[float]] = {}
        self._lock = Lock()

    def take(self, key: str) -> float:
        """Count a try; return 0, or the seconds to wait if it was one too many."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            tries = self._tries.setdefault(key, deque())
            while tries and tries[0] <= now - self._seconds:
                tries.popleft()
            if len(tries) >= self._most:
                return tries[0] + self._seconds - now
            tries.append(now)
            return 0.0

    def give_back(self, key: str) -> None:
        """Take the latest try back."""
        with self._lock:
            tries = self._tries.get(key)
            if tries:
                tries.pop()

    def _forget(self, now: float) -> None:
        if len(self._tries) < _MOST_KEYS:
            return
        old = [
            key
            for key, tries in self._tries.items()
            if not tries or tries[-1] <= now - self._seconds
        ]
        for key in old:
            del self._tries[key]
