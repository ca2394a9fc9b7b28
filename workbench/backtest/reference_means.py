"""What can be afforded, as the reference has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.backtest.reference_words import Ticket, highest

if TYPE_CHECKING:
    from workbench.backtest.reference import Reference

__all__ = ["affordable"]


def affordable(
    run: Reference,
    ticket: Ticket,
    wanted: float,
    due: dict[int, float],
    market: tuple[float, float],
) -> float:
    """Return as much of `wanted` as leverage lets, by bisection."""
    price, volume = market
    holding = run.held[ticket.symbol]
    slipped = run.costs.fill_price(price, ticket.side, wanted, volume)
    equity = run.worth()
    others = 0.0
    for symbol, other in enumerate(run.held):
        if symbol != ticket.symbol and other.units:
            signed = 0.0
            if symbol in due:
                signed = run.tickets[run.place(symbol)].side * due[symbol]
            others += min(abs(other.units), abs(other.units + signed)) * other.mark
    closing = max(-ticket.side * holding.units, 0.0)

    def fits(quantity: float) -> bool:
        if quantity <= closing:
            return True
        fee = run.costs.fee.amount(quantity, slipped, traded=run.traded)
        left = equity - quantity * abs(slipped - price) - fee
        gross = others + abs(holding.units + ticket.side * quantity) * price
        return gross <= run.sizing.leverage * left

    if fits(wanted / (1 + 1e-9)):
        return wanted
    most = highest(fits, closing, wanted)
    if most <= 1e-9 * wanted:
        return 0.0
    if run.sizing.lot:
        after = run.whole(holding.units + ticket.side * most)
        most = ticket.side * (after - holding.units)
        most = most if most > 1e-9 * run.sizing.lot else 0.0
    return most
