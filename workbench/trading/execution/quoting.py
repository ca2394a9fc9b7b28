"""Algorithms that keep a limit order where it should be: at a price, or on its way to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from workbench.core.money import MONEY, ZERO
from workbench.core.order import OrderType
from workbench.core.parent import Parent
from workbench.errors import UsageError, nearest
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.moment import Action, Moment, Place, Seen, Withdraw
from workbench.trading.execution.sizes import bounded, due

__all__ = ["Chase", "Peg"]


@dataclass(frozen=True, kw_only=True)
class _Quoting(Algorithm):
    """One limit order at a time; a new one once the end of the old one is certain.

    Parameters
    ----------
    display : Decimal, optional
        Units that are shown at once; all by default.
    """

    display: Decimal | None = None

    def price(self, moment: Moment) -> Decimal | None:
        """Return where the order should be now."""
        raise NotImplementedError

    def is_stale(self, moment: Moment, price: Decimal) -> bool:
        """Whether the order that is there should give way to one at `price`."""
        raise NotImplementedError

    def actions(self, moment: Moment) -> Sequence[Action]:
        """Return what to do now."""
        told = self.price(moment)
        if told is None:
            return ()
        price = bounded(moment.parent, told)
        if moment.progress.open:
            stale = [child for child in moment.progress.open if not child.is_leaving]
            if not stale or not self.is_stale(moment, price):
                return ()
            return [Withdraw(child.name, f"it moves to {price}") for child in stale]
        part = moment.following()
        shown = moment.parent.quantity if self.display is None else self.display
        units = due(moment, MONEY.add(moment.progress.committed, shown), price)
        if part is None or not units:
            return ()
        return (Place(part, units, OrderType.LIMIT, price),)


_BASES = ("near", "mid", "far")


@dataclass(frozen=True, kw_only=True)
class Peg(_Quoting):
    """A limit order that follows the market.

    Parameters
    ----------
    to : {"near", "mid", "far"}
        Our side of the market, its middle, or the other side.
    offset : Decimal
        Money towards the other side; negative stays behind.
    tolerance : Decimal
        How far the market may move before the order follows.
    every : int
        Seconds that an order stays at least.
    display
        See `Iceberg`.

    Examples
    --------
    >>> Peg(to="mid", offset=-0.01).offset
    Decimal('-0.01')
    """

    name: ClassVar[str] = "peg"
    to: str = "near"
    offset: Decimal = ZERO
    tolerance: Decimal = ZERO
    every: int = 1

    def check(self) -> None:
        """Hold that the settings make sense."""
        if self.to not in _BASES:
            raise UsageError(
                f"a peg is to near, mid or far, not {self.to!r}{nearest(self.to, _BASES)}"
            )
        if self.tolerance < 0 or self.every < 0 or (self.display is not None and self.display <= 0):
            raise UsageError("tolerance and every are not negative, and display is above 0")

    def price(self, moment: Moment) -> Decimal | None:
        """Return where the order should be now."""
        base = _base(self.to, moment.market, moment.parent)
        if base is None:
            return None
        price = MONEY.add(base, MONEY.multiply(self.offset, moment.parent.side.sign))
        return price if price > 0 else None

    def is_stale(self, moment: Moment, price: Decimal) -> bool:
        """Whether the order that is there should give way."""
        child = moment.progress.open[-1]
        if moment.now < child.at + timedelta(seconds=self.every) or child.limit_price is None:
            return False
        return abs(MONEY.subtract(child.limit_price, price)) > self.tolerance


@dataclass(frozen=True, kw_only=True)
class Chase(_Quoting):
    """A limit order that begins on the near side and gives way step by step until it crosses.

    It begins anew after each fill.

    Parameters
    ----------
    patience : int
        Seconds that an order stays unfilled before the next step.
    steps : int
        From the near side to the far one.
    most_bps : Decimal, optional
        How far from the arrival price it goes at most; 1 is a ten-thousandth.
    display
        See `Iceberg`.
    """

    name: ClassVar[str] = "chase"
    patience: int = 5
    steps: int = 4
    most_bps: Decimal | None = None

    def check(self) -> None:
        """Hold that the settings make sense."""
        if self.patience < 1 or self.steps < 1:
            raise UsageError("patience is at least a second, and there is at least one step")
        for name in ("most_bps", "display"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"{name} is above 0, not {value}")

    def price(self, moment: Moment) -> Decimal | None:
        """Return where the order should be now."""
        side = moment.parent.side
        near, far = moment.market.near(side), moment.market.far(side)
        if near is None or far is None:
            return None
        taken = min(_unfilled(moment), self.steps)
        way = MONEY.divide(MONEY.multiply(MONEY.subtract(far, near), taken), Decimal(self.steps))
        price, arrival = MONEY.add(near, way), moment.parent.arrival
        if self.most_bps is None or arrival is None:
            return price
        reach = MONEY.divide(MONEY.multiply(arrival, self.most_bps), Decimal(10_000))
        bound = MONEY.add(arrival, MONEY.multiply(reach, side.sign))
        return bound if (price - bound) * side.sign > 0 else price

    def is_stale(self, moment: Moment, price: Decimal) -> bool:
        """Whether the order that is there should give way."""
        child = moment.progress.open[-1]
        is_due = moment.now >= child.at + timedelta(seconds=self.patience)
        return is_due and child.limit_price != price


def _base(to: str, market: Seen, parent: Parent) -> Decimal | None:
    if to == "mid":
        return market.mid
    return market.near(parent.side) if to == "near" else market.far(parent.side)


def _unfilled(moment: Moment) -> int:
    """Return how many of the last orders were not filled at all, refused ones left out."""
    count = 0
    for child in reversed(moment.progress.children):
        if child.filled:
            break
        count += not child.is_refused
    return count
