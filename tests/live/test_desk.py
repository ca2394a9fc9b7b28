from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from workbench.bus.memory import MemoryBus
from workbench.config import RiskLimits, load_settings
from workbench.errors import InvariantError, RefusedError, UsageError
from workbench.live.desk import Desk
from workbench.venues.sim.broker import Faults

PRICES = {"AAPL": 100.0, "IBM": 50.0}


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path)


def a_desk(settings, **options):
    return Desk(settings, **{"prices": PRICES, "tick": 0.005, **options})


async def until(condition, what, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what


async def ended(desk, order_id):
    await until(lambda: not desk.order(order_id).state.is_open, f"{order_id} ends")
    return desk.order(order_id)


def check(desk):
    """The invariants that every order test ends with."""
    manager = desk._manager
    manager.core.ledger.check()
    manager.journal.verify()
    books, venue = manager.core.ledger.books, desk._venue
    assert books.differences(venue.positions(), venue.account().cash) == []


async def test_a_ticket_is_filled_and_told_of(settings):
    bus, told = MemoryBus(), []
    topics = ["orders", "positions", "quotes:AAPL", "system"]
    bus.subscribe(topics, lambda topic, message: told.append((topic, message)))
    async with a_desk(settings, bus=bus) as desk:
        order = await desk.submit_ticket("aapl", "buy", "10", user="ada")
        order = await ended(desk, order.order_id)
        assert order.state.value == "filled"
        assert order.filled == 10
        shot = desk.snapshot()
        check(desk)
    position = shot["positions"][0]
    assert (position["symbol"], position["quantity"]) == ("AAPL", 10)
    assert position["unrealised"] == position["quantity"] * (
        position["last"] - position["average_price"]
    )
    assert shot["source"] == "synthetic"
    assert shot["cash"] == 100_000 - 10 * order.average_price
    assert shot["equity"] == shot["cash"] + 10 * position["last"]
    by_topic = {topic: [m for t, m in told if t == topic] for topic in topics}
    assert by_topic["orders"][-1]["state"] == "filled"
    assert by_topic["positions"][-1]["quantity"] == "10.0"
    assert by_topic["quotes:AAPL"][0]["source"] == "synthetic"


async def test_everything_survives_a_restart(settings):
    async with a_desk(settings) as desk:
        bought = await desk.submit_ticket("AAPL", "buy", 10, user="ada")
        await ended(desk, bought.order_id)
        resting = await desk.submit_ticket("IBM", "buy", 5, "limit", 10, user="ada")
        await desk.halt("reduce_only", "lunch", user="ada")
        before = desk.snapshot()
        check(desk)
    async with a_desk(settings, cash=5.0) as desk:  # an account goes on with its own cash
        after = desk.snapshot()
        assert after["is_ready"], after["failure"]
        assert after["cash"] == before["cash"]
        assert after["positions"][0]["quantity"] == 10
        assert desk.order(resting.order_id).state.value == "working"
        assert after["halt"]["level"] == "reduce_only"
        await desk.cancel(resting.order_id, "ada")
        assert (await ended(desk, resting.order_id)).state.value == "canceled"
        check(desk)


async def test_limit_and_stop_orders_wait_for_their_price(settings):
    async with a_desk(settings) as desk:
        far = await desk.submit_ticket("IBM", "buy", 1, "limit", "40", user="ada")
        near = await desk.submit_ticket("IBM", "buy", 1, "limit", "54", user="ada")
        stop = await desk.submit_ticket("IBM", "buy", 1, "stop", stop_price="45", user="ada")
        both = await desk.submit_ticket("IBM", "sell", 1, "stop_limit", "49", "49.5", user="ada")
        await ended(desk, near.order_id)
        await ended(desk, stop.order_id)
        assert desk.order(near.order_id).average_price < 54
        assert desk.order(far.order_id).state.value == "working"
        assert desk.order(both.order_id).state.is_open or desk.order(both.order_id).filled == 1
        check(desk)


async def test_the_gate_says_why(settings):
    settings = settings.model_copy(update={"risk": RiskLimits(max_order_quantity=5)})
    async with a_desk(settings) as desk:
        with pytest.raises(RefusedError, match="order quantity of 10 is above") as caught:
            await desk.submit_ticket("AAPL", "buy", 10, user="ada")
        assert [v["rule"] for v in caught.value.verdicts if v["outcome"] == "refuse"] == [
            "order_quantity"
        ]
        assert desk.snapshot()["orders"] == []
        check(desk)


async def test_what_cannot_be_paid_is_refused_by_the_venue(settings):
    free = RiskLimits(max_order_notional=None, max_gross=None, max_position_notional=None)
    settings = settings.model_copy(update={"risk": free})
    async with a_desk(settings, cash=500) as desk:
        order = await desk.submit_ticket("AAPL", "buy", 10, user="ada")
        assert order.state.value == "rejected"
        assert "insufficient funds" in order.reason
        check(desk)


async def test_the_same_key_is_one_order(settings):
    async with a_desk(settings) as desk:
        orders = await asyncio.gather(
            *(desk.submit_ticket("AAPL", "buy", 1, user="ada", key="k1") for _ in range(20))
        )
        assert {order.order_id for order in orders} == {"key-k1"}
        await ended(desk, "key-k1")
        assert desk._broker.sends == {"key-k1": 1}
        check(desk)


@pytest.mark.parametrize(
    ("ticket", "match"),
    [
        ({"symbol": "APPL"}, "did you mean 'AAPL'"),
        ({"side": "bye"}, "did you mean 'buy'"),
        ({"quantity": 0}, "positive"),
        ({"quantity": "NaN"}, "finite"),
        ({"quantity": "ten"}, "not a number"),
        ({"quantity": "1e-30"}, "too many digits"),
        ({"type": "limit"}, "needs a limit_price"),
        ({"type": "market", "limit_price": 5}, "has no limit_price"),
        ({"type": "stop", "stop_price": -1}, "positive"),
    ],
)
async def test_bad_tickets(settings, ticket, match):
    async with a_desk(settings) as desk:
        with pytest.raises(UsageError, match=match):
            await desk.submit_ticket(
                **{"symbol": "AAPL", "side": "buy", "quantity": 1, "user": "ada", **ticket}
            )
        assert desk.snapshot()["orders"] == []


async def test_the_kill_switch(settings):
    async with a_desk(settings) as desk:
        bought = await desk.submit_ticket("AAPL", "buy", 10, user="ada")
        await ended(desk, bought.order_id)
        short = await desk.submit_ticket("IBM", "sell", 7, user="ada")
        await ended(desk, short.order_id)
        resting = await desk.submit_ticket("IBM", "sell", 5, "limit", 90, user="ada")
        await desk.halt("no_new_orders", user="ada")
        with pytest.raises(RefusedError, match="halted"):
            await desk.submit_ticket("AAPL", "sell", 1, user="ada")
        assert desk.order(resting.order_id).state.is_open
        await desk.halt("cancel_all", user="ada")
        await ended(desk, resting.order_id)
        assert desk.snapshot()["positions"][0]["quantity"] == 10
        await desk.halt("flatten", user="ada")
        await until(
            lambda: all(p["quantity"] == 0 for p in desk.snapshot()["positions"]), "all is closed"
        )
        with pytest.raises(UsageError, match="reason"):
            await desk.halt("run", user="ada")
        await desk.halt("run", "the quotes are fine", user="ada")
        again = await desk.submit_ticket("AAPL", "buy", 1, user="ada")
        await ended(desk, again.order_id)
        check(desk)


async def test_lost_answers_are_looked_up_and_never_sent_again(settings):
    faults = Faults(seed=3, lose_response=0.5, duplicate=0.3, late=0.3)
    async with a_desk(settings, faults=faults) as desk:
        orders = [
            await desk.submit_ticket("AAPL", "buy" if i % 2 else "sell", 1, user="ada")
            for i in range(20)
        ]
        assert any(order.state.value == "unknown" for order in orders)
        for order in orders:
            await ended(desk, order.order_id)
        assert all(desk.order(o.order_id).state.value == "filled" for o in orders)
        assert set(desk._broker.sends.values()) == {1}
        check(desk)


async def test_one_desk_per_workspace(settings):
    async with a_desk(settings):
        with pytest.raises(UsageError, match="already has a writer"):
            await a_desk(settings).start()
    async with a_desk(settings) as desk:  # and the way is free again
        assert desk.snapshot()["is_ready"]


async def test_books_and_venue_apart_switch_trading_off(settings):
    async with a_desk(settings) as desk:
        order = await desk.submit_ticket("AAPL", "buy", 10, user="ada")
        await ended(desk, order.order_id)
    settings.folder("sim-venue.jsonl").unlink()
    async with a_desk(settings) as desk:
        assert not desk.snapshot()["is_ready"]
        assert "AAPL: 10.0 in our books, 0 at the venue" in desk.failure
        with pytest.raises(RefusedError, match="not trading"):
            await desk.submit_ticket("AAPL", "buy", 1, user="ada")


async def test_a_lost_database_is_rebuilt_from_the_venue(settings):
    async with a_desk(settings) as desk:
        order = await desk.submit_ticket("AAPL", "buy", 10, user="ada")
        await ended(desk, order.order_id)
        cash = desk.snapshot()["cash"]
    for path in settings.folder("").glob("workbench.db*"):
        path.unlink()
    async with a_desk(settings) as desk:
        shot = desk.snapshot()
        assert shot["is_ready"], shot["failure"]
        assert (shot["cash"], shot["positions"][0]["quantity"]) == (cash, Decimal(10))
        assert shot["orders"][0]["strategy"] == "external"
        check(desk)


async def test_the_loss_of_the_day_is_remembered_through_a_restart(settings):
    async with a_desk(settings) as desk:
        start = desk._day.equity
    async with a_desk(settings) as desk:
        assert desk._day.equity == start
        assert desk.snapshot()["day_pnl"] == 0


async def test_a_fault_inside_stops_trading(settings):
    async with a_desk(settings) as desk:

        def broken(now):
            raise InvariantError("the market is upside down")

        desk._feed.tick = broken
        await until(lambda: desk.failure, "the desk notices")
        with pytest.raises(RefusedError, match="upside down"):
            await desk.submit_ticket("AAPL", "buy", 1, user="ada")


async def test_default_symbols_are_the_samples(settings):
    async with Desk(settings, tick=0.01) as desk:
        assert {"AAPL", "GOOG", "IBM", "MSFT"} <= set(desk.symbols)
