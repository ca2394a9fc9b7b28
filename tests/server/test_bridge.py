"""The way to the desk: who may do what, from which thread, and what a page shows of it."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from dataclasses import replace

import pytest

from workbench.config import load_settings
from workbench.core.clock import WallClock
from workbench.errors import InvariantError, RefusedError, UnavailableError, UsageError
from workbench.live.accounts.ticket import Ticket
from workbench.live.desk import Desk
from workbench.live.market.feed import SyntheticFeed
from workbench.risk.halt import HaltLevel, KillSwitch
from workbench.risk.limits import LimitBook
from workbench.server import figures, tables
from workbench.server.bridge import Bridge
from workbench.server.identity import Identity
from workbench.store.migrate import open_database

TRADER, ADMIN = Identity("tom", ("trader",)), Identity("ada", ("admin",))
VIEWER = Identity("eve", ("viewer",))
TICKET = Ticket("ACME/USD", "buy", 10)


@pytest.fixture(scope="module")
def feed():
    made = SyntheticFeed(WallClock().now(), ("ACME/USD", "BOLT/USD"))
    yield made
    made.close()


@pytest.fixture
async def bridge(tmp_path, feed):
    desk = Desk(load_settings(tmp_path), feed=feed, tick=0.005)
    desk.open()
    made = Bridge(desk)
    await made.start()
    yield made
    await made.stop()


async def filled(bridge, order):
    async with asyncio.timeout(20):
        while bridge.order(order.order_id).state != "filled":
            await asyncio.sleep(0.005)


async def test_roles_decide_who_trades_halts_and_resumes(bridge):
    for who in (VIEWER, ADMIN):
        with pytest.raises(RefusedError, match="may not trade") as refused:
            await bridge.place(TICKET, who)
        assert refused.value.forbidden
    order = await bridge.place(TICKET, TRADER)
    assert order.strategy == "manual:tom"
    with pytest.raises(RefusedError, match="may not trade"):
        await bridge.cancel(order.order_id, VIEWER)
    with pytest.raises(RefusedError, match="may not halt"):
        await bridge.halt(VIEWER)
    await bridge.halt(TRADER, "odd prices")
    assert (bridge.in_force.level, bridge.in_force.actor) == ("cancel_all", "tom")
    with pytest.raises(RefusedError, match="may not resume"):
        await bridge.resume(TRADER, "fine")
    with pytest.raises(UsageError, match="reason"):
        await bridge.resume(ADMIN, "")
    assert (await bridge.resume(ADMIN, "fine")).level == "run"


async def test_a_callback_in_another_thread_trades_and_sees(bridge):
    def callback():
        order = bridge.wait(bridge.place(TICKET, TRADER))
        return order, bridge.snapshot(), bridge.bars("ACME/USD", 15, 20)

    order, shot, bars = await asyncio.to_thread(callback)
    assert shot.log.orders[0].order_id == order.order_id
    assert len(bars) == 20
    with pytest.raises(RefusedError, match="may not trade"):
        await asyncio.to_thread(lambda: bridge.wait(bridge.place(TICKET, VIEWER)))


async def test_many_threads_see_books_that_agree(bridge):
    def look():
        for _ in range(100):
            shot = bridge.snapshot()
            bought = sum(fill.quantity * fill.price for fill in shot.log.fills)
            assert shot.cash == 1_000_000 - bought
            assert sum(fill.quantity for fill in shot.log.fills) == sum(
                holding.quantity for holding in shot.holdings
            )

    looking = [asyncio.to_thread(look) for _ in range(4)]
    work = asyncio.gather(*looking)
    for quantity in range(1, 11):
        await filled(bridge, await bridge.place(replace(TICKET, quantity=quantity), TRADER))
    await work


async def test_the_event_loop_never_waits_for_itself(bridge):
    with pytest.raises(InvariantError, match="await"):
        bridge.wait(bridge.place(TICKET, TRADER))
    assert bridge.snapshot().log.orders == ()


def test_before_the_start_it_can_be_looked_at(tmp_path, feed):
    desk = Desk(load_settings(tmp_path), feed=feed)
    desk.open()
    bridge = Bridge(desk)
    assert bridge.snapshot().equity == 1_000_000
    assert bridge.symbols == ("ACME/USD", "BOLT/USD")
    with pytest.raises(UnavailableError):
        bridge.wait(bridge.place(TICKET, TRADER))
    asyncio.run(bridge.stop())


async def test_the_blotter_shows_a_refusal_with_its_numbers(bridge):
    assert (
        tables.blotter(bridge.snapshot())["Time"].dtype == object
    )  # a column of text from the start
    await filled(bridge, await bridge.place(TICKET, TRADER))
    with pytest.raises(RefusedError):
        await bridge.place(Ticket("ACME/USD", "buy", 1_000_000), TRADER)
    shot = bridge.snapshot()
    blotter = tables.blotter(shot)
    assert list(blotter["Symbol"]) == ["ACME/USD", "ACME/USD"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", blotter["Time"][0])
    assert "refused" in blotter["State"][0]
    assert "above the limit of 250,000" in blotter["Note"][0]
    assert "filled" in blotter["State"][1]
    assert blotter["Price"][1] == float(shot.log.fills[0].price)
    assert tables.fills_of(shot, "BOLT/USD").empty
    assert tables.holdings(shot.holdings)["Side"].tolist() == ["long"]


async def test_the_strip_says_where_the_desk_stands(bridge):
    def shown():
        return {
            tile.label: (tile.value, tile.under) for tile in figures.desk_tiles(bridge.snapshot())
        }

    assert shown()["Equity"] == ("$1,000,000", "$1,000,000 cash")
    assert shown()["Desk"] == ("Trading", "simulated venue")
    await bridge.halt(TRADER, "odd")
    assert shown()["Desk"] == ("Halted", "by tom")
    bridge.desk.engine.account.failure = "the books differ"
    assert shown()["Desk"] == ("Off", "until a restart")


async def test_what_another_process_has_just_set_is_what_roles_are_asked_about(bridge):
    settings, account = bridge.desk.settings, bridge.desk.engine.account.name
    with closing(open_database(settings)) as database:
        LimitBook(database, account, settings.risk).change(
            {"max_order_quantity": 5}, actor="ada", reason="tighter"
        )
        with pytest.raises(RefusedError, match="may not loosen limits"):
            await bridge.change_limits({"max_order_quantity": 50}, TRADER, "it is above no limit")
        KillSwitch(database, account).set("flatten", actor="ada", reason="all of it")
        with pytest.raises(RefusedError, match="may not resume"):
            await bridge.halt(TRADER, "less", level=HaltLevel.REDUCE_ONLY)
        assert KillSwitch(database, account).level == "flatten"
        assert (await bridge.change_limits({"max_order_quantity": 4}, TRADER, "tighter")).version
        assert LimitBook(database, account, settings.risk).limits.max_order_quantity == 4
