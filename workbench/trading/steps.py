"""What an input of the order path leads to: records to write, then effects to carry out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workbench.core.order import Order
from workbench.trading.records import Record

__all__ = ["Cancel", "Effect", "Evidence", "LookUp", "Pull", "Replace", "Send", "Step"]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this order; once, whatever comes of it."""

    order: Order


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the venue to end this order."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Ask the venue to put `order` in the place of another."""

    order_id: str
    order: Order


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the venue what became of this order."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch fills: the venue knows of more than we do."""

    since: datetime | None = None


Effect = Send | Cancel | Replace | LookUp | Pull


@dataclass
class Step:
    """What an input leads to: records first, then effects."""

    records: list[Record] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What it takes to believe that a venue never got an order.

    Parameters
    ----------
    horizon : timedelta
        How long after we lost track a request may still arrive.
    lookups : int
        How many healthy look-ups past the horizon must find nothing.
    """

    horizon: timedelta = timedelta(seconds=60)
    lookups: int = 2
