"""An account held against its venue: lost messages, failures, strangers, differences."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.core.order import Intent, Order, OrderType
from workbench.core.position import Position
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import InvariantError, RefusedError, UnavailableError
from workbench.live.accounts.account import TradingAccount
from workbench.live.market.prices import Market
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, 15, tzinfo=UTC)
SYMBOLS = ("ACME/USD", "BOLT/USD")
ACME, BOLT = SYMBOLS
CASH = Decimal(1_000_000)


class Scene:
    """An account whose stream of updates nobody reads: all it learns, it asks for."""

    def __init__(self, folder, stack, faults=None, **settings):
        self.clock = EventClock(START)
        self.venue = SimVenue(SYMBOLS, float(CASH), plain_terms())
        self.broker = SimBroker(self.venue, faults)
        self.account = TradingAccount(load_settings(folder, **settings), "test", self.clock)
        self.told, self.count = [], 0
        self.account.bus.subscribe(["system"], lambda _, message: self.told.append(message))
        self.account.open(stack)
        prices = dict.fromkeys(SYMBOLS, Decimal(100))
        self.account.connect(self.broker, Market(prices))
        self.account.begin({"USD": CASH})
        self.account.is_running = True
        self.quote()

    async def start(self):
        await self.account.reconciling.start(self.account.manager.recover)

    async def run(self, seconds, act=None):
        for _ in range(seconds):
            self.clock.advance(self.clock.now() + timedelta(seconds=1))
            if act is not None:
                await act()
            await self.account.reconciling.look()

    def quote(self, price=100.0):
        for symbol in SYMBOLS:
            quote = Quote(symbol, self.clock.now(), price - 0.01, price + 0.01)
            self.account.market.take(quote, self.clock.now())
            self.broker.on_quote(quote)

    async def send(self, quantity=10, side="buy", symbol=ACME, **facts):
        self.count += 1
        intent = Intent(
            intent_id=f"i{self.count}", run_id="run", strategy="test", symbol=symbol,
            side=Side(side), decided_at=self.clock.now(), quantity=Decimal(quantity), **facts,
        )  # fmt: skip
        await self.account.propose(intent)
        return intent.intent_id

    def at_the_venue(self, quantity=7, side="buy", symbol=ACME, type=OrderType.MARKET, **facts):
        """An order that somebody else places on the account."""
        self.count += 1
        order = Order(
            order_id=f"hand{self.count}", run_id="", strategy="", symbol=symbol, side=Side(side),
            type=type, decided_at=self.clock.now(), quantity=Decimal(quantity), **facts,
        )  # fmt: skip
        self.venue.submit(order)

    def drop(self, symbol=ACME, quantity=3, price=100):
        """Let the venue hold something that no execution explains."""
        statement = self.venue.state.statement
        held = statement.positions.get(symbol) or Position(symbol)
        statement.positions[symbol] = replace(held, quantity=held.quantity + quantity)
        statement.cash -= quantity * price

    def differences(self):
        account = self.venue.account()
        return self.account.ledger.books.differences(self.venue.positions(), account.cash)

    def alarms(self):
        return [message["text"] for message in self.told if message["kind"] == "alarm"]

    def check(self):
        self.account.ledger.check()
        self.account.journal.verify()


@pytest.fixture
def scene(tmp_path):
    with ExitStack() as stack:
        yield lambda *args, **facts: Scene(tmp_path, stack, *args, **facts)


async def test_a_fill_that_nobody_told_is_found_within_five_seconds(scene):
    one = scene()
    await one.start()
    name = await one.send()
    one.quote()
    assert one.account.ledger.books.position(ACME).quantity == 0
    await one.run(5)
    assert one.account.order(name).state.value in ("filled", "partially_filled")
    assert one.differences() == []
    await one.run(10)
    assert one.account.order(name).state.value == "filled"
    one.check()


async def test_an_answer_that_was_lost_is_looked_up_within_seconds(scene):
    one = scene(Faults(lose_response=1.0))
    await one.start()
    name = await one.send(type=OrderType.LIMIT, limit_price=Decimal(95))
    assert one.account.order(name).state.value == "unknown"
    await one.run(2)
    assert one.account.order(name).state.value == "working"
    one.check()


async def test_an_order_of_somebody_else_is_taken_in_and_counts_in_the_exposure(scene):
    one = scene()
    await one.start()
    one.at_the_venue(7, type=OrderType.LIMIT, limit_price=Decimal(90))
    await one.run(10)
    assert one.account.ledger.reserved(ACME) == (7, 0)
    assert one.account.context().reserved[ACME] == (7, 0)
    (order,) = one.account.ledger.open_orders()
    assert (order.strategy, order.quantity) == ("external", 7)
    assert any("none of ours" in text for text in one.alarms())
    one.quote(89.0)
    await one.run(10)
    assert one.account.ledger.books.position(ACME).quantity == 7
    assert one.differences() == []
    one.check()


async def test_a_question_that_fails_is_no_empty_answer(scene):
    one = scene()
    await one.start()
    name = await one.send(type=OrderType.LIMIT, limit_price=Decimal(95))
    await one.send(5)
    one.quote()
    await one.run(15)
    assert one.account.ledger.books.position(ACME).quantity == 5
    one.broker.faults = Faults(fail_query=1.0)
    await one.run(120)
    assert one.account.order(name).state.value == "working"
    assert one.account.ledger.books.position(ACME).quantity == 5
    assert one.account.oversight.switch.halts == ()
    assert sum("no answer about statement" in text for text in one.alarms()) == 1
    one.broker.faults = Faults()
    await one.run(30)
    assert one.differences() == []
    one.check()


async def test_an_empty_list_of_open_orders_ends_none(scene, monkeypatch):
    one = scene()
    await one.start()
    name = await one.send(type=OrderType.LIMIT, limit_price=Decimal(95))
    await one.run(5)

    async def nothing():
        return []

    monkeypatch.setattr(one.broker, "open_orders", nothing)
    await one.run(120)
    assert one.account.order(name).state.value == "working"


async def test_a_snapshot_that_lags_moves_nothing_back(scene, monkeypatch):
    one = scene()
    await one.start()
    name = await one.send(10)
    old = one.venue.order(name)
    one.quote()
    await one.run(10)
    assert one.account.order(name).state.value == "filled"

    async def lagging(order_id=None):
        return old if order_id else [old]

    monkeypatch.setattr(one.broker, "open_orders", lagging)
    monkeypatch.setattr(one.broker, "order", lagging)
    await one.run(60)
    assert one.account.order(name).state.value == "filled"
    assert one.differences() == []


async def test_a_difference_that_stays_halts_its_symbol_and_tells_the_numbers(scene):
    one = scene()
    await one.start()
    await one.send(10)
    await one.send(10, symbol=BOLT)
    one.quote()
    await one.run(31)
    one.drop(ACME, 3)
    await one.run(30)
    assert one.account.oversight.switch.halts == ()  # seen once
    await one.run(31)
    (halt,) = one.account.oversight.switch.halts
    assert (halt.scope, halt.level.value) == (f"symbol:{ACME}", "no_new_orders")
    assert (halt.actor, halt.reason) == (
        "reconciliation", f"{ACME}: 10.0 in our books, 13.0 at the venue",
    )  # fmt: skip
    assert any(halt.reason in text for text in one.alarms())
    one.quote()
    refused, passed = await one.send(1), await one.send(1, symbol=BOLT)
    said = one.account.ledger.intents[refused].verdicts
    assert [verdict["rule"] for verdict in said if verdict["outcome"] == "refuse"] == ["halt"]
    assert passed in one.account.ledger.orders
    count = len(one.alarms())
    await one.run(120)
    assert len(one.alarms()) == count
    one.check()


async def test_what_a_late_execution_explains_halts_nothing(scene, monkeypatch):
    one = scene()
    await one.start()
    fills, hidden = one.broker.fills, []

    async def late(since=None):
        return [fill for fill in await fills(since) if fill.execution_id not in hidden]

    monkeypatch.setattr(one.broker, "fills", late)
    await one.send(10)
    hidden.append("sim-1")
    one.quote()
    await one.run(50)  # the statement shows it, the list of executions does not
    assert one.account.reconciling.standing.found[ACME].difference.missing == 10
    hidden.clear()
    await one.run(61)
    assert one.account.oversight.switch.halts == ()
    assert one.differences() == []
    one.check()


async def test_a_person_takes_a_difference_over_and_an_admin_lets_the_symbol_go(scene):
    one = scene()
    await one.start()
    await one.send(10)
    one.quote()
    await one.run(31)
    one.drop(ACME, 3)
    one.drop(BOLT, -2)
    await one.run(62)
    assert len(one.account.oversight.switch.halts) == 2
    taken = await one.account.reconciling.adopt("ada", "shares were moved in")
    assert [one_.name for one_ in taken] == [ACME, BOLT]
    assert one.differences() == []
    adjusted = [o for o in one.account.ledger.orders.values() if o.strategy == "adjustment"]
    assert [(o.state.value, o.reason) for o in adjusted] == [
        ("filled", "shares were moved in (ada)")
    ] * 2
    with pytest.raises(RefusedError, match="nothing to take over"):
        await one.account.reconciling.adopt("ada", "once more")
    await one.account.halt("run", "looked into it", user="root", scope=f"symbol:{ACME}")
    assert [halt.scope for halt in one.account.oversight.switch.halts] == [f"symbol:{BOLT}"]
    await one.run(31)
    assert one.account.reconciling.report().differences == ()
    one.check()
    assert one.account.journal.load().books == one.account.ledger.books


async def test_cash_that_differs_is_told_and_taken_over_by_an_entry(scene):
    one = scene()
    await one.start()
    one.venue.state.statement.cash -= Decimal("0.005")
    await one.run(62)
    assert one.account.oversight.switch.halts == ()
    assert sum("USD: 1000000" in text for text in one.alarms()) == 1
    (taken,) = await one.account.reconciling.adopt("ada", "a fee", ("USD",))
    assert taken.missing == Decimal("-0.005")
    assert one.differences() == []
    one.check()


async def test_a_start_without_an_answer_is_tried_again(scene):
    one = scene(Faults(fail_query=1.0))
    await one.start()
    assert "did not answer" in one.account.failure
    with pytest.raises(RefusedError):
        await one.send()
    one.broker.faults = Faults()
    await one.run(10)
    assert one.account.failure == ""
    assert one.account.manager.is_ready
    assert await one.send() in one.account.ledger.orders


async def test_a_start_with_a_difference_waits_for_a_person(scene):
    one = scene()
    one.drop(ACME, 3)
    await one.start()
    assert f"{ACME}: 0 in our books" in one.account.failure
    await one.run(60)
    assert not one.account.manager.is_ready
    await one.account.reconciling.adopt("ada", "an old holding")
    assert one.account.failure == ""
    assert one.account.manager.is_ready
    one.check()


async def test_five_thousand_orders_of_others_are_taken_in_at_a_start(scene):
    one = scene()
    for number in range(5_000):
        price = Decimal(99 if number % 2 else 90)
        one.at_the_venue(1, type=OrderType.LIMIT, limit_price=price)
    one.quote(95.0)
    await one.start()  # half of them was filled before
    assert one.account.failure == ""
    assert len(one.account.ledger.open) == 2_500
    assert one.account.ledger.books.position(ACME).quantity == 2_500
    assert one.account.ledger.reserved(ACME) == (2_500, 0)
    assert one.differences() == []
    one.account.ledger.check()


async def test_a_journal_that_failed_is_not_asked_past(scene, monkeypatch):
    one = scene()
    await one.start()
    await one.send(10)
    one.quote()

    def full(page):
        raise UnavailableError("disk full")

    monkeypatch.setattr(one.account.journal, "write", full)
    with pytest.raises((InvariantError, UnavailableError)):
        await one.run(30)


@pytest.mark.parametrize("seed", range(12))
async def test_books_and_venue_agree_a_minute_after_the_faults_stop(scene, seed):
    chance = Random(seed)
    mix = {
        name: chance.choice((0.0, 0.1, 0.5))
        for name in ("lose_request", "lose_response", "reject", "fail_query")
    }
    one = scene(
        risk={"max_duplicates": None, "halt_at_unknown": None, "halt_at_reject_share": None}
    )
    await one.start()
    one.broker.faults = Faults(seed=seed, **mix)
    names = []

    async def act():
        dice = chance.random()
        if dice < 0.3:
            one.quote(100 + chance.randrange(-5, 6))
        elif dice < 0.5:
            kind = chance.choice(("market", "limit"))
            price = Decimal(chance.randrange(95, 106)) if kind == "limit" else None
            side, symbol = chance.choice(("buy", "sell")), chance.choice(SYMBOLS)
            names.append(
                await one.send(
                    chance.randrange(1, 20), side, symbol, type=OrderType(kind), limit_price=price
                )
            )
        elif dice < 0.55:
            one.at_the_venue(chance.randrange(1, 5), symbol=chance.choice(SYMBOLS))
        elif dice < 0.65 and names:
            name = chance.choice(names)
            if name in one.account.ledger.orders:
                await one.account.manager.cancel(name)

    await one.run(180, act)
    one.broker.faults = Faults()
    await one.run(60)
    assert one.differences() == []
    assert one.account.ledger.unknown() == []
    assert one.account.reconciling.report().differences == ()
    held = one.account.ledger.books.positions
    assert any(position.quantity or position.realised for position in held.values())
    one.check()


async def test_cash_taken_over_is_neither_profit_nor_loss_of_the_day(scene):
    one = scene()
    await one.start()
    one.venue.state.statement.cash += 50_000
    await one.account.reconciling.adopt("ada", "moved by hand")
    for _ in range(2):
        about = one.account.context()
        assert about.equity == about.day_start_equity == about.peak_equity == CASH + 50_000
        one.account.look_at_the_day()
        one.account.begin_day()  # as a restart does
