"""A split over venues as the journal keeps it: an algorithm whose parts are parents elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar

from workbench.core.money import ZERO
from workbench.core.parent import Parent
from workbench.errors import UsageError
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.routing import Routing
from workbench.trading.execution.schedules import Twap

__all__ = ["Routed"]


@dataclass(frozen=True, kw_only=True)
class Routed(Algorithm):
    """What the home venue's journal keeps of a split; its parts are parents elsewhere.

    Parameters
    ----------
    venues : tuple of str
    units, limits : tuple of Decimal
        Per venue the units and the worst price.
    """

    name: ClassVar[str] = "route"
    works_elsewhere: ClassVar[bool] = True
    venues: tuple[str, ...]
    units: tuple[Decimal, ...]
    limits: tuple[Decimal, ...]

    def check(self) -> None:
        """Hold that each venue has its units and its limit."""
        if not len(self.venues) == len(self.units) == len(self.limits):
            raise UsageError("each venue of a split has its units and its limit")

    @classmethod
    def of(cls, routing: Routing) -> Routed:
        """Return it for a split."""
        legs = routing.legs
        return cls(
            venues=tuple(leg.venue for leg in legs),
            units=tuple(leg.quantity for leg in legs),
            limits=tuple(leg.limit_price for leg in legs),
        )

    def parts(self, parent: Parent) -> dict[str, Parent]:
        """Return the parent that each venue is given."""
        once = Twap(slices=1)
        return {
            venue: replace(
                parent, algo_id=f"{parent.algo_id}-{venue}", quantity=units, limit_price=limit,
                algorithm=once.name, settings=once.settings, lot=ZERO, tick=ZERO,
                min_notional=ZERO, max_participation=None,
            )
            for venue, units, limit in zip(self.venues, self.units, self.limits, strict=True)
        }  # fmt: skip
