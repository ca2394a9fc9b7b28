"""Whether what a feed tells can be a price at all."""

from __future__ import annotations

import math

from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.ports import Event
from workbench.core.trade import Trade

__all__ = ["is_sound"]

# no price and no size of a market is as large; what is larger is a fault on the way
_MOST = 1e15


def is_sound(event: Event) -> bool:
    """Tell whether prices and sizes are such; JSON lets NaN and worse through.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> is_sound(Trade("X", at, 10.0, 1.0)), is_sound(Trade("X", at, math.nan, 1.0))
    (True, False)
    """
    if isinstance(event, Headline):
        return True
    if isinstance(event, Depth):
        return all(
            0 < price < _MOST and 0 <= size < _MOST for price, size in (*event.bids, *event.asks)
        )
    if isinstance(event, Trade):
        return 0 < event.price < _MOST and 0 <= event.size < _MOST
    if isinstance(event, Bar):
        inside = (event.low <= price <= event.high for price in (event.open, event.close))
        return (
            event.low > 0
            and event.high < _MOST
            and all(inside)
            and (0 <= event.volume < _MOST or math.isnan(event.volume))
        )
    return 0 <= event.bid < _MOST and 0 <= event.ask < _MOST
