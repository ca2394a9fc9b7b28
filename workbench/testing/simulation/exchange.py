"""The simulated venue: what it holds, what it does to it, and what it says when asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.capabilities import IdScope
from workbench.core.evolved import evolved
from workbench.core.fill import Fill
from workbench.core.frozen import maker
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.ports import Update
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError
from workbench.testing.simulation.mix import Mix
from workbench.testing.simulation.timeline import Timeline
from workbench.trading.counting import reversing

__all__ = ["VENUE", "Exchange", "Slot"]

VENUE = "exchange"
SYMBOLS = ("AAA", "BBB")
_PRICES = [Decimal(n) / 4 for n in range(320, 480)]


@dataclass(slots=True, eq=False)
class Slot:
    """An order the venue has taken, and all that was ever true of it."""

    order: Order
    cost: Decimal = ZERO
    history: list[tuple[int, Order]] = field(default_factory=list)


class Exchange:
    """A venue with a mind of its own.

    Parameters
    ----------
    line : Timeline
    mix : Mix
    tell : callable
        Takes what it tells unasked.
    """

    def __init__(self, line: Timeline, mix: Mix, tell: Callable[[Update], None]) -> None:
        self.line = line
        self.mix = mix
        self.tell = tell
        self.slots: dict[str, Slot] = {}
        self.open: list[Slot] = []
        self.refused: dict[str, Order] = {}
        self.fills: list[tuple[int, Fill]] = []
        self.held: dict[str, Decimal] = {}
        self.cash = ZERO
        self.overfilled: set[str] = set()
        self.taken: dict[str, int] = {}
        self.arrivals: list[str] = []
        self._undone: set[str] = set()
        self._made = 0

    # asked ----------------------------------------------------------------------------

    def submit(self, order: Order) -> Order:
        """Take an order, or refuse it for good."""
        known = self.slots.get(order.order_id)
        if known is not None and (
            self.mix.ids is IdScope.EVER
            or (self.mix.ids is IdScope.OPEN and known.order.state.is_open)
        ):
            # of an id it has seen the venue says so; that proves the first one, and no more
            raise OutcomeUnknownError(f"{order.order_id} is there already")
        if self.line.chance() < self.mix.reject:
            self.line.seen["refused"] += 1
            if self.line.chance() < 0.5:  # some venues keep what they refused
                self.refused[order.order_id] = evolved(order, {"state": OrderState.REJECTED})
            raise RefusedError("not with us")
        return self._take(order)

    def cancel(self, order_id: str) -> None:
        """End an order."""
        slot = self.slots.get(order_id)
        if slot is None or not slot.order.state.is_open:
            raise RefusedError("too late, or not known")
        self._end(slot, OrderState.CANCELED)

    def replace(self, order_id: str, new: Order) -> Order:
        """Put an order in the place of another, less what that was filled for."""
        slot = self.slots.get(order_id)
        if slot is None or not slot.order.state.is_open or new.order_id in self.slots:
            raise RefusedError("too late, or not known")
        left = (new.quantity or ZERO) - slot.order.filled
        if left <= 0:
            raise RefusedError("it is filled for more than that")
        self._end(slot, OrderState.REPLACED)
        return self._take(evolved(new, {"quantity": left}))

    def order(self, order_id: str) -> Order | None:
        """Look an order up, in a copy that may lag."""
        slot = self.slots.get(order_id)
        if slot is None:
            return self.refused.get(order_id)
        if not self.mix.lag_ms:
            return slot.order
        seen = self.line.at - self.line.between(0, self.mix.lag_ms)
        found = None
        for at, order in slot.history:
            if at <= seen:
                found = order
        if found is not slot.order:
            self.line.seen["lagging answer"] += 1
        return found

    def open_orders(self) -> list[Order]:
        """Return what may still be filled, in copies that may lag."""
        found = [self.order(slot.order.order_id) for slot in self.open]
        return [order for order in found if order is not None and order.state.is_open]

    def executions(self, since: datetime | None) -> list[Fill]:
        """Return executions from an instant on, those that can be seen already."""
        if not self.mix.has_fill_ids and not self.mix.tells_fills_late:
            return []
        seen = self.line.at - (0 if self.mix.has_fill_ids else 10_000)
        return [
            fill for at, fill in self.fills if at <= seen and (since is None or fill.time >= since)
        ]

    # of itself ------------------------------------------------------------------------

    def tick(self) -> None:
        """Let something happen to one order."""
        line, mix = self.line, self.mix
        if line.chance() < mix.external:
            self._external()
        if not self.open:
            return
        slot = self.open[int(line.chance() * len(self.open))]
        draw = line.chance()
        if draw < mix.fill:
            self._fill(slot)
        elif draw < mix.fill + mix.expire:
            self._end(slot, OrderState.EXPIRED)
        elif slot.order.state is OrderState.ACCEPTED:
            self._set(slot, state=OrderState.WORKING)
        if self.fills and line.chance() < mix.bust + mix.correct:
            self._undo(line.chance() < mix.correct / (mix.bust + mix.correct))

    def _take(self, order: Order) -> Order:
        name = order.order_id
        self.taken[name] = self.taken.get(name, 0) + 1
        self.arrivals.append(name)
        self._made += 1
        slot = Slot(order)
        self.slots[name] = slot
        self.open.append(slot)
        self._set(slot, state=OrderState.ACCEPTED, venue_order_id=f"v{self._made}")
        return slot.order

    def _external(self) -> None:
        self.line.seen["external order"] += 1
        self._made += 1
        self._take(
            Order(
                order_id=f"hand{self._made}", run_id="hand", strategy="hand",
                symbol=SYMBOLS[self._made % 2], side=Side.BUY, type=OrderType.LIMIT,
                decided_at=self._clock(), quantity=Decimal(3), limit_price=Decimal(100),
            )
        )  # fmt: skip

    def _fill(self, slot: Slot) -> None:
        line, order = self.line, slot.order
        rest = (order.quantity or ZERO) - order.filled
        units = rest if line.chance() < 0.4 else Decimal(line.between(1, int(rest)))
        if line.chance() < self.mix.overfill:
            line.seen["overfill"] += 1
            self.overfilled.add(order.order_id)
            units = rest + 2
        price = _PRICES[int(line.chance() * len(_PRICES))]
        self._made += 1
        self._keep(
            _Fill(
                execution_id=f"x{self._made}", order_id=order.order_id, venue=VENUE,
                symbol=order.symbol, side=order.side, quantity=units, price=price,
                time=self._clock(), fee=_FEE,
            )
        )  # fmt: skip
        filled, slot.cost = order.filled + units, slot.cost + units * price
        is_done = units >= rest
        if is_done:
            self.open.remove(slot)
        state = OrderState.FILLED if is_done else OrderState.PARTIALLY_FILLED
        average = MONEY.divide(slot.cost, filled)
        self._set(slot, state=state, filled=filled, average_price=average)

    def _book(self, fill: Fill) -> None:
        units = fill.quantity if fill.side is Side.BUY else -fill.quantity
        self.held[fill.symbol] = self.held.get(fill.symbol, ZERO) + units
        self.cash -= units * fill.price + fill.fee

    def _keep(self, fill: Fill) -> None:
        self._book(fill)
        if self.mix.has_fill_ids:
            self.tell(fill)
        lag = self.line.between(0, self.mix.lag_ms) if self.mix.lag_ms else 0
        self.fills.append((self.line.at + lag, fill))

    def _undo(self, is_corrected: bool) -> None:
        """Take an execution back, and put another in its place where it is corrected."""
        _, fill = self.fills[int(self.line.chance() * len(self.fills))]
        if fill.reverses is not None or fill.execution_id in self._undone:
            return
        self._undone.add(fill.execution_id)
        slot = self.slots[fill.order_id]
        self.line.seen["correction" if is_corrected else "bust"] += 1
        self._made += 1
        name, order, cost = f"x{self._made}", slot.order, fill.quantity * fill.price
        undone = reversing(fill, name, self._clock())
        if is_corrected:
            self._book(undone)
            undone = replace(fill, execution_id=name, price=fill.price + 1,
                             reverses=fill.execution_id, time=self._clock())  # fmt: skip
            slot.cost += fill.quantity
            self._keep(undone)
            self._set(slot, average_price=MONEY.divide(slot.cost, order.filled))
            return
        self.overfilled.add(order.order_id)  # filled anew before we know, it is too much for us
        slot.cost -= cost
        self._keep(undone)
        left = order.filled - fill.quantity
        average = MONEY.divide(slot.cost, left) if left else None
        self._set(slot, filled=left, average_price=average)

    def _end(self, slot: Slot, state: OrderState) -> None:
        self.open.remove(slot)
        self._set(slot, state=state)

    def _set(self, slot: Slot, **changes: object) -> None:
        slot.order = after = evolved(slot.order, changes)
        slot.history.append((self.line.at, after))
        if after.filled and not after.state.is_open and not self.mix.tells_final_filled:
            after = evolved(after, {"filled": ZERO, "average_price": None})
        self.tell(after)

    def _clock(self) -> datetime:
        return self.line.now() + timedelta(milliseconds=self.mix.skew_ms)


_FEE = Decimal("0.01")
_Fill = maker(Fill)
