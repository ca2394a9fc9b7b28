"""Crypto exchanges behind the port to trade."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TypeVar

from workbench.config import Settings
from workbench.core.account import Account
from workbench.core.capabilities import Capabilities
from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState
from workbench.core.ports import Update
from workbench.core.position import Position
from workbench.errors import (
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
    nearest,
)
from workbench.venues.ccxt.account import ExchangeAccount
from workbench.venues.ccxt.account_socket import AccountSocket
from workbench.venues.ccxt.books import Books
from workbench.venues.ccxt.dialects.dialect import Dialect, Read
from workbench.venues.ccxt.pairs import Pair, Pairs, fitted
from workbench.venues.ccxt.updates import AccountUpdates, Pace
from workbench.venues.ids import Sent, SentIds
from workbench.venues.outcomes import Ask, Outcome

__all__ = ["DIALECTS", "CcxtBroker"]

T = TypeVar("T")

_AT, _PAPER = "workbench.venues.ccxt.dialects", "-paper"
DIALECTS = {
    "binance": f"{_AT}.binance:Binance",
    "binanceusdm": f"{_AT}.binance_usdm:BinanceUsdm",
    "bybit": f"{_AT}.bybit:Bybit",
    "bybit-linear": f"{_AT}.bybit_linear:BybitLinear",
    "coinbase": f"{_AT}.coinbase:Coinbase",
    "kraken": f"{_AT}.kraken:Kraken",
}
"""The exchanges that orders can be sent to, and where their words stand."""


class CcxtBroker:
    """A :class:`~workbench.core.ports.Broker` over an account at a crypto exchange.

    An order stands on the disk before it leaves, is sent once, and never again under its
    id: exchanges forget the ids of orders that have ended. Where there is no answer to
    trust its outcome is unknown, and it is looked up by its client id, which is the order
    id, or 32 digits made from it where the exchange would not take that.

    Parameters
    ----------
    settings : Settings
        ``<exchange>_key`` and ``<exchange>_secret``; ``venues.<exchange>`` for address,
        time-out, limit, currency, and the number of the account that is meant.
    exchange : str
        One of `DIALECTS`, with ``-paper`` behind it for the exchange's demo trading.
    pace : Pace, optional
        Of the stream of updates.

    Raises
    ------
    UsageError
        There is no such exchange, or no key for it; or key or address are of the other
        environment.
    """

    def __init__(self, settings: Settings, *, exchange: str, pace: Pace | None = None) -> None:
        kind, is_paper = _dialect(exchange)
        self.trading = ExchangeAccount(settings, kind.exchange, is_paper=is_paper)
        self.vendor = self.trading.vendor
        self.dialect = kind(self.trading)
        per_minute = self.trading.line.limiter.limit.per_minute
        self.capabilities: Capabilities = replace(kind.capabilities, per_minute=per_minute)
        self.name = f"ccxt:{exchange}"
        folder = settings.folder("venues")
        self.sent = SentIds(folder / f"{exchange}-{self.trading.digest}.jsonl", kind.ids)
        pairs = Pairs.opened(kind.market, settings, kind=kind.kind, vendor=self.vendor)
        self.books = Books(self.dialect, pairs, self.sent, self.name)
        self._told = self.trading.terms
        self._pace = pace or Pace()
        self._streams: list[AccountUpdates] = []
        self._ready: set[str] = set()
        self._is_checked = False
        # a venue that is mute must not hold up questions; Kraken wants its calls one by one
        lanes = {"kraken": (1, 0)}.get(kind.exchange, (4, 3))
        self._sending = ThreadPoolExecutor(lanes[0], f"{exchange}-orders")
        self._asking = (
            ThreadPoolExecutor(lanes[1], f"{exchange}-queries") if lanes[1] else self._sending
        )

    async def connect(self) -> Account:
        """Set the clock right, and hold that the account is the one that is meant.

        Raises
        ------
        UsageError
            The key is refused, or it is another account than the settings name.
        UnavailableError
            It cannot be asked.
        """
        await self._ask(self._set_clock)
        account = await self.account()
        if self._told.account not in (None, account.account_id):
            raise UsageError(
                f"the key of {self.name} leads to account {account.account_id}, and "
                f"venues.{self.vendor}.account is {self._told.account}",
                account=account.account_id,
            )
        self._is_checked = True
        return account

    async def submit(self, order: Order) -> Order:
        """Send an order under its ``order_id``, once; return it as the venue acknowledged it.

        An order that was sent before is looked up and returned.

        Raises
        ------
        RefusedError
            The venue said no, or would: the error says whether it was ``sent``.
        UnavailableError
            It was certainly never taken.
        OutcomeUnknownError
            It was sent, and there is no answer to trust.
        """
        fit, pair = await self._prepared(order)
        if order.order_id in self.sent.by_order:
            return await self._existing(fit)
        try:
            return await self._send(lambda: self._submit(fit, pair))
        except RefusedError as error:
            if error.facts.get("outcome") != Outcome.DUPLICATE.value:
                raise
            return await self._existing(fit)
        except UnavailableError as error:
            if error.facts.get("sent") is False and order.order_id in self.sent.by_order:
                await self._send(lambda: self.sent.unsent(order.order_id))
            if error.facts.get("clock"):
                await self._reset_clock()
            raise

    async def cancel(self, order_id: str) -> None:
        """Ask for an order's end; the outcome comes as an update.

        Raises
        ------
        RefusedError
            There is no such order, or it has ended.
        """
        known = self.sent.by_order.get(order_id)
        venue_id = None if known is None else self.sent.venue_ids.get(known.client_id)
        if known is None or (venue_id is None and self.dialect.exchange == "coinbase"):
            found = await self.order(order_id)
            if found is None:
                raise RefusedError(
                    f"order {order_id} is not known at {self.name}",
                    order_id=order_id,
                    outcome=Outcome.ABSENT.value,
                )
            venue_id = found.venue_order_id
            known = known or Sent(order_id, self.sent.client_id(order_id), found.symbol)
        sent = known
        pair = await self._ask(lambda: self.books.pairs.find(sent.symbol))
        await self._send(lambda: self.dialect.cancel(sent, pair, venue_id))

    async def replace(self, order_id: str, new: Order) -> Order:
        """Refuse: no exchange puts an order under another id in the place of one, as one step.

        Raises
        ------
        RefusedError
            Always; cancel it, then send anew.
        """
        raise RefusedError(
            f"not sent: {self.name} cannot replace {order_id} by {new.order_id} as one step: "
            "cancel it, then send anew",
            order_id=order_id,
            sent=False,
        )

    async def open_orders(self) -> Sequence[Order]:
        """Return the orders that may still be filled."""
        return await self._ask(self.books.open_orders)

    async def order(self, order_id: str) -> Order | None:
        """Look an order up by its client order id, ended ones included.

        None is the venue's own word that there is none; where it cannot be asked, or says
        what cannot be read, `UnavailableError` is raised.
        """
        return await self._ask(lambda: self.books.order(order_id))

    async def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions from an instant on, oldest first."""
        return await self._ask(lambda: self.books.fills(since))

    async def positions(self) -> Sequence[Position]:
        """Return what the venue holds for us."""
        return await self._ask(self.books.positions)

    async def account(self) -> Account:
        """Return the venue's view of the account."""
        return await self._ask(self.books.account)

    def updates(self) -> AsyncIterator[Update]:
        """Yield order updates and executions as they happen, from this call on.

        The stream says when to look, the questions say what happened: so an execution is
        the same, whichever way it is learnt, and what the stream loses comes a little later.
        """
        connect = partial(AccountSocket, self.trading, self.books.pairs)
        stream = AccountUpdates(self, connect, self._pace, datetime.now(UTC))
        self._streams.append(stream)
        return self._forget(stream)

    async def close(self) -> None:
        """Let go of threads and files; calls that are under way end in their own time."""
        self._sending.shutdown(wait=False)
        self._asking.shutdown(wait=False)
        self.sent.close()

    async def _forget(self, stream: AccountUpdates) -> AsyncIterator[Update]:
        try:
            async for update in stream.run():
                yield update
        finally:
            self._streams.remove(stream)

    async def _prepared(self, order: Order) -> tuple[Order, Pair]:
        """Return an order on the venue's steps, once all that can be known before is known."""
        lacks = self.capabilities.missing_for(order)
        if lacks:
            raise RefusedError(
                f"not sent: {self.name} has no {lacks}", order_id=order.order_id, sent=False
            )
        try:
            if not self._is_checked:
                await self.connect()
            pair = await self._ask(lambda: self.books.pairs.find(order.symbol))
            fit = fitted(order, pair, self.dialect.words)
            if pair.symbol not in self._ready:
                await self._ask(lambda: self.dialect.prepare(pair))
                self._ready.add(pair.symbol)
        except UnavailableError as error:
            raise UnavailableError(error.message, **{**error.facts, "sent": False}) from None
        return fit, pair

    def _submit(self, order: Order, pair: Pair) -> Order:
        client = self.sent.client_id(order.order_id)
        method, body = self.dialect.request(order, client, pair)
        answer = self.trading.ask(
            Ask.SUBMIT, method, body, before=lambda: self.sent.write(order.order_id, order.symbol)
        )
        try:
            venue_id, told = self.dialect.acknowledged(answer, client)
        except Read:
            venue_id, told = "", None
        if not venue_id:
            raise OutcomeUnknownError(
                f"{self.name}: the answer to order {order.order_id} is not that order",
                order_id=order.order_id,
            )
        self.sent.learn(client, venue_id)
        if told is None:
            return self._watched(replace(order, state=OrderState.ACCEPTED, venue_order_id=venue_id))
        return self._merged(self.books.named(told), order)

    async def _existing(self, order: Order) -> Order:
        """Return the order that was sent under this id already."""
        try:
            found = await self.order(order.order_id)
        except UnavailableError as error:
            raise OutcomeUnknownError(
                f"order {order.order_id} was sent to {self.name} before, and cannot be looked "
                f"up: {error.message}",
                order_id=order.order_id,
            ) from None
        if found is None:
            raise OutcomeUnknownError(
                f"order {order.order_id} was sent to {self.name} before, and is not found there",
                order_id=order.order_id,
            )
        return self._merged(found, order)

    def _merged(self, theirs: Order, ours: Order) -> Order:
        order = replace(
            ours,
            state=theirs.state,
            filled=theirs.filled,
            average_price=theirs.average_price,
            venue_order_id=theirs.venue_order_id,
            reason=theirs.reason if theirs.state is OrderState.REJECTED else ours.reason,
        )
        return self._watched(order)

    def _watched(self, order: Order) -> Order:
        for stream in self._streams:
            stream.watch(order)
        return order

    def _set_clock(self) -> None:
        theirs = self.dialect.now()
        if theirs is not None:
            self.trading.set_clock(theirs)

    async def _reset_clock(self) -> None:
        try:
            await self._ask(self._set_clock)
        except UnavailableError:
            self._is_checked = False  # the next order asks again

    async def _send(self, call: Callable[[], T]) -> T:
        return await self._in(self._sending, call)

    async def _ask(self, question: Callable[[], T]) -> T:
        return await self._in(self._asking, question)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, call)


def _dialect(exchange: str) -> tuple[type[Dialect], bool]:
    plain = exchange.removesuffix(_PAPER)
    where = DIALECTS.get(plain)
    if where is None:
        raise UsageError(
            f"orders cannot be sent to exchange {exchange!r}{nearest(exchange, DIALECTS)}; there "
            f"are {', '.join(DIALECTS)}",
            exchange=exchange,
        )
    module, _, name = where.partition(":")
    kind: type[Dialect] = getattr(import_module(module), name)
    if plain != exchange and not kind.has_paper:
        raise UsageError(
            f"{plain} has no demo trading; try a strategy on paper at the venue sim",
            exchange=exchange,
        )
    return kind, plain != exchange
