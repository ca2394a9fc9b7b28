"""From targets to what is sent: the decision at the close, as the kernel makes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.core.fill import Fill
from workbench.core.money import decimal
from workbench.core.order import Protection
from workbench.core.ports import Update
from workbench.core.posting import Posting
from workbench.core.signal import Side
from workbench.kernels.codes import StopCode, Terms, Want
from workbench.kernels.entries import limit_level
from workbench.kernels.rules import decided, is_drifted, is_too_small
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
    """

    book: FloatBook
    terms: Terms
    small: int = 0
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
        memory = self._memory.setdefault(symbol, _Memory())
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

    def is_off(self, targets: Mapping[str, float], equity: float) -> bool:
        """Tell whether any symbol that may be traded has drifted off its target."""
        for symbol, target in targets.items():
            memory = self._memory.setdefault(symbol, _Memory())
            if math.isnan(target) or memory.leg is not None or target == memory.locked:
                continue
            cell = self.book.cell(symbol)
            if is_drifted(target, cell.units, cell.mark, equity, self.terms):
                return True
        return False

    def sent(self, symbol: str, order_id: str) -> None:
        """Learn that an order was made of a decision."""
        self._memory.setdefault(symbol, _Memory()).pending = order_id

    def learn(self, update: Update) -> None:
        """Learn from the venue; a fill is given once, whoever calls sees to it."""
        memory = self._memory.setdefault(update.symbol, _Memory())
        if isinstance(update, Fill):
            self.book.apply(update)
            return
        if isinstance(update, Posting):
            self.book.post(update)
            return
        if not update.state.is_open:
            if memory.pending == update.order_id:
                memory.pending = None
            if memory.leg == update.order_id:
                memory.leg = None
        elif update.parent_id is not None and memory.leg != update.order_id:
            # a stop closes the position: the target it stood for may not be entered again
            memory.leg, memory.locked = update.order_id, memory.last


def protection_of(stops: StopCode) -> Protection | None:
    """Return stops as they travel with an order; None where there are none.

    Examples
    --------
    >>> protection_of(StopCode(0.05, math.inf, math.inf))
    Protection(loss=Decimal('0.05'), profit=None, trail=None)
    """
    values = [None if math.isinf(value) else decimal(value, "stop") for value in stops]
    return Protection(*values) if any(value is not None for value in values) else None
