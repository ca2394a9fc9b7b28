"""The words of sources that answer page by page; nothing of a vendor is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import pandas as pd

from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe

__all__ = ["Limit", "Page", "PagedSource", "is_crypto"]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in any window of so many seconds.

    Parameters
    ----------
    requests : float
        Or units of weight, where a vendor weighs its requests.
    seconds : float

    Examples
    --------
    >>> Limit(200).per_minute, Limit(10, 10).per_minute
    (200.0, 60.0)
    """

    requests: float
    seconds: float = 60.0

    @property
    def per_minute(self) -> float:
        """The same, counted by the minute."""
        return self.requests * 60.0 / self.seconds


@dataclass(frozen=True, slots=True)
class Page:
    """Bars of one request, and the span it speaks for.

    Parameters
    ----------
    bars : DataFrame
        As `workbench.core.ports.BarSource.history` returns them.
    start : Timestamp or None
        None is the beginning of time.
    end : Timestamp
        Exclusive.
    """

    bars: pd.DataFrame
    start: pd.Timestamp | None
    end: pd.Timestamp


@runtime_checkable
class PagedSource(BarSource, Protocol):
    """A bar source that gives its bars page by page, and tells what that costs.

    Parameters
    ----------
    page_bars : int
        Bars a request brings at most.
    limit : Limit
    day_minutes : mapping of str to int
        By calendar: how many minutes of a day the source may have bars for.
    first : Timestamp
        It has nothing earlier.
    delay : timedelta
        How far behind the market it is.
    """

    page_bars: int
    limit: Limit
    day_minutes: Mapping[str, int]
    first: pd.Timestamp
    delay: timedelta

    def calendar(self, symbol: str) -> str:
        """Return the calendar a symbol trades by."""

    def has_actions(self, symbol: str) -> bool:
        """Tell whether daily bars of a symbol carry ``split`` and ``dividend``."""

    def pages(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[Page]:
        """Yield page after page, oldest first, each as soon as it is there."""


def is_crypto(symbol: str) -> bool:
    """Tell whether a symbol is a pair, as ``"BTC/USD"``; everything else is a stock.

    Examples
    --------
    >>> is_crypto("BTC/USD"), is_crypto("BRK.B")
    (True, False)
    """
    return "/" in symbol
