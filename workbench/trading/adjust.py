"""A difference to a venue's statement that a person takes over into our books.

Nothing that runs by itself does this: a difference means that something is not
understood. What is written says who took it over and why, and its id is made from what
it is about, so that the same difference taken over twice is one entry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.posting import Posting, PostingKind
from workbench.core.signal import Side
from workbench.errors import UsageError
from workbench.trading.books import Difference
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record
from workbench.trading.states import OrderEvent, Step, stranger

__all__ = ["ADJUSTMENT", "Adjustment"]

ADJUSTMENT = "adjustment"
"""Under this name, as that of a strategy, stands what was taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """One difference, and who takes it over.

    Parameters
    ----------
    difference : Difference
    venue : str
        Whose statement is taken for the truth.
    price : Decimal
        What a unit is booked at; of no effect on cash.
    actor, reason : str
        Who stands for it, and why.
    """

    difference: Difference
    venue: str
    actor: str
    reason: str
    price: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not self.actor.strip() or not self.reason.strip():
            raise UsageError("to take a difference over takes a name and a reason")
        if not self.difference.missing:
            raise UsageError(f"{self.difference.name} does not differ")

    def records(self, ledger: Ledger, now: datetime) -> list[Record]:
        """Return the entries after which the books say what the venue says."""
        one, name = self.difference, self.name(ledger)
        why = f"{self.reason.strip()} ({self.actor.strip()})"
        note = {
            "text": ADJUSTMENT, "actor": self.actor.strip(), "reason": self.reason.strip(),
            "about": one.name, "ours": format(one.ours, "f"), "theirs": format(one.theirs, "f"),
            "entry": name,
        }  # fmt: skip
        if one.is_cash:
            posting = Posting(
                posting_id=name, venue=self.venue, kind=PostingKind.ADJUSTMENT, time=now,
                amount=one.missing, currency=one.name,
            )  # fmt: skip
            return [Record(Kind.NOTE, note, name), Record(Kind.POSTING, posting)]
        fill = Fill(
            execution_id=name, order_id=name, venue=self.venue, symbol=one.name,
            side=Side.BUY if one.missing > 0 else Side.SELL, quantity=abs(one.missing),
            price=self.price, time=now, currency=_currency(ledger, one.name),
        )  # fmt: skip
        order = replace(
            stranger(fill),
            run_id=ADJUSTMENT,
            strategy=ADJUSTMENT,
            quantity=fill.quantity,
            reason=why,
        )
        event = OrderEvent(step=Step.FILL, order_id=name, time=now, fill=fill)
        return [
            Record(Kind.NOTE, note, name),
            Record(Kind.ORDER, order, name),
            Record(Kind.FILL, event, name),
        ]

    def name(self, ledger: Ledger) -> str:
        """Return the id: the same for the same difference in the same books."""
        one = self.difference
        count = ledger.settled.count + len(ledger.fills) + len(ledger.postings)
        text = f"{self.venue}|{one.name}|{one.ours:f}|{one.theirs:f}|{count}"
        return f"adjust-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _currency(ledger: Ledger, symbol: str) -> str:
    """Return what the price of a symbol is in."""
    held = ledger.books.positions.get(symbol)
    if held is not None:
        return held.currency
    return symbol.partition("/")[2].partition(":")[0] or "USD"
