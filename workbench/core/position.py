"""One symbol's holding, folded from fills by average cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.posting import Posting

__all__ = ["Position"]


@dataclass(frozen=True, slots=True)
class Position:
    """Units held, what they cost on average, and what closing some has earned.

    Parameters
    ----------
    quantity : Decimal
        Signed: negative is short.
    average_price : Decimal
        Of the open units, fees not included; 0 when flat.
    realised : Decimal
        Profit of what was closed, fees not included.
    fees : Decimal
        Paid so far.
    """

    symbol: str
    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO

    def apply(self, fill: Fill) -> Position:
        """Return the position after `fill`.

        A fill beyond zero closes the position and opens the rest at the fill's price.
        """
        delta = MONEY.multiply(fill.quantity, fill.side.sign)
        after = MONEY.add(self.quantity, delta)
        fees = MONEY.add(self.fees, fill.fee)
        if self.quantity * delta >= 0:
            cost = MONEY.add(
                MONEY.multiply(abs(self.quantity), self.average_price),
                MONEY.multiply(fill.quantity, fill.price),
            )
            average = MONEY.divide(cost, abs(after)) if after else ZERO
            return replace(self, quantity=after, average_price=average, fees=fees)
        closed = min(abs(self.quantity), fill.quantity)
        gain = MONEY.multiply(closed, MONEY.subtract(fill.price, self.average_price))
        realised = MONEY.add(self.realised, gain if self.quantity > 0 else MONEY.minus(gain))
        if after == 0:
            average = ZERO
        elif after * self.quantity > 0:
            average = self.average_price
        else:
            average = fill.price
        return replace(self, quantity=after, average_price=average, realised=realised, fees=fees)

    def split(self, posting: Posting) -> Position:
        """Return the position after a split: other units at another price, for the same money.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> from workbench.core.posting import PostingKind
        >>> two = Posting(posting_id="1", venue="sim", kind=PostingKind.SPLIT, symbol="A",
        ...               time=datetime(2024, 1, 2, tzinfo=UTC), ratio=Decimal(2))
        >>> after = Position("A", Decimal(10), Decimal(50)).split(two)
        >>> after.quantity, after.average_price
        (Decimal('20'), Decimal('25'))
        """
        quantity = posting.quantity
        if quantity is None:
            quantity = MONEY.multiply(self.quantity, posting.ratio)
        average = MONEY.divide(self.average_price, posting.ratio)
        return replace(self, quantity=quantity, average_price=average)

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit of the open units at `price`, fees not included."""
        return MONEY.multiply(self.quantity, MONEY.subtract(price, self.average_price))
