"""What goes beyond the contract of every broker (tests/contract/test_broker.py)."""

from __future__ import annotations

import json
import time
from decimal import Decimal as D

import pytest

from workbench.config import load_settings
from workbench.core.order import OrderState, OrderType, Protection, TimeInForce
from workbench.errors import (
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
)
from workbench.testing.brokers.alpaca.server import SECRET, AlpacaServer
from workbench.testing.brokers.venue import settings_for
from workbench.testing.wire import edit, instead
from workbench.venues.alpaca.broker import AlpacaBroker

S = OrderState


def limit(price, **facts):
    return {"type": OrderType.LIMIT, "limit_price": D(price), **facts}


def sent(venue, number=-1):
    posts = [a for a in venue.server.rest.asked if a.method in ("POST", "PATCH")]
    return json.loads(posts[number].body)


async def states(venue, *names):
    return [(await venue.broker.order(name)).state for name in names]


# orders -------------------------------------------------------------------------------


async def test_what_goes_over_the_wire(venue, order):
    venue.move(99, 101)
    await venue.broker.submit(order(**limit("90.129", extended_hours=True), quantity="2.5"))
    assert sent(venue) == {
        "symbol": "AAPL", "side": "buy", "type": "limit", "time_in_force": "day",
        "client_order_id": "o1", "qty": "2.5", "limit_price": "90.12",
        "extended_hours": True,
    }  # fmt: skip
    await venue.broker.submit(order(tif=TimeInForce.CLS))
    assert sent(venue)["time_in_force"] == "cls"


async def test_an_amount_is_bought_in_parts_of_a_share(venue, order):
    venue.move(99, 101)
    wish = order(quantity=None, notional=D("250.50"))
    answer = await venue.broker.submit(wish)
    assert sent(venue)["notional"] == "250.50"
    assert answer.quantity is None
    venue.move(99, 100)
    found = await venue.broker.order(wish.order_id)
    assert (found.state, found.quantity, found.filled) == (S.FILLED, D("2.505"), D("2.505"))
    assert (await venue.broker.fills())[0].quantity == D("2.505")


@pytest.mark.parametrize(("first", "second"), [("buy", "sell"), ("sell", "buy")])
async def test_the_refusal_of_an_order_that_turns_a_position_says_what_to_send(
    venue, order, first, second
):
    await venue.broker.submit(order(first, "5"))
    venue.move(99, 100)
    turn = order(second, "8")
    with pytest.raises(RefusedError, match=r"close them first, and send the 3 that") as caught:
        await venue.broker.submit(turn)
    assert caught.value.facts["outcome"] == "refused"
    assert await venue.broker.order(turn.order_id) is None
    await venue.broker.submit(order(second, "5"))
    venue.move(99, 100)
    await venue.broker.submit(order(second, "3"))
    venue.move(99, 100)
    (held,) = await venue.broker.positions()
    assert abs(held.quantity) == 3


async def test_parts_of_a_share_are_not_sold_short(venue, order):
    venue.move(99, 101)
    for wish in (order("sell", "0.5"), order("sell", "0.5", symbol="BTC/USD", tif=TimeInForce.GTC)):
        with pytest.raises(RefusedError, match="more than the 0 that is held"):
            await venue.broker.submit(wish)
        assert venue.sends(wish.order_id) == 0
    await venue.broker.submit(order(quantity="0.75"))
    venue.move(99, 101)
    await venue.broker.submit(order("sell", "0.75"))
    venue.move(99, 101)
    assert await venue.broker.positions() == []


async def test_crypto_is_named_alike_everywhere(venue, order):
    venue.server.book.quote("BTC/USD", 60_000.0, 60_010.0)
    wish = order(symbol="BTC/USD", quantity="0.5", tif=TimeInForce.GTC)
    await venue.broker.submit(wish)
    venue.server.book.quote("BTC/USD", 60_000.0, 60_010.0)
    assert [p.symbol for p in await venue.broker.positions()] == ["BTC/USD"]
    assert (await venue.broker.fills())[0].symbol == "BTC/USD"
    assert (await venue.broker.order(wish.order_id)).symbol == "BTC/USD"


async def test_a_trailing_stop_follows(venue, order):
    venue.move(99, 101)
    await venue.broker.submit(order())
    venue.move(99, 101)
    guard = Protection(trail=D("0.05"))
    wish = order("sell", type=OrderType.TRAILING_STOP, protection=guard)
    await venue.broker.submit(wish)
    assert sent(venue)["trail_percent"] == "5"
    for bid in (100, 120, 115):
        venue.move(bid, bid + 1)
    assert await states(venue, wish.order_id) == [S.WORKING]
    venue.move(113, 114)
    assert await states(venue, wish.order_id) == [S.FILLED]


async def test_auctions_wait_for_theirs(venue, order):
    venue.move(99, 101)
    wish = order(tif=TimeInForce.OPG)
    await venue.broker.submit(wish)
    venue.move(99, 101)
    assert await states(venue, wish.order_id) == [S.ACCEPTED]
    venue.server.book.auction(TimeInForce.OPG)
    assert await states(venue, wish.order_id) == [S.FILLED]


# orders of several parts --------------------------------------------------------------


@pytest.mark.parametrize(("bid", "won", "lost"), [(111, "profit", "loss"), (88, "loss", "profit")])
async def test_a_bracket_protects_what_was_entered(venue, order, bid, won, lost):
    venue.move(99, 101)
    wish = order(protection=Protection(loss_price=D(90), profit_price=D(110)))
    await venue.broker.submit(wish)
    assert sent(venue)["order_class"] == "bracket"
    name = wish.order_id
    assert await states(venue, f"{name}-loss", f"{name}-profit") == [S.ACCEPTED, S.ACCEPTED]
    venue.move(99, 101)
    found = {o.order_id: o for o in await venue.broker.open_orders()}
    assert set(found) == {f"{name}-loss", f"{name}-profit"}
    assert {o.parent_id for o in found.values()} == {name}
    venue.move(bid, bid + 1)
    assert await states(venue, f"{name}-{won}", f"{name}-{lost}") == [S.FILLED, S.CANCELED]
    assert [f.order_id for f in await venue.broker.fills()] == [name, f"{name}-{won}"]
    assert await venue.broker.positions() == []


async def test_a_new_broker_finds_out_whose_legs_they_are(venue, order, tmp_path):
    venue.move(99, 101)
    wish = order(protection=Protection(loss_price=D(90), profit_price=D(110)))
    await venue.broker.submit(wish)
    venue.move(99, 101)
    name = wish.order_id
    for way in ("open", "fills", "order", "cancel"):
        again = AlpacaBroker(settings_for(venue.server, tmp_path))
        if way == "open":
            assert {o.parent_id for o in await again.open_orders()} == {name}
        elif way == "order":
            assert (await again.order(f"{name}-loss")).stop_price == 90
            assert await again.order("nobody-loss") is None
        elif way == "cancel":
            await again.cancel(f"{name}-loss")
        elif way == "fills":
            assert [f.order_id for f in await again.fills()] == [name]
        await again.close()
    assert await states(venue, f"{name}-loss") == [S.CANCELED]


async def test_one_stop_only(venue, order):
    venue.move(99, 101)
    wish = order(protection=Protection(loss_price=D(90), loss_limit=D(89)))
    await venue.broker.submit(wish)
    assert (sent(venue)["order_class"], sent(venue)["stop_loss"]) == (
        "oto", {"stop_price": "90", "limit_price": "89"}
    )  # fmt: skip
    venue.move(99, 101)
    (leg,) = await venue.broker.open_orders()
    assert (leg.order_id, leg.type) == (f"{wish.order_id}-loss", OrderType.STOP_LIMIT)


@pytest.mark.parametrize(("bid", "first", "second"), [(112, S.FILLED, S.CANCELED),
                                                      (85, S.CANCELED, S.FILLED)])  # fmt: skip
async def test_one_cancels_the_other(venue, order, bid, first, second):
    venue.move(99, 101)
    await venue.broker.submit(order())
    venue.move(99, 101)
    guard = Protection(loss_price=D(90))
    wish = order("sell", **limit("110"), reduce_only=True, protection=guard)
    await venue.broker.submit(wish)
    assert sent(venue)["order_class"] == "oco"
    venue.move(bid, bid + 1)
    assert await states(venue, wish.order_id, f"{wish.order_id}-loss") == [first, second]
    assert await venue.broker.positions() == []


# changes ------------------------------------------------------------------------------


async def test_what_is_filled_in_part_is_not_replaced(venue, order):
    old = order(**limit("100"))
    await venue.broker.submit(old)
    venue.server.book.quote("AAPL", 98.0, 99.0, 4.0)
    assert (await venue.broker.order(old.order_id)).filled == 4
    with pytest.raises(RefusedError, match="cancel it"):
        await venue.broker.replace(old.order_id, order(**limit("101")))
    with pytest.raises(RefusedError, match="another side"):
        await venue.broker.replace(old.order_id, order("sell", **limit("101")))
    assert all(asked.method != "PATCH" for asked in venue.server.rest.asked)


async def test_a_replacement_without_an_answer_is_found(venue, order):
    old, new = order(**limit("90")), order(**limit("91"))
    await venue.broker.submit(old)
    venue.spoil("gateway_timeout")
    with pytest.raises(OutcomeUnknownError):
        await venue.broker.replace(old.order_id, new)
    venue.spoil("")
    assert sum(asked.method == "PATCH" for asked in venue.server.rest.asked) == 1
    assert await states(venue, old.order_id, new.order_id) == [S.REPLACED, S.WORKING]


async def test_a_fill_during_a_cancel(venue, order):
    venue.server.book.faults = venue.server.book.faults.changed({"slow_cancel": 2})
    wish = order(**limit("100"))
    await venue.broker.submit(wish)
    await venue.broker.cancel(wish.order_id)
    assert await states(venue, wish.order_id) == [S.PENDING_CANCEL]
    venue.server.book.quote("AAPL", 98.0, 99.0, 3.0)
    for _ in range(3):
        venue.move(120, 121)
    found = await venue.broker.order(wish.order_id)
    assert (found.state, found.filled) == (S.CANCELED, 3)


async def test_cancels_pass_an_open_breaker_and_orders_do_not(venue, order):
    wish = order(**limit("90"))
    await venue.broker.submit(wish)
    venue.spoil("server_error")
    for _ in range(5):
        with pytest.raises(OutcomeUnknownError):
            await venue.broker.submit(order(**limit("90")))
    venue.spoil("")
    stopped = order(**limit("90"))
    with pytest.raises(UnavailableError) as caught:
        await venue.broker.submit(stopped)
    assert (caught.value.sent, venue.sends(stopped.order_id)) == (False, 0)
    await venue.broker.cancel(wish.order_id)
    assert venue.server.book.by_client[wish.order_id].told["status"] == "canceled"


# one order is one request -------------------------------------------------------------


async def test_an_order_is_posted_once_whatever_happens(venue, order):
    venue.move(99, 101)
    faults = {"gateway_timeout": 0.1, "reset": 0.1, "limit": 0.05, "lost": 0.5, "seed": 7}
    with venue.server.book.lock:
        venue.server.book.faults = venue.server.book.faults.changed(faults)
    sure, unclear = [], []
    for _ in range(150):
        wish = order(quantity="1", **limit("50"))
        try:
            await venue.broker.submit(wish)
            sure.append(wish.order_id)
        except OutcomeUnknownError:
            unclear.append(wish.order_id)
        except UnavailableError as error:
            assert error.sent is False
            assert wish.order_id not in venue.server.book.by_client
    venue.spoil("")
    assert len(unclear) > 10
    assert max(venue.server.posts.values()) == 1
    assert all(venue.sends(name) == 1 for name in unclear)
    there = {name for name in unclear if await venue.broker.order(name) is not None}
    assert 0 < len(there) < len(unclear)
    assert {o.order_id for o in await venue.broker.open_orders()} == there | set(sure)


async def test_a_mute_venue_is_given_up_in_time_and_asked_beside(venue, order):
    import asyncio

    await venue.broker.connect()
    await venue.broker.submit(order(**limit("90")))
    venue.spoil("mute")
    tasks = [asyncio.create_task(venue.broker.submit(order(**limit("90")))) for _ in range(4)]
    while len(venue.server.posts) < 5:
        await asyncio.sleep(0.01)
    await venue.broker.open_orders()  # a question is not held up by orders
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in told} == {OutcomeUnknownError}


async def test_nobody_there_is_never_sent(tmp_path, order):
    server = AlpacaServer()
    broker = AlpacaBroker(settings_for(server, tmp_path))
    await broker.connect()
    await broker.submit(order(**limit("90")))
    server.close()
    broker.trading._client._session.close()  # a connection that is kept could have brought it
    with pytest.raises(UnavailableError) as caught:
        await broker.submit(order(**limit("90")))
    assert caught.value.sent is False
    await broker.close()


@pytest.mark.parametrize("fault", [instead("x" * (6 << 20)), instead("[]"), instead('{"id": 5}')])
async def test_answers_that_are_none(venue, order, fault):
    await venue.broker.connect()
    venue.server.rest.fail(fault, when=lambda asked: asked.method == "POST")
    with pytest.raises(OutcomeUnknownError):
        await venue.broker.submit(order(**limit("90")))
    venue.server.rest.fail(fault)
    with pytest.raises(UnavailableError):
        await venue.broker.account()


async def test_the_answer_to_another_order_is_not_believed(venue, order):
    venue.server.rest.fail(
        edit(lambda told: {**told, "client_order_id": "another"}),
        when=lambda asked: asked.method == "POST",
    )
    with pytest.raises(OutcomeUnknownError, match="not that order"):
        await venue.broker.submit(order(**limit("90")))


async def test_an_unknown_status_is_an_order_that_lives(venue, order):
    wish = order(**limit("90"))
    await venue.broker.submit(wish)
    venue.server.book.by_client[wish.order_id].told |= {"status": "in_orbit", "novelty": {"a": 1}}
    found = await venue.broker.order(wish.order_id)
    assert found.state.is_open
    assert "in_orbit" in found.reason


# questions ----------------------------------------------------------------------------


async def test_all_pages_or_an_error(venue, order):
    venue.move(99, 101)
    for _ in range(120):
        venue.server.book.submit(
            {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
        )
        venue.move(99, 101)
    assert len(await venue.broker.fills()) == 120
    seen = []

    def second(asked):
        seen.append(asked)
        return "page_token" in asked.query

    venue.server.rest.fail(instead("oops", 503), when=second)
    with pytest.raises(UnavailableError):
        await venue.broker.fills()


async def test_more_open_orders_than_a_page(venue):
    venue.move(99, 101)
    for _ in range(1100):
        venue.server.book.submit(
            {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1",
             "time_in_force": "day"}
        )  # fmt: skip
    found = await venue.broker.open_orders()
    assert len({order.order_id for order in found}) == len(found) == 1100


async def test_a_replica_that_lags_does_not_find_what_is_there(venue, order):
    wish = order(**limit("90"))
    await venue.broker.submit(wish)
    venue.server.book.faults = venue.server.book.faults.changed({"lag": 0.4})
    assert await venue.broker.order(wish.order_id) is None
    assert venue.broker.capabilities.lookup_lag.total_seconds() > 0.4  # and the record allows it
    time.sleep(0.5)
    assert (await venue.broker.order(wish.order_id)).state is S.WORKING


# the right account --------------------------------------------------------------------


def test_keys_and_addresses_of_the_other_environment(tmp_path):
    def made(is_paper, key, **told):
        name = "alpaca_paper" if is_paper else "alpaca_live"
        secrets = {f"{name}_key": key, f"{name}_secret": SECRET}
        return AlpacaBroker(
            load_settings(tmp_path, venues={name: told}, **secrets), is_paper=is_paper
        )

    with pytest.raises(UsageError, match="of paper trading"):
        made(False, "PK123")
    with pytest.raises(UsageError, match="of live trading"):
        made(True, "AK123")
    with pytest.raises(UsageError, match="not where alpaca_live trades"):
        made(False, "AK123", url="https://paper-api.alpaca.markets")
    with pytest.raises(UsageError, match="ALPACA_LIVE_KEY"):
        AlpacaBroker(load_settings(tmp_path), is_paper=False)
    assert made(False, "AK123").name == "alpaca-live"


@pytest.mark.parametrize(
    ("facts", "terms", "why"),
    [
        ({"account_number": "912345678"}, {}, "other environment"),
        ({}, {"account": "PA9"}, "venues.alpaca_paper.account is PA9"),
        ({"trading_blocked": True}, {}, "trading blocked"),
        ({"status": "ACCOUNT_CLOSED"}, {}, "ACCOUNT_CLOSED"),
    ],
)
async def test_nothing_is_sent_to_another_account(tmp_path, order, facts, terms, why):
    with AlpacaServer() as server:
        server.routes.facts |= facts
        broker = AlpacaBroker(settings_for(server, tmp_path, **terms))
        for _ in range(2):
            with pytest.raises(UsageError, match=why):
                await broker.submit(order())
        assert server.posts == {}
        await broker.close()


async def test_a_key_that_is_refused_says_so_without_telling_it(tmp_path, order):
    with AlpacaServer(key="PKOTHER") as server:
        broker = AlpacaBroker(settings_for(server, tmp_path))
        with pytest.raises(UsageError, match="WORKBENCH_ALPACA_PAPER_KEY") as caught:
            await broker.submit(order())
        assert caught.value.key_refused
        assert SECRET not in str(caught.value.facts)
        await broker.close()
