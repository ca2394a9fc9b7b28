"""The last prices of what an account trades, and how old they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.bar import Bar
from workbench.core.money import decimal
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.live.market.sequence import time_of
from workbench.live.market.sound import is_sound
from workbench.risk.context import Phase
from workbench.risk.hours import phase_at
from workbench.venues.calendars import ALWAYS

__all__ = ["Market"]

_AHEAD = timedelta(seconds=2)
_LEAST = timedelta(seconds=15)


class Market:
    """What is traded, at which price, and what was dropped on the way.

    Parameters
    ----------
    prices : mapping of str to Decimal
        To begin with: what is held but quoted no more keeps the last price that was known.

    Attributes
    ----------
    quotes : dict of str to Quote
    prices : dict of str to Decimal
    heard : dict of str to datetime
        When something sound was last told of a symbol.
    every : dict of str to timedelta
        How often something is told of a symbol, at most.
    dropped : dict of str to int
        Events that were no prices, or lay in the future, by symbol.

    Examples
    --------
    >>> from datetime import UTC
    >>> market, now = Market(), datetime(2024, 1, 2, tzinfo=UTC)
    >>> market.take(Quote("X", now, 9.0, 11.0), now), market.prices["X"]
    (True, Decimal('10.0'))
    >>> market.take(Quote("X", now + timedelta(hours=1), 9.0, 11.0), now)  # nobody knows it yet
    False
    """

    def __init__(self, prices: Mapping[str, Decimal] | None = None) -> None:
        self.quotes: dict[str, Quote] = {}
        self.prices: dict[str, Decimal] = dict(prices or {})
        self.heard: dict[str, datetime] = {}
        self.dropped: dict[str, int] = {}
        self.every: dict[str, timedelta] = {}
        self._calendars: dict[str, str] = {}
        self._priced: dict[str, datetime] = {}

    def expect(
        self, symbols: Iterable[str], every: timedelta, now: datetime, calendar: str = ALWAYS
    ) -> None:
        """Know how often something is told of symbols, and when they trade; the shortest counts."""
        for symbol in symbols:
            self._calendars[symbol] = calendar
            self.every[symbol] = min(every, self.every.get(symbol, every))
            self.heard.setdefault(symbol, now)

    def phases(self, now: datetime) -> dict[str, Phase]:
        """Return of each symbol with a session whether its market is open."""
        return {
            symbol: phase_at(calendar, now)
            for symbol, calendar in self._calendars.items()
            if calendar != ALWAYS
        }

    def take(self, event: Event, now: datetime) -> bool:
        """Take an event in; return False where it is to be dropped."""
        if not isinstance(event, Bar | Quote | Trade):
            return True
        symbol, at = event.symbol, time_of(event)
        if not is_sound(event) or at > now + _AHEAD:
            self.dropped[symbol] = self.dropped.get(symbol, 0) + 1
            return False
        if isinstance(event, Quote):
            last = self.quotes.get(symbol)
            if last is not None and event.time <= last.time:
                return False
            self.quotes[symbol] = event
        self.heard[symbol] = now
        if at >= self._priced.get(symbol, at):
            self._priced[symbol] = at
            self.prices[symbol] = _price(event)
        return True

    def traded(self) -> dict[str, Decimal]:
        """Return the last price of each symbol that is quoted, or told of otherwise."""
        return {symbol: self.prices[symbol] for symbol in self._priced}

    def is_stale(self, symbol: str, now: datetime) -> bool:
        """Whether nothing was told of a symbol for three times as long as it should take."""
        every, heard = self.every.get(symbol), self.heard.get(symbol)
        if every is None or heard is None:
            return False
        return now - heard > max(3 * every, _LEAST)

    def stale(self, now: datetime) -> tuple[str, ...]:
        """Return the symbols that are stale."""
        return tuple(symbol for symbol in self.every if self.is_stale(symbol, now))


def _price(event: Bar | Quote | Trade) -> Decimal:
    if isinstance(event, Quote):
        return decimal(round(event.mid, 6), "price")
    return decimal(event.close if isinstance(event, Bar) else event.price, "price")
