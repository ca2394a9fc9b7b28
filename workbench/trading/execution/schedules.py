"""Algorithms by the clock: even, along the usual volume, or early to be rid of risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import pandas as pd

from workbench.core.money import MONEY, ZERO, floor_to
from workbench.core.order import OrderType
from workbench.core.parent import Parent
from workbench.errors import UsageError
from workbench.trading.execution import curves
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.moment import Action, Child, Moment, Place, Withdraw
from workbench.trading.execution.sizes import bounded, chance, due, marketable

__all__ = ["Schedule", "Shortfall", "Twap", "Vwap"]


@dataclass(frozen=True, kw_only=True)
class Schedule(Algorithm):
    """Slices of equal length, after each of which a share of the parent should be done.

    What a slice could not fill is asked for in the next one. The last slice asks for all
    that is left.

    Parameters
    ----------
    passive : bool
        Whether slices rest on the near side until the next one; the last one crosses.
    jitter : Decimal
        How far into its time a slice may begin, as a fraction of it; which is drawn from
        the parent's id.
    """

    passive: bool = False
    jitter: Decimal = ZERO

    def check(self) -> None:
        """Hold that the settings make sense."""
        if not 0 <= self.jitter < 1:
            raise UsageError(f"jitter is at least 0 and below 1, not {self.jitter}")
        steps = self.cumulative
        if not steps or steps[-1] != 1 or min(steps) < 0 or list(steps) != sorted(steps):
            raise UsageError("a curve rises from 0 and ends at 1")

    @property
    def cumulative(self) -> tuple[Decimal, ...]:
        """The share that should be done after each slice; the last is 1."""
        raise NotImplementedError

    def release(self, parent: Parent, number: int) -> datetime:
        """Return when a slice begins."""
        late = MONEY.multiply(self.jitter, chance(parent, number)) if self.jitter else ZERO
        part = MONEY.divide(MONEY.add(Decimal(number), late), Decimal(len(self.cumulative)))
        return parent.start + (parent.end - parent.start) * float(part)

    def goal(self, parent: Parent, number: int) -> Decimal:
        """Return the units that should be done with a slice: a multiple of the lot."""
        share = self.cumulative[number]
        if share == 1:
            return parent.quantity
        return floor_to(MONEY.multiply(parent.quantity, share), parent.lot)

    def plan(self, parent: Parent) -> Sequence[tuple[datetime, Decimal]]:
        """Return when each slice begins, and what should be done with it."""
        numbers = range(len(self.cumulative))
        return [(self.release(parent, n), self.goal(parent, n)) for n in numbers]

    def actions(self, moment: Moment) -> Sequence[Action]:
        """Return what to do now."""
        number = self._number(moment)
        if number is None:
            return ()
        if self.passive:
            old = [child for child in moment.progress.open if child.slice.number < number]
            if old:
                return _withdrawn(old)
        part = moment.part(number)
        units = due(moment, self.goal(moment.parent, number))
        if part is None or not units:
            return ()
        kind, limit = marketable(moment.parent)
        is_last = number == len(self.cumulative) - 1
        if self.passive and not is_last:
            near = moment.market.near(moment.parent.side)
            if near is None or moment.progress.open:
                return ()
            kind, limit = OrderType.LIMIT, bounded(moment.parent, near)
        return (Place(part, units, kind, limit),)

    def _number(self, moment: Moment) -> int | None:
        parent, count = moment.parent, len(self.cumulative)
        gone = (moment.now - parent.start) / (parent.end - parent.start)
        number = min(int(gone * count), count - 1)
        while number >= 0 and self.release(parent, number) > moment.now:
            number -= 1
        return number if number >= 0 else None


def _withdrawn(children: Sequence[Child]) -> list[Action]:
    why = "its slice is over"
    return [Withdraw(child.name, why) for child in children if not child.is_leaving]


@dataclass(frozen=True, kw_only=True)
class Twap(Schedule):
    """The same number of units in each slice: the price is near the average over time.

    Parameters
    ----------
    slices : int
    passive, jitter
        See `Schedule`.

    Examples
    --------
    >>> [str(share) for share in Twap(slices=4).cumulative]
    ['0.25', '0.5', '0.75', '1']
    """

    name: ClassVar[str] = "twap"
    slices: int = 10

    @property
    def cumulative(self) -> tuple[Decimal, ...]:
        """The share that should be done after each slice."""
        return curves.even(self.slices)


@dataclass(frozen=True, kw_only=True)
class Vwap(Schedule):
    """Units along the volume that the market usually has at these times of the day.

    Parameters
    ----------
    curve : tuple of Decimal
        The share of the window's volume that is usually traded by the end of each slice.
        :meth:`of` makes it from bars; without one :meth:`made` does, when an order begins.
    slices : int
        Of the curve that is to be made.
    passive, jitter
        See `Schedule`.

    Examples
    --------
    >>> Vwap(slices=4).is_made
    False
    """

    name: ClassVar[str] = "vwap"
    curve: tuple[Decimal, ...] = ()
    slices: int = 10

    def check(self) -> None:
        """Hold that the settings make sense."""
        if self.curve:
            super().check()
        else:
            curves.even(self.slices)

    @property
    def is_made(self) -> bool:
        """Whether there is a curve to work along."""
        return bool(self.curve)

    def made(self, bars: pd.DataFrame, start: datetime, end: datetime) -> Vwap:
        """Return it with the curve of the days before `start`, unless it has one."""
        if self.curve:
            return self
        return replace(self, curve=curves.usual(bars, start, end, self.slices))

    @property
    def cumulative(self) -> tuple[Decimal, ...]:
        """The share that should be done after each slice."""
        return self.curve or curves.even(self.slices)

    @classmethod
    def of(
        cls, bars: pd.DataFrame, start: datetime, end: datetime, slices: int = 10,
        *, passive: bool = False,
    ) -> Vwap:  # fmt: skip
        """Return it with the curve of the days before `start`; see `curves.usual`."""
        return cls(curve=curves.usual(bars, start, end, slices), passive=passive)


@dataclass(frozen=True, kw_only=True)
class Shortfall(Schedule):
    """Early units cost impact, late ones risk: the least of both together.

    The optimal static strategy of Almgren and Chriss for linear impact.

    Parameters
    ----------
    curve : tuple of Decimal
        The share that should be done after each slice. :meth:`of` makes it.
    passive, jitter
        See `Schedule`.

    References
    ----------
    R. Almgren, N. Chriss: *Optimal execution of portfolio transactions*, Journal of Risk
    3 (2), 2001, equations 14 to 18.
    """

    name: ClassVar[str] = "shortfall"
    curve: tuple[Decimal, ...]

    @property
    def cumulative(self) -> tuple[Decimal, ...]:
        """The share that should be done after each slice."""
        return self.curve

    @classmethod
    def of(cls, trade: curves.Impact, slices: int = 10, *, passive: bool = False) -> Shortfall:
        """Return it for what impact and risk cost; see `curves.Impact`."""
        return cls(curve=trade.curve(slices), passive=passive)
