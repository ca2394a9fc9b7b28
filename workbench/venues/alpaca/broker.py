"""Alpaca behind the port to trade: stocks and crypto, paper and live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from workbench.config import Settings
from workbench.core.account import Account
from workbench.core.capabilities import Capabilities, IdScope, Kept
from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.ports import Update
from workbench.core.position import Position
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError, UsageError
from workbench.venues.alpaca.assets import Asset, fitted, is_fractional
from workbench.venues.alpaca.messages import Names, amended, order_of, request_of
from workbench.venues.alpaca.reads import AlpacaReads
from workbench.venues.alpaca.trading import AlpacaTrading
from workbench.venues.alpaca.updates import Pace, TradeSocket, TradeUpdates
from workbench.venues.outcomes import Ask, Outcome
from workbench.venues.socket import Endpoint, address

__all__ = ["AlpacaBroker"]

T = TypeVar("T")

_STREAMS = {True: "wss://paper-api.alpaca.markets", False: "wss://api.alpaca.markets"}
_PAPER_NUMBERS = "PA"
_TOO_MUCH = "insufficient qty available"
_SAME = ("symbol", "side", "type", "extended_hours", "protection", "reduce_only")


class AlpacaBroker:
    """A :class:`~workbench.core.ports.Broker` over an account at Alpaca.

    Nothing is sent before the account has been asked for and found to be of the right
    environment. An order is sent once; where there is no answer to trust its outcome is
    unknown, and it is looked up by its client id, which is the order id.

    Parameters
    ----------
    settings : Settings
        ``alpaca_paper_key`` and ``alpaca_paper_secret``, or the same with ``live``;
        ``venues.alpaca_paper`` or ``venues.alpaca_live`` for addresses, limit, and the
        number of the account that is meant.
    is_paper : bool
    pace : Pace, optional
        Of the stream of updates.

    Raises
    ------
    UsageError
        No key is set, or the key or the address is of the other environment.
    """

    capabilities = Capabilities(
        ids=IdScope.EVER,
        finds_ended=True,
        has_fill_ids=True,
        types=frozenset(OrderType),
        tifs=frozenset(TimeInForce),
        replaces=True,
        protects=frozenset({"loss_price", "profit_price", "loss_limit"}),
        parts=Kept(frozenset({TimeInForce.DAY})),
        pairs=Kept(frozenset({TimeInForce.GTC, TimeInForce.IOC})),
        cancels_each_other=True,
        sizes_notional=True,
        shorts=True,
        extended_hours=True,
        request_lifetime=timedelta(seconds=60),
        lookup_lag=timedelta(seconds=5),
        per_minute=200,
        cash_places=2,
    )

    def __init__(
        self, settings: Settings, *, is_paper: bool = True, pace: Pace | None = None
    ) -> None:
        self.trading = AlpacaTrading(settings, is_paper=is_paper)
        self.name = self.trading.vendor.replace("_", "-")
        self.reads = AlpacaReads(self.trading, self.name)
        self._told = settings.venue(self.trading.vendor)
        self._pace = pace or Pace()
        self._streams: list[TradeUpdates] = []
        self._is_checked = False
        # a venue that is mute must not hold up questions, nor other venues
        self._sending = ThreadPoolExecutor(8, f"{self.name}-orders")
        self._asking = ThreadPoolExecutor(4, f"{self.name}-queries")

    @property
    def names(self) -> Names:
        """Which of the venue's orders are called what."""
        return self.reads.names

    async def connect(self) -> Account:
        """Hold that the account is the right one, and may trade; every order needs that once.

        Raises
        ------
        UsageError
            It is of the other environment, another account than the settings name, or may
            not trade.
        UnavailableError
            It cannot be asked.
        """
        account = await self.account()
        vendor, number = self.trading.vendor, account.account_id
        if number.startswith(_PAPER_NUMBERS) is not self.trading.is_paper:
            raise UsageError(
                f"the key of {vendor} leads to account {number}, which is of the other "
                "environment; nothing is sent",
                vendor=vendor,
                account=number,
            )
        if self._told.account not in (None, number):
            raise UsageError(
                f"the key of {vendor} leads to account {number}, and venues.{vendor}.account is "
                f"{self._told.account}",
                vendor=vendor,
                account=number,
            )
        why = await self._ask(self.reads.standing)
        if why:
            raise UsageError(f"account {number} may not trade: {why}", account=number)
        self._is_checked = True
        return account

    async def submit(self, order: Order) -> Order:
        """Send an order under its ``order_id``, once; return it as the venue acknowledged it.

        An order that the venue has already under that id is looked up and returned.

        Raises
        ------
        RefusedError
            The venue said no, or would: the error says whether it was ``sent``.
        UnavailableError
            It was certainly never sent.
        OutcomeUnknownError
            It was sent, and there is no answer to trust.
        """
        fit = await self._prepared(order)
        self.names.sent.add(fit.order_id)
        try:
            told = await self._send(Ask.SUBMIT, "POST", "/orders", request_of(fit))
        except RefusedError as error:
            if error.facts.get("outcome") != Outcome.DUPLICATE.value:
                raise await self._explained(fit, error) from None
            return await self._existing(fit)
        return self._acknowledged(told, fit)

    async def cancel(self, order_id: str) -> None:
        """Ask for an order's end; the outcome comes as an update.

        Raises
        ------
        RefusedError
            There is no such order, or it has ended.
        """
        venue_id = await self._venue_id(order_id)
        await self._send(Ask.CANCEL, "DELETE", f"/orders/{venue_id}", None)

    async def replace(self, order_id: str, new: Order) -> Order:
        """Put `new` in the place of an open order: both happen, or neither.

        Raises
        ------
        RefusedError
            The old order has ended or is filled in part, or `new` differs in more than
            quantity, prices and time in force; those are a cancel and a new order.
        """
        fit = await self._prepared(new)
        old = await self.order(order_id)
        if old is None or not old.state.is_open:
            what = "is not known here" if old is None else f"is {old.state} already"
            raise RefusedError(f"order {order_id} {what}", order_id=order_id, sent=False)
        other = [name for name in _SAME[:4] if getattr(old, name) != getattr(fit, name)]
        if other or old.filled or fit.quantity is None:
            why = f"another {other[0]}" if other else "a part filled or no quantity"
            raise RefusedError(
                f"order {order_id} cannot be replaced by one with {why}: cancel it, then send anew",
                order_id=order_id,
                sent=False,
            )
        path = f"/orders/{old.venue_order_id}"
        try:
            told = await self._send(Ask.REPLACE, "PATCH", path, amended(fit))
        except RefusedError as error:
            if error.facts.get("outcome") != Outcome.DUPLICATE.value:
                raise
            return await self._existing(fit)
        return self._acknowledged(told, fit)

    async def open_orders(self) -> Sequence[Order]:
        """Return the orders that may still be filled, attached stops included."""
        return await self._ask(self.reads.open_orders)

    async def order(self, order_id: str) -> Order | None:
        """Look an order up by its client order id, ended ones included.

        None is the venue's own word that there is none; where it cannot be asked, or says
        what cannot be read, `UnavailableError` is raised.
        """
        return await self._ask(lambda: self.reads.order(order_id))

    async def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions from an instant on, oldest first."""
        return await self._ask(lambda: self.reads.fills(since))

    async def positions(self) -> Sequence[Position]:
        """Return what the venue holds for us."""
        return await self._ask(self.reads.positions)

    async def account(self) -> Account:
        """Return the venue's view of the account."""
        return await self._ask(self.reads.account)

    def updates(self) -> AsyncIterator[Update]:
        """Yield order updates and executions as they happen, from this call on.

        What the stream loses comes from the list of executions, a few seconds later.
        """
        endpoint = Endpoint(
            self.trading.vendor,
            address(self._told.stream_url, _STREAMS[self.trading.is_paper], "/stream"),
            self._told.timeout,
            secrets=(self.trading.key, self.trading.secret),
        )
        keys = (self.trading.key, self.trading.secret)
        stream = TradeUpdates(
            self, lambda: TradeSocket(endpoint, *keys), self.name, self._pace, datetime.now(UTC)
        )
        self._streams.append(stream)
        return self._forget(stream)

    async def learn(self, symbols: Collection[str]) -> None:
        """Learn whose the attached stops of some symbols are."""
        await self._ask(lambda: self.reads.learn(symbols))

    async def close(self) -> None:
        """Let go of the threads; calls that are under way end in their own time."""
        self._sending.shutdown(wait=False)
        self._asking.shutdown(wait=False)

    async def _forget(self, stream: TradeUpdates) -> AsyncIterator[Update]:
        try:
            async for update in stream.run():
                yield update
        finally:
            self._streams.remove(stream)

    async def _prepared(self, order: Order) -> Order:
        """Return an order on the venue's steps, once all that can be known before is known."""
        lacks = self.capabilities.missing_for(order)
        if lacks:
            raise RefusedError(
                f"not sent: {self.name} has no {lacks}", order_id=order.order_id, sent=False
            )
        try:
            if not self._is_checked:
                await self.connect()
            asset = await self._ask(lambda: self.reads.asset(order.symbol))
            fit = fitted(order, asset)
            await self._hold(fit, asset)
        except UnavailableError as error:
            raise UnavailableError(error.message, **{**error.facts, "sent": False}) from None
        return fit

    async def _hold(self, order: Order, asset: Asset) -> None:
        """Refuse to sell parts of a share, or a coin, that is not there."""
        if order.side is Side.BUY or not (asset.is_crypto or is_fractional(order)):
            return
        held = (await self._ask(lambda: self.reads.held(order.symbol))).quantity
        if held <= 0 or (order.quantity is not None and order.quantity > held):
            raise RefusedError(
                f"not sent: {order.quantity or order.notional} {order.symbol} is more than the "
                f"{held} that is held, and parts of a share and coins are not sold short",
                order_id=order.order_id,
                sent=False,
            )

    async def _explained(self, order: Order, refused: RefusedError) -> RefusedError:
        """Return a refusal with what to do, where the order would have turned a position."""
        if _TOO_MUCH not in refused.message:
            return refused
        try:
            held = (await self._ask(lambda: self.reads.held(order.symbol))).quantity
        except UnavailableError:
            return refused
        after = MONEY.add(held, MONEY.multiply(order.quantity or ZERO, order.side.sign))
        if held * after >= 0:
            return refused
        return RefusedError(
            f"{refused.message}; no order turns a position there, and {held:f} are held: close "
            f"them first, and send the {abs(after):f} that are to be "
            f"{'long' if after > 0 else 'short'} once that order is filled",
            **refused.facts,
        )

    async def _existing(self, order: Order) -> Order:
        """Return the order that the venue has under this id already: proof that it exists."""
        try:
            found = await self.order(order.order_id)
        except UnavailableError as error:
            raise OutcomeUnknownError(
                f"{self.name} has an order {order.order_id} already, and does not say which: "
                f"{error.message}",
                order_id=order.order_id,
            ) from None
        if found is None:
            raise OutcomeUnknownError(
                f"{self.name} has an order {order.order_id} already, and does not find it",
                order_id=order.order_id,
            )
        return self._merged(found, order)

    async def _venue_id(self, order_id: str) -> str:
        known = self.names.theirs.get(order_id)
        if known is None:
            found = await self.order(order_id)
            known = None if found is None else found.venue_order_id
        if known is None:
            raise RefusedError(
                f"order {order_id} is not known at {self.name}",
                order_id=order_id,
                outcome=Outcome.ABSENT.value,
            )
        return known

    def _acknowledged(self, told: Any, order: Order) -> Order:
        """Read the answer to an order; it is only believed where it is this order's."""
        try:
            theirs = order_of(told, self.names)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, UsageError):
            theirs = None
        if theirs is None or theirs.order_id != order.order_id:
            raise OutcomeUnknownError(
                f"{self.name}: the answer to order {order.order_id} is not that order",
                order_id=order.order_id,
            )
        return self._merged(theirs, order)

    def _merged(self, theirs: Order, ours: Order) -> Order:
        order = replace(
            ours,
            state=theirs.state,
            quantity=theirs.quantity if theirs.quantity is not None else ours.quantity,
            limit_price=theirs.limit_price or ours.limit_price,
            stop_price=theirs.stop_price or ours.stop_price,
            filled=theirs.filled,
            average_price=theirs.average_price,
            venue_order_id=theirs.venue_order_id,
            reason=theirs.reason if theirs.state is OrderState.REJECTED else ours.reason,
        )
        for stream in self._streams:
            stream.watch(order)
        return order

    async def _send(self, ask: Ask, method: str, path: str, body: dict[str, Any] | None) -> Any:
        return await self._in(self._sending, lambda: self.trading.ask(ask, method, path, body))

    async def _ask(self, question: Callable[[], T]) -> T:
        return await self._in(self._asking, question)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, call)
