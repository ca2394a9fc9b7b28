"""Which round trip an order belongs to, where two courses of one run are laid side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from workbench.core.money import ZERO
from workbench.live.divergence.courses import Booked
from workbench.live.divergence.journaled import Key

__all__ = ["rounds_of"]

_DUST = Decimal("1e-9")


def rounds_of(keys: Sequence[Key], courses: Iterable[Iterable[Booked]]) -> list[int]:
    """Return which round trip of its column each key belongs to, counted from 1.

    One ends where all courses are flat.

    Parameters
    ----------
    keys : sequence of Key
        Sorted.
    courses : iterable of iterable of Booked
        What was filled in each.

    Returns
    -------
    list of int
        One per key.
    """
    traded = [_units(course) for course in courses]
    held = {key.column: [ZERO] * len(traded) for key in keys}
    number = dict.fromkeys(held, 1)
    is_open = dict.fromkeys(held, False)
    found = []
    for key in keys:
        column, units = key.column, held[key.column]
        for place, course in enumerate(traded):
            units[place] += course.get(key, ZERO)
        found.append(number[column])
        is_flat = all(abs(one) <= _DUST for one in units)
        if is_flat and is_open[column]:
            number[column] += 1
        is_open[column] = not is_flat
    return found


def _units(course: Iterable[Booked]) -> dict[Key, Decimal]:
    found: dict[Key, Decimal] = {}
    for one in course:
        found[one.key] = found.get(one.key, ZERO) + one.quantity
    return found
