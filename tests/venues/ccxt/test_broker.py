"""What goes beyond the contract of every broker (tests/contract/test_broker.py)."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, suppress
from decimal import Decimal as D
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.errors import (
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
)
from workbench.testing.brokers.exchanges.book import Refused
from workbench.testing.brokers.exchanges.server import ordered
from workbench.testing.brokers.exchanges.under_test import ExchangeUnderTest, exchange_settings
from workbench.testing.wire import instead
from workbench.venues.ccxt.account import ExchangeAccount
from workbench.venues.ccxt.broker import CcxtBroker
from workbench.venues.ccxt.updates import Pace
from workbench.venues.outcomes import Ask

S = OrderState


def limit(price, **facts):
    return {"type": OrderType.LIMIT, "limit_price": D(price), **facts}


def sent(venue):
    """Return what the last order was sent with."""
    asked = [a for a in venue.server.rest.asked if venue.server.client_of(a)][-1]
    if asked.body.startswith("{"):
        return json.loads(asked.body)
    return {k: v[-1] for k, v in parse_qs(asked.body).items()}


# orders -------------------------------------------------------------------------------


async def test_what_goes_over_the_wire_to_binance(binance, order):
    await binance.broker.submit(order(quantity="1.000019", **limit("90.129")))
    body = sent(binance)
    kept = ("symbol", "side", "type", "quantity", "price", "timeInForce", "newClientOrderId")
    assert {k: body[k] for k in kept} == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1.00001",
        "price": "90.12", "timeInForce": "GTC", "newClientOrderId": "o1",
    }  # fmt: skip
    assert body["recvWindow"] == "5000"
    await binance.broker.submit(order(**limit(90, tif=TimeInForce.FOK)))
    assert sent(binance)["timeInForce"] == "FOK"


@pytest.mark.parametrize(
    ("exchange", "key", "value"),
    [("binance", "type", "STOP_LOSS_LIMIT"), ("kraken", "ordertype", "stop-loss-limit"),
     ("bybit", "orderFilter", "StopOrder")],
)  # fmt: skip
async def test_a_stop_limit_in_each_ones_words(venue_of, order, exchange, key, value):
    venue = venue_of(exchange)
    facts = {"stop_price": D("110.00"), **limit("111.00", type=OrderType.STOP_LIMIT)}
    await venue.broker.submit(order(**facts))
    assert sent(venue)[key] == value
    found = await venue.broker.order("o1")
    assert (found.type, found.stop_price, found.limit_price) == (OrderType.STOP_LIMIT, 110, 111)


async def test_coinbase_is_told_our_id_and_which_way_a_stop_is(venue_of, order):
    venue = venue_of("coinbase")
    facts = {"stop_price": D(110), **limit(111, type=OrderType.STOP_LIMIT)}
    await venue.broker.submit(order(**facts))
    body = sent(venue)
    assert body["client_order_id"] == "o1"
    terms = body["order_configuration"]["stop_limit_stop_limit_gtc"]
    assert terms["stop_direction"] == "STOP_DIRECTION_STOP_UP"


async def test_an_order_to_kraken_dies_at_its_deadline(venue_of, order):
    venue = venue_of("kraken", skew=60.0)
    with pytest.raises(UnavailableError) as error:
        await venue.broker.submit(order())
    assert error.value.facts["sent"] is False
    assert venue.server.book.entries == []
    venue.server.skew = 0.0
    await venue.broker.submit(order(order_id="o1"))  # it was never taken, so it may be sent
    assert len(venue.server.book.entries) == 1


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"quantity": "0.000001"}, "less than the smallest order"),
        ({"quantity": "9000000"}, "more than the largest order"),
        (limit("0.01", quantity="0.001"), "less than the least value"),
        ({"quantity": None, "notional": D(10)}, "orders of an amount"),
        ({"symbol": "BTC/USD"}, "has no symbol"),
        ({"tif": TimeInForce.DAY}, "time in force day"),
        ({"stop_price": D(90), "type": OrderType.STOP, "tif": TimeInForce.IOC}, "at once"),
    ],
)
async def test_what_is_refused_before_it_is_sent(binance, order, facts, why):
    with pytest.raises(RefusedError, match=why) as error:
        await binance.broker.submit(order(**facts))
    assert error.value.facts["sent"] is False
    assert not binance.server.posts


async def test_a_long_id_becomes_one_that_fits(venue, order):
    name = "run-20240102T143000-BTC.USDT/with a long name and strange letters"
    answer = await venue.broker.submit(order(order_id=name, **limit(90)))
    assert answer.order_id == name
    (client,) = venue.server.posts
    assert len(client) <= 36
    assert (await venue.broker.order(name)).order_id == name
    assert [o.order_id for o in await venue.broker.open_orders()] == [name]
    again = venue.connect()
    assert (await again.order(name)).order_id == name
    await again.close()
    await venue.broker.cancel(name)
    assert (await venue.broker.order(name)).state is S.CANCELED


async def test_the_same_order_twice_at_once_is_sent_once(venue, order):
    await venue.broker.connect()
    wish = order(type=OrderType.LIMIT, limit_price=D(90))
    told = await asyncio.gather(
        *(venue.broker.submit(wish) for _ in range(4)), return_exceptions=True
    )
    assert venue.sends("o1") == 1
    assert all(isinstance(one, Order | OutcomeUnknownError) for one in told)
    assert sum(isinstance(one, Order) for one in told) >= 1


async def test_no_funds_is_a_refusal_and_not_an_order(venue, order):
    with pytest.raises(RefusedError):
        await venue.broker.submit(order("sell"))
    assert venue.server.book.entries == []


async def test_a_restart_sends_nothing_again(venue, order):
    """An id that has ended may be used again at some exchanges: never by us."""
    wish = order()
    await venue.broker.submit(wish)
    venue.move(99, 100)
    again = venue.connect()
    found = await again.submit(wish)
    assert (found.state, found.filled) == (S.FILLED, 1)
    assert venue.sends(wish.order_id) == 1
    fills = await again.fills()
    assert [(f.order_id, f.quantity) for f in fills] == [(wish.order_id, 1)]
    await again.close()


async def test_an_order_without_an_answer_that_is_not_found_is_not_sent_again(venue, order):
    wish = order()
    venue.spoil("drop lost")
    with pytest.raises(OutcomeUnknownError):
        await venue.broker.submit(wish)
    venue.spoil("")
    with pytest.raises(OutcomeUnknownError, match="not found"):
        await venue.broker.submit(wish)
    assert venue.sends(wish.order_id) == 1


def test_where_nobody_listens_nothing_was_sent(venue, tmp_path):
    told = exchange_settings(venue.exchange, venue.server, tmp_path, url="http://127.0.0.1:9")
    account = ExchangeAccount(told, venue.exchange)
    methods = {
        "binance": "privatePostOrder", "bybit": "privatePostV5OrderCreate",
        "coinbase": "v3PrivatePostBrokerageOrders", "kraken": "privatePostAddOrder",
    }  # fmt: skip
    with pytest.raises(UnavailableError) as error:
        account.ask(Ask.SUBMIT, methods[venue.exchange], {"symbol": "BTCUSDT"})
    assert error.value.facts["sent"] is False


async def test_an_order_of_another_is_told_under_its_own_name(venue):
    venue.server.book.submit("by-hand", ordered("BTC/USDT", "buy", "limit", quantity=D(1),
                                                limit_price=D(90)))  # fmt: skip
    (found,) = await venue.broker.open_orders()
    assert (found.order_id, found.run_id) == ("by-hand", "external")
    assert (await venue.broker.order("by-hand")).venue_order_id == found.venue_order_id
    await venue.broker.cancel("by-hand")
    assert await venue.broker.open_orders() == []


async def test_an_unknown_status_is_an_order_that_lives(binance, order):
    await binance.broker.submit(order(**limit(90)))
    entry = binance.server.book.find("o1")
    row = {**binance.server.row(entry), "status": "SOMETHING_NEW"}
    binance.server.rest.fail(instead(row), when=lambda a: a.path.endswith("/api/v3/order"))
    found = await binance.broker.order("o1")
    assert (found.state, found.reason) == (S.ACCEPTED, "status SOMETHING_NEW")


@pytest.mark.parametrize("body", ["{}", "[]", "null", "", "<html>", '{"orderId": 1}', "5"])
async def test_an_answer_of_another_form_is_no_acknowledgement(venue, order, body):
    await venue.broker.connect()
    venue.server.rest.fail(instead(body), when=venue.server.is_order)
    with pytest.raises(OutcomeUnknownError):
        await venue.broker.submit(order())
    assert venue.sends("o1") == 1
    assert (await venue.broker.order("o1")).order_id == "o1"


async def test_an_order_whose_note_is_lost_is_found_where_we_trade(venue, order):
    """Nobody may take it for absent because it was sent long ago."""
    await venue.broker.submit(order())
    await venue.broker.submit(order())
    venue.move(99, 100)
    entry = venue.server.book.find("o1")
    entry.at = entry.at.replace(year=entry.at.year - 1)
    venue.broker.sent.unsent("o1")
    venue.broker.sent.venue_ids.clear()
    found = await venue.broker.order("o1")
    assert (found.order_id, found.state) == ("o1", S.FILLED)


# the account --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exchange", "currency", "held"),
    [("binance", "BTC", "0.999"), ("bybit", "BTC", "0.999"), ("kraken", "USDT", "1"),
     ("coinbase", "USDT", "1")],
)  # fmt: skip
async def test_fees_are_told_in_what_they_were_taken_in(venue_of, order, exchange, currency, held):
    venue = venue_of(exchange, fee=D("0.001"))
    await venue.broker.submit(order())
    venue.move(99, 100)
    (fill,) = await venue.broker.fills()
    assert (fill.fee, fill.fee_currency) == (
        D("0.001") if currency == "BTC" else D("0.1"),
        currency,
    )
    (position,) = await venue.broker.positions()
    assert (position.symbol, position.quantity) == ("BTC/USDT", D(held))


async def test_what_rests_in_orders_is_held_all_the_same(venue, order):
    await venue.broker.submit(order())
    venue.move(99, 100)
    await venue.broker.submit(order("sell", **limit(150)))
    await venue.broker.submit(order(**limit(50)))
    account = await venue.broker.account()
    assert (account.cash, account.currency, account.is_paper) == (99_900, "USDT", False)
    assert account.equity == D("99999.5")
    assert [(p.symbol, p.quantity) for p in await venue.broker.positions()] == [("BTC/USDT", 1)]


@pytest.mark.parametrize(("exchange", "count"), [("kraken", 120), ("bybit", 70), ("coinbase", 260)])
async def test_all_pages_of_executions(venue_of, order, exchange, count):
    venue, parts = venue_of(exchange), 2
    await venue.broker.submit(order(quantity=str(count)))
    for _ in range(count * parts):
        venue.server.book.quote("BTC/USDT", 99.0, 100.0, 1.0 / parts)
    fills = await venue.broker.fills()
    assert len({fill.execution_id for fill in fills}) == len(fills) == count * parts
    assert {fill.order_id for fill in fills} == {"o1"}


async def test_pages_at_binance_follow_the_ids_of_trades(binance, order):
    await binance.broker.submit(order(quantity="1010", **limit(50)))
    for _ in range(1005):
        binance.server.book.quote("BTC/USDT", 49.0, 50.0, 1.0)
    fills = await binance.broker.fills()
    assert len({fill.execution_id for fill in fills}) == 1005
    late = await binance.broker.fills(fills[-3].time)
    assert 3 <= len(late) < 1005
    assert late == fills[-len(late) :]
    asked = [a.query for a in binance.server.rest.asked if a.path.endswith("myTrades")]
    assert "fromId" in asked[1]


async def test_another_account_than_the_one_that_is_meant_is_refused(binance, order):
    other = binance.connect(account="4711")
    with pytest.raises(UsageError, match="354937868"):
        await other.submit(order())
    assert not binance.server.posts
    await other.close()


@pytest.mark.parametrize("exchange", ["binance", "bybit", "coinbase"])
async def test_a_clock_that_is_wrong_is_set_right(venue_of, order, exchange):
    venue = venue_of(exchange, skew=300.0)
    await venue.broker.submit(order(**limit(90)))  # asked for the time before the first order
    if exchange == "coinbase":
        return
    venue.server.skew = 600.0
    with pytest.raises(UnavailableError) as error:
        await venue.broker.submit(order(**limit(91)))
    assert error.value.facts["sent"] is False
    await venue.broker.submit(order(order_id="o2", **limit(91)))
    assert len(venue.server.book.entries) == 2


async def test_a_wrong_secret_is_refused_and_not_told(venue, order, tmp_path):
    if venue.exchange == "coinbase":
        pytest.skip("its secret is a key of its own form")
    told = exchange_settings(venue.exchange, venue.server, tmp_path)
    secret = {f"{venue.exchange}_secret": SecretStr("d3Jvbmctc2VjcmV0")}
    wrong = told.model_copy(update=secret)
    broker = CcxtBroker(wrong, exchange=venue.exchange)
    with pytest.raises((UsageError, UnavailableError)) as error:
        await broker.submit(order())
    assert "d3Jvbmctc2VjcmV0" not in str(error.value)
    assert not venue.server.posts
    await broker.close()


def test_only_exchanges_with_words_can_be_chosen(tmp_path):
    from workbench.config import load_settings

    with pytest.raises(UsageError, match="binance"):
        CcxtBroker(load_settings(tmp_path), exchange="binanse")
    with pytest.raises(UsageError, match="WORKBENCH_KRAKEN_KEY"):
        CcxtBroker(load_settings(tmp_path), exchange="kraken")


# the stream ---------------------------------------------------------------------------


async def next_of(updates, kind, seconds=10):
    async with asyncio.timeout(seconds):
        while True:
            update = await anext(updates)
            if kind(update):
                return update


def patient(venue):
    """Return a broker that looks by itself only once an hour."""
    told = exchange_settings(venue.exchange, venue.server, venue.folder)
    return CcxtBroker(
        told, exchange=venue.exchange, pace=Pace(pull=3600.0, backoff=0.05, longest=0.2)
    )


async def listening(venue, updates):
    """Begin to listen, and wait until the exchange knows; return the next update to come."""
    first = asyncio.create_task(anext(updates))
    await asyncio.to_thread(venue.server.subscribed)
    return first


async def test_the_stream_itself_tells_of_a_fill(venue: ExchangeUnderTest, order):
    broker = patient(venue)
    async with aclosing(broker.updates()) as updates:
        first = await listening(venue, updates)
        await broker.submit(order())
        seen = [await asyncio.wait_for(first, 10)]
        venue.move(99, 100)
        if not isinstance(seen[0], Fill):
            seen.append(await next_of(updates, lambda one: isinstance(one, Fill)))
        assert isinstance(seen[-1], Fill)
        assert (seen[-1].order_id, seen[-1].price) == ("o1", 100)
        end = await next_of(updates, lambda one: not isinstance(one, Fill))
        assert (end.state, end.filled) == (S.FILLED, 1)
    await broker.close()


async def test_after_a_break_what_was_missed_is_told_once(venue, order):
    broker = patient(venue)
    async with aclosing(broker.updates()) as updates:
        first = await listening(venue, updates)
        await broker.submit(order())
        await asyncio.wait_for(first, 10)
        venue.server.is_mute = True
        venue.move(99, 100)
        await asyncio.to_thread(venue.server.kick, 1001)
        seen = []
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while not seen or getattr(seen[-1], "state", None) is not S.FILLED:
                    seen.append(await anext(updates))
        assert sum(isinstance(one, Fill) for one in seen) == 1
        assert seen[-1].state is S.FILLED
    await broker.close()


async def test_a_frame_that_cannot_be_read_ends_nothing(venue, order):
    broker = patient(venue)
    async with aclosing(broker.updates()) as updates:
        first = await listening(venue, updates)
        for frame in ("nonsense", "{", '{"event": {"e": "executionReport"}}', "[[[", "\x00"):
            await asyncio.to_thread(venue.server.frame, frame)
        await broker.submit(order())
        await asyncio.wait_for(first, 10)
        venue.move(99, 100)
        fill = await next_of(updates, lambda one: isinstance(one, Fill))
        assert fill.order_id == "o1"
    await broker.close()


def test_the_book_of_the_test_says_no_as_an_exchange_would(venue):
    with pytest.raises(Refused):
        venue.server.book.cancel(None)
