"""Holdings by the lots they were bought in: what came first goes first.

The other way to tell what was realised and what was not. The sum of both is the same as
by average cost, and so is everything else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.position import Position, part_of
from workbench.core.posting import Posting, PostingKind
from workbench.trading.records import Kind, Record

__all__ = ["Lot", "Lots"]


@dataclass(frozen=True, slots=True)
class Lot:
    """Units that one execution opened, as far as they are still open.

    Parameters
    ----------
    quantity : Decimal
        Never negative.
    cost : Decimal
        Of all of them: what they were bought for, or brought when sold short.
    time : datetime
    execution_id : str
    """

    quantity: Decimal
    cost: Decimal
    time: datetime
    execution_id: str


@dataclass
class _Held:
    """The open lots of one symbol, oldest first, and what the closed ones earned."""

    symbol: str
    sign: int = 1
    lots: deque[Lot] = field(default_factory=deque)
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    currency: str = "USD"

    def apply(self, fill: Fill) -> None:
        fill = fill.booked
        if fill.fee and fill.fee_currency == fill.currency:
            self.fees = MONEY.add(self.fees, fill.fee)
        self.currency, rest = fill.currency, fill.quantity
        while rest and self.lots and fill.side.sign != self.sign:
            rest = self._close(rest, fill.price)
        if rest:
            self.sign = fill.side.sign
            cost = MONEY.multiply(rest, fill.price)
            self.lots.append(Lot(rest, cost, fill.time, fill.execution_id))

    def split(self, posting: Posting) -> None:
        before = self.quantity()
        whole = posting.quantity
        if whole is None:
            whole = part_of(before, posting.ratio, posting.per)
        left, spare, kept = MONEY.abs(whole), ZERO, deque[Lot]()
        while self.lots:  # the youngest first: they give up what a venue does not leave
            lot = self.lots.pop()
            units = part_of(lot.quantity, posting.ratio, posting.per) if self.lots else left
            units = min(units, left)
            left, cost = MONEY.subtract(left, units), MONEY.add(lot.cost, spare)
            spare = ZERO if units else cost
            if units:
                kept.appendleft(replace(lot, quantity=units, cost=cost))
        if spare and kept:
            kept[0] = replace(kept[0], cost=MONEY.add(kept[0].cost, spare))
        elif spare:
            self.realised = MONEY.subtract(self.realised, MONEY.multiply(spare, self.sign))
        self.lots = kept

    def quantity(self) -> Decimal:
        total = sum((lot.quantity for lot in self.lots), ZERO)
        return MONEY.multiply(total, self.sign)

    def position(self) -> Position:
        quantity, cost = self.quantity(), sum((lot.cost for lot in self.lots), ZERO)
        average = MONEY.divide(cost, MONEY.abs(quantity)) if quantity else ZERO
        return Position(
            self.symbol, quantity, average, self.realised, self.fees, cost, self.currency
        )

    def _close(self, units: Decimal, price: Decimal) -> Decimal:
        """Close what the oldest lot has of so many units; return how many are left."""
        lot = self.lots.popleft()
        closed = min(units, lot.quantity)
        spent = lot.cost
        if closed < lot.quantity:
            spent = part_of(lot.cost, closed, lot.quantity)
            quantity = MONEY.subtract(lot.quantity, closed)
            cost = MONEY.subtract(lot.cost, spent)
            self.lots.appendleft(replace(lot, quantity=quantity, cost=cost))
        gain = MONEY.subtract(MONEY.multiply(closed, price), spent)
        self.realised = MONEY.add(self.realised, MONEY.multiply(gain, self.sign))
        return MONEY.subtract(units, closed)


class Lots:
    """The lots of an account, folded from fills and postings in the order of the journal.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.core.signal import Side
    >>> lots = Lots()
    >>> for number, (side, price) in enumerate([("buy", 10), ("buy", 20), ("sell", 30)]):
    ...     lots.apply(Fill(execution_id=f"e{number}", order_id="o", venue="sim", symbol="A",
    ...                     side=Side(side), quantity=Decimal(1), price=Decimal(price),
    ...                     time=datetime(2024, 1, 2, tzinfo=UTC)))
    >>> lots.position("A").realised, lots.position("A").average_price   # 15 and 15 on average
    (Decimal('20'), Decimal('20'))
    """

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    @classmethod
    def of(cls, records: Iterable[Record]) -> Lots:
        """Return what the fills and postings among records of the journal add up to."""
        lots = cls()
        for record in records:
            if record.kind is Kind.FILL:
                lots.apply(record.value.fill)
            elif record.kind is Kind.POSTING:
                lots.post(record.value)
        return lots

    def apply(self, fill: Fill) -> None:
        """Count a fill; one that takes another back closes units like any other."""
        if fill.symbol not in self._held:
            self._held[fill.symbol] = _Held(fill.symbol)
        self._held[fill.symbol].apply(fill)

    def post(self, posting: Posting) -> None:
        """Count a split; other postings move no units."""
        if posting.kind is PostingKind.SPLIT and posting.symbol in self._held:
            self._held[posting.symbol].split(posting)

    def open(self, symbol: str) -> tuple[Lot, ...]:
        """Return the open lots of a symbol, oldest first."""
        return tuple(self._held[symbol].lots) if symbol in self._held else ()

    def position(self, symbol: str) -> Position:
        """Return a holding with its profit told by lots."""
        held = self._held.get(symbol)
        return Position(symbol) if held is None else held.position()

    def positions(self) -> list[Position]:
        """Return all holdings, flat ones included, by symbol."""
        return [self._held[symbol].position() for symbol in sorted(self._held)]
