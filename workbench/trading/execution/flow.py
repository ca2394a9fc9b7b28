"""Algorithms by what the market does: a share of its volume, or a piece at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from workbench.core.money import MONEY, ZERO, floor_to
from workbench.core.order import OrderType
from workbench.errors import UsageError
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.moment import Action, Moment, Place
from workbench.trading.execution.sizes import bounded, chance, due, marketable

__all__ = ["Iceberg", "Pov"]


@dataclass(frozen=True, kw_only=True)
class Pov(Algorithm):
    """A fixed share of what the market trades ("percentage of volume").

    It ends with its window, done or not: there is no more volume to take part in.

    Parameters
    ----------
    share : Decimal
        Of the volume, above 0 up to 1.
    every : int
        Seconds between two parts, at least.

    Examples
    --------
    >>> Pov(share=0.1).share
    Decimal('0.1')
    """

    name: ClassVar[str] = "pov"
    share: Decimal
    every: int = 0

    def check(self) -> None:
        """Hold that the settings make sense."""
        if not 0 < self.share <= 1:
            raise UsageError(f"share is above 0 and at most 1, not {self.share}")

    @property
    def rate(self) -> Decimal | None:
        """The share of the volume that it aims at."""
        return self.share

    def actions(self, moment: Moment) -> Sequence[Action]:
        """Return what to do now."""
        children = moment.progress.children
        if children and moment.now < children[-1].at + timedelta(seconds=self.every):
            return ()
        part = moment.following()
        units = due(moment, MONEY.multiply(self.share, moment.market.volume))
        if part is None or not units:
            return ()
        return (Place(part, units, *marketable(moment.parent)),)


@dataclass(frozen=True, kw_only=True)
class Iceberg(Algorithm):
    """A large limit order of which the market sees one piece at a time.

    It rests at the parent's limit, without one on the near side as it was when the piece
    was sent. The next piece is sent once the one before has ended.

    Parameters
    ----------
    display : Decimal
        Units that are shown.
    variance : Decimal
        By how much of itself a piece may be smaller, so that pieces do not tell of each
        other; how much is drawn from the parent's id.
    """

    name: ClassVar[str] = "iceberg"
    display: Decimal
    variance: Decimal = ZERO

    def check(self) -> None:
        """Hold that the settings make sense."""
        if self.display <= 0 or not 0 <= self.variance < 1:
            raise UsageError("display is above 0, and variance at least 0 and below 1")

    def actions(self, moment: Moment) -> Sequence[Action]:
        """Return what to do now."""
        part = moment.following()
        parent, near = moment.parent, moment.market.near(moment.parent.side)
        price = parent.limit_price if parent.limit_price is not None else near
        if moment.progress.open or part is None or price is None:
            return ()
        less = MONEY.multiply(self.variance, chance(parent, part.number))
        piece = floor_to(MONEY.multiply(self.display, MONEY.subtract(Decimal(1), less)), parent.lot)
        limit = bounded(parent, price)
        # a display below the lot shows one lot: nothing would be sent at all
        goal = MONEY.add(moment.progress.committed, max(piece, parent.lot))
        units = due(moment, goal, limit)
        return (Place(part, units, OrderType.LIMIT, limit),) if units else ()
