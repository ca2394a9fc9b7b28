"""Each strategy's own books, which add up to the account's to the last digit.

A fill belongs to the strategy of its order. What a venue books on a holding, a dividend or
a split, is shared out by what each strategy holds of it; what belongs to none, interest
say, stands under the account's own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.position import part_of
from workbench.core.posting import Posting, PostingKind
from workbench.errors import InvariantError
from workbench.trading.books import Books, Rates

__all__ = ["ACCOUNT", "Shares", "StrategyProfit"]

ACCOUNT = "account"
"""Under this name stands what belongs to no strategy."""


@dataclass(frozen=True, slots=True)
class StrategyProfit:
    """What a strategy has earned, in one currency.

    Parameters
    ----------
    value : Decimal
        Of what it holds, signed.
    realised, unrealised, fees : Decimal
        By average cost; fees are what was paid.
    carried : Decimal
        Dividends, interest, funding, and all else that is no fill.
    total : Decimal
        What all of it comes to.
    is_whole : bool
        Whether everything could be valued; where not, what could not is left out.
    """

    strategy: str
    value: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    carried: Decimal
    total: Decimal
    is_whole: bool = True


@dataclass
class Shares:
    """The books of one account by strategy.

    Parameters
    ----------
    opening : dict of str to Decimal
        The cash the account began with, which no strategy earned.
    books : dict of str to Books
        By strategy.

    Examples
    --------
    >>> shares = Shares()
    >>> shares.deposit("USD", Decimal(1000))
    >>> shares.held("Cross"), shares.profits({})
    ({}, [])
    """

    opening: dict[str, Decimal] = field(default_factory=dict)
    books: dict[str, Books] = field(default_factory=dict)

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Take in the cash of the beginning."""
        self.opening[currency] = MONEY.add(self.opening.get(currency, ZERO), amount)

    def apply(self, strategy: str, fill: Fill) -> None:
        """Count a fill of a strategy."""
        self._of(strategy).apply(fill)

    def post(self, posting: Posting, held: Decimal) -> None:
        """Share an entry out that is no fill.

        Parameters
        ----------
        held : Decimal
            What the account holds of its symbol after it.
        """
        before = self.holders(posting.symbol)
        if posting.amount:
            self._share(posting, before)
        if posting.kind is PostingKind.SPLIT and before:
            self._split(posting, before, held)

    def held(self, strategy: str) -> dict[str, Decimal]:
        """Return the units a strategy holds, by symbol; flat ones are left out."""
        books = self.books.get(strategy)
        positions = {} if books is None else books.positions
        return {symbol: one.quantity for symbol, one in positions.items() if one.quantity}

    def holders(self, symbol: str) -> dict[str, Decimal]:
        """Return the units held of a symbol, by strategy; flat ones are left out."""
        found = {name: books.position(symbol).quantity for name, books in self.books.items()}
        return {name: quantity for name, quantity in found.items() if quantity}

    def check(self, whole: Books) -> None:
        """Hold that the shares add up to the account.

        Raises
        ------
        InvariantError
            They do not: the message names what of.
        """
        cash, units = dict(self.opening), dict.fromkeys(whole.positions, ZERO)
        for books in self.books.values():
            _add(cash, books.cash)
            _add(units, {symbol: one.quantity for symbol, one in books.positions.items()})
        for name in cash.keys() | whole.cash.keys():
            if cash.get(name, ZERO) != whole.cash.get(name, ZERO):
                raise InvariantError(f"the strategies' {name} does not add up to the account's")
        for symbol, quantity in units.items():
            if quantity != whole.position(symbol).quantity:
                raise InvariantError(f"the strategies' {symbol} does not add up to the account's")

    def profits(
        self, prices: Mapping[str, Decimal], currency: str = "USD", rates: Rates | None = None
    ) -> list[StrategyProfit]:
        """Return what each strategy has earned, by name.

        Parameters
        ----------
        prices : mapping of str to Decimal
            The last ones, by symbol.
        currency : str
            To tell it in.
        rates : mapping of str to Decimal, optional
            What one unit of another currency is worth.
        """
        return [
            _profit(name, self.books[name], prices, (currency, rates or {}))
            for name in sorted(self.books)
        ]

    def _of(self, strategy: str) -> Books:
        if strategy not in self.books:
            self.books[strategy] = Books()
        return self.books[strategy]

    def _share(self, posting: Posting, holders: Mapping[str, Decimal]) -> None:
        net = sum(holders.values(), ZERO)
        if not net:
            self._of(ACCOUNT).deposit(posting.currency, posting.amount)
            return
        parts = {name: part_of(posting.amount, units, net) for name, units in holders.items()}
        _round_up(parts, posting.amount, holders)
        for name, part in parts.items():
            self._of(name).deposit(posting.currency, part)

    def _split(self, posting: Posting, holders: Mapping[str, Decimal], held: Decimal) -> None:
        parts = {
            name: part_of(units, posting.ratio, posting.per) for name, units in holders.items()
        }
        _round_up(parts, held, holders)
        for name, units in parts.items():
            self._of(name).post(replace(posting, amount=ZERO, quantity=units))


def _round_up(parts: dict[str, Decimal], whole: Decimal, holders: Mapping[str, Decimal]) -> None:
    """Give what rounding leaves of a whole to who holds most."""
    rest = MONEY.subtract(whole, sum(parts.values(), ZERO))
    if rest:
        most = max(holders, key=lambda name: (abs(holders[name]), name))
        parts[most] = MONEY.add(parts[most], rest)


def _add(totals: dict[str, Decimal], more: Mapping[str, Decimal]) -> None:
    for name, amount in more.items():
        totals[name] = MONEY.add(totals.get(name, ZERO), amount)


def _profit(
    name: str, books: Books, prices: Mapping[str, Decimal], told: tuple[str, Rates]
) -> StrategyProfit:
    currency, rates = told
    worth = books.worth(prices, currency, rates)
    known = {currency: Decimal(1), **rates}
    value = realised = unrealised = ZERO
    for symbol, position in books.positions.items():
        rate = known.get(position.currency)
        if rate is None or (position.quantity and symbol not in prices):
            continue
        realised = MONEY.add(realised, MONEY.multiply(position.realised, rate))
        if position.quantity:
            price = prices[symbol]
            value = MONEY.add(value, MONEY.multiply(MONEY.multiply(position.quantity, price), rate))
            gain = position.unrealised(price)
            unrealised = MONEY.add(unrealised, MONEY.multiply(gain, rate))
    fees = _sum(MONEY.multiply(fee, known[one]) for one, fee in books.fees.items() if one in known)
    earned = MONEY.subtract(MONEY.add(realised, unrealised), fees)
    return StrategyProfit(
        strategy=name,
        value=value,
        realised=realised,
        unrealised=unrealised,
        fees=fees,
        carried=MONEY.subtract(worth.value, earned),
        total=worth.value,
        is_whole=not worth.unvalued,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
