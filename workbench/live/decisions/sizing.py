"""From targets to what is sent: the decision at the close, as the kernel makes it."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench.core.fill import Fill
from workbench.core.money import decimal
from workbench.core.order import Protection
from workbench.core.ports import Update
from workbench.core.posting import Posting
from workbench.core.signal import Side
from workbench.kernels.called import decided, is_drifted, is_too_small, limit_level
from workbench.kernels.codes import StopCode, Terms, Want
from workbench.venues.sim.floats import FloatBook

__all__ = ["Decision", "TargetDecider", "protection_of"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a target leads to.

    Parameters
    ----------
    cancels : str or None
        The order to take back first.
    side : Side or None
        None where nothing is to be sent.
    quantity : Decimal or None
        With ``at="decision"``; otherwise the target itself is sent.
    limit : Decimal or None
        Where it is to rest; None goes to the market.
    """

    symbol: str
    target: float
    cancels: str | None = None
    side: Side | None = None
    quantity: Decimal | None = None
    limit: Decimal | None = None


@dataclass
class _Memory:
    last: float = 0.0
    locked: float = math.nan
    pending: str | None = None
    leg: str | None = None


@dataclass
class TargetDecider:
    """Turns targets into decisions, and remembers what was decided (rules 1 to 4).

    It keeps an account in floats of its own, folded from the fills it is told of, so that
    it decides with the numbers the kernel would have.

    Parameters
    ----------
    book : FloatBook
    terms : Terms
    small : int
        Orders not made for the least notional.
    legs_rest : bool
        Whether stops lie open at the venue from the entry on, so that only their fills tell
        that they close the position.
    """

    book: FloatBook
    terms: Terms
    small: int = 0
    legs_rest: bool = False
    _memory: dict[str, _Memory] = field(default_factory=dict)

    def decide(self, symbol: str, target: float, equity: float) -> Decision | None:
        """Return what a target at the close asks for; None where all stays as it is.

        Parameters
        ----------
        target : float
            Signed fraction of equity; NaN is no opinion.
        equity : float
            At this close, before anything decided at it.
        """
        memory = self._of(symbol)
        cell, sizing = self.book.cell(symbol), self.terms.sizing
        if math.isnan(target) or (sizing.mode == 0.0 and target == memory.last):
            return None
        if not cell.mark > 0.0 or memory.leg is not None or target == memory.locked:
            return None
        memory.locked, memory.last = math.nan, target
        if sizing.mode == 2.0 and not is_drifted(target, cell.units, cell.mark, equity, self.terms):
            return None
        cancels = memory.pending
        delta = decided(target, cell.units, cell.mark, equity, self.book.traded, self.terms)
        if delta == 0.0:
            return Decision(symbol, target, cancels) if cancels else None
        side = Side.BUY if delta > 0 else Side.SELL
        want = Want(target, float(side.sign), cell.units)
        if is_too_small(want, abs(delta), cell.mark, self.terms):
            self.small += 1
            return Decision(symbol, target, cancels) if cancels else None
        quantity = None if sizing.at_fill > 0.0 else decimal(abs(delta), "quantity")
        level = limit_level(cell.mark, float(side.sign), cell.units, self.terms.entry)
        limit = None if math.isnan(level) else decimal(level, "limit")
        return Decision(symbol, target, cancels, side, quantity, limit)

    def _of(self, symbol: str) -> _Memory:
        found = self._memory.get(symbol)
        if found is None:
            found = self._memory[symbol] = _Memory()
        return found

    def last(self, symbol: str) -> float:
        """Return the target decided on last, 0 before the first."""
        memory = self._memory.get(symbol)
        return 0.0 if memory is None else memory.last

    def is_off(self, targets: Mapping[str, float], equity: float) -> bool:
        """Tell whether any symbol that may be traded has drifted off its target."""
        for symbol, target in targets.items():
            memory = self._of(symbol)
            if math.isnan(target) or memory.leg is not None or target == memory.locked:
                continue
            cell = self.book.cell(symbol)
            if is_drifted(target, cell.units, cell.mark, equity, self.terms):
                return True
        return False

    def sent(self, symbol: str, order_id: str) -> None:
        """Learn that an order was made of a decision."""
        self._of(symbol).pending = order_id

    def ended(self, symbol: str, order_id: str) -> None:
        """Learn that what was made of a decision is over."""
        memory = self._of(symbol)
        if memory.pending == order_id:
            memory.pending = None

    def leg(self, symbol: str) -> str | None:
        """Return the order that closes a position because of a stop, while it is open."""
        return self._of(symbol).leg

    def exits(self, symbol: str, order_id: str) -> None:
        """Learn that a stop closes the position: its target may not be entered again."""
        memory = self._of(symbol)
        memory.leg, memory.locked = order_id, memory.last

    def again(self, symbol: str) -> None:
        """Forget the last target: what it asked for could not be done."""
        self._memory.setdefault(symbol, _Memory()).last = math.nan

    def state(self) -> dict[str, dict[str, float | str | None]]:
        """Return what was decided, by symbol, as plain JSON values."""
        return {
            symbol: {
                "last": None if math.isnan(one.last) else one.last,
                "locked": None if math.isnan(one.locked) else one.locked,
                "pending": one.pending,
                "leg": one.leg,
            }
            for symbol, one in self._memory.items()
        }

    def restore(self, state: Mapping[str, Mapping[str, Any]], open_orders: Container[str]) -> None:
        """Remember what `state` told; orders that are open no more are left out."""
        for symbol, one in state.items():
            locked = math.nan if one["locked"] is None else float(one["locked"])
            pending, leg = (one[n] if one[n] in open_orders else None for n in ("pending", "leg"))
            last = math.nan if one["last"] is None else float(one["last"])
            self._memory[symbol] = _Memory(last, locked, pending, leg)

    def learn(self, update: Update) -> None:
        """Learn from the venue; a fill is given once, whoever calls sees to it."""
        memory = self._of(update.symbol)
        if isinstance(update, Fill):
            self.book.apply(update)
            return
        if isinstance(update, Posting):
            self.book.post(update)
            return
        if update.parent_id is not None and self.legs_rest:
            if update.filled:
                memory.locked = memory.last
                memory.leg = update.order_id if update.state.is_open else None
            return
        if not update.state.is_open:
            if memory.pending == update.order_id:
                memory.pending = None
            if memory.leg == update.order_id:
                memory.leg = None
        elif update.parent_id is not None and memory.leg != update.order_id:
            self.exits(update.symbol, update.order_id)


def protection_of(stops: StopCode) -> Protection | None:
    """Return stops as they travel with an order; None where there are none.

    Examples
    --------
    >>> protection_of(StopCode(0.05, math.inf, math.inf))
    Protection(loss=Decimal('0.05'), profit=None, trail=None, ...)
    """
    values = [None if math.isinf(value) else decimal(value, "stop") for value in stops]
    return Protection(*values) if any(value is not None for value in values) else None
