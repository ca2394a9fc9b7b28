"""Invented quotes for the paper desk: by the second, around the clock, the same for everybody.

The desk needs a market that moves while one looks at it, at night and without a network.
The symbols are no real ones, and every screen that shows them says ``synthetic``.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import pandas as pd

from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.data.synthetic import SyntheticSource

__all__ = ["SYMBOLS", "SyntheticQuotes"]

SYMBOLS = ("ACME/USD", "BOLT/USD", "CRUX/USD", "DUNE/USD", "ECHO/USD")
_STEP = 5
_AHEAD, _PAST = timedelta(hours=24), timedelta(hours=2)
_FRAME = Timeframe(_STEP, "s")


class SyntheticQuotes:
    """Bid and ask of each symbol at each second, and the bars behind them.

    Bars of five seconds are made a day ahead; within one, the quote goes from its open to
    its close. The next day is made in a thread of its own.

    Parameters
    ----------
    start : datetime
        The first bars begin two hours before it.

    Examples
    --------
    >>> at = pd.Timestamp("2026-01-05 12:00", tz="UTC").to_pydatetime()
    >>> quotes = SyntheticQuotes(at, symbols=("ACME/USD",))
    >>> quote = quotes.at("ACME/USD", at)
    >>> quote.bid < quote.ask, quote.time == at
    (True, True)
    >>> quotes.close()
    """

    source = "synthetic"

    def __init__(self, start: datetime, symbols: tuple[str, ...] = SYMBOLS) -> None:
        self.symbols = symbols
        self._source = SyntheticSource()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="quotes")
        self._until = start + _AHEAD
        self._bars = self._piece(start - _PAST, self._until)
        self._next: Future[dict[str, pd.DataFrame]] | None = None

    def at(self, symbol: str, now: datetime) -> Quote | None:
        """Return the quote of a second; None where there is none yet."""
        bars = self._reach(now)[symbol]
        row = int(bars.index.searchsorted(pd.Timestamp(now), side="right")) - 1
        if row < 0:
            return None
        first, last, spread = bars[["open", "close", "spread"]].to_numpy("float64")[row].tolist()
        began = bars.index[row].to_pydatetime()
        second = min(int((now - began).total_seconds()), _STEP - 1)
        middle = round(first + (last - first) * second / (_STEP - 1), 2)
        half = spread / 2.0
        return Quote(symbol, began + timedelta(seconds=second), middle - half, middle + half)

    def bars(self, symbol: str, now: datetime, seconds: int = 15) -> pd.DataFrame:
        """Return the bars up to now, of so many seconds each; the last one is still growing."""
        known = self._reach(now)[symbol]
        known = known[known.index <= pd.Timestamp(now)]
        how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
        made = known.resample(f"{seconds}s").agg(how).dropna()
        made.index.name = "time"
        made.attrs = {"timeframe": f"{seconds}s", "source": self.source, "calendar": "24/7"}
        return made

    def close(self) -> None:
        """Make no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _reach(self, now: datetime) -> dict[str, pd.DataFrame]:
        if self._next is not None and self._next.done():
            fresh, self._next = self._next.result(), None
            oldest = pd.Timestamp(now - _PAST)
            self._bars = {
                name: pd.concat([bars[bars.index >= oldest], fresh[name]])
                for name, bars in self._bars.items()
            }
        if self._next is None and now > self._until - _AHEAD / 2:
            start = max(self._until, now)
            self._until = start + _AHEAD
            self._next = self._pool.submit(self._piece, start, self._until)
        return self._bars

    def _piece(self, start: datetime, end: datetime) -> dict[str, pd.DataFrame]:
        first, last = (pd.Timestamp(when).floor(f"{_STEP}s") for when in (start, end))
        return {name: self._source.history(name, _FRAME, first, last) for name in self.symbols}
