"""The fills of the spans engine: one symbol, and nothing that depends on the volume.

What ``workbench.kernels.matching`` and ``simulate.decide`` do, by the same rules, without
orders and fills to look at afterwards.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.kernels.book import Records
from workbench.kernels.codes import MARKET, PROFIT, Quote, Terms, Want
from workbench.kernels.compile import step
from workbench.kernels.rules import (
    affordable,
    average_after,
    cash_after,
    decided,
    fee_of,
    fill_price,
    sized,
    stop_hit,
)
from workbench.kernels.sweep_tally import end_trip

__all__ = ["HOLDING", "attempt", "decide", "equity", "protect"]

HOLDING = np.dtype(
    [
        ("average", "f8"),  # entry price
        ("best", "f8"),  # most favourable price since entry, known before this bar
        ("mark", "f8"),  # last known price
        ("before", "f8"),  # equity of the bar before
        ("traded", "f8"),  # notional of all fills so far
        ("waits", "i8"),  # 1 where an order is pending
        ("goal", "f8"),  # its target
        ("side", "f8"),
        ("wanted", "f8"),  # its units where they were fixed at the decision
        ("spent", "f8"),  # of the round trip: notional of entries, of exits, fees
        ("gained", "f8"),
        ("paid", "f8"),
    ],
    align=True,
)


@step
def equity(state: Records, place: Records) -> float:
    """Return cash and what is held at the last known price."""
    cash = state.cash
    return cash + state.units * place.mark if state.units != 0.0 else cash  # type: ignore[no-any-return]


@step
def decide(target: float, worth: float, state: Records, place: Records, terms: Terms) -> None:
    """Put an order in the place of what is pending, or none, as ``simulate.decide``."""
    if target == 0.0 and place.mark > 0.0 and terms.sizing.lot == 0.0:
        delta = -state.units  # what `decided` comes to
    else:
        delta = decided(target, state.units, place.mark, worth, place.traded, terms)
    place.waits = delta != 0.0
    place.goal = target
    place.side = 1.0 if delta > 0.0 else -1.0
    place.wanted = abs(delta)


@step
def attempt(base: float, state: Records, place: Records, terms: Terms) -> None:
    """Fill what is pending at a price, as ``matching.fill_pending``."""
    if not base > 0.0:
        return
    place.mark = base
    place.waits = 0
    worth, sizing = equity(state, place), terms.sizing
    if place.goal == 0.0 and sizing.at_fill > 0.0 and sizing.lot == 0.0:
        close_out(base, state, place, terms)
        return
    want = Want(place.goal, place.side, state.units)
    quote = Quote(base, 0.0, math.inf)
    quantity = place.wanted
    if sizing.at_fill > 0.0:
        quantity = sized(want, quote, worth, place.traded, terms)
    if quantity > 0.0 and (sizing.at_fill > 0.0 or sizing.trims > 0.0):
        quantity = min(quantity, affordable(want, quantity, quote, worth, 0.0, place.traded, terms))
    if quantity > 0.0:
        price = fill_price(quote, place.side, quantity, terms.costs)
        execute(place.side, quantity, (base, price), False, state, place, terms)


@step
def close_out(base: float, state: Records, place: Records, terms: Terms) -> None:
    """Fill an order for a target of 0: what `sized` and `affordable` come to is all that is held.

    Nothing, where a stop was before it.
    """
    quantity = -state.units * place.side
    price = fill_price(Quote(base, 0.0, math.inf), place.side, quantity, terms.costs)
    if quantity > 0.0 and price > 0.0:
        execute(place.side, quantity, (base, price), False, state, place, terms)


@step
def protect(bar: Records, state: Records, place: Records, terms: Terms) -> None:
    """Fill a stop that a bar triggers, as ``simulate.trade_bar``."""
    units = state.units
    inside = (bar.open, bar.high, bar.low)
    kind, base, _, _ = stop_hit(
        units, inside, place.average, place.best, terms.stops, terms.best_first
    )
    if kind == MARKET:
        place.best = max(place.best, bar.high) if units > 0.0 else min(place.best, bar.low)
        return
    side, quantity, is_limit = -1.0 if units > 0.0 else 1.0, abs(units), kind == PROFIT
    price = base
    if not is_limit:
        price = fill_price(Quote(base, 0.0, math.inf), side, quantity, terms.costs)
    execute(side, quantity, (base, price), is_limit, state, place, terms)


@step
def execute(
    side: float,
    quantity: float,
    prices: tuple[float, float],
    is_maker: bool,
    state: Records,
    place: Records,
    terms: Terms,
) -> None:
    """Book a fill, as ``matching.execute`` and ``trips.round_trips``."""
    base, price = prices
    fee = fee_of(quantity, price, is_maker, place.traded, terms.costs)
    place.traded += quantity * price
    held = state.units
    after = held + side * quantity
    state.cash = cash_after(state.cash, side, quantity, price, fee)
    place.average = average_after(held, place.average, side, quantity, price)
    state.units = after
    if held * after <= 0.0:
        place.best = price
    state.notional += quantity * price
    state.fees += fee
    state.slippage += abs(price - base) * quantity
    closing = min(quantity, abs(held)) if held * side < 0.0 else 0.0
    if closing > 0.0:
        place.gained += closing * price
        place.paid += fee * (closing / quantity)
        if held * after <= 0.0:
            sign = 1.0 if held > 0.0 else -1.0
            end_trip(sign * (place.gained - place.spent) - place.paid, state)
    opening = quantity - closing
    if opening > 0.0 and after != 0.0:
        if held * after <= 0.0:
            place.spent = place.gained = place.paid = 0.0
        place.spent += opening * price
        place.paid += fee * (opening / quantity)
