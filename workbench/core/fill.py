"""What was executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from workbench.core.money import MONEY, ZERO
from workbench.core.signal import Side

__all__ = ["Fill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution; counted once by ``(venue, execution_id)``.

    Parameters
    ----------
    quantity : Decimal
        Units, positive; the side gives the direction.
    fee : Decimal
        Paid, in `fee_currency`; negative is a rebate. Exchanges take that of a purchase out
        of the coins bought: see `booked`.
    reverses : str, optional
        The execution that this one takes back. With the opposite side that is all (a
        bust: units and price are those of the execution, the fee is given back); with the
        same side it stands in its place (a correction).
    slippage : Decimal
        What the fill price cost against the undisturbed price, in money; for the record.
    currency : str
        What the price is in.
    time : datetime
        Aware, UTC. Filled within a bar, it is the bar's label.
    """

    execution_id: str
    order_id: str
    venue: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    time: datetime
    fee: Decimal = ZERO
    fee_currency: str = "USD"
    slippage: Decimal = ZERO
    currency: str = "USD"
    reverses: str | None = None

    @property
    def booked(self) -> Fill:
        """The same execution as books take it, with a fee in the coin traded told in money.

        The units are then those that came to the account, or left it, and the fee is what
        the coins were worth at the price; any other fee stays as it is.

        Examples
        --------
        >>> from datetime import UTC
        >>> bought = Fill(execution_id="1", order_id="o", venue="v", symbol="BTC/USDT",
        ...               side=Side.BUY, quantity=Decimal(2), price=Decimal(100),
        ...               time=datetime(2024, 1, 2, tzinfo=UTC), fee=Decimal("0.002"),
        ...               fee_currency="BTC", currency="USDT").booked
        >>> bought.quantity, bought.fee, bought.fee_currency
        (Decimal('1.998'), Decimal('0.200'), 'USDT')
        """
        if not self.fee or self.fee_currency == self.currency:
            return self
        if not self.symbol.startswith(f"{self.fee_currency}/"):
            return self
        kept = MONEY.subtract(self.quantity, MONEY.multiply(self.fee, self.side.sign))
        fee = MONEY.multiply(self.fee, self.price)
        return replace(self, quantity=kept, fee=fee, fee_currency=self.currency)
