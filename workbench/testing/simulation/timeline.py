"""One clock, one heap of events, one source of chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

__all__ = ["START", "Timeline"]

START = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Timeline:
    """What happens, one event at a time, in the order of virtual milliseconds.

    Parameters
    ----------
    random : Random
        All chance there is.

    Examples
    --------
    >>> line, said = Timeline(Random(1)), []
    >>> line.after(20, said.append, "second")
    >>> line.after(10, said.append, "first")
    >>> line.run(100)
    >>> said, line.at, line.steps
    (['first', 'second'], 100, 2)
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.chance = random.random
        self.at = 0
        self.steps = 0
        self.seen: Counter[str] = Counter()
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._now = (0, START)

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        at, now = self._now
        if at != self.at:
            now = START + _MS * self.at
            self._now = self.at, now
        return now

    def after(self, wait_ms: int, do: Callable[..., None], *given: Any) -> None:
        """Let something happen some time from now; at the same instant the first said is first."""
        self._count += 1
        heappush(self._heap, (self.at + wait_ms, self._count, do, given))

    def run(self, until: int, look: Callable[[], None] | None = None) -> None:
        """Let everything happen up to an instant; `look` is called after every 64 events."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.at, _, do, given = heappop(heap)
            self.steps += 1
            do(*given)
            if look is not None and not self.steps & 63:
                look()
        self.at = until

    def clear(self) -> None:
        """Let nothing more happen."""
        self._heap.clear()

    def between(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return low + int(self.chance() * (high - low + 1))
