"""What was executed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.core.money import ZERO
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
        Paid, in `fee_currency`; negative is a rebate.
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
