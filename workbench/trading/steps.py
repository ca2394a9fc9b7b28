"""What an input of the order path leads to: records to write, then effects to carry out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workbench.core.capabilities import Capabilities
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
    """Ask the venue what became of this order; `asked` is when, for what "not found" proves."""

    order_id: str
    asked: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch fills: the venue knows of more than we do."""

    since: datetime | None = None
    asked: datetime | None = field(default=None, compare=False)


Effect = Send | Cancel | Replace | LookUp | Pull


@dataclass(slots=True)
class Step:
    """What an input leads to: records first, then effects."""

    records: list[Record] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What it takes to believe what a venue says of an order that it does not show.

    Parameters
    ----------
    horizon : timedelta
        How long after we lost track a request may still arrive.
    lookups : int
        How many healthy look-ups past the horizon must find nothing.
    spacing : timedelta
        How far apart those must be: one answer of a lagging copy is not two.
    quarantine : timedelta
        After which an order of unknown fate is put before a person.
    fill_lag : timedelta
        How long an execution may be missing from the venue's list.
    finds_ended : bool
        Whether an order that has ended is found; where not, absence cannot be proven.
    tells_final_filled : bool
        Whether the message of an order's end tells how much of it was filled.

    Examples
    --------
    >>> Evidence.of(Capabilities(finds_ended=True)).horizon
    datetime.timedelta(seconds=65)
    """

    horizon: timedelta = timedelta(seconds=60)
    lookups: int = 2
    spacing: timedelta = timedelta(0)
    quarantine: timedelta = timedelta(minutes=15)
    fill_lag: timedelta = timedelta(seconds=5)
    finds_ended: bool = True
    tells_final_filled: bool = True

    @classmethod
    def of(cls, capabilities: Capabilities) -> Evidence:
        """Return what a venue's own figures ask for."""
        return cls(
            horizon=max(
                capabilities.horizon, capabilities.request_lifetime + capabilities.fill_lag
            ),
            spacing=capabilities.lookup_lag,
            fill_lag=capabilities.fill_lag,
            finds_ended=capabilities.finds_ended,
            tells_final_filled=capabilities.tells_final_filled,
        )
