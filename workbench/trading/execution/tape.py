"""What the market has told, symbol by symbol: the last prices, and the volume so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from workbench.core.bar import Bar
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.trading.execution.moment import Seen

__all__ = ["Tape"]


class Tape:
    """Keeps what an executor looks at. Prices that are NaN or not positive are left out.

    Bars and trades both tell volume: give it one kind of a symbol, not both.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> tape = Tape()
    >>> tape.take(Quote("AAPL", datetime(2024, 1, 2, tzinfo=UTC), 99.5, 100.5))
    >>> tape.seen("AAPL").mid
    Decimal('100.0')
    """

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def take(self, event: Event) -> None:
        """Take in what a feed tells; what is neither bar, quote nor trade is left out."""
        if isinstance(event, Bar):
            self._trade(event.symbol, _told(event.close), _told(event.volume))
        elif isinstance(event, Trade):
            self._trade(event.symbol, _told(event.price), _told(event.size))
        elif isinstance(event, Quote) and 0 < event.bid <= event.ask < math.inf:
            before = self.seen(event.symbol)
            bid, ask = decimal(float(event.bid)), decimal(float(event.ask))
            self._seen[event.symbol] = Seen(bid, ask, before.last, before.volume)

    def take_row(self, bars: Mapping[str, Bar]) -> None:
        """Take in a bar of each symbol."""
        for bar in bars.values():
            self.take(bar)

    def seen(self, symbol: str) -> Seen:
        """Return what is known of a symbol; the volume is that since this object began."""
        return self._seen.get(symbol, Seen())

    def _trade(self, symbol: str, price: Decimal | None, quantity: Decimal | None) -> None:
        before = self.seen(symbol)
        last = before.last if price is None else price
        volume = MONEY.add(before.volume, quantity or ZERO)
        self._seen[symbol] = Seen(before.bid, before.ask, last, volume)


def _told(number: float) -> Decimal | None:
    """Return what a feed told, None where that is no positive number."""
    return decimal(float(number)) if 0 < number < math.inf else None
