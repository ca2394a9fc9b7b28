"""What the gate knows of the account when it judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent

__all__ = ["Context", "Wish"]


@dataclass(frozen=True, slots=True)
class Context:
    """The account at the moment of a judgement.

    Parameters
    ----------
    equity, day_start_equity : Decimal
        Now, and when the day began.
    prices : mapping of str to Decimal
        Last known, by symbol.
    positions : mapping of str to Decimal
        Signed units held.
    reserved : mapping of str to (Decimal, Decimal)
        Units that open orders may still buy and sell, those of unknown fate included.
    """

    equity: Decimal
    day_start_equity: Decimal
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    reserved: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    def held(self, symbol: str) -> Decimal:
        """Return the signed units held of a symbol."""
        return self.positions.get(symbol, ZERO)

    def worst(self, symbol: str) -> Decimal:
        """Return the largest absolute holding that open orders can still lead to."""
        buys, sells = self.reserved.get(symbol, (ZERO, ZERO))
        held = self.held(symbol)
        return max(abs(MONEY.add(held, buys)), abs(MONEY.subtract(held, sells)))


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent in numbers: what the rules look at.

    Parameters
    ----------
    intent : Intent
    price : Decimal or None
        What it is judged at: its limit, else its reference, else the last price.
    quantity : Decimal or None
        Units; of a target order the estimate at `price`. None where nothing tells it.
    """

    intent: Intent
    price: Decimal | None
    quantity: Decimal | None

    @classmethod
    def of(cls, intent: Intent, context: Context) -> Wish:
        """Put an intent in numbers."""
        last = context.prices.get(intent.symbol)
        price = intent.limit_price or intent.stop_price or intent.reference_price or last
        quantity = intent.quantity
        if quantity is None and intent.target is not None and price:
            wanted = MONEY.divide(MONEY.multiply(intent.target, context.equity), price)
            quantity = abs(MONEY.subtract(wanted, context.held(intent.symbol)))
        return cls(intent, price, quantity)

    @property
    def notional(self) -> Decimal | None:
        """Quantity times price, where both are known."""
        if self.price is None or self.quantity is None:
            return None
        return MONEY.multiply(self.quantity, self.price)

    def after(self, context: Context) -> Decimal:
        """Return the signed holding once it is filled in full."""
        delta = MONEY.multiply(self.quantity or ZERO, self.intent.side.sign)
        return MONEY.add(context.held(self.intent.symbol), delta)

    def reduces(self, context: Context) -> bool:
        """Whether it only brings the position nearer to zero, other open orders included."""
        buys, sells = context.reserved.get(self.intent.symbol, (ZERO, ZERO))
        held, sign = context.held(self.intent.symbol), self.intent.side.sign
        pending = sells if sign < 0 else buys
        if held == 0 or (held > 0) == (sign > 0) or self.quantity is None:
            return False
        return MONEY.add(self.quantity, pending) <= abs(held)
