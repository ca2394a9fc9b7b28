"""What a long computation says: before it starts, and while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

__all__ = ["Listener", "Plan", "Progress", "duration", "size"]

Listener = Callable[[int, int], object]


@dataclass(frozen=True)
class Plan:
    """What a sweep will cost, measured on its own first points.

    Parameters
    ----------
    points, bars : int
    seconds : float
        Expected for all points, on one core.
    memory_bytes : int
        Expected peak beyond the bars: what one point needs while it runs, and the table of
        all statistics.
    limit : float or None
        The seconds after which it ends, finished or not.

    Examples
    --------
    >>> print(Plan(4050, 3270, 2.84, 1_600_000))
    4,050 points × 3,270 bars: about 3 s, peak memory 1.5 MiB beyond the bars
    """

    points: int
    bars: int
    seconds: float
    memory_bytes: int
    limit: float | None = None

    def __str__(self) -> str:
        about = duration(self.seconds) if self.seconds < 1 else f"about {duration(self.seconds)}"
        said = (
            f"{self.points:,} points × {self.bars:,} bars: {about}, "
            f"peak memory {size(self.memory_bytes)} beyond the bars"
        )
        if self.limit is None or self.seconds <= self.limit:
            return said
        ran = int(self.points * self.limit / self.seconds)
        return f"{said}; ends after {duration(self.limit)} with about {ran:,} of them"


class Progress:
    """A bar with rate and time left, in a terminal and in Jupyter, or a listener.

    Parameters
    ----------
    title : str
    total : int
        How many steps there will be.
    shown : bool or callable
        Whether to show a bar; a callable is told ``(done, total)`` after each step instead.

    Examples
    --------
    >>> with Progress("sweep", total=3, shown=lambda done, total: print(done, "of", total)) as bar:
    ...     bar.step()
    ...     bar.step(2)
    1 of 3
    3 of 3
    """

    def __init__(self, title: str, total: int, *, shown: bool | Listener) -> None:
        self._title, self._total = title, total
        self._listener = shown if callable(shown) else None
        self._shown = shown is True
        self._done = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def begin_at(self, count: int) -> None:
        """Count points that were done before; nobody is told."""
        self._done = count

    def say(self, text: str) -> None:
        """Write a line; before the first step, so that it stands above the bar."""
        if self._shown:
            from tqdm.auto import tqdm

            tqdm.write(text)

    def step(self, count: int = 1) -> None:
        """Count points as done."""
        self._done += count
        if self._listener is not None:
            self._listener(self._done, self._total)
        if not self._shown:
            return
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=self._total,
                initial=self._done - count,
                desc=self._title,
                unit=" points",
                smoothing=0.05,
                mininterval=0.1 if _is_watched() else 10.0,
            )
        self._bar.update(count)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def duration(seconds: float) -> str:
    """Say a time span as a person would.

    Examples
    --------
    >>> duration(0.4), duration(42.4), duration(400), duration(7300)
    ('under 1 s', '42 s', '7 min', '2.0 h')
    """
    if seconds < 1:
        return "under 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Say a number of bytes.

    Examples
    --------
    >>> size(900), size(3_500_000), size(2**31)
    ('900 B', '3.3 MiB', '2.0 GiB')
    """
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _is_watched() -> bool:
    """Tell whether somebody looks on: a log file needs no ten lines a second."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
