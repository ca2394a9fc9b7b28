"""The fill table once more, slowly, in plain Python: a second opinion on the kernel.

It is written from docs/fills.md and shares no code with the kernels. Where they solve
an equation it iterates or bisects; where they keep arrays it keeps objects. Agreement of
the two is agreement of two authors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.backtest.entries import Limit
from workbench.backtest.reference_carry import carry
from workbench.backtest.reference_inside import Hit, after_entry, enter, flag, triggered
from workbench.backtest.reference_margin import call_margin
from workbench.backtest.reference_means import affordable
from workbench.backtest.reference_words import (
    Bar,
    Event,
    Execution,
    Holding,
    Ticket,
    part,
)
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.costs.costs import Costs
from workbench.costs.slippage import VolumeShare

__all__ = ["Reference"]


@dataclass
class Reference:
    """One run.

    Parameters
    ----------
    cash : float
        To begin with; then what there is.
    costs, sizing, stops
        As in `backtest`.
    at_close : bool
        ``fill="close"``.
    entry : Limit, optional
        Where entries rest.

    Attributes
    ----------
    equity, purse : list of float
        Equity and cash at each close.
    units : list of list of float
        Held at each close.
    tickets, executions
        Orders and fills.

    Examples
    --------
    >>> run = Reference(cash=100.0)
    >>> for price in (10.0, 10.0, 12.0):
    ...     run.step([(price, price, price, price, 1.0)], [1.0])
    >>> run.equity, run.executions[0].quantity
    ([100.0, 100.0, 120.0], 10.0)
    """

    cash: float
    costs: Costs = field(default_factory=Costs)
    sizing: Sizing = field(default_factory=Sizing)
    stops: Stops = field(default_factory=Stops)
    at_close: bool = False
    entry: Limit | None = None
    equity: list[float] = field(default_factory=list)
    purse: list[float] = field(default_factory=list)
    units: list[list[float]] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    traded: float = 0.0
    small: int = 0
    held: list[Holding] = field(default_factory=list)

    def step(
        self,
        bars: Sequence[Bar],
        targets: Sequence[float],
        ends: bool = True,
        events: Sequence[Event] = (),
    ) -> None:
        """Take one bar of each symbol and the targets decided at its close.

        `ends` tells whether the bar is the last of its period; asked for where rebalancing is
        by calendar. `events` are what is due before the bar's open.
        """
        if not self.held:
            self.held = [Holding() for _ in bars]
        now = len(self.equity)
        for holding in self.held:
            holding.used = holding.entered = 0.0
        carry(self, bars, events)
        if not self.at_close:
            self._auction(now, [bar[0] for bar in bars], [bar[4] for bar in bars])
            for symbol, bar in enumerate(bars):
                enter(self, now, symbol, bar)
        for symbol, bar in enumerate(bars):
            self._watch(now, symbol, bar)
        call_margin(self, now, bars)
        for holding, bar in zip(self.held, bars, strict=True):
            if not math.isnan(bar[3]):
                holding.mark = bar[3]
        worth = self.worth()
        for symbol, target in enumerate(self._opinions(targets, worth, ends)):
            self._decide(now, symbol, target, worth)
        if self.at_close:
            self._auction(now, [bar[3] for bar in bars], [bar[4] for bar in bars])
        self.equity.append(self.worth())
        self.purse.append(self.cash)
        self.units.append([holding.units for holding in self.held])

    # Rules 1 to 3: from a target to an order.

    def _decide(self, now: int, symbol: int, target: float, worth: float) -> None:
        holding = self.held[symbol]
        pending = None if holding.pending is None else self.tickets[holding.pending]
        if math.isnan(target) or math.isnan(holding.mark) or target == holding.barred:
            return
        if self.is_leaving(holding):
            return
        changed = target != holding.opinion
        if not self._wants_trade(holding, target, changed, worth):
            return
        if pending is not None:
            pending.status = "canceled"
            holding.pending = None
        budget = max(worth * (1 - self.sizing.cash_buffer), 0.0)
        wanted = target * budget / holding.mark
        gap = wanted - holding.units
        if abs(gap) <= 1e-12 * max(abs(wanted), abs(holding.units)):
            return
        side = 1 if gap > 0 else -1
        quantity = self._units_for(holding, target, side, budget, holding.mark)
        if quantity == 0.0 or self._too_small(target, quantity, holding.mark):
            return
        ticket = Ticket(now, symbol, side, target=target)
        if self.sizing.at == "decision":
            ticket.quantity = ticket.remaining = quantity
        if self.entry is not None and holding.units * side >= 0:
            ticket.level = holding.mark * (1 - side * self.entry.offset)
        self.tickets.append(ticket)
        holding.pending = len(self.tickets) - 1

    def _too_small(self, target: float, quantity: float, price: float) -> bool:
        small = target != 0 and 0 < quantity * price < self.sizing.min_notional
        self.small += small
        return small

    def _opinions(self, told: Sequence[float], worth: float, ends: bool) -> Sequence[float]:
        """Return what counts today: what is told, or where a calendar rules all in force."""
        if self.sizing.rebalance in ("on_change", "always"):
            return told
        for holding, target in zip(self.held, told, strict=True):
            holding.wish = holding.wish if math.isnan(target) else target
        free = [h for h in self.held if h.wish != h.barred and not self.is_leaving(h)]
        slack = -1.0 if self.sizing.drift is None else self.sizing.drift * worth
        off = [h for h in free if abs(h.units * h.mark - h.wish * worth) > slack]
        return [h.wish for h in self.held] if ends and off else []

    def is_leaving(self, holding: Holding) -> bool:
        """Tell whether a stop or a margin call is closing a holding."""
        return holding.pending is not None and self.tickets[holding.pending].kind != "market"

    def _wants_trade(self, holding: Holding, target: float, changed: bool, worth: float) -> bool:
        if self.sizing.drift is not None and self.sizing.rebalance in ("on_change", "always"):
            holding.opinion, holding.barred = target, math.nan
            off = abs(holding.units * holding.mark - target * worth)
            return off > self.sizing.drift * worth
        if self.sizing.rebalance == "on_change" and not changed:
            return False
        holding.opinion, holding.barred = target, math.nan
        return True

    def _units_for(
        self, holding: Holding, target: float, side: int, budget: float, price: float
    ) -> float:
        """Units to trade, the fee found by iteration; 0 where the side would turn."""
        fee, delta = 0.0, 0.0
        for _ in range(500):
            new = target * max(budget - fee, 0.0) / price - holding.units
            fee = self.costs.fee.amount(abs(new), price, traded=self.traded)
            if abs(new - delta) <= 1e-16 * abs(new):
                break
            delta = new
        delta = new
        if delta * side > 0 and self.sizing.lot:
            delta = self.whole(holding.units + delta) - holding.units
        return abs(delta) if delta * side > 1e-9 * self.sizing.lot else 0.0

    def whole(self, units: float) -> float:
        """Round towards zero to the lot."""
        lot = self.sizing.lot
        if not lot:
            return units
        return math.copysign(math.floor(abs(units) / lot + 1e-9) * lot, units)

    # Rules 5 to 7: filling what is pending, sells before buys.

    def _auction(self, now: int, prices: list[float], volumes: list[float]) -> None:
        for holding, price in zip(self.held, prices, strict=True):
            if not math.isnan(price):
                holding.mark = price
        before = self.worth()
        due: dict[int, float] = {}
        for symbol, holding in enumerate(self.held):
            if holding.pending is None or self.tickets[holding.pending].rests:
                continue
            if self.can_fill(prices[symbol], volumes[symbol]):
                quantity = self.size(symbol, prices[symbol], volumes[symbol], before)
                if quantity > 0:
                    due[symbol] = quantity
        for side in (-1, 1):
            for symbol in list(due):
                ticket = self.tickets[self.place(symbol)]
                if ticket.side == side:
                    market = (prices[symbol], volumes[symbol])
                    self.fill_due(now, ticket, due, market)

    def place(self, symbol: int) -> int:
        """Return the place of a symbol's order among the tickets."""
        place = self.held[symbol].pending
        assert place is not None  # noqa: S101 - only asked for symbols that are due
        return place

    def can_fill(self, price: float, volume: float) -> bool:
        """Tell whether a price, and a volume where it matters, can fill anything."""
        if math.isnan(price):
            return False
        looks = self.costs.max_participation is not None or isinstance(
            self.costs.slippage, VolumeShare
        )
        return volume > 0 if looks else True

    def _allowed(self, symbol: int, volume: float) -> float:
        cap = self.costs.max_participation
        if cap is None:
            return math.inf
        return max(self.whole(cap * volume - self.held[symbol].used), 0.0)

    def size(self, symbol: int, price: float, volume: float, equity: float) -> float:
        """Fix a quantity at the first attempt; return what of it may be filled."""
        holding = self.held[symbol]
        ticket = self.tickets[self.place(symbol)]
        allowed = self._allowed(symbol, volume)
        if math.isnan(ticket.remaining):
            budget = max(equity * (1 - self.sizing.cash_buffer), 0.0)
            rough = abs(ticket.target * budget / price - holding.units)
            slipped = self.costs.fill_price(price, ticket.side, min(rough, allowed), volume)
            units = 0.0
            if slipped > 0:
                units = self._units_for(holding, ticket.target, ticket.side, budget, slipped)
            ticket.quantity = ticket.remaining = units
            if units == 0.0:
                self.end(ticket, "canceled")
                return 0.0
            if self._too_small(ticket.target, units, price):
                self.end(ticket, "rejected")
                return 0.0
        if allowed == 0.0 and self.costs.remainder == "expire" and ticket.kind == "market":
            self.end(ticket, "expired")
        return part(ticket.remaining, allowed)

    def fill_due(
        self, now: int, ticket: Ticket, due: dict[int, float], market: tuple[float, float]
    ) -> None:
        """Fill what is due of an order, as far as it can be afforded."""
        price, volume = market
        wanted = quantity = due[ticket.symbol]
        clips = self.sizing.at == "fill" or self.sizing.overdraw == "trim"
        if ticket.kind == "market" and clips:
            quantity = affordable(self, ticket, wanted, due, market)
        del due[ticket.symbol]
        if quantity < wanted:
            first = self.sizing.at == "fill" and ticket.filled == 0
            if first and self._too_small(ticket.target, quantity, price):
                quantity = 0.0
            if self.sizing.at == "fill" and ticket.filled == 0:
                ticket.quantity = quantity
            ticket.remaining = quantity
        if quantity > 0:
            slipped = self.costs.fill_price(price, ticket.side, quantity, volume)
            if ticket.rests:
                slipped = price
            is_maker = self.held[ticket.symbol].entered > 0
            self._book(now, ticket, quantity, (price, slipped), (is_maker, False))
        self._settle(ticket)

    def _settle(self, ticket: Ticket) -> None:
        if ticket.remaining <= 0:
            if ticket.filled == 0:
                self.end(ticket, "rejected")
            elif ticket.filled < ticket.quantity * (1 - 1e-9):
                self.end(ticket, "canceled")
            else:
                self.end(ticket, "filled")
        elif self.costs.remainder == "expire" and ticket.kind == "market":
            self.end(ticket, "expired")
        elif ticket.filled > 0:
            ticket.status = "partially_filled"

    def end(self, ticket: Ticket, status: str) -> None:
        """End an order."""
        ticket.status = status
        self.held[ticket.symbol].pending = None

    # Rule 4: stops inside the bar.

    def _watch(self, now: int, symbol: int, bar: Bar) -> None:
        holding = self.held[symbol]
        opened, high, low, _, volume = bar
        if not holding.units or self.is_leaving(holding) or not self.can_fill(opened, volume):
            return
        if holding.entered:
            hit = after_entry(self.stops, holding, bar)
            high = low = bar[3]  # of an entry's bar only the close is sure to be later
            if hit is not None and hit[3]:
                flag(self.executions, now, symbol)
        else:
            hit = triggered(self.stops, holding, bar)
        if hit is None or not hit[0]:
            extreme = max if holding.units > 0 else min
            holding.best = extreme(holding.best, high if holding.units > 0 else low)
            return
        self.leave(now, symbol, hit, volume)

    def leave(self, now: int, symbol: int, hit: Hit, volume: float) -> None:
        """Close a holding inside the bar, as far as its volume allows; the rest goes on."""
        holding, (kind, price, level, both) = self.held[symbol], hit
        if holding.pending is not None:
            self.end(self.tickets[holding.pending], "canceled")
        holding.barred = holding.opinion
        side = -1 if holding.units > 0 else 1
        ticket = Ticket(self.tickets[holding.opener].bar, symbol, side, kind, level=level)
        ticket.quantity = ticket.remaining = abs(holding.units)
        self.tickets.append(ticket)
        holding.pending = len(self.tickets) - 1
        quantity = 0.0
        if self.can_fill(price, volume):
            quantity = part(ticket.remaining, self._allowed(symbol, volume))
        if quantity > 0:
            slipped = price
            if kind != "profit":
                slipped = self.costs.fill_price(price, side, quantity, volume)
            # Only the limit itself rests in the book; what it leaves over goes to the market.
            self._book(now, ticket, quantity, (price, slipped), (kind == "profit", both))
        self._settle(ticket)

    # The account.

    def worth(self) -> float:
        """Return equity at the last known prices."""
        return self.cash + sum(h.units * h.mark for h in self.held if h.units)

    def _book(
        self,
        now: int,
        ticket: Ticket,
        quantity: float,
        prices: tuple[float, float],
        inside: tuple[bool, bool] = (False, False),
    ) -> None:
        (base, price), (is_maker, both) = prices, inside
        holding = self.held[ticket.symbol]
        place = self.place(ticket.symbol)
        fee = self.costs.fee.amount(quantity, price, is_maker=is_maker, traded=self.traded)
        if ticket.kind == "liquidation":
            fee += self.costs.financing.liquidation(quantity * price)
        before, after = holding.units, holding.units + ticket.side * quantity
        if before == 0 or before * after < 0:
            holding.average = holding.best = price
            holding.opener = place
        elif abs(after) > abs(before):
            holding.average = (abs(before) * holding.average + quantity * price) / abs(after)
        self.cash -= ticket.side * quantity * price + fee
        self.traded += quantity * price
        holding.units = after
        holding.used += quantity
        ticket.filled += quantity
        ticket.remaining -= quantity
        slippage = abs(price - base) * quantity
        self.executions.append(
            Execution(now, ticket.symbol, ticket.side, quantity, price, fee, slippage, place, both)
        )
