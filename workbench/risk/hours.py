"""Whether an instrument's market is open, in its extended hours, or closed."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from workbench.risk.context import Phase

__all__ = ["phase_at"]


def phase_at(calendar: str, now: datetime) -> Phase:
    """Return the phase of a market, to the minute.

    Examples
    --------
    >>> from datetime import UTC
    >>> [phase_at("XNYS", datetime(2024, 7, 3, hour, 30, tzinfo=UTC)) for hour in (5, 12, 15, 18)]
    ['closed', 'extended', 'open', 'extended']
    """
    return _phase(calendar, now.replace(second=0, microsecond=0))


@lru_cache(maxsize=256)
def _phase(calendar: str, minute: datetime) -> Phase:
    import pandas as pd

    from workbench.data.hours import phases  # pandas and the calendars, where one is asked

    found = phases(pd.DatetimeIndex([minute]), calendar).iloc[0]
    return "open" if found == "regular" else "closed" if found == "closed" else "extended"
