"""What the market takes: one small frozen class per model, each with the one method ``price``.

A market order and a stop slip, always to the disadvantage; a profit limit does not. A price
never falls below zero.
"""

# ruff: noqa: ARG002 - all models answer to one signature
from __future__ import annotations

from dataclasses import dataclass

from workbench.costs.checks import at_least
from workbench.errors import UsageError

__all__ = ["Bps", "Fixed", "Slippage", "VolumeShare"]


@dataclass(frozen=True)
class Bps:
    """A fraction of the price.

    Examples
    --------
    >>> Bps(10).price(100.0, 1), Bps(10).price(100.0, -1)
    (100.1, 99.9)
    """

    bps: float = 0.0

    def __post_init__(self) -> None:
        if at_least(0.0, self.bps, "bps") >= 1e4:
            raise UsageError(f"bps must lie below 10,000, not {self.bps!r}", what="bps")

    def price(self, price: float, side: float, quantity: float = 0.0, volume: float = 0.0) -> float:
        """Return what a buy (`side` 1) or a sell (-1) gets; the rest does not matter."""
        return max(price + side * (price * (self.bps / 1e4)), 0.0)


@dataclass(frozen=True)
class Fixed:
    """An amount of money per unit, such as half the spread.

    Examples
    --------
    >>> Fixed(0.25).price(100.0, -1)
    99.75
    """

    amount: float

    def __post_init__(self) -> None:
        at_least(0.0, self.amount, "amount")

    def price(self, price: float, side: float, quantity: float = 0.0, volume: float = 0.0) -> float:
        """Return what a buy (`side` 1) or a sell (-1) gets; the rest does not matter."""
        return max(price + side * self.amount, 0.0)


@dataclass(frozen=True)
class VolumeShare:
    """An impact that grows with the square of the share of the bar's volume.

    ``price * coefficient * (quantity / volume)**2``, the share being at most 1: the model and
    the default of zipline's ``VolumeShareSlippage``. A bar of no volume fills nothing.

    Parameters
    ----------
    coefficient : float
        Fraction of the price at the whole volume of the bar, above 0 and below 1.

    Examples
    --------
    >>> round(VolumeShare(0.1).price(100.0, 1, quantity=500, volume=1_000), 6)
    102.5
    """

    coefficient: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < at_least(0.0, self.coefficient, "coefficient") < 1.0:
            raise UsageError(
                f"coefficient must lie above 0 and below 1, not {self.coefficient!r}",
                what="coefficient",
            )

    def price(self, price: float, side: float, quantity: float, volume: float) -> float:
        """Return what a buy (`side` 1) or a sell (-1) of `quantity` gets in a bar of `volume`."""
        share = min(quantity / volume, 1.0)
        return max(price + side * (price * (self.coefficient * share * share)), 0.0)


Slippage = Bps | Fixed | VolumeShare
"""The models there are."""
