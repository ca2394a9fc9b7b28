"""Perpetuals at Binance and Bybit: both ways, with leverage, margin mode and positions."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from workbench.core.order import OrderState, OrderType
from workbench.errors import OutcomeUnknownError, RefusedError
from workbench.testing.brokers.exchanges.under_test import PERPETUALS

PAIR = "BTC/USDT:USDT"


@pytest.fixture(params=list(PERPETUALS))
def venue(request, venue_of):
    return venue_of(request.param)


async def test_more_is_sold_than_is_held_and_bought_back(venue, order):
    venue.move(100, 101)
    await venue.broker.submit(order("sell", "2", symbol=PAIR))
    venue.move(100, 101)
    (held,) = await venue.broker.positions()
    assert (held.symbol, held.quantity, held.average_price) == (PAIR, -2, 100)
    venue.move(90, 90)
    account = await venue.broker.account()
    assert (account.cash, account.equity) == (100_000, 100_020)
    await venue.broker.submit(order("buy", "2", symbol=PAIR, reduce_only=True))
    venue.move(90, 90)
    assert await venue.broker.positions() == []
    assert (await venue.broker.account()).cash == 100_020
    fills = await venue.broker.fills()
    assert [(f.symbol, f.side.value, f.price) for f in fills] == [
        (PAIR, "sell", 100), (PAIR, "buy", 90),
    ]  # fmt: skip
    assert (await venue.broker.order("o2")).reduce_only is True


async def test_leverage_and_margin_mode_are_set_before_the_first_order(venue, order):
    broker = venue.connect(leverage=3, margin="isolated")
    facts = {"type": OrderType.LIMIT, "limit_price": D(90), "symbol": PAIR}
    await broker.submit(order(**facts))
    await broker.submit(order(**facts))
    assert len(venue.server.set) == 2  # once each
    told = str(venue.server.set)
    assert "3" in told
    assert "ISOLATED" in told
    await broker.close()


async def test_no_order_leaves_where_they_cannot_be_set(venue, order):
    broker = venue.connect(leverage=3)
    venue.server.refuses_terms = True
    with pytest.raises(RefusedError, match="cannot be set"):
        await broker.submit(order(symbol=PAIR))
    assert not venue.server.posts
    await broker.close()


@pytest.mark.parametrize("trouble", ["gateway_timeout", "drop", "empty", "drop lost"])
async def test_one_request_whatever_comes_of_it(venue, order, trouble):
    await venue.broker.connect()
    venue.spoil(trouble)
    wish = order(symbol=PAIR)
    with pytest.raises(OutcomeUnknownError):
        await venue.broker.submit(wish)
    venue.spoil("")
    assert venue.sends("o1") == 1
    found = await venue.broker.order("o1")
    assert (found is None) is trouble.endswith("lost")


async def test_a_cancel_and_an_order_of_spot(venue, order):
    facts = {"type": OrderType.LIMIT, "limit_price": D(90)}
    await venue.broker.submit(order(symbol=PAIR, **facts))
    await venue.broker.cancel("o1")
    assert (await venue.broker.order("o1")).state is OrderState.CANCELED
    with pytest.raises(RefusedError):
        await venue.broker.submit(order(symbol="BTC/USDT", **facts))


async def test_a_liquidation_at_bybit_is_an_execution_and_funding_is_none(venue_of, order):
    venue = venue_of("bybit-linear")
    venue.move(100, 101)
    for side in ("buy", "sell", "buy"):
        await venue.broker.submit(order(side, symbol=PAIR))
        venue.move(100, 101)
    first, second, third = (fill.execution_id for fill in await venue.broker.fills())
    venue.server.kinds |= {second: "BustTrade", third: "Funding"}
    assert [fill.execution_id for fill in await venue.broker.fills()] == [first, second]
