"""In which unit a statistic is shown: fractions as percent, the rest as they are."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

__all__ = ["FRACTIONS", "shown"]

FRACTIONS = frozenset(
    {"total_return", "cagr", "volatility", "max_drawdown", "win_rate", "exposure"}
)
"""The statistics that are fractions of one."""


def shown(name: str, value: Any) -> str:
    """Write a statistic for a person; NaN is a dash, midnight a date.

    Examples
    --------
    >>> shown("cagr", 0.1234), shown("sharpe", 1.5), shown("round_trips", 12)
    ('12.34%', '1.50', '12')
    >>> shown("sharpe", float("nan"))
    '–'
    """
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if value != value:  # noqa: PLR0124  # NaN
        return "–"
    return f"{value:,.2%}" if name in FRACTIONS else f"{value:,.2f}"
