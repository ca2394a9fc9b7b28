"""What of a long book stays in memory, and how the rest is still found and still adds up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar, overload

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.position import Position
from workbench.core.posting import Posting

__all__ = ["Kept", "Settled"]

K = TypeVar("K")
V = TypeVar("V")


class Kept(dict[K, V]):
    """A dict of the newest, with everything older behind it: iterating gives what is in memory.

    With nothing behind it, it is as quick as a dict.

    Examples
    --------
    >>> kept = Kept({"b": 2})
    >>> kept.stand_before({"a": 1}.get)
    >>> kept["a"], "a" in kept, "c" in kept, list(kept)
    (1, True, False, ['b'])
    """

    def stand_before(self, find: Callable[[K], V | None]) -> None:
        """Let `find` give the value of a key that is not here, None where there never was one."""
        backed: Any = self
        backed.find = find
        backed.__class__ = _Backed


class _Backed(Kept[K, V]):
    """With something behind it."""

    find: Callable[[K], V | None]

    def __missing__(self, key: K) -> V:
        found = self.find(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or self.find(key) is not None  # type: ignore[arg-type]

    @overload  # type: ignore[override]
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: V) -> V: ...
    def get(self, key: K, default: V | None = None) -> V | None:
        """Return the value of a key, in memory or not."""
        try:
            return self[key]
        except KeyError:
            return default


@dataclass
class Settled:
    """Sums of fills that are in memory no more.

    Parameters
    ----------
    count : int
        How many fills.
    held : dict of str to Decimal
        Units by symbol, after the splits among them.
    filled : dict of str to Decimal
        Units by order, of orders in memory.
    """

    count: int = 0
    held: dict[str, Decimal] = field(default_factory=dict)
    filled: dict[str, Decimal] = field(default_factory=dict)

    def after(self, fills: Iterable[Fill], splits: Iterable[tuple[int, Posting]]) -> Settled:
        """Return the sums after further fills and the splits between and right behind them.

        Parameters
        ----------
        splits : iterable of (int, Posting)
            Those not counted yet, each with the number of all fills that came before it.
        """
        held, filled, count = dict(self.held), dict(self.filled), self.count
        due = list(splits)
        for fill in fills:
            while due and due[0][0] <= count:
                _divide(held, due.pop(0)[1])
            units = fill.quantity if fill.reverses is None else MONEY.minus(fill.quantity)
            filled[fill.order_id] = MONEY.add(filled.get(fill.order_id, ZERO), units)
            delta = MONEY.multiply(fill.booked.quantity, fill.side.sign)
            held[fill.symbol] = MONEY.add(held.get(fill.symbol, ZERO), delta)
            count += 1
        while due and due[0][0] <= count:
            _divide(held, due.pop(0)[1])
        return Settled(count, held, filled)


def _divide(held: dict[str, Decimal], posting: Posting) -> None:
    before = Position(posting.symbol, held.get(posting.symbol, ZERO))
    held[posting.symbol] = before.split(posting).quantity
