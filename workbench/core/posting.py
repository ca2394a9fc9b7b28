"""What a venue books on the account beside fills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workbench.core.money import ZERO

__all__ = ["Posting", "PostingKind"]

_ONE = Decimal(1)


class PostingKind(StrEnum):
    """Why something was booked."""

    MARGIN = "margin"
    CASH = "cash"
    BORROW = "borrow"
    FUNDING = "funding"
    DIVIDEND = "dividend"
    SPLIT = "split"
    ADJUSTMENT = "adjustment"  # by a person, whose name the journal has


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One entry of a venue's statement that is no fill; counted once by ``(venue, posting_id)``.

    Parameters
    ----------
    symbol : str
        Of the holding; ``""`` for interest, which is the account's.
    time : datetime
        Aware, UTC; the label of the bar it was booked before.
    amount : Decimal
        Received; negative is paid.
    ratio, per : Decimal
        Of a split: so many new units for so many old ones, 1 for 3 where a third is meant.
    quantity : Decimal or None
        Signed units held after a split, as the venue has them.
    """

    posting_id: str
    venue: str
    kind: PostingKind
    time: datetime
    symbol: str = ""
    amount: Decimal = ZERO
    ratio: Decimal = _ONE
    per: Decimal = _ONE
    quantity: Decimal | None = None
    currency: str = "USD"
