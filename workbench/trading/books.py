"""Our own account: positions and cash, folded from fills in Decimal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.position import Position
from workbench.core.posting import Posting, PostingKind
from workbench.errors import DataError

__all__ = ["Books", "Difference", "Rates", "Worth", "rates_of"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What our books and a venue's statement do not agree about: a symbol's units, or cash.

    Examples
    --------
    >>> print(Difference("AAPL", Decimal(10), Decimal(12)))
    AAPL: 10 in our books, 12 at the venue
    """

    name: str
    ours: Decimal
    theirs: Decimal
    is_cash: bool = False

    @property
    def missing(self) -> Decimal:
        """What our books would need more."""
        return MONEY.subtract(self.theirs, self.ours)

    def __str__(self) -> str:
        return f"{self.name}: {self.ours:f} in our books, {self.theirs:f} at the venue"


Rates = Mapping[str, Decimal]
"""What one unit of each other currency is worth."""


class Worth(NamedTuple):
    """What books are worth, and what could not be valued: no price, or no rate."""

    value: Decimal
    unvalued: dict[str, Decimal]


def rates_of(prices: Mapping[str, Decimal], currency: str = "USD") -> dict[str, Decimal]:
    """Return the rates that prices of pairs tell; what no pair tells is left out.

    Examples
    --------
    >>> rates_of({"EUR/USD": Decimal("1.1"), "IBM": Decimal(100), "BTC/USDT": Decimal(9)})
    {'EUR': Decimal('1.1')}
    """
    end = f"/{currency}"
    return {
        symbol.removesuffix(end): price for symbol, price in prices.items() if symbol.endswith(end)
    }


@dataclass
class Books:
    """Positions and cash as our fills say.

    Parameters
    ----------
    cash : dict of str to Decimal
        By currency.
    positions : dict of str to Position
        By symbol; flat ones stay, for what they earned.
    fees : dict of str to Decimal
        Paid so far, by currency.

    Examples
    --------
    >>> books = Books({"USD": Decimal(1000)})
    >>> books.cash["USD"], books.position("AAPL").quantity
    (Decimal('1000'), Decimal('0'))
    """

    cash: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Add to the cash, or take from it where `amount` is negative."""
        self.cash[currency] = MONEY.add(self.cash.get(currency, ZERO), amount)

    def apply(self, fill: Fill) -> None:
        """Count a fill.

        Every fill given counts: who calls sees to it that each is given once.
        """
        fill = fill.booked
        self.positions[fill.symbol] = self.position(fill.symbol).apply(fill)
        name, paid = fill.currency, MONEY.multiply(fill.quantity, fill.price)
        book = MONEY.subtract if fill.side.sign > 0 else MONEY.add
        self.cash[name] = book(self.cash.get(name, ZERO), paid)
        if fill.fee:
            name = fill.fee_currency
            self.deposit(name, MONEY.minus(fill.fee))
            self.fees[name] = MONEY.add(self.fees.get(name, ZERO), fill.fee)

    def post(self, posting: Posting) -> None:
        """Count an entry that is no fill, once."""
        if posting.amount:
            self.deposit(posting.currency, posting.amount)
        if posting.kind is PostingKind.SPLIT and posting.symbol in self.positions:
            self.positions[posting.symbol] = self.position(posting.symbol).split(posting)

    def position(self, symbol: str) -> Position:
        """Return the holding of a symbol, flat where there never was one."""
        return self.positions.get(symbol) or Position(symbol)

    def worth(
        self, prices: Mapping[str, Decimal], currency: str = "USD", rates: Rates | None = None
    ) -> Worth:
        """Return cash and positions in one currency, and what could not be valued.

        Parameters
        ----------
        prices : mapping of str to Decimal
            By symbol, each in its own currency.
        rates : mapping of str to Decimal, optional
            What one unit of another currency is worth. No rate is ever guessed: what has
            none is left out of the value and told.
        """
        known = {**(rates or {}), currency: Decimal(1)}
        value, unvalued = ZERO, {}
        for name, amount in self.cash.items():
            if name in known:
                value = MONEY.add(value, MONEY.multiply(amount, known[name]))
            elif amount:
                unvalued[name] = amount
        for symbol, position in self.positions.items():
            if not position.quantity:
                continue
            rate = known.get(position.currency)
            if rate is None or symbol not in prices:
                unvalued[symbol] = position.quantity
                continue
            units = MONEY.multiply(position.quantity, prices[symbol])
            value = MONEY.add(value, MONEY.multiply(units, rate))
        return Worth(value, unvalued)

    def equity(
        self, prices: Mapping[str, Decimal], currency: str = "USD", rates: Rates | None = None
    ) -> Decimal:
        """Cash and positions in `currency`, as :meth:`worth`.

        Raises
        ------
        DataError
            A held symbol has no price, or a currency no rate.
        """
        worth = self.worth(prices, currency, rates)
        for name in worth.unvalued:
            if name in self.positions and name not in prices:
                raise DataError(f"no price for {name}, which is held", symbol=name)
            one = self.positions[name].currency if name in self.positions else name
            raise DataError(
                f"no rate from {one} to {currency}, which {name} needs: give rates[{one!r}]",
                currency=one,
            )
        return worth.value

    def compare(
        self,
        positions: Iterable[Position],
        cash: Decimal,
        currency: str = "USD",
        places: int | None = None,
    ) -> list[Difference]:
        """Compare with a venue's statement to the last digit; empty where they agree.

        Other currencies than that of the statement are holdings: what fees took of one is
        held against the venue's units of it.

        Parameters
        ----------
        places : int, optional
            To how many decimals the venue states its cash, where it rounds it.
        """
        theirs = {p.symbol: p.quantity for p in positions}
        ours = {symbol: p.quantity for symbol, p in self.positions.items()}
        for name, amount in self.cash.items():
            held = next((s for s in (f"{name}/{currency}", name) if s in theirs | ours), None)
            if held is not None and name != currency:
                ours[held] = MONEY.add(ours.get(held, ZERO), amount)
        found = [
            Difference(symbol, ours.get(symbol, ZERO), theirs.get(symbol, ZERO))
            for symbol in sorted(theirs.keys() | ours.keys())
            if ours.get(symbol, ZERO) != theirs.get(symbol, ZERO)
        ]
        unpaid = (p.unpaid for p in self.positions.values() if p.currency == currency)
        mine = MONEY.add(self.cash.get(currency, ZERO), sum(unpaid, ZERO))
        off = abs(MONEY.subtract(mine, cash))
        if off and (places is None or off >= Decimal(1).scaleb(-places)):
            found.append(Difference(currency, mine, cash, is_cash=True))
        return found

    def differences(
        self, positions: Iterable[Position], cash: Decimal, currency: str = "USD"
    ) -> list[str]:
        """Say in words what :meth:`compare` finds."""
        return [str(one) for one in self.compare(positions, cash, currency)]
