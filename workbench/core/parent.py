"""An order too large to be sent at once: what is to be executed in parts, over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from workbench.core.money import ZERO, floor_to
from workbench.core.order import TimeInForce
from workbench.core.signal import Side
from workbench.errors import UsageError

__all__ = ["Parent", "ParentEvent", "ParentState"]


class ParentState(StrEnum):
    """Where a parent is.

    At work; resting until it is resumed; being withdrawn, until nothing of it is open; and
    then over: filled whole, withdrawn, or out of time.
    """

    RUNNING = "running"
    PAUSED = "paused"
    CANCELING = "canceling"
    DONE = "done"
    CANCELED = "canceled"
    ENDED = "ended"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent for it."""
        return self in (ParentState.DONE, ParentState.CANCELED, ParentState.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What is to be executed, by which algorithm, and within which bounds.

    It is written to the journal before its first part is sent, and holds all that the
    algorithm needs: what happens to it later is a function of the journal and the market.

    Parameters
    ----------
    algo_id : str
        Its name, and the beginning of the ids of its parts.
    quantity : Decimal
        Units in all, a multiple of `lot`.
    algorithm : str
        The name of the algorithm, ``"twap"``.
    settings : mapping of str to plain JSON
        Those of the algorithm; numbers as text.
    start, end : datetime
        Aware, UTC. Nothing is sent before the start or from the end on, and what is still
        open at the end is withdrawn.
    limit_price : Decimal, optional
        No part is bought above it, or sold below it.
    max_participation : Decimal, optional
        The parts together never come to more than this fraction of what the market trades.
    lot, tick, min_notional : Decimal
        Steps of quantity and price, and the least value of an order; 0 is "no step".
    arrival : Decimal, optional
        The market's price when it was decided, for the report.
    tif, reduce_only, extended_hours
        Of each part, see `Intent`.
    """

    algo_id: str
    run_id: str
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    algorithm: str
    start: datetime
    end: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    limit_price: Decimal | None = None
    max_participation: Decimal | None = None
    lot: Decimal = ZERO
    tick: Decimal = ZERO
    min_notional: Decimal = ZERO
    arrival: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    extended_hours: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        facts = {"algo_id": self.algo_id}
        if self.side is Side.FLAT:
            raise UsageError("a parent buys or sells", **facts)
        if self.quantity <= 0 or floor_to(self.quantity, self.lot) != self.quantity:
            raise UsageError(
                f"quantity must be a positive multiple of the lot {self.lot}, not {self.quantity}",
                **facts,
            )
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end <= self.start:
            raise UsageError(f"the end must lie after the start: {self.start}, {self.end}", **facts)
        if self.limit_price is not None and self.limit_price <= 0:
            raise UsageError(f"limit_price must be positive, not {self.limit_price}", **facts)
        share = self.max_participation
        if share is not None and not 0 < share <= 1:
            raise UsageError(f"max_participation is above 0 and at most 1, not {share}", **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentEvent:
    """That a parent is paused, goes on, is to be withdrawn, or is over.

    Parameters
    ----------
    to : ParentState
    time : datetime
        Aware, UTC.
    reason : str
        Why, and who asked.
    """

    algo_id: str
    to: ParentState
    time: datetime
    reason: str = ""
