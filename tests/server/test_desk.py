"""The desk: through the gate and the journal, halted by the switch, whole after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.errors import RefusedError, UsageError
from workbench.server.desk import Desk
from workbench.server.identity import Identity
from workbench.server.ticket import Ticket
from workbench.store.migrate import open_database

TRADER, ADMIN = Identity("tom", ("trader",)), Identity("ada", ("admin",))
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def made(tmp_path):
    clock = EventClock(START)
    settings = load_settings(tmp_path)
    database = open_database(settings)
    desks = []

    def make() -> Desk:
        if desks:
            desks[-1].close()
        desks.append(Desk(settings, database, clock))
        return desks[-1]

    yield make, clock
    desks[-1].close()
    database.close()


def later(desk, clock, seconds=2):
    for _ in range(seconds):
        clock.advance(clock.now() + timedelta(seconds=1))
        desk.tick()


def test_an_order_is_filled_at_the_next_quote_and_outlives_a_restart(made):
    make, clock = made
    desk = make()
    order = desk.place(Ticket("ACME/USD", "buy", Decimal(10)), TRADER)
    later(desk, clock)
    assert desk.order(order.order_id).state == "filled"
    (held,) = desk.holdings()
    paid = desk.fills()[0].price * 10
    assert desk.standing().cash == Decimal(1_000_000) - paid
    assert desk.standing().equity == desk.standing().cash + held.value
    again = make()
    assert [one.quantity for one in again.holdings()] == [Decimal(10)]
    assert again.standing().cash == Decimal(1_000_000) - paid
    assert again.order(order.order_id).state == "filled"


def test_a_halt_cancels_refuses_and_outlives_a_restart(made):
    make, clock = made
    desk = make()
    limit = Decimal(str(round(desk.quotes["BOLT/USD"].bid * 0.95, 2)))
    resting = desk.place(Ticket("BOLT/USD", "buy", Decimal(1), "limit", limit), TRADER)
    assert desk.order(resting.order_id).state.is_open
    desk.stop_trading(TRADER, "odd prices")
    assert desk.order(resting.order_id).state == "canceled"
    with pytest.raises(RefusedError) as refused:
        desk.place(Ticket("ACME/USD", "buy", Decimal(1)), TRADER)
    assert refused.value.rule == "halt"
    desk = make()
    assert desk.is_halted
    assert (desk.halt.actor, desk.halt.reason) == ("tom", "odd prices")
    with pytest.raises(RefusedError):
        desk.resume_trading(TRADER, "fine")
    desk.resume_trading(ADMIN, "fine")
    later(desk, clock)
    assert desk.place(Ticket("ACME/USD", "buy", Decimal(1)), TRADER).state.is_open


def test_listeners_hear_and_stop_hearing(made):
    make, clock = made
    desk, heard = make(), []
    stop = desk.listen(lambda topic, _: heard.append(topic))
    desk.place(Ticket("ACME/USD", "sell", Decimal(5)), TRADER)
    later(desk, clock)
    assert {"orders", "positions", "quotes:ACME/USD"} <= set(heard)
    stop()
    before = len(heard)
    later(desk, clock)
    assert len(heard) == before


@pytest.mark.parametrize(
    "ticket",
    [
        Ticket("ACNE/USD", "buy", Decimal(1)),
        Ticket("ACME/USD", "by", Decimal(1)),
        Ticket("ACME/USD", "buy", Decimal(0)),
        Ticket("ACME/USD", "buy", Decimal(1), "limit"),
        Ticket("ACME/USD", "buy", Decimal(1), "lmit"),
        Ticket("ACME/USD", "buy", Decimal(1), tif="gct"),
    ],
)
def test_a_ticket_that_makes_no_sense_is_refused(made, ticket):
    desk = made[0]()
    with pytest.raises(UsageError):
        desk.place(ticket, TRADER)
    assert desk.orders() == []


def test_a_second_desk_on_the_same_database_is_refused(made, tmp_path):
    made[0]()
    settings = load_settings(tmp_path)
    other = open_database(settings)
    with pytest.raises(UsageError, match="only one may trade"):
        Desk(settings, other)
    other.close()
