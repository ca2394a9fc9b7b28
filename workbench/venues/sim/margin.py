"""Margin calls at the simulated venue, with the rules of :mod:`workbench.kernels.margin`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from workbench.kernels.called import is_tradable
from workbench.kernels.codes import LIQUIDATION, MARKET, Quote
from workbench.kernels.margin import borne, called, called_price, path
from workbench.venues.sim.matching import Range, leg, protect
from workbench.venues.sim.state import VenueState

__all__ = ["call_margin"]


def call_margin(state: VenueState, ranges: Mapping[str, Range]) -> None:
    """Liquidate all that is held where the prices within reach leave too little equity."""
    book, maintenance = state.book, state.terms.sizing.maintenance
    ways: dict[str, tuple[float, float]] = {}
    first = last = book.cash
    for symbol, cell in book.cells.items():
        if cell.units != 0.0:
            begin, worst = ways[symbol] = _way(state, symbol, ranges)
            first += borne(cell.units, begin, maintenance)
            last += borne(cell.units, worst, maintenance)
    share = called(first, last)
    if math.isnan(share):
        return
    closing = {slot.order.symbol for slot in state.open.values() if slot.kind != MARKET}
    for symbol, (begin, worst) in ways.items():
        if symbol in closing:
            continue
        slot = leg(state, state.openers[symbol], (LIQUIDATION, math.nan, False))
        reach = ranges.get(symbol)
        if reach is not None and is_tradable(reach.open, reach.volume, state.terms.costs):
            quote = Quote(called_price(begin, worst, share), reach.volume, 0.0)
            protect(state, slot, quote, reach.time)


def _way(state: VenueState, symbol: str, ranges: Mapping[str, Range]) -> tuple[float, float]:
    cell, reach = state.book.cell(symbol), ranges.get(symbol)
    bar = (math.nan, math.nan, math.nan) if reach is None else (reach.open, reach.high, reach.low)
    entered = state.inside[symbol][0] if symbol in state.inside else 0.0
    found: tuple[float, float] = path(cell.units, cell.mark, entered, bar)
    return found
