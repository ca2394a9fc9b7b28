"""How an order is split, and that the split survives what happens between venues."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.capabilities import Capabilities
from workbench.core.clock import EventClock
from workbench.core.order import OrderType
from workbench.core.parent import Parent, ParentState
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import RefusedError, UsageError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.execution.executor import Executor
from workbench.trading.execution.router import Router
from workbench.trading.execution.routing import Offer, route
from workbench.trading.execution.tape import Tape
from workbench.trading.journal import Journal
from workbench.trading.manager import OrderManager
from workbench.venues.sim.broker import SimBroker
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, 15, tzinfo=UTC)


def offer(venue, *levels, **facts):
    told = tuple((Decimal(str(price)), Decimal(units)) for price, units in levels)
    return Offer(venue=venue, levels=told, **facts)


def split(routing):
    return {leg.venue: int(leg.quantity) for leg in routing.legs}


def test_depth_and_fees_decide_unit_by_unit():
    offers = [
        offer("a", (100, 5), (101, 5), fee_bps=Decimal(10)),
        offer("b", (100.05, 5), (100.2, 20)),
    ]
    routing = route(Side.BUY, Decimal(15), offers)
    assert split(routing) == {"a": 5, "b": 10}
    a, b = routing.legs
    assert (a.limit_price, a.average_price, a.fees) == (100, 100, Decimal("0.5"))
    assert (b.limit_price, b.average_price) == (Decimal("100.2"), Decimal("100.125"))
    assert routing.reasons["a"] == "5 at 100, 100.1 all told"


def test_a_sale_goes_where_most_is_left_of_it():
    offers = [offer("a", (100, 5), fee_per_unit=Decimal("0.2")), offer("b", (99.9, 5))]
    assert split(route(Side.SELL, Decimal(6), offers)) == {"a": 1, "b": 5}


def test_no_unit_is_beyond_the_limit_and_what_nobody_takes_is_told():
    offers = [offer("a", (100, 5), (102, 5)), offer("b", (103, 50))]
    routing = route(Side.BUY, Decimal(9), offers, Decimal(101))
    assert split(routing) == {"a": 5}
    assert routing.rest == 4
    assert "beyond the limit" in routing.reasons["b"]


def test_a_leg_below_the_least_order_goes_to_the_others():
    offers = [
        offer("a", (100, 1), min_notional=Decimal(500)), offer("b", (101, 50)),
    ]  # fmt: skip
    routing = route(Side.BUY, Decimal(10), offers)
    assert split(routing) == {"b": 10}
    assert "least order" in routing.reasons["a"]


def test_what_a_lot_leaves_goes_to_the_next():
    offers = [offer("a", (100, 17), lot=Decimal(10)), offer("b", (101, 50), lot=Decimal(1))]
    assert split(route(Side.BUY, Decimal(17), offers)) == {"a": 10, "b": 7}


def test_a_venue_that_cannot_says_why():
    offers = [
        offer("a", (100, 50), closed="its breaker is open"),
        offer("b", (100, 50), capabilities=Capabilities(types=frozenset({OrderType.MARKET}))),
        offer("c"), offer("d", (105, 50), most=Decimal(3)),
    ]  # fmt: skip
    routing = route(Side.BUY, Decimal(10), offers)
    assert split(routing) == {"d": 3}
    assert routing.rest == 7
    assert [routing.reasons[venue] for venue in "abc"] == [
        "its breaker is open", "it takes no limit orders", "it offers nothing",
    ]  # fmt: skip


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="positive"):
        route(Side.BUY, Decimal(0), [])
    with pytest.raises(UsageError, match="one offer"):
        route(Side.BUY, Decimal(1), [offer("a"), offer("a")])


BOOKS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(95, 105), st.integers(1, 4)), min_size=1, max_size=3,
                 unique_by=lambda level: level[0]),
        st.sampled_from([0, 50, 100]),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@given(books=BOOKS, units=st.integers(1, 8), side=st.sampled_from([Side.BUY, Side.SELL]))
@settings(max_examples=150, deadline=None)
def test_no_other_split_costs_less(books, units, side):
    offers = [
        offer(f"v{n}", *sorted(levels, reverse=side is Side.SELL), fee_bps=Decimal(fee),
              lot=Decimal(1))
        for n, (levels, fee) in enumerate(books)
    ]  # fmt: skip

    def cost(one, count):
        total = Decimal(0)
        for price, size in one.levels:
            part = min(count, int(size))
            total += part * one.all_told(price, side) * side.sign
            count -= part
        return None if count else total

    routing = route(side, Decimal(units), offers)
    got = split(routing)
    placed = sum(got.values())
    ours = sum(cost(one, got.get(one.venue, 0)) for one in offers)
    assert placed == min(units, sum(int(size) for one in offers for _, size in one.levels))
    for counts in product(range(placed + 1), repeat=len(offers)):
        if sum(counts) == placed:
            costs = [cost(one, count) for one, count in zip(offers, counts, strict=True)]
            if None not in costs:
                assert ours <= sum(costs)


class Venues:
    """Accounts on several venues, each with a journal of its own."""

    def __init__(self, folder, names):
        self.clock = EventClock(START)
        self.venues = {n: SimVenue(["BTC"], 1e6, plain_terms()) for n in names}
        self.brokers = {n: SimBroker(venue) for n, venue in self.venues.items()}
        self.databases = {n: open_database(f"sqlite:///{folder / n}.db") for n in names}

    async def start(self):
        self.managers, self.readers, executors = {}, [], {}
        for name, broker in self.brokers.items():
            journal = Journal(self.databases[name], name, self.clock)
            core = OrderCore(Gate.of(None), journal.load())
            manager = OrderManager(core, journal, broker, self.clock)
            manager.open_book({"USD": Decimal(1_000_000)})
            updates = broker.updates()
            await manager.recover()
            self.readers.append(asyncio.create_task(self._read(manager, updates)))
            self.managers[name] = manager
            executors[name] = Executor(manager, Tape(), self._proposer(manager))
        self.router = Router(executors, next(iter(executors)))

    def _proposer(self, manager):
        async def propose(intent):
            return await manager.propose(intent, Context(Decimal(10**6), Decimal(10**6)))

        return propose

    @staticmethod
    async def _read(manager, updates):
        async for update in updates:
            await manager.update(update)

    async def leave(self):
        for reader in self.readers:
            reader.cancel()
        for manager in self.managers.values():
            await manager.drain()
            manager.journal.close()

    async def at(self, seconds, **prices):
        self.clock.advance(START + timedelta(seconds=seconds))
        for _ in range(2):
            for name, price in prices.items():
                self.brokers[name].on_quote(Quote("BTC", self.clock.now(), price - 1, price))
            for broker in self.brokers.values():
                await broker.settle()
            await self.router.look()

    def filled(self):
        return {n: sum(f.quantity for f in v.fills()) for n, v in self.venues.items()}


@pytest.fixture
async def venues(tmp_path):
    venues = Venues(tmp_path, ["a", "b"])
    await venues.start()
    yield venues
    await venues.leave()
    for database in venues.databases.values():
        database.close()


def parent(**facts):
    return Parent(
        **{
            "algo_id": "split", "run_id": "r", "strategy": "s", "symbol": "BTC", "side": Side.BUY,
            "quantity": Decimal(10), "algorithm": "route", "start": START,
            "end": START + timedelta(seconds=30), **facts,
        }
    )  # fmt: skip


OFFERS = [offer("a", (100, 4)), offer("b", (101, 20))]


async def test_a_split_order_is_filled_at_each_venue(venues):
    plan = await venues.router.start(parent(), OFFERS)
    assert dict(zip(plan.venues, plan.units, strict=True)) == {"a": 4, "b": 6}
    await venues.at(1, a=100, b=101)
    assert venues.filled() == {"a": 4, "b": 6}
    home = venues.managers["a"].core.ledger.executions["split"]
    assert home.state is ParentState.DONE
    assert home.parent.reason == "a: 4 at 100, 100 all told; b: 6 at 101, 101 all told"


async def test_after_a_crash_between_two_venues_the_same_split_goes_on(venues):
    class Gone(BaseException):
        pass

    async def dies(parent):
        raise Gone

    venues.router.executors["b"].start = dies
    with pytest.raises(Gone):
        await venues.router.start(parent(), OFFERS)
    await venues.leave()
    await venues.start()
    dear = [offer("a", (200, 40)), offer("b", (100, 40))]
    plan = await venues.router.start(parent(), dear)
    assert dict(zip(plan.venues, plan.units, strict=True)) == {"a": 4, "b": 6}
    for seconds in (1, 2):
        await venues.at(seconds, a=100, b=101)
    assert venues.filled() == {"a": 4, "b": 6}
    assert all(count == 1 for b in venues.brokers.values() for count in b.sends.values())


async def test_what_a_venue_no_longer_has_is_left_and_told(venues):
    await venues.router.start(parent(), OFFERS)
    await venues.at(1, a=100, b=110)
    await venues.at(31, a=100, b=110)
    await venues.at(32, a=100, b=110)
    home = venues.managers["a"].core.ledger.executions["split"]
    assert (home.state, home.reason) == (ParentState.ENDED, "6 are left")
    assert venues.filled() == {"a": 4, "b": 0}
    assert not venues.venues["b"].open_orders()


async def test_a_split_order_is_withdrawn_everywhere(venues):
    await venues.router.start(parent(), OFFERS)
    await venues.router.cancel("split", "no more")
    for seconds in (1, 2):
        await venues.at(seconds, a=90, b=90)
    assert venues.managers["a"].core.ledger.executions["split"].state is ParentState.CANCELED
    assert venues.filled() == {"a": 0, "b": 0}


async def test_a_crash_while_it_is_withdrawn_leaves_no_venue_at_work(venues):
    await venues.router.start(parent(), OFFERS)
    await venues.router.executors["a"].cancel("split", "no more")  # and no further
    await venues.leave()
    await venues.start()
    for seconds in (1, 2):
        await venues.at(seconds, a=200, b=200)
    assert venues.managers["a"].core.ledger.executions["split"].state is ParentState.CANCELED
    assert not any(venue.open_orders() for venue in venues.venues.values())


async def test_what_cannot_be_routed_is_refused(venues):
    with pytest.raises(RefusedError, match="a: it offers nothing"):
        await venues.router.start(parent(), [offer("a")])
    with pytest.raises(UsageError, match="no venue 'c'"):
        await venues.router.start(parent(), [offer("c", (1, 1))])
    assert not venues.managers["a"].core.ledger.executions
