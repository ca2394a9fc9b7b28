"""Stops that a venue cannot keep, watched here: rule 4 of the fill table, as far as prices tell.

What a venue keeps outlives us, and is quicker. What it does not keep, such as a trailing
stop, or any stop of a part of a share at some, is looked for in each quote, or where there
are none in each bar; what is hit goes to the market.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from workbench.core.bar import Bar
from workbench.core.capabilities import Capabilities
from workbench.core.order import Protection
from workbench.core.quote import Quote
from workbench.kernels.called import stop_hit
from workbench.kernels.codes import LOSS, MARKET, PROFIT, TRAIL, StopCode
from workbench.venues.sim.floats import FloatBook

__all__ = ["Hit", "StopWatch", "is_kept"]

_WORDS = {LOSS: "loss", PROFIT: "profit", TRAIL: "trail"}


class Hit(NamedTuple):
    """A stop that was reached: of which column, which one, at which level, when."""

    column: str
    kind: str
    level: float
    time: datetime


def is_kept(
    guard: Protection | None, venue: Capabilities, symbols: Mapping[str, str], lot: float
) -> bool:
    """Whether a venue keeps all stops of a strategy itself.

    Parameters
    ----------
    symbols : mapping of str to str
        The traded symbol of each column.
    lot : float
        Of the orders; 0 allows parts of a unit.
    """
    is_whole = lot >= 1.0 and lot == math.floor(lot)
    return guard is None or all(
        venue.keeps(guard, symbol, is_whole=is_whole) for symbol in symbols.values()
    )


class StopWatch:
    """Looks for stops within reach of what is held.

    Parameters
    ----------
    book : FloatBook
        Entry prices and, from here on, the best price since; a restart goes on with it.
    stops : StopCode
    traded : mapping of str to str
        The traded symbol of each column.

    Examples
    --------
    >>> from datetime import UTC
    >>> book, now = FloatBook.of(["A"], 1000.0), datetime(2024, 1, 2, tzinfo=UTC)
    >>> watch = StopWatch(book, StopCode(math.inf, math.inf, 0.1), {"A": "A"})
    >>> _ = book.trade("A", 1.0, 2.0, 100.0, 0.0)
    >>> [list(watch.quoted(Quote("A", now, p, p))) for p in (120.0, 109.0)]
    [[], []]
    >>> next(watch.quoted(Quote("A", now, 107.0, 107.0)))[:3]
    ('A', 'trail', 108.0)
    """

    def __init__(self, book: FloatBook, stops: StopCode, traded: Mapping[str, str]) -> None:
        self._book, self._stops, self._traded = book, stops, traded

    def quoted(self, quote: Quote) -> Iterator[Hit]:
        """Yield what a quote reaches: the bid of what is long, the ask of what is short."""
        for column, symbol in self._traded.items():
            units = self._book.cell(column).units
            if symbol == quote.symbol and units:
                price = quote.bid if units > 0 else quote.ask
                yield from self._reached(column, (price, price, price), quote.time)

    def ranged(self, bars: Mapping[str, Bar], time: datetime) -> Iterator[Hit]:
        """Yield what whole bars reach, known at an instant; an entry's bar counts as a whole."""
        for column, symbol in self._traded.items():
            bar = bars.get(symbol)
            if bar is not None and self._book.cell(column).units:
                yield from self._reached(column, (bar.open, bar.high, bar.low), time)

    def _reached(
        self, column: str, prices: tuple[float, float, float], time: datetime
    ) -> Iterator[Hit]:
        cell = self._book.cell(column)
        kind, _, level, _ = stop_hit(cell.units, prices, cell.average, cell.best, self._stops, 0.0)
        if kind != MARKET:
            yield Hit(column, _WORDS[kind], level, time)
        elif cell.units > 0.0:
            cell.best = max(cell.best, prices[1])
        else:
            cell.best = min(cell.best, prices[2])
