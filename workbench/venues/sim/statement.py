"""The venue's own statement of the account, in Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.position import Position
from workbench.core.posting import Posting, PostingKind

__all__ = ["Statement"]


@dataclass
class Statement:
    """Cash and positions as the venue adds them up from its own executions."""

    account_id: str
    cash: Decimal
    positions: dict[str, Position] = field(default_factory=dict)

    def apply(self, fill: Fill) -> None:
        """Count an execution."""
        position = self.positions.get(fill.symbol) or Position(fill.symbol)
        self.positions[fill.symbol] = position.apply(fill)
        paid = MONEY.multiply(fill.quantity, fill.price)
        add = MONEY.subtract if fill.side.sign > 0 else MONEY.add
        self.cash = add(self.cash, paid)
        self.cash = MONEY.subtract(self.cash, fill.fee)

    def post(self, posting: Posting) -> None:
        """Count an entry that is no execution."""
        self.cash = MONEY.add(self.cash, posting.amount)
        if posting.kind is PostingKind.SPLIT and posting.symbol in self.positions:
            held = self.positions[posting.symbol]
            self.positions[posting.symbol] = held.split(posting)

    def account(self, marks: Mapping[str, float]) -> Account:
        """Return cash and equity at the venue's last prices."""
        equity = self.cash
        for symbol, position in self.positions.items():
            if position.quantity:
                price = decimal(marks[symbol], f"price of {symbol}")
                equity = MONEY.add(equity, MONEY.multiply(position.quantity, price))
        return Account(self.account_id, self.cash, equity)

    def held(self) -> list[Position]:
        """Return what is held; flat symbols are left out."""
        return [replace(p) for p in self.positions.values() if p.quantity != ZERO]
