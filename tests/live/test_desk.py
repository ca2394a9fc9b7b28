from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

import workbench as wb
from workbench.bus.memory import MemoryBus
from workbench.config import RiskLimits, load_settings
from workbench.core.clock import WallClock
from workbench.errors import InvariantError, RefusedError, UsageError, WorkbenchError
from workbench.live.accounts.ticket import Ticket
from workbench.live.accounts.view import account_row, fill_row, holding_row, order_row, refusal_row
from workbench.live.decisions.deployment import Deployment
from workbench.live.desk import Desk
from workbench.live.market.feed import SyntheticFeed
from workbench.risk.limits import LimitBook
from workbench.store.migrate import open_database
from workbench.venues.sim.broker import Faults

ACME, BOLT = "ACME/USD", "BOLT/USD"


@pytest.fixture(scope="module")
def feed():
    made = SyntheticFeed(WallClock().now(), (ACME, BOLT))
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path)


@pytest.fixture
def a_desk(settings, feed):
    return lambda settings=settings, **options: Desk(
        settings, **{"feed": feed, "cash": 100_000, "tick": 0.005, **options}
    )


def a_ticket(symbol=ACME, side="buy", quantity=10, type="market", **facts):
    return Ticket(symbol, side, quantity, type, **facts)


def near(desk, symbol, share):
    """A price so many times the last one."""
    return round(desk.snapshot().quotes[symbol].mid * share, 2)


async def until(condition, what, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what


async def ended(desk, order):
    await until(lambda: not desk.order(order.order_id).state.is_open, f"{order.order_id} ends")
    return desk.order(order.order_id)


def check(desk):
    """The invariants that every order test ends with."""
    account = desk.engine.account
    account.ledger.check()
    account.journal.verify()
    books, venue = account.ledger.books, account.broker.venue
    assert books.differences(venue.positions(), venue.account().cash) == []


async def test_a_ticket_is_filled_and_told_of(a_desk):
    bus, told = MemoryBus(), []
    topics = ["orders", "positions", f"quotes:{ACME}", "system"]
    bus.subscribe(topics, lambda topic, message: told.append((topic, message)))
    async with a_desk(bus=bus) as desk:
        before = desk.snapshot().changes
        order = await ended(desk, await desk.submit(a_ticket("acme/usd"), "ada"))
        assert (order.state.value, order.filled, order.strategy) == ("filled", 10, "manual:ada")
        shot = desk.snapshot()
        check(desk)
    (held,) = shot.holdings
    assert (held.symbol, held.quantity) == (ACME, 10)
    assert held.unrealised == held.quantity * (held.last - held.average_price)
    assert (shot.source, shot.venue, shot.is_ready) == ("synthetic", "sim", True)
    assert shot.cash == 100_000 - 10 * order.average_price
    assert shot.equity == shot.cash + held.value
    assert shot.gross == held.value
    assert shot.changes > before
    by_topic = {topic: [m for t, m in told if t == topic] for topic in topics}
    assert [row["state"] for row in by_topic["orders"]][-1] == "filled"
    assert by_topic["orders"][-1] == order_row(order)
    assert by_topic["positions"][-1]["quantity"] == "10.0"
    assert by_topic["positions"][-1]["fill"] == fill_row(shot.log.fills[0])
    quote = by_topic[f"quotes:{ACME}"][0]
    assert quote["source"] == "synthetic"
    assert quote["bid"] < quote["ask"]
    assert quote["time"].endswith("Z")


async def test_rows_keep_every_digit_and_name_the_zone(a_desk):
    async with a_desk() as desk:
        ticket = a_ticket(quantity="0.100000000001")
        order = await ended(desk, await desk.submit(ticket, "ada"))
        shot = desk.snapshot()
    row = order_row(order)
    assert (row["quantity"], row["limit_price"]) == ("0.100000000001", None)
    assert row["decided_at"].endswith("Z")
    account = account_row(shot)
    assert Decimal(account["equity"]) == shot.equity
    assert (account["is_paper"], account["quotes"], account["halt"]) == (True, "synthetic", "run")
    assert Decimal(holding_row(shot.holdings[0])["value"]) == shot.holdings[0].value


async def test_everything_survives_a_restart(a_desk):
    async with a_desk() as desk:
        await ended(desk, await desk.submit(a_ticket(), "ada"))
        limit = near(desk, BOLT, 0.95)
        resting = await desk.submit(a_ticket(BOLT, "buy", 5, "limit", limit_price=limit), "ada")
        await desk.halt("reduce_only", "lunch", user="ada")
        before = desk.snapshot()
        check(desk)
    async with a_desk(cash=5.0) as desk:  # an account goes on with its own cash
        after = desk.snapshot()
        assert after.is_ready, after.failure
        assert after.cash == before.cash
        assert after.holdings[0].quantity == 10
        assert after.log.fills == before.log.fills
        assert desk.order(resting.order_id).state.value == "working"
        halt = after.halt
        assert (halt.level.value, halt.actor, halt.reason) == ("reduce_only", "ada", "lunch")
        assert (await desk.cancel(resting.order_id, "ada")).state.value == "canceled"
        check(desk)


async def test_limit_and_stop_orders_wait_for_their_price(a_desk):
    async with a_desk() as desk:

        async def sent(side, type, **shares):
            prices = {name: near(desk, BOLT, share) for name, share in shares.items()}
            return await desk.submit(a_ticket(BOLT, side, 1, type, **prices), "ada")

        far = await sent("buy", "limit", limit_price=0.8)
        close = await sent("buy", "limit", limit_price=1.08)
        stop = await sent("buy", "stop", stop_price=0.9)
        both = await sent("sell", "stop_limit", limit_price=0.98, stop_price=0.99)
        assert (await ended(desk, close)).average_price < close.limit_price
        await ended(desk, stop)
        assert desk.order(far.order_id).state.value == "working"
        assert desk.order(both.order_id).state.is_open
        assert desk.snapshot().log.working == 2
        check(desk)


async def test_the_gate_says_why_and_the_refusal_is_kept_and_told(settings, a_desk):
    settings = settings.model_copy(update={"risk": RiskLimits(max_order_quantity=5)})
    bus, told = MemoryBus(), []
    bus.subscribe(["orders"], lambda topic, message: told.append(message))
    async with a_desk(settings, bus=bus) as desk:
        with pytest.raises(RefusedError, match="order quantity of 10 is above") as caught:
            await desk.submit(a_ticket(order_id="much"), "ada")
        error = caught.value
        assert (error.rule, error.measured, error.limit) == ("order_quantity", "10", "5.0")
        shot = desk.snapshot()
        assert shot.log.orders == ()
        assert [one.intent.intent_id for one in shot.log.refusals] == ["much"]
        assert told == [refusal_row(shot.log.refusals[0])]
        assert (told[0]["state"], told[0]["rule"]) == ("refused", "order_quantity")
        with pytest.raises(RefusedError, match="refused before") as again:
            await desk.submit(a_ticket(order_id="much"), "ada")
        assert again.value.rule == "order_quantity"
        check(desk)


async def test_what_cannot_be_paid_is_refused_by_the_venue(settings, a_desk):
    free = RiskLimits(max_order_notional=None, max_gross=None, max_position_notional=None)
    settings = settings.model_copy(update={"risk": free})
    async with a_desk(settings, cash=50) as desk:
        for _ in range(2):  # asked again, the answer is the same
            with pytest.raises(RefusedError, match="venue refused: insufficient funds"):
                await desk.submit(a_ticket(order_id="dear"), "ada")
        assert desk.order("dear").state.value == "rejected"
        check(desk)


async def test_the_same_id_is_one_order(a_desk):
    async with a_desk() as desk:
        ticket = a_ticket(quantity=1, order_id="k1")
        orders = await asyncio.gather(*(desk.submit(ticket, "ada") for _ in range(20)))
        assert {order.order_id for order in orders} == {"k1"}
        await ended(desk, orders[0])
        for other in ({"quantity": 2}, {"side": "sell"}, {"type": "limit", "limit_price": 90}):
            with pytest.raises(UsageError, match="used for another order"):
                await desk.submit(a_ticket(**{"quantity": 1, "order_id": "k1", **other}), "ada")
        assert desk.engine.account.broker.sends == {"k1": 1}
        check(desk)
    async with a_desk() as desk:
        assert (await desk.submit(ticket, "ada")).state.value == "filled"
        assert desk.engine.account.broker.sends == {}


@pytest.mark.parametrize(
    ("ticket", "match"),
    [
        ({"symbol": "ACNE/USD"}, "did you mean 'ACME/USD'"),
        ({"side": "bye"}, "did you mean 'buy'"),
        ({"quantity": 0}, "positive"),
        ({"quantity": "NaN"}, "finite"),
        ({"quantity": "ten"}, "not a number"),
        ({"quantity": "1e-30"}, "too many digits"),
        ({"type": "limit"}, "needs a limit_price"),
        ({"type": "lmit", "limit_price": 5}, "did you mean 'limit'"),
        ({"type": "market", "limit_price": 5}, "has no limit_price"),
        ({"type": "stop", "stop_price": -1}, "positive"),
        ({"tif": "gct"}, "did you mean 'gtc'"),
    ],
)
async def test_bad_tickets(a_desk, ticket, match):
    async with a_desk() as desk:
        with pytest.raises(UsageError, match=match):
            await desk.submit(a_ticket(**ticket), "ada")
        assert desk.snapshot().log.orders == ()


async def test_an_order_that_is_not_there(a_desk):
    async with a_desk() as desk:
        order = await desk.submit(a_ticket(order_id="mine-1"), "ada")
        with pytest.raises(UsageError, match="did you mean 'mine-1'") as caught:
            await desk.cancel("mine-2", "ada")
        assert caught.value.missing
        await ended(desk, order)
        assert (await desk.cancel("mine-1", "ada")).state.value == "filled"  # too late: as it is


async def test_the_kill_switch(a_desk):
    async with a_desk() as desk:
        await ended(desk, await desk.submit(a_ticket(), "ada"))
        await ended(desk, await desk.submit(a_ticket(BOLT, "sell", 7), "ada"))
        price = near(desk, BOLT, 1.3)
        resting = await desk.submit(a_ticket(BOLT, "sell", 5, "limit", limit_price=price), "ada")
        await desk.halt("no_new_orders", user="ada")
        with pytest.raises(RefusedError, match="halted") as caught:
            await desk.submit(a_ticket(side="sell", quantity=1), "ada")
        assert caught.value.rule == "halt"
        assert desk.order(resting.order_id).state.is_open
        halt = await desk.halt("cancel_all", user="ada")
        assert (halt.level.value, halt.actor) == ("cancel_all", "ada")
        canceled = await ended(desk, resting)
        assert (canceled.state.value, canceled.reason) == ("canceled", "trading was halted")
        assert desk.snapshot().is_halted
        assert desk.snapshot().holdings[0].quantity == 10
        await desk.halt("flatten", user="ada")
        await until(lambda: desk.snapshot().gross == 0, "all is closed")
        with pytest.raises(UsageError, match="reason"):
            await desk.halt("run", user="ada")
        await desk.halt("run", "the quotes are fine", user="ada")
        await ended(desk, await desk.submit(a_ticket(quantity=1), "ada"))
        check(desk)


async def test_lost_answers_are_looked_up_and_never_sent_again(settings, a_desk):
    faults = Faults(seed=3, lose_response=0.5, duplicate=0.3, late=0.3)
    free = RiskLimits(max_duplicates=None, halt_at_unknown=None)
    async with a_desk(settings.model_copy(update={"risk": free}), faults=faults) as desk:
        orders = [
            await desk.submit(a_ticket(side="buy" if i % 2 else "sell", quantity=1), "ada")
            for i in range(20)
        ]
        assert any(order.state.value == "unknown" for order in orders)
        assert {(await ended(desk, order)).state.value for order in orders} == {"filled"}
        assert set(desk.engine.account.broker.sends.values()) == {1}
        check(desk)


async def test_a_venue_that_loses_answers_halts_the_desk(settings, a_desk):
    free = RiskLimits(max_duplicates=None, halt_at_unknown=3)
    settings = settings.model_copy(update={"risk": free})
    async with a_desk(settings, faults=Faults(seed=1, lose_response=1.0)) as desk:
        for quantity in (1, 2, 3):
            await desk.submit(a_ticket(quantity=quantity), "ada")
        await until(lambda: desk.snapshot().is_halted, "the breaker trips")
        halt = desk.snapshot().halt
        assert (halt.level.value, halt.actor) == ("no_new_orders", "breaker venue")
        assert "3 orders became unknown" in halt.reason


async def test_new_limits_hold_at_once_and_after_a_restart(settings, a_desk):
    async with a_desk() as desk:
        change = desk.oversight.change({"max_order_quantity": 5}, actor="ada", reason="small")
        assert change.version == 1
        with pytest.raises(RefusedError, match="above the limit of 5"):
            await desk.submit(a_ticket(quantity=6), "ada")
        # another process changes them
        database = open_database(settings)
        LimitBook(database, "desk", settings.risk).change(
            {"max_order_quantity": 7}, actor="ben", reason="a little more"
        )
        database.close()
        await until(lambda: desk.oversight.book.version == 2, "the change is seen")
        await desk.submit(a_ticket(quantity=6), "ada")
    async with a_desk() as desk:
        with pytest.raises(RefusedError, match="above the limit of 7"):
            await desk.submit(a_ticket(quantity=8), "ada")


async def test_a_file_halts_the_desk(settings, a_desk):
    async with a_desk() as desk:
        settings.folder("HALT").write_text("cancel_all a smell of smoke")
        await until(lambda: desk.snapshot().is_halted, "the file is seen")
        assert desk.snapshot().halt.reason == "a smell of smoke"
    settings.folder("HALT").unlink()
    async with a_desk() as desk:
        assert desk.snapshot().halt.level.value == "cancel_all"


async def test_one_desk_per_workspace(a_desk):
    async with a_desk():
        with pytest.raises(UsageError, match="already has a writer"):
            await a_desk().start()
        with pytest.raises(UsageError, match="already has a writer"):
            a_desk().open()
    async with a_desk() as desk:  # and the way is free again
        assert desk.snapshot().is_ready


async def test_an_opened_desk_can_be_looked_at_and_does_not_trade(a_desk):
    desk = a_desk()
    desk.open()
    shot = desk.snapshot()
    assert (shot.equity, shot.is_ready, set(shot.quotes)) == (100_000, False, {ACME, BOLT})
    with pytest.raises(RefusedError, match="stopped"):
        await desk.submit(a_ticket(), "ada")
    desk.close()
    await desk.stop()  # harmless


async def test_books_and_venue_apart_switch_trading_off(settings, a_desk):
    async with a_desk() as desk:
        await ended(desk, await desk.submit(a_ticket(), "ada"))
    (settings.folder("desk") / "venue.jsonl").unlink()
    async with a_desk() as desk:
        assert not desk.snapshot().is_ready
        assert "ACME/USD: 10.0 in our books, 0 at the venue" in desk.snapshot().failure
        with pytest.raises(RefusedError, match="not trading"):
            await desk.submit(a_ticket(), "ada")


async def test_a_lost_database_is_rebuilt_from_the_venue(settings, a_desk):
    ticket = a_ticket(order_id="before")
    async with a_desk() as desk:
        await ended(desk, await desk.submit(ticket, "ada"))
        cash = desk.snapshot().cash
    for path in settings.folder("").glob("workbench.db*"):
        path.unlink()
    async with a_desk() as desk:
        shot = desk.snapshot()
        assert shot.is_ready, shot.failure
        assert (shot.cash, shot.holdings[0].quantity) == (cash, Decimal(10))
        assert shot.log.orders[0].strategy == "external"
        assert (await desk.submit(ticket, "ada")).state.value == "filled"  # not a second time
        assert desk.engine.account.broker.sends == {}
        check(desk)


async def test_what_is_quoted_no_more_is_worth_what_the_venue_last_knew(a_desk, feed):
    async with a_desk() as desk:
        order = await ended(desk, await desk.submit(a_ticket(BOLT), "ada"))
    less = SyntheticFeed(WallClock().now(), (ACME,))
    async with a_desk(feed=less) as desk:
        shot = desk.snapshot()
        assert shot.is_ready, shot.failure
        assert shot.holdings[0].last == order.average_price
        with pytest.raises(UsageError, match="not traded here"):
            await desk.submit(a_ticket(BOLT), "ada")
    less.close()


async def test_the_profit_of_the_day_is_remembered_through_a_restart(a_desk):
    async with a_desk() as desk:
        start = desk.snapshot().day_start
        await ended(desk, await desk.submit(a_ticket(quantity=100), "ada"))
    async with a_desk() as desk:
        shot = desk.snapshot()
        assert shot.day_start == start == 100_000
        assert shot.day_profit == shot.equity - start


async def test_the_start_of_the_day_is_found_behind_many_other_notes(a_desk):
    async with a_desk() as desk:
        await ended(desk, await desk.submit(a_ticket(quantity=100), "ada"))
        for number in range(150):
            desk.engine.account.manager.note(f"note {number}")
    async with a_desk() as desk:
        assert desk.snapshot().day_start == 100_000


async def test_profit_may_be_told_by_lots(tmp_path, a_desk):
    settings = load_settings(tmp_path, cost_basis="fifo")
    async with a_desk(settings=settings) as desk:
        for side, quantity in (("buy", 10), ("buy", 10), ("sell", 15)):
            await ended(desk, await desk.submit(a_ticket(side=side, quantity=quantity), "ada"))
        shot = desk.snapshot()
    fills = [fill.price for fill in reversed(shot.log.fills)]
    (held,) = shot.holdings
    assert held.quantity == 5
    assert held.average_price == fills[1]
    assert held.realised == 15 * fills[2] - 10 * fills[0] - 5 * fills[1]
    async with a_desk(settings=settings) as desk:
        assert desk.snapshot().holdings[0].realised == held.realised
    average = load_settings(tmp_path)
    async with a_desk(settings=average) as desk:
        shot = desk.snapshot()
        (other,) = shot.holdings
        assert other.average_price == (fills[0] + fills[1]) / 2
        assert (other.realised + other.unrealised) == (
            held.realised + other.quantity * other.last - 5 * fills[1]
        )
        assert [one.strategy for one in shot.profits] == ["manual:ada"]
        assert shot.profits[0].total == shot.equity - 100_000


async def test_a_fault_inside_stops_trading(a_desk, feed, monkeypatch):
    async with a_desk() as desk:

        def broken(now):
            raise InvariantError("the market is upside down")

        monkeypatch.setattr(feed, "tick", broken)
        await until(lambda: desk.failure, "the desk notices")
        with pytest.raises(RefusedError, match="upside down"):
            await desk.submit(a_ticket(), "ada")


async def test_a_strategy_at_work_outlives_a_restart(a_desk):
    strategy = wb.strategies.SmaCross(fast=2, slow=5)
    deployment = Deployment(strategy=strategy, symbols=(ACME,), timeframe="5s", share=0.5)
    async with a_desk() as desk:
        run = await desk.deploy(deployment)
        await until(lambda: run.decisions, "a bar is decided on")
        assert not run.decisions[-1].skipped
        with pytest.raises(UsageError, match="did you mean 'ACME/USD'"):
            await desk.deploy(replace(deployment, symbols=("ACNE/USD",), name="other"))
        check(desk)
    async with a_desk() as desk:
        again = desk.engine.runs["SmaCross"]
        assert again.record.run_id == run.record.run_id
        assert again.record.capital == run.record.capital == 50_000
        check(desk)


@pytest.mark.parametrize("share", [0.5, 0.6])
async def test_two_that_come_at_once_do_not_both_get_what_is_there_for_one(a_desk, share):
    strategy = wb.strategies.SmaCross(fast=2, slow=5)
    one = Deployment(strategy=strategy, symbols=(ACME,), timeframe="5s", share=share)
    other = one if share == 0.5 else replace(one, name="other")  # the name, or the account
    async with a_desk() as desk:
        said = await asyncio.gather(desk.deploy(one), desk.deploy(other), return_exceptions=True)
        assert [type(each) for each in said].count(UsageError) == 1, said
        assert len(desk.engine.runs) == 1
        assert len(desk.engine.lines) == 2  # the desk's own, and the strategy's
        with pytest.raises(UsageError, match=r"at work already|is left"):
            await desk.deploy(other)
        check(desk)


async def test_what_cannot_begin_leaves_its_place_to_others(a_desk):
    strategy = wb.strategies.SmaCross(fast=2, slow=5)
    one = Deployment(strategy=strategy, symbols=(ACME,), timeframe="5s")
    async with a_desk() as desk:
        with pytest.raises(UsageError, match="at_close"):
            await desk.deploy(replace(one, at_close="flatten"))
        assert (await desk.deploy(one)).is_running


async def test_one_that_is_still_coming_when_the_desk_stops_is_not_begun(a_desk):
    strategy = wb.strategies.SmaCross(fast=2, slow=5)
    one = Deployment(strategy=strategy, symbols=(ACME,), timeframe="5s")
    async with a_desk() as desk:
        coming = asyncio.create_task(desk.deploy(one))
        await asyncio.sleep(0)
    with pytest.raises(WorkbenchError):
        await coming
    assert desk.engine.runs == {}
