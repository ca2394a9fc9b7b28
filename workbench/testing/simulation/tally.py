"""What fills and postings add up to, counted apart from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import ZERO
from workbench.core.posting import Posting, PostingKind
from workbench.trading.records import Kind, Record

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Units by order and by symbol, and cash.

    Examples
    --------
    >>> Tally.of([]).cash
    Decimal('0')
    """

    filled: dict[str, Decimal] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    cash: Decimal = ZERO

    @classmethod
    def of(cls, records: Iterable[Record]) -> Tally:
        """Return what the fills and postings among records add up to."""
        tally = cls()
        for record in records:
            if record.kind is Kind.FILL:
                tally.fill(record.value.fill)
            elif record.kind is Kind.POSTING:
                tally.post(record.value)
        return tally

    def fill(self, fill: Fill) -> None:
        """Count an execution, or one that takes another back."""
        name, symbol, units = fill.order_id, fill.symbol, fill.quantity
        bought = units if fill.side.sign > 0 else -units
        self.filled[name] = self.filled.get(name, ZERO) + (-units if fill.reverses else units)
        self.held[symbol] = self.held.get(symbol, ZERO) + bought
        self.cash -= bought * fill.price + fill.fee

    def post(self, posting: Posting) -> None:
        """Count what the venue booked beside executions; of a split it tells the units after it."""
        self.cash += posting.amount
        if posting.kind is PostingKind.SPLIT and posting.quantity is not None:
            self.held[posting.symbol] = posting.quantity
