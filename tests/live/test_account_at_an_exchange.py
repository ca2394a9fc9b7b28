"""An account at a crypto exchange: its books begin with what is there, and stay what it says."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.clock import WallClock
from workbench.core.order import Intent, Order, OrderType
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.live.accounts.account import TradingAccount
from workbench.live.accounts.opening import meet
from workbench.live.market.prices import Market
from workbench.testing.brokers.exchanges.under_test import (
    EXCHANGES,
    PERPETUALS,
    ExchangeUnderTest,
    exchange_settings,
)


@pytest.fixture(params=[*EXCHANGES, *PERPETUALS])
async def venue(request, tmp_path):
    made = ExchangeUnderTest(request.param, tmp_path, fee=Decimal("0.001"))
    yield made
    await made.close()


def opened(venue, stack):
    settings = exchange_settings(venue.exchange, venue.server, venue.folder)
    account = TradingAccount(settings, "test", WallClock(), mode="live")
    account.open(stack)
    account.connect(venue.broker, Market())
    return account


def order(venue, name, side="buy", quantity="2"):
    return Order(
        order_id=name, run_id="", strategy="", symbol=venue.pair, side=Side(side),
        type=OrderType.MARKET, decided_at=datetime.now(UTC), quantity=Decimal(quantity),
    )  # fmt: skip


async def traded(venue, account, name, **facts):
    intent = Intent(
        intent_id=name, run_id="run", strategy="test", symbol=venue.pair,
        decided_at=datetime.now(UTC), reference_price=Decimal(100), **facts,
    )  # fmt: skip
    now = datetime.now(UTC)
    account.market.take(Quote(venue.pair, now, 100.0, 100.0), now)
    judgement = await account.manager.propose(intent, account.context())
    assert judgement.outcome == "pass", judgement.reason
    venue.move(100, 100)
    await account.manager.pull()


async def test_books_begin_with_what_is_there_and_agree_to_the_last_digit(venue):
    venue.move(90, 90)
    await venue.broker.submit(order(venue, "before"))
    venue.move(90, 90)
    with ExitStack() as stack:
        account = opened(venue, stack)
        await meet(account)
        await account.manager.recover()
        assert account.currency == "USDT"
        await traded(venue, account, "more", side=Side.BUY, quantity=Decimal("1.5"))
        await traded(venue, account, "less", side=Side.SELL, quantity=Decimal("0.5"))
        assert await account.manager.differences() == []
        told = await venue.broker.account()
        assert round(account.equity(), 2) == round(told.equity, 2)
        assert sum(one.fees for one in account.positions()) >= Decimal("0.2")
        await account.manager.drain()
    with ExitStack() as stack:
        account = opened(venue, stack)
        await meet(account)
        await account.manager.recover()
        assert account.currency == "USDT"
        account.market.prices[venue.pair] = Decimal(100)
        assert round(account.equity(), 2) == round(told.equity, 2)
        account.ledger.check()
        await account.manager.drain()
