"""The last prices of what the desk trades."""

from __future__ import annotations

from decimal import Decimal

from workbench.core.money import decimal
from workbench.core.ports import Clock
from workbench.core.quote import Quote
from workbench.live.feed import SyntheticFeed
from workbench.venues.sim.floats import FloatBook

__all__ = ["Market"]


class Market:
    """What is traded, at which price.

    Parameters
    ----------
    feed : SyntheticFeed
    book : FloatBook
        The venue's account: what is held but quoted no more keeps the last price of there.
    clock : Clock
    """

    def __init__(self, feed: SyntheticFeed, book: FloatBook, clock: Clock) -> None:
        self.feed = feed
        self.quotes: dict[str, Quote] = {}
        self.prices = {
            symbol: decimal(cell.mark, "price")
            for symbol, cell in book.cells.items()
            if cell.mark > 0
        }
        self._clock = clock
        self.look()

    def look(self) -> list[Quote]:
        """Take the quotes of this instant in; return those that are news."""
        fresh = []
        for quote in self.feed.tick(self._clock.now()):
            last = self.quotes.get(quote.symbol)
            if last is None or quote.time > last.time:
                self.quotes[quote.symbol] = quote
                self.prices[quote.symbol] = decimal(round(quote.mid, 6), "price")
                fresh.append(quote)
        return fresh

    def traded(self) -> dict[str, Decimal]:
        """Return the last price of each symbol that is quoted."""
        return {symbol: self.prices[symbol] for symbol in self.quotes}
