"""An invented market: quotes by the wall clock, around the clock, the same for everybody.

The desk needs a market that moves while one looks at it, at night and without a network.
The symbols are no real ones, and every screen that shows them says ``synthetic``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.quote import Quote
from workbench.core.timeframe import Timeframe
from workbench.data.synthetic import SyntheticSource
from workbench.errors import UsageError, nearest

__all__ = ["SYMBOLS", "SyntheticFeed"]

SYMBOLS = ("ACME/USD", "BOLT/USD", "CRUX/USD", "DUNE/USD", "ECHO/USD")
_STEP = 5
_AHEAD, _PAST = timedelta(hours=24), timedelta(hours=2)
_FRAME = Timeframe(_STEP, "s")
_HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


@dataclass(frozen=True, slots=True)
class _Tape:
    """One symbol's bars of five seconds, made beforehand, and their prices as plain arrays."""

    bars: pd.DataFrame
    prices: npt.NDArray[np.float64]

    @classmethod
    def of(cls, bars: pd.DataFrame) -> _Tape:
        return cls(bars, bars[["open", "close", "spread"]].to_numpy("float64"))

    def row(self, now: datetime) -> int:
        """Return the row of the bar of this instant, -1 before the first."""
        return int(self.bars.index.searchsorted(pd.Timestamp(now), side="right")) - 1


class SyntheticFeed:
    """Bid and ask of each symbol at each instant, and the bars behind them.

    Bars of five seconds are made a day ahead; within one, the quote goes from its open to
    its close. The next day is made in a thread of its own. One thread calls `tick`; the
    rest may be asked from any.

    Parameters
    ----------
    start : datetime
        The first bars begin two hours before it.
    symbols : sequence of str
        Pairs such as ``ACME/USD``, which trade around the clock.

    Examples
    --------
    >>> at = pd.Timestamp("2026-01-05 12:00:03", tz="UTC").to_pydatetime()
    >>> feed = SyntheticFeed(at, ("ACME/USD",))
    >>> quote = feed.at("ACME/USD", at)
    >>> quote.bid < quote.ask, quote.time == at
    (True, True)
    >>> feed.close()
    """

    source = "synthetic"

    def __init__(self, start: datetime, symbols: Sequence[str] = SYMBOLS) -> None:
        self.symbols = tuple(symbols)
        self._source = SyntheticSource()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._until = start + _AHEAD
        self._tapes = self._made(start - _PAST, self._until, {})
        self._next: Future[dict[str, _Tape]] | None = None

    def tick(self, now: datetime) -> list[Quote]:
        """Return the quotes of this instant, and see to it that there are some tomorrow."""
        self._extend(now)
        found = (self.at(symbol, now) for symbol in self.symbols)
        return [quote for quote in found if quote is not None]

    def at(self, symbol: str, now: datetime) -> Quote | None:
        """Return the quote of an instant, in whole cents; None where there is none yet.

        Where no bar is made for `now`, it is the last quote there was, with its time.

        Raises
        ------
        UsageError
            There is no such symbol.
        """
        tape = self._tape(symbol)
        row = tape.row(now)
        if row < 0:
            return None
        first, last, spread = tape.prices[row].tolist()
        began = tape.bars.index[row].to_pydatetime()
        gone = min((now - began).total_seconds(), float(_STEP))
        middle = first + (last - first) * gone / _STEP
        bid = round(middle - spread / 2.0, 2)
        return Quote(symbol, began + timedelta(seconds=gone), bid, round(bid + spread, 2))

    def bars(self, symbol: str, now: datetime, seconds: int = 15, count: int = 240) -> pd.DataFrame:
        """Return the last `count` bars up to `now`; the last one is still growing.

        Parameters
        ----------
        seconds : int
            Of each bar; a multiple of five.

        Raises
        ------
        UsageError
            There is no such symbol, or no such bar.
        """
        if seconds < _STEP or seconds % _STEP:
            raise UsageError(f"bars are made of {_STEP} seconds or a multiple, not of {seconds}")
        tape, quote = self._tape(symbol), self.at(symbol, now)
        row = tape.row(now)
        first = max(0, row + 1 - (count + 1) * seconds // _STEP)
        known = tape.bars.iloc[first : row + 1].copy()
        if quote is not None:
            _cut(known, quote, now)
        made = known.resample(f"{seconds}s").agg(_HOW).dropna().iloc[-count:]
        made.index.name = "time"
        made.attrs = {"timeframe": f"{seconds}s", "source": self.source, "calendar": "24/7"}
        return made

    def close(self) -> None:
        """Make no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _tape(self, symbol: str) -> _Tape:
        if symbol not in self._tapes:
            raise UsageError(
                f"{symbol!r} is not traded here{nearest(symbol, self.symbols)}; "
                f"there are {', '.join(self.symbols)}",
                symbol=symbol,
            )
        return self._tapes[symbol]

    def _extend(self, now: datetime) -> None:
        if self._next is not None and self._next.done():
            self._tapes, self._next = self._next.result(), None
        if self._next is None and now > self._until - _AHEAD / 2:
            start = max(self._until, now - _PAST)
            self._until = max(start, now) + _AHEAD
            kept = {name: tape.bars for name, tape in self._tapes.items()}
            self._next = self._pool.submit(self._made, start, self._until, kept)

    def _made(
        self, start: datetime, end: datetime, kept: dict[str, pd.DataFrame]
    ) -> dict[str, _Tape]:
        first, last = (pd.Timestamp(when).floor(f"{_STEP}s") for when in (start, end))
        oldest = first - pd.Timedelta(_AHEAD)
        tapes = {}
        for name in self.symbols:
            bars = self._source.history(name, _FRAME, first, last)
            if name in kept:
                before = kept[name]
                bars = pd.concat([before[(before.index >= oldest) & (before.index < first)], bars])
            tapes[name] = _Tape.of(bars)
        return tapes


def _cut(bars: pd.DataFrame, quote: Quote, now: datetime) -> None:
    """Take from the last bar what lies after `now`: nobody knows it yet."""
    began, price = bars.index[-1], round(quote.mid, 2)
    share = min((pd.Timestamp(now) - began).total_seconds() / _STEP, 1.0)
    if share < 1.0:
        opened, volume = bars[["open", "volume"]].to_numpy("float64")[-1].tolist()
        columns = ["high", "low", "close", "volume"]
        bars.loc[began, columns] = [max(opened, price), min(opened, price), price, volume * share]
