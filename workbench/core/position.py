"""One symbol's holding, folded from fills by average cost.

What the open units cost in all is kept, and the average is derived from it: dividing and
multiplying again would lose digits, and splits would drift. When a part is closed, the
share of the cost that goes with it is rounded to 18 decimals where it has more, and what
is left is the exact rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.frozen import maker
from workbench.core.money import MONEY, ZERO
from workbench.core.posting import Posting

__all__ = ["Position", "part_of"]

_DERIVED = Decimal("NaN")
_PLACES = 18
_STEP = Decimal(1).scaleb(-_PLACES)


def part_of(whole: Decimal, numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return ``whole * numerator / denominator``, to 18 decimals where it has more.

    Examples
    --------
    >>> part_of(Decimal(10), Decimal(1), Decimal(4)), part_of(Decimal(1), Decimal(1), Decimal(3))
    (Decimal('2.5'), Decimal('0.333333333333333333'))
    """
    part = MONEY.divide(MONEY.multiply(whole, numerator), denominator)
    return MONEY.quantize(part, _STEP) if part.as_tuple().exponent < -_PLACES else part  # type: ignore[operator]


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
        Paid so far in the currency of the price.
    cost : Decimal, optional
        What the open units cost in all, never negative: of a short position what it
        brought. By default the units at the average price.
    currency : str
        What prices, profit and cost are in.
    """

    symbol: str
    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    cost: Decimal = _DERIVED
    currency: str = "USD"

    def __post_init__(self) -> None:
        if self.cost is _DERIVED:
            cost = MONEY.multiply(MONEY.abs(self.quantity), self.average_price)
            object.__setattr__(self, "cost", cost)

    def apply(self, fill: Fill) -> Position:
        """Return the position after `fill`.

        A fill beyond zero closes the position and opens the rest at the fill's price.
        """
        fill = fill.booked
        held, is_buy = MONEY.abs(self.quantity), fill.side.sign > 0
        after = (MONEY.add if is_buy else MONEY.subtract)(self.quantity, fill.quantity)
        fees = self.fees
        if fill.fee and fill.fee_currency == fill.currency:
            fees = MONEY.add(fees, fill.fee)
        if not held or (self.quantity > 0) is is_buy:
            cost = MONEY.add(self.cost, MONEY.multiply(fill.quantity, fill.price))
            average = MONEY.divide(cost, MONEY.abs(after)) if after else ZERO
            return _Position(self.symbol, after, average, self.realised, fees, cost, fill.currency)
        closed = min(held, fill.quantity)
        spent = self.cost if closed == held else part_of(self.cost, closed, held)
        got = MONEY.multiply(closed, fill.price)
        gain = MONEY.subtract(got, spent) if self.quantity > 0 else MONEY.subtract(spent, got)
        if after == 0:
            average, cost = ZERO, ZERO
        elif closed == held:
            average, cost = fill.price, MONEY.multiply(MONEY.abs(after), fill.price)
        else:
            average, cost = self.average_price, MONEY.subtract(self.cost, spent)
        realised = MONEY.add(self.realised, gain)
        return _Position(self.symbol, after, average, realised, fees, cost, fill.currency)

    @property
    def unpaid(self) -> Decimal:
        """What books take off the cash and a statement does not; negative of a short position.

        A perpetual (``BTC/USDT:USDT``) is not paid for: it binds margin, and its profit comes
        to the cash once it is closed.

        Examples
        --------
        >>> Position("BTC/USDT:USDT", Decimal(-2), Decimal(100)).unpaid
        Decimal('-200')
        >>> Position("BTC/USDT", Decimal(2), Decimal(100)).unpaid
        Decimal('0')
        """
        if ":" not in self.symbol:
            return ZERO
        return MONEY.minus(self.cost) if self.quantity < 0 else self.cost

    def split(self, posting: Posting) -> Position:
        """Return the position after a split: other units at another price, for the same money.

        Where the venue leaves none, what they cost is realised; what it pays for them is in
        the posting's amount.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> from workbench.core.posting import PostingKind
        >>> two = Posting(posting_id="1", venue="sim", kind=PostingKind.SPLIT, symbol="A",
        ...               time=datetime(2024, 1, 2, tzinfo=UTC), ratio=Decimal(2), per=Decimal(3))
        >>> after = Position("A", Decimal(30), Decimal(50)).split(two)
        >>> after.quantity, after.average_price
        (Decimal('20'), Decimal('75'))
        """
        quantity = posting.quantity
        if quantity is None:
            quantity = part_of(self.quantity, posting.ratio, posting.per)
        if not quantity:
            lost = self.cost if self.quantity > 0 else MONEY.minus(self.cost)
            realised = MONEY.subtract(self.realised, lost)
            return replace(
                self, quantity=quantity, average_price=ZERO, realised=realised, cost=ZERO
            )
        average = MONEY.divide(self.cost, MONEY.abs(quantity))
        return replace(self, quantity=quantity, average_price=average)

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit of the open units at `price`, fees not included."""
        cost = MONEY.minus(self.cost) if self.quantity < 0 else self.cost
        return MONEY.subtract(MONEY.multiply(self.quantity, price), cost)


_Position = maker(Position)
