"""What the reference says of prices inside a bar: limits reached, stops triggered."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.backtest.entries import Limit
from workbench.backtest.reference_words import Bar, Execution, Holding, Ticket
from workbench.backtest.stops import Stops

if TYPE_CHECKING:
    from workbench.backtest.reference import Reference

__all__ = ["Hit", "after_entry", "enter", "flag", "precedes", "reached", "triggered"]

Hit = tuple[str, float, float, bool]
"""Kind, price, level, and whether the path inside the bar decided."""


def enter(run: Reference, now: int, symbol: int, bar: Bar) -> None:
    """Fill an entry that rests, unless a stop comes first, and end it when it had its bars."""
    holding = run.held[symbol]
    if run.entry is None or holding.pending is None:
        return
    ticket = run.tickets[holding.pending]
    if not ticket.rests:
        return
    price = reached(run.entry, ticket, bar)
    if price is not None and run.can_fill(bar[0], bar[4]):
        stop = triggered(run.stops, holding, bar) if holding.units else None
        if stop is None or not precedes(stop, ticket, bar):
            quantity = run.size(symbol, price, bar[4], run.worth())
            holding.entered = 0.0 if price == bar[0] else price
            if quantity > 0:
                run.fill_due(now, ticket, {symbol: quantity}, (price, bar[4]))
            holding.entered *= holding.used > 0
    if holding.pending is not None and now - ticket.bar >= run.entry.good_for:
        run.end(ticket, "expired")


def reached(entry: Limit, ticket: Ticket, bar: Bar) -> float | None:
    """Return the price at which a bar fills a resting entry; None where it does not."""
    opened, high, low, _, _ = bar
    limit = ticket.level
    if ticket.side > 0:
        is_reached = low <= limit if entry.touch else low < limit
        return min(opened, limit) if is_reached else None
    is_reached = high >= limit if entry.touch else high > limit
    return max(opened, limit) if is_reached else None


def precedes(stop: Hit, ticket: Ticket, bar: Bar) -> bool:
    """Tell whether a stop comes before the limit: at the open, or nearer to it."""
    kind, price, level, _ = stop
    if price == bar[0]:
        return True
    return kind != "profit" and (
        level >= ticket.level if ticket.side > 0 else level <= ticket.level
    )


def after_entry(stops: Stops, holding: Holding, bar: Bar) -> Hit | None:
    """Return what is triggered after an entry inside the bar; the kind is empty for nothing sure.

    What lies beyond the limit comes after it. The favourable extreme may have come before,
    the close has not.
    """
    is_long = holding.units > 0
    limit, (_, high, low, close, volume) = holding.entered, bar
    full = triggered(stops, holding, (limit, high, low, close, volume))
    if full is None:
        return None
    if full[0] != "profit":
        return full
    goal = full[2]
    if close >= goal if is_long else close <= goal:
        return full
    return "", math.nan, math.nan, True


def flag(executions: list[Execution], now: int, symbol: int) -> None:
    """Mark the entry of this bar as decided by the path inside it."""
    place = max(k for k, one in enumerate(executions) if one.symbol == symbol)
    if executions[place].bar == now:
        executions[place] = replace(executions[place], both=True)


def triggered(stops: Stops, holding: Holding, bar: Bar) -> Hit | None:
    """Return the stop that a bar triggers, the worse of two; None where there is none."""
    opened, high, low, _, _ = bar
    is_long = holding.units > 0
    stop, kind = (-math.inf if is_long else math.inf), "loss"
    if stops.loss is not None:
        stop = holding.average * (1 - stops.loss if is_long else 1 + stops.loss)
    if stops.trail is not None:
        trail = holding.best * (1 - stops.trail if is_long else 1 + stops.trail)
        if (trail > stop) if is_long else (trail < stop):
            stop, kind = trail, "trail"
    goal = math.inf if is_long else -math.inf
    if stops.profit is not None:
        goal = holding.average * (1 + stops.profit if is_long else 1 - stops.profit)
    stopped = low <= stop if is_long else high >= stop
    won = high >= goal if is_long else low <= goal
    gap_won = opened >= goal if is_long else opened <= goal
    gap_stopped = opened <= stop if is_long else opened >= stop
    if won and (gap_won or not stopped):
        return "profit", max(opened, goal) if is_long else min(opened, goal), goal, False
    if stopped:
        price = min(opened, stop) if is_long else max(opened, stop)
        return kind, price, stop, won and not gap_stopped
    return None
