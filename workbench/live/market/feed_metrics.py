"""What a feed counts: messages, faults, gaps, and how late news is."""

from __future__ import annotations

import threading
import weakref
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["FAULTS", "FeedMetrics", "Gap", "register", "running"]

FAULTS = (
    "malformed",
    "duplicates",
    "late",
    "dropped",
    "reconnects",
    "mute",
    "backfilled",
    "missing_bars",
    "resyncs",
)
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars that the stream did not bring.

    Parameters
    ----------
    symbol : str
    start, end : datetime
        Opening times; `end` is exclusive.
    bars : int
        How many were had afterwards.
    trouble : str
        Why they could not be had; empty where the vendor answered.
    """

    symbol: str
    start: datetime
    end: datetime
    bars: int = 0
    trouble: str = ""


class FeedMetrics:
    """Counters of one feed; written by it, read from any thread.

    Parameters
    ----------
    name : str
        Of the feed.

    Examples
    --------
    >>> metrics = FeedMetrics("polygon")
    >>> metrics.count("malformed")
    >>> for late in range(1, 101):
    ...     metrics.heard("trade", late / 1000)
    >>> metrics.snapshot()["malformed"], metrics.snapshot()["lag"]["p95"]
    (1, 0.095)
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._kinds: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._lags: deque[float] = deque(maxlen=_KEPT)
        self._gaps: deque[Gap] = deque(maxlen=_KEPT)
        self._stale: tuple[str, ...] = ()
        self._waiting: dict[int, tuple[str, str]] = {}
        self._is_open = False

    def heard(self, kind: str, lag: float) -> None:
        """Count an event, and the seconds from its time to its arrival."""
        with self._lock:
            self._kinds[kind] += 1
            self._lags.append(lag)

    def count(self, fault: str, by: int = 1) -> None:
        """Count a fault, one of `FAULTS`."""
        with self._lock:
            self._faults[fault] += by

    def gap(self, gap: Gap) -> None:
        """Note a gap that was looked into."""
        with self._lock:
            self._gaps.append(gap)
            self._faults["backfilled"] += gap.bars

    def tell_stale(self, symbols: tuple[str, ...]) -> None:
        """Note which symbols are silent though their market is open."""
        with self._lock:
            self._stale = symbols

    def tell_waiting(self, connection: int, why: str, told: str) -> None:
        """Note what a connection is tried again for, and what is to be said of it."""
        with self._lock:
            self._waiting[connection] = (why, told)

    def tell_open(self, connection: int) -> None:
        """Note that a connection is open, or that it is needed no more."""
        with self._lock:
            self._waiting.pop(connection, None)
            self._is_open = True

    @property
    def state(self) -> str:
        """``new`` before anything is told, ``open``, or ``waiting: `` and for what."""
        return self._standing()[0]

    @property
    def advice(self) -> str:
        """What it waits for in full, and what to do; empty where it does not wait."""
        return self._standing()[1]

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The gaps looked into lately, oldest first."""
        with self._lock:
            return tuple(self._gaps)

    @property
    def stale(self) -> tuple[str, ...]:
        """The symbols that are silent though their market is open."""
        with self._lock:
            return self._stale

    def snapshot(self) -> dict[str, Any]:
        """Return all of it as plain values; lags in seconds, None before the first event."""
        with self._lock:
            lags, kinds = sorted(self._lags), dict(self._kinds)
            faults = {name: self._faults[name] for name in FAULTS}
            gaps, stale = len(self._gaps), self._stale
        state, advice = self._standing()
        lag = {f"p{share}": _quantile(lags, share / 100) for share in (50, 95, 99)}
        return {
            "state": state,
            "advice": advice,
            "messages": sum(kinds.values()),
            "by_kind": kinds,
            **faults,
            "gaps": gaps,
            "stale": stale,
            "lag": lag,
        }

    def _standing(self) -> tuple[str, str]:
        with self._lock:
            for why, told in self._waiting.values():
                return f"waiting: {why}", told
            return "open" if self._is_open or self._kinds else "new", ""


def _quantile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]


_RUNNING: weakref.WeakValueDictionary[int, FeedMetrics] = weakref.WeakValueDictionary()


def register(metrics: FeedMetrics) -> None:
    """Let `running` tell of a feed for as long as it lives."""
    _RUNNING[id(metrics)] = metrics


def running() -> Mapping[str, FeedMetrics]:
    """Return the metrics of this process's feeds by name; a later feed has the word.

    Examples
    --------
    >>> metrics = FeedMetrics("replay")
    >>> register(metrics)
    >>> running()["replay"] is metrics
    True
    """
    return {metrics.name: metrics for metrics in list(_RUNNING.values())}
