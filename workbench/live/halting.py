"""What the kill switch asks for, until it is proven: no open orders, then no positions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.core.order import Intent
from workbench.core.signal import Side
from workbench.risk.halt import HaltLevel
from workbench.trading.ledger import Ledger

__all__ = ["HaltStep", "closing_intent", "what_a_halt_asks"]


@dataclass(frozen=True, slots=True)
class HaltStep:
    """Orders to cancel, and positions to close with nothing else of theirs under way."""

    cancels: tuple[str, ...] = ()
    closes: tuple[tuple[str, Decimal], ...] = ()


def what_a_halt_asks(ledger: Ledger, level: HaltLevel) -> HaltStep:
    """Return what is still to be done; asked again and again, it ends with nothing.

    Examples
    --------
    >>> what_a_halt_asks(Ledger(), HaltLevel.FLATTEN)
    HaltStep(cancels=(), closes=())
    """
    if level.severity < HaltLevel.CANCEL_ALL.severity:
        return HaltStep()
    flattens = level is HaltLevel.FLATTEN
    orders = ledger.open_orders()
    cancels = tuple(o.order_id for o in orders if not (flattens and o.reduce_only))
    if not flattens:
        return HaltStep(cancels)
    busy = {order.symbol for order in orders}
    closes = tuple(
        (position.symbol, position.quantity)
        for position in ledger.books.positions.values()
        if position.quantity and position.symbol not in busy
    )
    return HaltStep(cancels, closes)


def closing_intent(name: str, symbol: str, quantity: Decimal, now: datetime) -> Intent:
    """Return the intent that closes a position of `quantity`, signed."""
    return Intent(
        intent_id=name,
        run_id="desk",
        strategy="halt",
        symbol=symbol,
        side=Side.SELL if quantity > 0 else Side.BUY,
        decided_at=now,
        quantity=abs(quantity),
        reduce_only=True,
        reason="flatten",
    )
