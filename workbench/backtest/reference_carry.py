"""What a holding goes through between two closes, as the reference has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.backtest.reference_words import Bar, Event, Holding, Ticket
from workbench.costs.financing import Financing

if TYPE_CHECKING:
    from workbench.backtest.reference import Reference

__all__ = ["carry"]


def carry(run: Reference, bars: Sequence[Bar], events: Sequence[Event]) -> None:
    """Book what is due before the open of a bar; nothing where there are no events."""
    if not events:
        return
    financing = run.costs.financing
    if run.equity:
        run.cash += financing.interest(run.cash, events[0][0])
    for holding, event in zip(run.held, events, strict=True):
        if event[3] != 1:
            divided(holding, event[3], run.tickets)
    run.cash += carried(run.held, [bar[0] for bar in bars], events, financing)


def divided(holding: Holding, ratio: float, tickets: list[Ticket]) -> None:
    """Turn a holding, and the order at work, into `ratio` new units for each old one."""
    holding.units *= ratio
    for name in ("average", "best", "mark"):
        setattr(holding, name, getattr(holding, name) / ratio)
    if holding.pending is not None:
        ticket = tickets[holding.pending]
        ticket.level /= ratio
        if not math.isnan(ticket.remaining):
            ticket.remaining *= ratio
            ticket.quantity = ticket.filled + ticket.remaining


def carried(
    held: list[Holding], opens: Sequence[float], events: Sequence[Event], financing: Financing
) -> float:
    """Return what the holdings, their splits done, bring in and cost before an open."""
    total = 0.0
    for holding, opened, (years, funding, dividend, _) in zip(held, opens, events, strict=True):
        if holding.units:
            price = holding.mark if math.isnan(opened) else opened
            total += holding.units * (dividend - price * funding)
            total += financing.borrow(holding.units, holding.mark, years)
    return total
