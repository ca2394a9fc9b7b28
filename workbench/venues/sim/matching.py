"""How the simulated venue fills orders: the fill table over order objects.

The scalar rules are those of :mod:`workbench.kernels.rules`, called in the order of the
kernel, so that a replay fills as a backtest does, to the bit. What the kernel has no
word for (limit and stop orders that were sent, several orders of one symbol, quotes)
follows the same rules here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from workbench.core.bar import Bar
from workbench.core.money import decimal
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.kernels.called import (
    affordable,
    allowance,
    entry_hit,
    fill_price,
    fillable,
    is_stopped_first,
    is_too_small,
    is_tradable,
    limit_price,
    sized,
    stop_hit,
)
from workbench.kernels.codes import (
    LIQUIDATION,
    LOSS,
    MARKET,
    PROFIT,
    TRAIL,
    EntryCode,
    Quote,
    Want,
)
from workbench.venues.sim.state import Deal, Slot, VenueState

__all__ = [
    "Range",
    "expire_day",
    "expire_limits",
    "fill_pending",
    "leg",
    "protect",
    "watch_stops",
    "work_resting",
]

BOTH_INSIDE = "both stops lay inside the bar"
_SMALL = "below the least notional"
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
_NAMES = {LOSS: "loss", PROFIT: "profit", TRAIL: "trail", LIQUIDATION: "liquidation"}
_TYPES = {
    LOSS: OrderType.STOP,
    PROFIT: OrderType.LIMIT,
    TRAIL: OrderType.TRAILING_STOP,
    LIQUIDATION: OrderType.MARKET,
}


class Range(NamedTuple):
    """The prices something can be filled at: of a bar, or of one side of a quote."""

    open: float
    high: float
    low: float
    volume: float
    time: datetime
    close: float = math.nan

    @classmethod
    def of(cls, bar: Bar) -> Range:
        """Return that of a bar."""
        return cls(bar.open, bar.high, bar.low, bar.volume, bar.time, bar.close)


def fill_pending(
    state: VenueState, prices: Mapping[str, float], volumes: Mapping[str, float], time: datetime
) -> None:
    """Fill what waits for a bar: size all of it, then sells, then buys, in column order."""
    book = state.book
    pending = [slot for slot in state.open.values() if not slot.rests]
    if not pending:
        return
    book.mark(prices)
    places = {symbol: place for place, symbol in enumerate(book.cells)}
    pending.sort(key=lambda slot: places[slot.order.symbol])
    equity = book.equity()
    due: list[tuple[Slot, float]] = []
    for cell in book.cells.values():
        cell.due = 0.0
    for slot in pending:
        symbol = slot.order.symbol
        price, volume = prices.get(symbol, math.nan), volumes.get(symbol, math.nan)
        if not is_tradable(price, volume, state.terms.costs):
            continue
        allowed = _allowed(state, symbol, volume)
        quantity = _sized(state, slot, Quote(price, volume, allowed), equity)
        if quantity > 0.0:
            book.cell(symbol).due += slot.side * quantity
            due.append((slot, quantity))
    for side in (-1.0, 1.0):
        for slot, quantity in due:
            if slot.side == side:
                symbol = slot.order.symbol
                quote = Quote(prices[symbol], volumes.get(symbol, math.nan), 0.0)
                _fill_due(state, slot, quantity, quote, time)


def work_resting(state: VenueState, ranges: Mapping[str, Range]) -> None:
    """Fill limit and stop orders whose price lies within reach, in column order, oldest first."""
    places = {symbol: place for place, symbol in enumerate(state.book.cells)}
    resting = [slot for slot in state.open.values() if slot.rests]
    for slot in sorted(resting, key=lambda slot: places[slot.order.symbol]):
        reach = ranges.get(slot.order.symbol)
        if reach is None or not is_tradable(reach.open, reach.volume, state.terms.costs):
            continue
        touched = _touch(slot, reach, state.terms.entry)
        is_new, slot.has_rested = not slot.has_rested, True
        if is_new and slot.order.post_only and touched is not None and touched[0] == reach.open:
            state.finish(slot, OrderState.CANCELED, "post only: it would have been filled at once")
            continue
        if touched is None or _is_stopped_first(state, slot, reach):
            if slot.order.tif in _AT_ONCE and slot.order.type is OrderType.LIMIT:
                state.finish(slot, OrderState.EXPIRED, "the limit was not within reach")
            continue
        base, is_limit = touched
        symbol = slot.order.symbol
        allowed = _allowed(state, symbol, reach.volume)
        quote = Quote(base, reach.volume, allowed)
        quantity = _sized(state, slot, quote, state.book.equity())
        if quantity > 0.0:
            if is_limit:
                is_maker = base != reach.open or slot.order.post_only
                filled = _clipped(state, slot, quantity, quote)
                if is_maker and filled > 0.0:
                    _note_entry(state, slot, base)
                _trade(state, slot, filled,
                       Deal(0.0, base, base, is_maker, reach.time))  # fmt: skip
            else:
                _fill_due(state, slot, quantity, quote, reach.time)


def expire_limits(state: VenueState) -> None:
    """End entries that rested for as many bars as the terms let them."""
    for slot in [slot for slot in state.open.values() if slot.rests]:
        slot.age += 1
        if slot.order.type is OrderType.LIMIT and slot.age >= state.terms.entry.good_for:
            state.finish(slot, OrderState.EXPIRED, "the limit was not reached in time")


def watch_stops(state: VenueState, ranges: Mapping[str, Range]) -> None:
    """Look for protective stops within reach, and fill them (rule 4), in column order."""
    legs = {slot.order.symbol for slot in state.open.values() if slot.kind != MARKET}
    for symbol, cell in state.book.cells.items():
        reach = ranges.get(symbol)
        if cell.units == 0.0 or symbol not in state.stops or symbol in legs or reach is None:
            continue
        if not is_tradable(reach.open, reach.volume, state.terms.costs):
            continue
        code, owner = state.stops[symbol]
        prices = (reach.open, reach.high, reach.low)
        best_first = state.terms.best_first
        kind, base, level, both = stop_hit(
            cell.units, prices, cell.average, cell.best, code, best_first
        )
        inside = state.inside.get(symbol)
        if inside is not None:
            limit, execution = inside
            kind, base, level, both = entry_hit(
                cell.units,
                (limit, reach.high, reach.low, reach.close),
                cell.average,
                cell.best,
                code,
                best_first,
            )
            # of an entry's bar only the close is sure to be later
            reach = reach._replace(high=reach.close, low=reach.close)
            if both:
                state.path_dependent.add(execution)
        if kind != MARKET:
            slot = leg(state, owner, (kind, level, both))
            protect(state, slot, Quote(base, reach.volume, 0.0), reach.time)
        elif cell.units > 0.0:
            cell.best = max(cell.best, reach.high)
        else:
            cell.best = min(cell.best, reach.low)


def expire_day(state: VenueState, now: datetime) -> None:
    """End day orders that had their day."""
    for slot in list(state.open.values()):
        if slot.order.tif is not TimeInForce.DAY:
            continue
        if slot.day is not None and now.date() > slot.day.date():
            state.finish(slot, OrderState.EXPIRED, "its day is over")
        elif slot.day is None:
            slot.day = now


def _allowed(state: VenueState, symbol: str, volume: float) -> float:
    if math.isinf(volume):
        return math.inf
    terms = state.terms
    return allowance(volume, state.book.cell(symbol).used, terms.sizing.lot, terms.costs)


def _sized(state: VenueState, slot: Slot, quote: Quote, equity: float) -> float:
    """Fix an order's quantity at its first attempt; return what of it is due."""
    if math.isnan(slot.remaining):
        target = float(slot.order.target) if slot.order.target is not None else 0.0
        want = Want(target, slot.side, state.book.cell(slot.order.symbol).units)
        quantity = sized(want, quote, equity, state.book.traded, state.terms)
        state.size(slot, quantity)
        if quantity == 0.0:
            state.finish(slot, OrderState.CANCELED, "nothing to trade at this price")
            return 0.0
        if is_too_small(want, quantity, quote.price, state.terms):
            state.small += 1
            state.finish(slot, OrderState.REJECTED, _SMALL)
            return 0.0
    if quote.allowed == 0.0 and slot.kind == MARKET and _expires(state, slot):
        state.finish(slot, OrderState.EXPIRED, "the bar's volume left nothing")
        return 0.0
    due = float(fillable(slot.remaining, quote.allowed))
    if due < slot.remaining and slot.order.tif is TimeInForce.FOK:
        state.finish(slot, OrderState.EXPIRED, "it could not be filled whole")
        return 0.0
    return due


def _fill_due(state: VenueState, slot: Slot, quantity: float, quote: Quote, time: datetime) -> None:
    quantity = _clipped(state, slot, quantity, quote)
    state.book.cell(slot.order.symbol).due = 0.0
    price = 0.0
    if quantity > 0.0:
        price = fill_price(quote, slot.side, quantity, state.terms.costs)
    _trade(state, slot, quantity, Deal(0.0, quote.price, price, False, time))


def _clipped(state: VenueState, slot: Slot, quantity: float, quote: Quote) -> float:
    """Return as much as can be afforded (rule 6), and lower the order to it."""
    is_trimmed = slot.order.target is not None or state.terms.sizing.trims > 0.0
    if slot.kind != MARKET or not is_trimmed:
        return quantity
    symbol = slot.order.symbol
    book = state.book
    target = float(slot.order.target) if slot.order.target is not None else 0.0
    want = Want(target, slot.side, book.cell(symbol).units)
    others = book.gross_beside(symbol)
    most = affordable(want, quantity, quote, book.equity(), others, book.traded, state.terms)
    if most < quantity:
        is_first = slot.order.target is not None and slot.filled == 0.0
        if is_first and is_too_small(want, most, quote.price, state.terms):
            state.small += 1
            most = 0.0
        state.trim(slot, most)
        return float(most)
    return quantity


def _trade(state: VenueState, slot: Slot, quantity: float, deal: Deal) -> None:
    if quantity > 0.0:
        state.execute(slot, deal._replace(quantity=quantity))
    _settle(state, slot, quantity)


def _settle(state: VenueState, slot: Slot, quantity: float) -> None:
    """Tell where an order is after an attempt, and end it if it is done."""
    slot.remaining -= quantity
    if slot.remaining <= 0.0:
        if slot.filled == 0.0:
            state.finish(slot, OrderState.REJECTED, "it cannot be afforded")
        elif slot.filled < slot.quantity * (1.0 - 1e-9):
            state.finish(slot, OrderState.CANCELED, "the rest cannot be afforded")
        else:
            state.finish(slot, OrderState.FILLED)
    elif slot.kind == MARKET and _expires(state, slot):
        state.finish(slot, OrderState.EXPIRED, "the bar's volume left a rest")


def _expires(state: VenueState, slot: Slot) -> bool:
    return state.terms.costs.expires > 0.0 or slot.order.tif in _AT_ONCE


def leg(state: VenueState, owner: Order, hit: tuple[int, float, bool]) -> Slot:
    """Put a triggered stop, or a margin call, in the place of what waited for a bar.

    Parameters
    ----------
    owner : Order
        That opened the position.
    hit : tuple
        Kind, level (NaN is none), and whether the path inside the bar decided.
    """
    kind, level, both = hit
    symbol = owner.symbol
    units = state.book.cell(symbol).units
    for slot in list(state.open.values()):
        adds = slot.order.type is OrderType.LIMIT and slot.side * units > 0.0
        if slot.order.symbol == symbol and (slot.order.type is OrderType.MARKET or adds):
            state.finish(slot, OrderState.CANCELED, "what is held is being closed")
    price = None if math.isnan(level) else decimal(level, "level")
    is_limit = kind == PROFIT
    order = Order(
        order_id=f"{owner.order_id}-{_NAMES[kind]}",
        run_id=owner.run_id,
        strategy=owner.strategy,
        symbol=symbol,
        side=Side.SELL if units > 0.0 else Side.BUY,
        type=_TYPES[kind],
        decided_at=owner.decided_at,
        quantity=decimal(abs(units), "quantity"),
        limit_price=price if is_limit else None,
        stop_price=None if is_limit else price,
        reduce_only=True,
        parent_id=owner.order_id,
        reason=BOTH_INSIDE if both else "",
    )
    slot = state.accept(order, kind)
    state.outbox.append(slot.order)
    return slot


def protect(state: VenueState, slot: Slot, quote: Quote, time: datetime) -> None:
    """Fill a leg as far as the bar's volume allows."""
    allowed = _allowed(state, slot.order.symbol, quote.volume)
    quantity = fillable(slot.remaining, allowed)
    price = quote.price
    is_limit = slot.kind == PROFIT
    if quantity > 0.0 and not is_limit:
        # a limit is filled at its price or better: as a maker, and with no slippage
        price = fill_price(quote, slot.side, quantity, state.terms.costs)
    deal = Deal(0.0, quote.price, price, is_limit, time, slot.order.reason == BOTH_INSIDE)
    _trade(state, slot, quantity, deal)


def _is_stopped_first(state: VenueState, slot: Slot, reach: Range) -> bool:
    """Tell whether a stop closes the position before an order that adds to it is reached."""
    symbol, limit = slot.order.symbol, slot.order.limit_price
    cell = state.book.cell(symbol)
    if limit is None or symbol not in state.stops or cell.units * slot.side <= 0.0:
        return False
    bar, code = (reach.open, reach.high, reach.low), state.stops[symbol][0]
    return bool(is_stopped_first(cell.units, float(limit), bar, cell.average, cell.best, code))


def _note_entry(state: VenueState, slot: Slot, price: float) -> None:
    """Remember for the stops that an entry is about to be filled inside the bar."""
    if state.book.cell(slot.order.symbol).units * slot.side >= 0.0:
        state.inside[slot.order.symbol] = (price, state.next_execution)


def _touch(slot: Slot, reach: Range, entry: EntryCode) -> tuple[float, bool] | None:
    """Return the price an order that rests is filled at, and whether as a limit; or None."""
    order = slot.order
    if order.type is OrderType.LIMIT or slot.is_triggered:
        return _limit_touch(slot, reach, entry)
    stop = _stop_level(slot, reach)
    if stop is None:
        return None
    base = max(reach.open, stop) if slot.side > 0 else min(reach.open, stop)
    if order.type is not OrderType.STOP_LIMIT or order.limit_price is None:
        return base, False
    slot.is_triggered = True
    if (float(order.limit_price) - base) * slot.side >= 0.0:
        return base, True
    return None


def _limit_touch(slot: Slot, reach: Range, entry: EntryCode) -> tuple[float, bool] | None:
    if slot.order.limit_price is None:
        return None
    bar = (reach.open, reach.high, reach.low)
    price = limit_price(slot.side, float(slot.order.limit_price), bar, entry)
    return None if math.isnan(price) else (price, True)


def _stop_level(slot: Slot, reach: Range) -> float | None:
    order = slot.order
    if order.type is OrderType.TRAILING_STOP:
        trail = float(order.protection.trail or 0) if order.protection else 0.0
        best = reach.open if math.isnan(slot.best) else slot.best
        stop = best * (1.0 + slot.side * trail)
        slot.best = min(best, reach.low) if slot.side > 0 else max(best, reach.high)
    elif order.stop_price is not None:
        stop = float(order.stop_price)
    else:
        return None
    is_hit = reach.high >= stop if slot.side > 0 else reach.low <= stop
    return stop if is_hit else None
