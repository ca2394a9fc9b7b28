"""The simulated venue: a synchronous core that takes orders and fills them from data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from workbench.core.account import Account
from workbench.core.bar import Bar
from workbench.core.fill import Fill
from workbench.core.money import MONEY, decimal
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.ports import Update
from workbench.core.position import Position
from workbench.core.quote import Quote
from workbench.errors import RefusedError, UsageError, nearest
from workbench.kernels.codes import Terms
from workbench.venues.sim import matching
from workbench.venues.sim.carry import Due, accrue
from workbench.venues.sim.floats import FloatBook
from workbench.venues.sim.margin import call_margin
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.state import VenueState
from workbench.venues.sim.statement import Statement

__all__ = ["SimVenue"]


class SimVenue:
    """A venue with an account of its own, in the caller's thread.

    It fills market, limit, stop, stop-limit and trailing stop orders, by quantity or by
    target, with protective legs, from bars (:meth:`on_bar`, :meth:`on_close`) or quotes
    (:meth:`on_quote`). What happened is told by :meth:`drain`.

    Parameters
    ----------
    symbols : sequence of str
        What can be traded, in the order of the columns; orders of others are refused.
    cash : float
        To begin with; a memory that has an account already goes on with its own.
    terms : Terms
        Costs, sizing and where orders are filled, as the kernels have them. Stops travel
        with the orders.
    memory : Memory, optional
        Keeps the account through a restart.
    checks_funds : bool
        Whether an order by quantity that cannot be afforded is refused when it is sent.
        The rules of backtests say otherwise: there it overdraws, or is trimmed.

    Examples
    --------
    >>> from datetime import UTC
    >>> from decimal import Decimal
    >>> from workbench.core.signal import Side
    >>> from workbench.venues.sim.terms import plain_terms
    >>> venue = SimVenue(["AAPL"], 1000.0, plain_terms())
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> venue.submit(Order(order_id="o", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...              type=OrderType.MARKET, decided_at=at, quantity=Decimal(2))).state.value
    'accepted'
    >>> venue.on_bar({"AAPL": Bar("AAPL", at, 10.0, 11.0, 9.0, 10.5, 100.0)})
    >>> [getattr(update, "price", None) or update.state.value for update in venue.drain()]
    [Decimal('10.0'), 'filled']
    >>> venue.account().cash
    Decimal('980.00')
    """

    def __init__(
        self,
        symbols: Sequence[str],
        cash: float,
        terms: Terms,
        *,
        memory: Memory | None = None,
        checks_funds: bool = False,
        account_id: str = "sim",
    ) -> None:
        money = decimal(float(cash), "cash")
        if memory is not None:
            money = memory.open_account(money)
        book = FloatBook.of(symbols, float(money))
        statement = Statement(account_id, money)
        self.state = VenueState(terms, book, statement, memory)
        self._checks_funds = checks_funds
        self._bar: datetime | None = None
        if memory is not None:
            self.state.restore(memory.orders.values(), memory.fills)

    # orders ---------------------------------------------------------------------------

    def submit(self, order: Order) -> Order:
        """Take an order; return it as acknowledged.

        Raises
        ------
        RefusedError
            A symbol that is not traded here, a client order id seen before, a protection
            that is missing, or too little cash where that is checked.
        """
        self._check(order)
        return self.state.accept(order).order

    def cancel(self, order_id: str) -> None:
        """End an order; the outcome is among the updates.

        Raises
        ------
        RefusedError
            There is no such order, or it has ended.
        """
        slot = self.state.open.get(order_id)
        if slot is None:
            known = self.state.slots.get(order_id)
            what = f"is {known.order.state} already" if known else "is not known here"
            raise RefusedError(f"order {order_id} {what}", order_id=order_id)
        self.state.finish(slot, OrderState.CANCELED)

    def replace(self, order_id: str, new: Order) -> Order:
        """Put `new` in the place of an open order: both happen, or neither.

        Its units are meant in all: what the old order was filled for is taken off.

        Raises
        ------
        RefusedError
            The old order cannot be replaced or is filled for as much already, or the new
            one is refused.
        """
        slot = self.state.open.get(order_id)
        if slot is None:
            raise RefusedError(f"order {order_id} is not open", order_id=order_id)
        new = _rest(new, slot.order)
        self._check(new, instead_of=order_id)
        self.state.finish(slot, OrderState.REPLACED)
        return self.state.accept(new).order

    def open_orders(self) -> list[Order]:
        """Return what may still be filled, oldest first."""
        return [slot.order for slot in self.state.open.values()]

    def order(self, order_id: str) -> Order | None:
        """Look an order up by its client order id, ended ones included."""
        slot = self.state.slots.get(order_id)
        return None if slot is None else slot.order

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """Return executions from an instant on, oldest first."""
        return [fill for fill in self.state.fills if since is None or fill.time >= since]

    def positions(self) -> list[Position]:
        """Return what is held."""
        return self.state.statement.held()

    def account(self) -> Account:
        """Return cash and equity at the last known prices."""
        marks = {symbol: cell.mark for symbol, cell in self.state.book.cells.items()}
        return self.state.statement.account(marks)

    def drain(self) -> list[Update]:
        """Return what has happened since the last time, in order."""
        updates = list(self.state.outbox)
        self.state.outbox.clear()
        return updates

    @property
    def is_idle(self) -> bool:
        """Whether a bar could change nothing: no order, stop or margin is to be looked at."""
        return not (self.state.open or self.state.stops or self.state.may_call)

    # data -----------------------------------------------------------------------------

    def on_bar(self, bars: Mapping[str, Bar]) -> None:
        """Go through a bar up to its close: the open, then what lies inside it.

        Parameters
        ----------
        bars : mapping of str to Bar
            Of one time; a symbol that is missing, or NaN, fills nothing.
        """
        state = self.state
        if self.is_idle:
            return
        first = next(iter(bars.values()), None)
        if first is None:
            return
        self._begin(first.time)
        matching.expire_day(state, first.time)
        if state.terms.at_close <= 0.0:
            prices = {symbol: bar.open for symbol, bar in bars.items()}
            if state.open:
                state.book.mark(prices)
            matching.fill_pending(state, prices, _volumes(bars), first.time)
        ranges = {symbol: matching.Range.of(bar) for symbol, bar in bars.items()}
        matching.work_resting(state, ranges)
        matching.expire_limits(state)
        if state.stops:
            matching.watch_stops(state, ranges)
        if state.may_call:
            call_margin(state, ranges)

    def accrue(self, due: Mapping[str, Due], years: float, time: datetime) -> None:
        """Book what is due before the open of a bar: splits, dividends, funding, interest.

        Parameters
        ----------
        due : mapping of str to Due
        years : float
            Since the close before, for interest and borrow fees.
        time : datetime
            The label of the bar.

        Raises
        ------
        UsageError
            The venue keeps a memory, which has no words for this.
        """
        if self.state.memory is not None:
            raise UsageError("a simulated venue with a memory books orders and fills only")
        accrue(self.state, due, years, time)

    def _begin(self, time: datetime) -> None:
        # a bar that is seen at its close only, because nothing waited before, has a volume too
        if time != self._bar:
            self._bar = time
            self.state.inside.clear()
            for cell in self.state.book.cells.values():
                cell.used = 0.0

    def mark(self, prices: Mapping[str, float]) -> None:
        """Take prices as the last known ones; NaN is left out."""
        self.state.book.mark(prices)

    def on_close(self, bars: Mapping[str, Bar]) -> None:
        """Fill at the close of the bar what was decided at it, where the terms say so."""
        first = next(iter(bars.values()), None)
        if first is not None and self.state.terms.at_close > 0.0:
            self._begin(first.time)
            prices = {symbol: bar.close for symbol, bar in bars.items()}
            matching.fill_pending(self.state, prices, _volumes(bars), first.time)

    def on_quote(self, quote: Quote, size: float = math.inf) -> None:
        """Fill at bid and ask: buys at the ask, sells at the bid, stops when they are passed.

        A quote that is crossed, not positive or NaN is dropped.

        Parameters
        ----------
        quote : Quote
        size : float
            Units on offer, of which the terms' `max_participation` may be filled.
        """
        if not 0.0 < quote.bid <= quote.ask < math.inf:
            return
        state, symbol = self.state, quote.symbol
        state.book.mark({symbol: quote.mid})
        for price, sign in ((quote.bid, -1.0), (quote.ask, 1.0)):
            state.book.cell(symbol).used = 0.0
            reach = matching.Range(price, price, price, size, quote.time)
            ours = {
                name: slot
                for name, slot in state.open.items()
                if slot.order.symbol == symbol and slot.side == sign
            }
            if ours:
                self._fill_side(reach, symbol, list(ours))
        price = quote.bid if state.book.cell(symbol).units > 0.0 else quote.ask
        reach = matching.Range(price, price, price, math.inf, quote.time)
        if symbol in state.stops:
            matching.watch_stops(state, {symbol: reach})
        if state.may_call:
            call_margin(state, {symbol: reach})

    def _fill_side(self, reach: matching.Range, symbol: str, names: list[str]) -> None:
        # only this side of this symbol may be filled at this price: the rest is set aside
        state = self.state
        aside = {name: slot for name, slot in state.open.items() if name not in names}
        for name in aside:
            del state.open[name]
        try:
            if any(not slot.rests for slot in state.open.values()):
                mark = state.book.cell(symbol).mark
                volumes = {symbol: reach.volume}
                matching.fill_pending(state, {symbol: reach.open}, volumes, reach.time)
                state.book.mark({symbol: mark})
            matching.work_resting(state, {symbol: reach})
        finally:
            state.open = {**aside, **state.open}

    def _check(self, order: Order, instead_of: str | None = None) -> None:
        state = self.state
        if order.symbol not in state.book.cells:
            raise RefusedError(
                f"{order.symbol!r} is not traded here{nearest(order.symbol, state.book.cells)}",
                symbol=order.symbol,
            )
        if order.order_id in state.slots:
            raise RefusedError(
                f"client order id {order.order_id} was used before", order_id=order.order_id
            )
        if order.type is OrderType.TRAILING_STOP and not (
            order.protection and order.protection.trail
        ):
            raise RefusedError("a trailing stop order needs protection.trail")
        if order.quantity is None and order.target is None:
            raise RefusedError("an order here has a quantity or a target", order_id=order.order_id)
        if order.protection is not None and order.protection.names - _FRACTIONS:
            raise RefusedError("stops are fractions here, not prices", order_id=order.order_id)
        if self._checks_funds and order.quantity is not None:
            self._check_funds(order, instead_of)

    def _check_funds(self, order: Order, instead_of: str | None) -> None:
        book, sign = self.state.book, float(order.side.sign)
        cell = book.cell(order.symbol)
        named = order.limit_price if order.limit_price is not None else order.stop_price
        price = cell.mark if named is None else float(named)
        if math.isnan(price):
            raise RefusedError(f"there is no price of {order.symbol} yet", symbol=order.symbol)
        pending = sum(
            slot.remaining
            for name, slot in self.state.open.items()
            if slot.order.symbol == order.symbol
            and slot.side == sign
            and name != instead_of
            and not math.isnan(slot.remaining)
        )
        after = abs(cell.units + sign * (pending + float(order.quantity or 0)))
        if after <= abs(cell.units):
            return
        committed = sum(
            slot.remaining * self._price(slot.order)
            for slot in self.state.open.values()
            if slot.order.symbol != order.symbol and slot.side > 0 and slot.remaining > 0.0
        )
        need = book.gross_beside(order.symbol) + committed + after * price
        have = self.state.terms.sizing.leverage * book.equity()
        if need > have * (1.0 + 1e-9):
            raise RefusedError(
                f"insufficient funds: positions and orders would come to {need:,.2f}, and "
                f"{have:,.2f} is covered",
                need=need,
                have=have,
            )

    def _price(self, order: Order) -> float:
        named = order.limit_price if order.limit_price is not None else order.stop_price
        return self.state.book.cell(order.symbol).mark if named is None else float(named)


_FRACTIONS = {"loss", "profit", "trail"}


def _rest(new: Order, old: Order) -> Order:
    """Return what of a replacement is left to trade."""
    if new.quantity is None or not old.filled:
        return new
    left = MONEY.subtract(new.quantity, old.filled)
    if left <= 0:
        raise RefusedError(
            f"order {old.order_id} is filled for {old.filled:f} already, and {new.quantity:f} "
            "are wanted in all",
            order_id=old.order_id,
        )
    return replace(new, quantity=left)


def _volumes(bars: Mapping[str, Bar]) -> dict[str, float]:
    return {symbol: bar.volume for symbol, bar in bars.items()}
