"""Protective stops."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.costs.checks import number
from workbench.errors import UsageError
from workbench.kernels.codes import StopCode

__all__ = ["Stops"]


@dataclass(frozen=True, kw_only=True)
class Stops:
    """Where a position is closed by itself, as fractions.

    Parameters
    ----------
    loss : float, optional
        This far below the entry price (a short: above), between 0 and 1.
    profit : float, optional
        This far beyond the entry price in our favour, above 0.
    trail : float, optional
        This far behind the most favourable price since entry, that of the bar itself not
        yet included; between 0 and 1.

    Raises
    ------
    UsageError
        A value out of its range.

    Examples
    --------
    >>> Stops(loss=0.05, profit=0.10).code().loss
    0.05
    """

    loss: float | None = None
    profit: float | None = None
    trail: float | None = None

    def __post_init__(self) -> None:
        for name in ("loss", "profit", "trail"):
            value = getattr(self, name)
            if value is None:
                continue
            most = math.inf if name == "profit" else 1.0
            if not 0.0 < number(value, name) < most:
                limit = "" if most == math.inf else " and below 1"
                raise UsageError(
                    f"{name} must lie above 0{limit}, as a fraction of the price, not {value!r}",
                    what=name,
                    value=value,
                )

    def code(self) -> StopCode:
        """Return the named tuple that kernels compute with."""
        values = (self.loss, self.profit, self.trail)
        return StopCode(*(math.inf if value is None else float(value) for value in values))
