"""A market that is made up, and says so: a seeded random walk of quotes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from random import Random

from workbench.core.quote import Quote
from workbench.errors import UsageError

__all__ = ["SyntheticFeed", "sample_closes"]


class SyntheticFeed:
    """Quotes of a random walk, one per symbol and tick; the same seed gives the same walk.

    Parameters
    ----------
    prices : mapping of str to float
        Where each symbol begins.
    seed : int
    volatility : float
        Standard deviation of the log return of one tick.
    spread_bps : float
        Between bid and ask, at least one cent.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> one, two = SyntheticFeed({"AAPL": 100.0}), SyntheticFeed({"AAPL": 100.0})
    >>> one.tick(at) == two.tick(at)
    True
    """

    source = "synthetic"

    def __init__(
        self,
        prices: Mapping[str, float],
        *,
        seed: int = 7,
        volatility: float = 4e-4,
        spread_bps: float = 2.0,
    ) -> None:
        for symbol, price in prices.items():
            if not 0.0 < price < math.inf:
                raise UsageError(f"{symbol} cannot begin at {price!r}", symbol=symbol)
        self._prices = dict(prices)
        self._random = Random(seed)  # noqa: S311 - a walk, not a secret
        self._volatility = volatility
        self._half = spread_bps / 2e4

    def tick(self, now: datetime) -> list[Quote]:
        """Move every symbol one step; return their quotes."""
        quotes = []
        for symbol, price in self._prices.items():
            moved = price * math.exp(self._random.gauss(0.0, self._volatility))
            self._prices[symbol] = moved
            half = max(moved * self._half, 0.005)
            bid = max(round(moved - half, 2), 0.01)
            quotes.append(Quote(symbol, now, bid, max(round(moved + half, 2), bid + 0.01)))
        return quotes


def sample_closes() -> dict[str, float]:
    """Return the last close of each symbol of the sample source."""
    from workbench.core.timeframe import Timeframe
    from workbench.data.sample import SampleSource

    source = SampleSource()
    found = {}
    for symbol in source.symbols():
        frame = source.history(symbol, Timeframe.parse("1d"), None, None)
        found[symbol] = float(frame["close"].iloc[-1])
    return found
