"""Executions that no venue has told as such: derived from totals, and taken back.

A venue without ids for its executions tells how much of an order was filled in all, and
at which average. The difference to what is counted becomes one *synthetic* fill, whose
id is made from venue, order and total, so that the same message twice is one fill. Where
real executions come after all, they take the place of synthetic ones: each of those is
taken back by an entry of its own, never changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order
from workbench.core.signal import Side

__all__ = ["cumulative", "is_synthetic", "reversing", "superseding"]

Taken = Container[tuple[str, str]]

_PREFIX = "cum-"
_PLACES = Decimal("1e-12")


def is_synthetic(fill: Fill) -> bool:
    """Whether we derived it; what takes one back is not synthetic itself."""
    return fill.execution_id.startswith(_PREFIX) and fill.reverses is None


def cumulative(
    venue: str, ours: Order, theirs: Order, now: datetime, taken: Taken = frozenset()
) -> Fill | None:
    """Return what a total adds to what is counted; None where no price can be told.

    Parameters
    ----------
    venue : str
        Under whose name it is counted.
    ours, theirs : Order
        What is counted, and the venue's order with the larger total.
    taken : container of (venue, execution_id)
        The ids there are: a total that was counted and taken back is counted under another.
    """
    if theirs.average_price is None:
        return None
    units = MONEY.subtract(theirs.filled, ours.filled)
    cost = MONEY.subtract(
        MONEY.multiply(theirs.filled, theirs.average_price),
        MONEY.multiply(ours.filled, ours.average_price or ZERO),
    )
    return Fill(
        execution_id=_name(venue, ours.order_id, theirs.filled, taken),
        order_id=ours.order_id,
        venue=venue,
        symbol=ours.symbol,
        side=ours.side,
        quantity=units,
        price=_price(cost, units, theirs.average_price),
        time=now,
    )


def reversing(original: Fill, execution_id: str, time: datetime) -> Fill:
    """Return the entry that takes an execution back in full, its fee too."""
    return replace(
        original,
        execution_id=execution_id,
        reverses=original.execution_id,
        side=Side.SELL if original.side is Side.BUY else Side.BUY,
        fee=MONEY.minus(original.fee),
        slippage=MONEY.minus(original.slippage),
        time=time,
    )


def superseding(
    real: Fill, parts: Sequence[Fill], now: datetime, taken: Taken = frozenset()
) -> list[Fill]:
    """Return the entries by which a real execution takes the place of synthetic ones.

    All of those are taken back; what the real one does not explain is counted as one
    synthetic fill again, so that in all the units stay what the venue says.
    """
    units = cost = ZERO
    entries = []
    for part in parts:
        units = MONEY.add(units, part.quantity)
        cost = MONEY.add(cost, MONEY.multiply(part.quantity, part.price))
        entries.append(reversing(part, f"{part.execution_id}~{real.execution_id}", now))
    entries.append(real)
    rest = MONEY.subtract(units, real.quantity)
    if rest > 0:
        left = MONEY.subtract(cost, MONEY.multiply(real.quantity, real.price))
        name = _name(parts[0].venue, real.order_id, units, taken)
        price = _price(left, rest, MONEY.divide(cost, units))
        entries.append(replace(parts[0], execution_id=name, quantity=rest, price=price, time=now))
    return entries


def _name(venue: str, order_id: str, total: Decimal, taken: Taken) -> str:
    text = f"{venue}|{order_id}|{format(MONEY.normalize(total), 'f')}"
    while True:
        text = hashlib.sha256(text.encode()).hexdigest()
        name = _PREFIX + text[:32]
        if (venue, name) not in taken:
            return name


def _price(cost: Decimal, units: Decimal, otherwise: Decimal) -> Decimal:
    """Return the price of a difference; averages that were rounded may leave none."""
    if cost <= 0:
        return otherwise
    return MONEY.quantize(MONEY.divide(cost, units), _PLACES).normalize(MONEY)
