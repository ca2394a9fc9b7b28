"""From fills to round trips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.carry import KINDS
from workbench.kernels.codes import SPLIT, Floats
from workbench.kernels.compile import jit, part

__all__ = ["NOTHING", "TRIP", "Carried", "Trips", "round_trips"]

_FIRST = len(KINDS)

TRIP = np.dtype(
    [
        ("symbol", "i8"),
        ("side", "f8"),  # +1 long, -1 short
        ("entry", "i8"),  # bar of the first fill
        ("exit", "i8"),  # bar of the last, -1 while open
        ("entered", "f8"),  # units, all entries
        ("spent", "f8"),  # their notional
        ("left", "f8"),  # units, all exits
        ("gained", "f8"),  # their notional
        ("fees", "f8"),
        ("carried", "f8"),  # received for holding it; negative is paid
        ("both", "i8"),  # 1 where the order of prices inside a bar decided
    ],
    align=True,
)


class Carried(NamedTuple):
    """What holdings went through: ``Market.events`` and the flows of the run."""

    events: Floats
    flows: Floats


NOTHING = Carried(np.empty((0, 0, 0)), np.empty((0, 0)))
"""Nothing was carried."""


class Trips(NamedTuple):
    """Round trips that ended, in the order of their ends, and those still open."""

    closed: Records
    open: Records


@jit
def round_trips(fills: Records, n: int, carried: Carried) -> Trips:
    """Fold fills of `n` symbols, oldest first, into round trips.

    A round trip begins where a symbol leaves zero and ends where it is at zero again,
    however many fills lie between. A fill that crosses zero ends one and begins the next,
    and its fee is split by units. A split multiplies the units traded before it. What a symbol
    received or paid while it was held is the round trip's.
    """
    now = np.zeros(n, TRIP)
    units = np.zeros(n)
    closed = np.empty(len(fills), TRIP)
    count = 0
    seen = np.zeros(n, np.int64)  # bars whose events are in
    bars = len(carried.events)
    for k in range(len(fills)):
        fill = fills[k]
        j = fill.symbol
        trip = now[j]
        if bars > 0:
            units[j] = hold(j, seen[j], fill.bar + 1, units[j], trip, carried)
            seen[j] = fill.bar + 1
        held = units[j]
        after = held + fill.side * fill.quantity
        units[j] = after
        closing = min(fill.quantity, abs(held)) if held * fill.side < 0.0 else 0.0
        if closing > 0.0:
            trip.left += closing
            trip.gained += closing * fill.price
            trip.fees += fill.fee * (closing / fill.quantity)
            trip.both = max(trip.both, fill.both)
            if held * after <= 0.0:
                trip.exit = fill.bar
                closed[count] = trip
                count += 1
        opening = fill.quantity - closing
        if opening > 0.0 and after != 0.0:
            if held * after <= 0.0:
                begin(trip, j, fill)
            trip.both = max(trip.both, fill.both)
            trip.entered += opening
            trip.spent += opening * fill.price
            trip.fees += fill.fee * (opening / fill.quantity)
    if bars > 0:
        for j in range(n):
            units[j] = hold(j, seen[j], bars, units[j], now[j], carried)
    return Trips(closed[:count].copy(), now[units != 0.0])


@part
def hold(j: int, first: int, end: int, units: float, trip: Records, carried: Carried) -> float:
    """Take a holding through the starts of bars `first` to before `end`; return its units."""
    if units == 0.0:
        return units
    for t in range(first, end):
        ratio = carried.events[t, j, SPLIT]
        if ratio != 1.0:
            units *= ratio
            trip.entered *= ratio
            trip.left *= ratio
        trip.carried += carried.flows[t, _FIRST + j]
    return units


@part
def begin(trip: Records, symbol: int, fill: Records) -> None:
    """Set a record to a round trip that has just begun."""
    trip.symbol = symbol
    trip.side = fill.side
    trip.entry = fill.bar
    trip.exit = -1
    trip.entered = 0.0
    trip.spent = 0.0
    trip.left = 0.0
    trip.gained = 0.0
    trip.fees = 0.0
    trip.carried = 0.0
    trip.both = 0
