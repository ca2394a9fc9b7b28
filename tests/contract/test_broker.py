"""What every broker must do, with every venue behind it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.ports import Broker
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError
from workbench.testing.brokers.exchanges.under_test import EXCHANGES, PERPETUALS, ExchangeUnderTest
from workbench.testing.brokers.venue import AlpacaUnderTest, SimUnderTest, VenueUnderTest
from workbench.trading.books import Books
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, tzinfo=UTC)

# a venue more is a line more here; how it is made stands in workbench.testing.brokers.venue
VENUES = {
    "sim": lambda folder: SimUnderTest(),
    "sim with a memory": lambda folder: SimUnderTest(folder / "venue.jsonl"),
    "alpaca": AlpacaUnderTest,
} | {
    name: partial(ExchangeUnderTest, name, fee=Decimal("0.001"))
    for name in [*EXCHANGES, *PERPETUALS, "binance-paper"]
}
TROUBLES = {"sim": SimUnderTest, "alpaca": AlpacaUnderTest} | dict.fromkeys(
    EXCHANGES, ExchangeUnderTest
)


@dataclass
class Bench:
    """A venue, and orders to send."""

    venue: VenueUnderTest
    count: int = 0

    @property
    def broker(self):
        return self.venue.broker

    def move(self, bid, ask=None):
        self.venue.move(bid, ask if ask is not None else bid + 1)

    def order(self, side="buy", quantity="10", **facts):
        self.count += 1
        return Order(
            **{
                "order_id": f"o{self.count}", "run_id": "r", "strategy": "s",
                "symbol": self.venue.symbol, "side": Side(side), "type": OrderType.MARKET,
                "decided_at": START, "quantity": quantity and Decimal(quantity), **facts,
            }
        )  # fmt: skip

    async def can_sell(self):
        """Buy what can be sold, where nothing is sold short."""
        if not self.broker.capabilities.shorts:
            self.move(99.0, 100.0)
            await self.broker.submit(self.order(quantity="20"))
            self.move(99.0, 100.0)

    def skip_without(self, facts):
        if facts["type"] not in self.broker.capabilities.types:
            pytest.skip(f"{self.broker.name} has no {facts['type']} orders")

    async def invariants(self):
        fills, account = await self.broker.fills(), await self.broker.account()
        books = Books({account.currency: self.venue.cash})
        for fill in fills:
            assert fill.currency == account.currency
            books.apply(fill)
        held = await self.broker.positions()
        places = self.broker.capabilities.cash_places
        assert books.compare(held, account.cash, account.currency, places) == []
        for i in range(1, self.count + 1):
            order = await self.broker.order(f"o{i}")
            if order is not None:
                assert order.filled == sum(f.quantity for f in fills if f.order_id == f"o{i}")
            assert self.venue.sends(f"o{i}") <= 1 or i == self.twice

    twice: int = 0


@pytest.fixture(params=list(VENUES))
async def bench(request, tmp_path):
    venue = VENUES[request.param](tmp_path)
    yield Bench(venue)
    await venue.close()


def test_it_is_a_broker(bench):
    assert isinstance(bench.broker, Broker)


async def test_a_market_order_is_filled_at_the_ask_and_told_of(bench):
    order = bench.order()
    async with aclosing(bench.broker.updates()) as updates:
        answer = await bench.broker.submit(order)
        assert answer.state in (OrderState.ACCEPTED, OrderState.WORKING)
        assert answer.venue_order_id
        bench.move(99.0, 101.0)
        told = []
        while not told or told[-1].state is not OrderState.FILLED:
            update = await asyncio.wait_for(anext(updates), 10)
            if isinstance(update, Fill):
                assert (update.price, update.order_id) == (101, order.order_id)
                update = await asyncio.wait_for(anext(updates), 10)
                assert update.state is OrderState.FILLED  # never before its fill
            told.append(update)
    await bench.invariants()


async def test_looked_up_by_client_id_also_once_ended(bench):
    order = bench.order()
    assert await bench.broker.order(order.order_id) is None
    await bench.broker.submit(order)
    assert [o.order_id for o in await bench.broker.open_orders()] == [order.order_id]
    bench.move(100)
    assert (await bench.broker.order(order.order_id)).state is OrderState.FILLED
    assert await bench.broker.open_orders() == []
    await bench.invariants()


async def test_a_client_id_is_used_once_for_ever(bench):
    order = bench.order()
    bench.twice = bench.count
    await bench.broker.submit(order)
    bench.move(100)
    # what the venue has already is no refusal: it is there
    again = await bench.broker.submit(order)
    assert (again.order_id, again.state) == (order.order_id, OrderState.FILLED)
    assert len(await bench.broker.fills()) == 1
    await bench.invariants()


@pytest.mark.parametrize(
    ("side", "facts", "waits_at", "fills_at", "price"),
    [
        ("buy", {"type": OrderType.LIMIT, "limit_price": Decimal(95)}, 100, 90, 91),
        ("sell", {"type": OrderType.LIMIT, "limit_price": Decimal(105)}, 100, 110, 110),
        ("buy", {"type": OrderType.STOP, "stop_price": Decimal(105)}, 100, 110, 111),
        ("sell", {"type": OrderType.STOP, "stop_price": Decimal(95)}, 100, 90, 90),
    ],
)
async def test_orders_that_wait_for_a_price(bench, side, facts, waits_at, fills_at, price):
    bench.skip_without(facts)
    if side == "sell":
        await bench.can_sell()
    order = bench.order(side, **facts)
    await bench.broker.submit(order)
    bench.move(waits_at)
    assert (await bench.broker.order(order.order_id)).state is OrderState.WORKING
    bench.move(fills_at)
    assert (await bench.broker.order(order.order_id)).state is OrderState.FILLED
    assert (await bench.broker.fills())[-1].price == price
    await bench.invariants()


async def test_a_stop_limit_becomes_a_limit(bench):
    facts = {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(105), "limit_price": Decimal(106)}
    bench.skip_without(facts)
    order = bench.order(**facts)
    await bench.broker.submit(order)
    bench.move(110)  # passed the stop, beyond the limit
    assert (await bench.broker.order(order.order_id)).state.is_open
    bench.move(103)
    assert (await bench.broker.fills())[-1].price == 104
    await bench.invariants()


async def test_cancel(bench):
    order = bench.order(type=OrderType.LIMIT, limit_price=Decimal(90))
    await bench.broker.submit(order)
    await bench.broker.cancel(order.order_id)
    assert (await bench.broker.order(order.order_id)).state is OrderState.CANCELED
    bench.move(80)
    assert await bench.broker.fills() == []
    for name in (order.order_id, "nobody"):
        with pytest.raises(RefusedError):
            await bench.broker.cancel(name)


async def test_replace_is_both_or_neither(bench):
    old = bench.order(type=OrderType.LIMIT, limit_price=Decimal(90))
    new = bench.order(type=OrderType.LIMIT, limit_price=Decimal(95))
    await bench.broker.submit(old)
    if not bench.broker.capabilities.replaces:
        with pytest.raises(RefusedError):
            await bench.broker.replace(old.order_id, new)
        assert [o.order_id for o in await bench.broker.open_orders()] == [old.order_id]
        assert bench.venue.sends(new.order_id) == 0
        return
    await bench.broker.replace(old.order_id, new)
    assert (await bench.broker.order(old.order_id)).state is OrderState.REPLACED
    with pytest.raises(RefusedError):
        await bench.broker.replace(old.order_id, bench.order())
    with pytest.raises(RefusedError):
        await bench.broker.replace(new.order_id, bench.order(symbol="NONE"))
    assert [o.order_id for o in await bench.broker.open_orders()] == [new.order_id]


async def test_a_post_only_order_rests_or_ends_and_never_takes(bench):
    if not bench.broker.capabilities.post_only:
        pytest.skip(f"{bench.broker.name} has no post-only orders")
    bench.move(100)
    facts = {"type": OrderType.LIMIT, "post_only": True}
    with suppress(RefusedError):
        await bench.broker.submit(bench.order(limit_price=Decimal(105), **facts))
    bench.move(100)
    ended = await bench.broker.order("o1")
    assert ended is None or ended.state in (OrderState.REJECTED, OrderState.CANCELED)
    assert await bench.broker.fills() == []
    resting = await bench.broker.submit(bench.order(limit_price=Decimal(95), **facts))
    bench.move(100)
    assert resting.state.is_open
    assert await bench.broker.fills() == []
    bench.move(90)
    assert (await bench.broker.order("o2")).state is OrderState.FILLED
    await bench.invariants()


async def test_fills_since(bench):
    for _ in range(3):
        await bench.broker.submit(bench.order(quantity="1"))
        bench.move(100)
    fills = await bench.broker.fills()
    assert [f.time for f in fills] == sorted(f.time for f in fills)
    assert await bench.broker.fills(fills[1].time) == fills[1:]
    assert len({f.execution_id for f in fills}) == 3


async def test_bad_quotes_fill_nothing(bench):
    await bench.broker.submit(bench.order())
    for bid, ask in ((0.0, 1.0), (float("nan"), 1.0), (2.0, 1.0), (-1.0, 1.0), (1.0, float("inf"))):
        bench.move(bid, ask)
    assert await bench.broker.fills() == []


async def test_an_unknown_symbol_is_refused(bench):
    with pytest.raises(RefusedError, match="APPL"):
        await bench.broker.submit(bench.order(symbol="APPL"))


async def test_what_the_record_lacks_is_refused_before_it_is_sent(bench):
    able = bench.broker.capabilities
    wishes = [{"type": t} for t in OrderType if t not in able.types and t is not OrderType.LIMIT]
    wishes += [{"tif": tif} for tif in TimeInForce if tif not in able.tifs]
    if not able.sizes_targets:
        wishes.append({"quantity": None, "target": Decimal("0.5")})
    if not able.post_only:
        kind = {"type": OrderType.LIMIT, "limit_price": Decimal(90)}
        wishes.append({"post_only": True, **kind})
    if not able.extended_hours:
        wishes.append({"extended_hours": True})
    assert wishes, "a venue that can do everything needs no record"
    for wish in wishes:
        order = bench.order(**wish)
        assert able.missing_for(order)
        with pytest.raises(RefusedError):
            await bench.broker.submit(order)
        assert bench.venue.sends(order.order_id) == 0


async def test_a_part_filled_order_is_canceled_with_what_it_has(bench):
    held = bench.order()
    await bench.broker.submit(held)
    bench.move(100)
    waiting = bench.order("sell", "4", type=OrderType.LIMIT, limit_price=Decimal(150))
    await bench.broker.submit(waiting)
    await bench.broker.cancel(waiting.order_id)
    found = await bench.broker.order(waiting.order_id)
    assert (found.state, found.filled) == (OrderState.CANCELED, 0)
    await bench.invariants()


async def test_a_question_that_fails_is_no_answer(bench):
    order = bench.order(type=OrderType.LIMIT, limit_price=Decimal(90))
    await bench.broker.submit(order)
    bench.venue.fail_queries(True)
    # few enough for a breaker not to open
    for question in (
        bench.broker.open_orders, bench.broker.fills, lambda: bench.broker.order(order.order_id),
    ):  # fmt: skip
        with pytest.raises(UnavailableError):
            await question()
    bench.venue.fail_queries(False)
    assert [o.order_id for o in await bench.broker.open_orders()] == [order.order_id]


@pytest.mark.parametrize(
    ("name", "trouble", "arrives"),
    [(n, t, True) for n, kind in TROUBLES.items() for t in kind.unclear]
    + [(n, t, False) for n, kind in TROUBLES.items() for t in kind.lost],
)
async def test_without_an_answer_it_is_sent_once_and_looked_up(name, trouble, arrives, tmp_path):
    venue = VENUES[name](tmp_path)
    bench = Bench(venue)
    try:
        first, order = bench.order(), bench.order()
        await bench.broker.submit(first)
        venue.spoil(trouble)
        with pytest.raises(OutcomeUnknownError):
            await bench.broker.submit(order)
        venue.spoil("")
        assert venue.sends(order.order_id) == 1
        found = await bench.broker.order(order.order_id)
        assert (found is not None) is arrives
        if arrives:
            again = await bench.broker.submit(order)
            assert again.venue_order_id == found.venue_order_id
        bench.move(100)
        assert sum(f.order_id == order.order_id for f in await bench.broker.fills()) == arrives
    finally:
        await venue.close()


# of the simulated venue alone ---------------------------------------------------------


def a_broker(**faults):
    return SimBroker(SimVenue(["AAPL"], 100_000.0, plain_terms()), Faults(**faults))


async def test_faults_do_what_they_say():
    bench = Bench(SimUnderTest())
    order = bench.order()
    with pytest.raises(OutcomeUnknownError):
        await (lost := a_broker(lose_request=1.0)).submit(order)
    assert await lost.order(order.order_id) is None
    with pytest.raises(OutcomeUnknownError):
        await (lost := a_broker(lose_response=1.0)).submit(order)
    assert await lost.order(order.order_id) is not None
    with pytest.raises(RefusedError):
        await a_broker(reject=1.0).submit(order)
    with pytest.raises(UnavailableError):
        await a_broker(fail_query=1.0).open_orders()


async def test_the_same_seed_gives_the_same_faults():
    async def outcomes(seed):
        broker, bench = a_broker(seed=seed, lose_response=0.5), Bench(SimUnderTest())
        found = []
        for _ in range(30):
            try:
                await broker.submit(bench.order())
                found.append(True)
            except OutcomeUnknownError:
                found.append(False)
        return found

    assert await outcomes(1) == await outcomes(1) != await outcomes(2)


async def test_immediate_or_cancel_and_day_orders(tmp_path):
    venue = SimVenue(["AAPL"], 100_000.0, plain_terms())
    bench = Bench(SimUnderTest())
    day = bench.order(type=OrderType.LIMIT, limit_price=Decimal(5), tif=TimeInForce.DAY)
    venue.submit(day)
    from workbench.core.bar import Bar

    for n in range(2):
        venue.on_bar({"AAPL": Bar("AAPL", START + timedelta(days=n), 10, 11, 9, 10, 100)})
    assert venue.order(day.order_id).state is OrderState.EXPIRED


async def test_the_memory_gives_the_account_back(tmp_path):
    path = tmp_path / "venue.jsonl"
    memory = Memory(path)
    venue = SimVenue(["AAPL"], 100_000.0, plain_terms(), memory=memory)
    bench = Bench(SimUnderTest())
    venue.submit(bench.order())
    venue.submit(bench.order("sell", "3", type=OrderType.LIMIT, limit_price=Decimal(150)))
    venue.on_quote(Quote("AAPL", START, 99.0, 101.0))
    memory.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"fill","value":{"execut')  # cut short by a crash
    kept = Memory(path)
    again = SimVenue(["AAPL"], 5.0, plain_terms(), memory=kept)
    assert again.account().cash == venue.account().cash
    assert again.positions() == venue.positions()
    assert again.open_orders() == venue.open_orders()
    assert again.fills() == venue.fills()
    again.on_quote(Quote("AAPL", START, 200.0, 201.0))
    assert again.positions()[0].quantity == 7
    kept.close()


async def test_a_memory_that_cannot_be_read_names_the_line(tmp_path):
    from workbench.errors import DataError

    path = tmp_path / "venue.jsonl"
    path.write_text('{"kind":"account","value":{"cash":"5"}}\nnonsense\n{}\n')
    with pytest.raises(DataError, match=":2 is not a line"):
        Memory(path)
