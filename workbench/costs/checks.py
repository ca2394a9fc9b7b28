"""Checks of the numbers that describe costs."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from workbench.errors import UsageError

__all__ = ["at_least", "number"]


def number(value: Any, what: str) -> float:
    """Return a finite number as float, or raise `UsageError` naming it.

    Examples
    --------
    >>> number(3, "bps")
    3.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise UsageError(f"{what} must be a finite number, not {value!r}", what=what, value=value)
    return float(value)


def at_least(low: float, value: Any, what: str) -> float:
    """Return a finite number not below `low`, or raise `UsageError` naming it.

    Examples
    --------
    >>> at_least(0, 0.5, "minimum")
    0.5
    """
    if number(value, what) < low:
        raise UsageError(f"{what} must be at least {low:g}, not {value!r}", what=what, value=value)
    return float(value)
