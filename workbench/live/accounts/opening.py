"""A new book on an account that is not new: what it begins with, and from which instant on.

A venue's statement has everything in it that was executed before it. So the book opens a
minute back: with what is held now, less what was executed since. Executions from that
instant on are counted as all others are, older ones never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState
from workbench.core.ports import Broker
from workbench.core.position import Position
from workbench.core.signal import Side
from workbench.errors import UnavailableError
from workbench.trading.cursors import opened_at
from workbench.trading.records import Kind, Record
from workbench.trading.states import OrderEvent, stranger
from workbench.trading.states import Step as To

if TYPE_CHECKING:
    from workbench.live.accounts.account import TradingAccount

__all__ = ["OPENING", "Opening", "meet", "opening_of"]

OPENING = "opening"
"""Under this name, as that of a strategy, stands what was there before."""

_BACK = timedelta(minutes=1)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Opening:
    """What a book begins with.

    Parameters
    ----------
    cash : dict of str to Decimal
        Before `records`, which buy what is held at what it cost.
    records : list of Record
        Holdings, parts of open orders that were filled, and where the reading of executions
        begins.
    """

    cash: dict[str, Decimal]
    records: list[Record]


async def meet(account: TradingAccount) -> None:
    """Hold that a venue's account is the right one; open a new book with what it has.

    Raises
    ------
    UsageError
        It is another account, or may not trade.
    UnavailableError
        The venue cannot be asked.
    """
    broker = account.broker
    told: Account = await getattr(broker, "connect", broker.account)()
    account.currency = account.oversight.currency = told.currency
    account.oversight.venue_mode = "paper" if told.is_paper else "live"
    account.oversight.margin_rate = told.margin_rate
    if not account.ledger.is_opened:
        opening = await opening_of(broker, account.clock.now())
        account.begin(opening.cash, opening.records)
        await account.manager.flush()
    account.begin_day()


async def opening_of(broker: Broker, now: datetime) -> Opening:
    """Return what a new book at a venue begins with.

    Raises
    ------
    UnavailableError
        The venue cannot be asked, or trades on and on while it is.
    """
    since = now - _BACK
    for _ in range(_TRIES):
        recent = await broker.fills(since)
        account, held = await broker.account(), await broker.positions()
        orders = await broker.open_orders()
        if _ids(await broker.fills(since)) == _ids(recent):
            known = _Held(held, orders, [fill.booked for fill in recent], account.currency)
            return _opening(broker.name, since, account, known)
    raise UnavailableError(
        f"{broker.name}: something is executed all the time, so that no statement holds; a book "
        "is opened while the account rests"
    )


@dataclass(frozen=True, slots=True)
class _Held:
    positions: Sequence[Position]
    orders: Sequence[Order]
    recent: Sequence[Fill]
    currency: str

    def fills(self, venue: str, since: datetime) -> list[tuple[Order, Fill]]:
        """Return what was there at `since`, as fills: of open orders first, then the rest."""
        before = {one.symbol: one.quantity for one in self.positions}
        prices = {one.symbol: one.average_price for one in self.positions}
        done = {order.order_id: order.filled for order in self.orders}
        for fill in self.recent:
            before[fill.symbol] = _less(before.get(fill.symbol, ZERO), fill.side, fill.quantity)
            prices[fill.symbol] = prices.get(fill.symbol) or fill.price
            if fill.order_id in done:
                done[fill.order_id] = MONEY.subtract(done[fill.order_id], fill.quantity)
        found = []
        for order in self.orders:
            if done[order.order_id] > 0:
                fill = Fill(
                    execution_id=f"{OPENING}-{order.order_id}", order_id=order.order_id,
                    venue=venue, symbol=order.symbol, side=order.side,
                    quantity=done[order.order_id],
                    price=order.average_price or prices[order.symbol], time=since,
                    currency=self.currency,
                )  # fmt: skip
                before[fill.symbol] = _less(before.get(fill.symbol, ZERO), fill.side, fill.quantity)
                found.append((order, fill))
        for symbol, quantity in before.items():
            if quantity:
                name = f"{OPENING}-{symbol}"
                fill = Fill(
                    execution_id=name, order_id=name, venue=venue, symbol=symbol,
                    side=Side.BUY if quantity > 0 else Side.SELL, quantity=abs(quantity),
                    price=prices[symbol], time=since, currency=self.currency,
                )  # fmt: skip
                found.append((replace(stranger(fill), quantity=fill.quantity), fill))
        return found


def _opening(venue: str, since: datetime, account: Account, held: _Held) -> Opening:
    cash, records = account.cash, list(opened_at(venue, since))
    for one in held.positions:
        cash = MONEY.subtract(cash, one.unpaid)
    for fill in held.recent:
        cash = MONEY.subtract(cash, _paid(fill))
        if fill.fee_currency == account.currency:
            cash = MONEY.add(cash, fill.fee)
    for order, fill in held.fills(venue, since):
        cash = MONEY.subtract(cash, _paid(fill))
        ours = replace(
            order,
            state=OrderState.ACCEPTED,
            pending=None,
            filled=ZERO,
            average_price=None,
            run_id=OPENING,
            strategy=OPENING,
        )
        event = OrderEvent(step=To.FILL, order_id=order.order_id, time=since, fill=fill)
        records += [
            Record(Kind.ORDER, ours, order.order_id),
            Record(Kind.FILL, event, order.order_id),
        ]
    return Opening({account.currency: cash}, records)


def _paid(fill: Fill) -> Decimal:
    """Return what a fill added to the cash, without its fee."""
    return MONEY.multiply(MONEY.multiply(fill.quantity, -fill.side.sign), fill.price)


def _less(quantity: Decimal, side: Side, part: Decimal) -> Decimal:
    return MONEY.subtract(quantity, MONEY.multiply(part, side.sign))


def _ids(fills: Sequence[Fill]) -> list[str]:
    return [fill.execution_id for fill in fills]
