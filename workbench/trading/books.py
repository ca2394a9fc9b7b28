"""Our own account: positions and cash, folded from fills in Decimal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.position import Position
from workbench.core.posting import Posting, PostingKind
from workbench.errors import DataError

__all__ = ["Books"]


@dataclass
class Books:
    """Positions and cash as our fills say.

    Parameters
    ----------
    cash : dict of str to Decimal
        By currency.
    positions : dict of str to Position
        By symbol; flat ones stay, for what they earned.

    Examples
    --------
    >>> books = Books({"USD": Decimal(1000)})
    >>> books.cash["USD"], books.position("AAPL").quantity
    (Decimal('1000'), Decimal('0'))
    """

    cash: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Add to the cash, or take from it where `amount` is negative."""
        self.cash[currency] = MONEY.add(self.cash.get(currency, ZERO), amount)

    def apply(self, fill: Fill, currency: str = "USD") -> None:
        """Count a fill; `currency` is what its price is in.

        Every fill given counts: who calls sees to it that each is given once.
        """
        self.positions[fill.symbol] = self.position(fill.symbol).apply(fill)
        self.deposit(
            currency, MONEY.multiply(MONEY.multiply(fill.quantity, -fill.side.sign), fill.price)
        )
        if fill.fee:
            self.deposit(fill.fee_currency, MONEY.minus(fill.fee))

    def post(self, posting: Posting) -> None:
        """Count an entry that is no fill, once."""
        if posting.amount:
            self.deposit(posting.currency, posting.amount)
        if posting.kind is PostingKind.SPLIT and posting.symbol in self.positions:
            self.positions[posting.symbol] = self.position(posting.symbol).split(posting)

    def position(self, symbol: str) -> Position:
        """Return the holding of a symbol, flat where there never was one."""
        return self.positions.get(symbol) or Position(symbol)

    def equity(self, prices: Mapping[str, Decimal], currency: str = "USD") -> Decimal:
        """Cash and positions at `prices`, in `currency`.

        Raises
        ------
        DataError
            A held symbol has no price.
        """
        total = self.cash.get(currency, ZERO)
        for symbol, position in self.positions.items():
            if not position.quantity:
                continue
            if symbol not in prices:
                raise DataError(f"no price for {symbol}, which is held", symbol=symbol)
            total = MONEY.add(total, MONEY.multiply(position.quantity, prices[symbol]))
        return total

    def differences(
        self, positions: Iterable[Position], cash: Decimal, currency: str = "USD"
    ) -> list[str]:
        """Compare with a venue's statement to the last digit; empty where they agree."""
        found = []
        theirs = {p.symbol: p.quantity for p in positions}
        ours = {symbol: p.quantity for symbol, p in self.positions.items()}
        for symbol in sorted(theirs.keys() | ours.keys()):
            mine, venue = ours.get(symbol, ZERO), theirs.get(symbol, ZERO)
            if mine != venue:
                found.append(f"{symbol}: {mine} in our books, {venue} at the venue")
        mine = self.cash.get(currency, ZERO)
        if mine != cash:
            found.append(f"{currency}: {mine} in our books, {cash} at the venue")
        return found
