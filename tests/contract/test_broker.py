"""What every broker must do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.ports import Broker
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, tzinfo=UTC)


@dataclass
class Bench:
    """A broker and a hand on its market."""

    broker: Broker
    move: object
    count: int = 0

    def order(self, side="buy", quantity="10", **facts):
        self.count += 1
        return Order(
            **{
                "order_id": f"o{self.count}", "run_id": "r", "strategy": "s", "symbol": "AAPL",
                "side": Side(side), "type": OrderType.MARKET, "decided_at": START,
                "quantity": Decimal(quantity), **facts,
            }
        )  # fmt: skip

    async def invariants(self):
        fills = await self.broker.fills()
        held = sum((f.quantity * f.side.sign for f in fills), Decimal(0))
        assert {p.symbol: p.quantity for p in await self.broker.positions()} == (
            {"AAPL": held} if held else {}
        )
        cash = 100_000 - sum(f.quantity * f.price * f.side.sign + f.fee for f in fills)
        assert (await self.broker.account()).cash == cash
        for i in range(1, self.count + 1):
            order = await self.broker.order(f"o{i}")
            if order is not None:
                assert order.filled == sum(f.quantity for f in fills if f.order_id == f"o{i}")


@pytest.fixture(params=["sim", "sim with a memory"])
def bench(request, tmp_path):
    memory = Memory(tmp_path / "venue.jsonl") if "memory" in request.param else None
    broker = SimBroker(SimVenue(["AAPL"], 100_000.0, plain_terms(), memory=memory))
    ticks = iter(range(10_000))

    def move(bid, ask=None):
        at = START + timedelta(seconds=next(ticks))
        broker.on_quote(Quote("AAPL", at, bid, ask if ask is not None else bid + 1))

    yield Bench(broker, move)
    if memory is not None:
        memory.close()


def test_it_is_a_broker(bench):
    assert isinstance(bench.broker, Broker)


async def test_a_market_order_is_filled_at_the_ask_and_told_of(bench):
    updates = bench.broker.updates()
    order = bench.order()
    answer = await bench.broker.submit(order)
    assert answer.state in (OrderState.ACCEPTED, OrderState.WORKING)
    assert answer.venue_order_id
    bench.move(99.0, 101.0)
    told = [await asyncio.wait_for(anext(updates), 5) for _ in range(2)]
    assert isinstance(told[0], Fill)
    assert (told[0].price, told[0].order_id) == (101, order.order_id)
    assert told[1].state is OrderState.FILLED
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
    await bench.broker.submit(order)
    bench.move(100)
    with pytest.raises(RefusedError, match="used before"):
        await bench.broker.submit(order)
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
    await bench.broker.replace(old.order_id, new)
    assert (await bench.broker.order(old.order_id)).state is OrderState.REPLACED
    with pytest.raises(RefusedError):
        await bench.broker.replace(old.order_id, bench.order())
    with pytest.raises(RefusedError):
        await bench.broker.replace(new.order_id, bench.order(symbol="NONE"))
    assert [o.order_id for o in await bench.broker.open_orders()] == [new.order_id]


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


async def test_an_unknown_symbol_offers_the_nearest(bench):
    with pytest.raises(RefusedError, match="did you mean 'AAPL'"):
        await bench.broker.submit(bench.order(symbol="APPL"))


# of the simulated venue alone ---------------------------------------------------------


def a_broker(**faults):
    return SimBroker(SimVenue(["AAPL"], 100_000.0, plain_terms()), Faults(**faults))


async def test_faults_do_what_they_say():
    bench = Bench(a_broker(), None)
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
        broker, bench = a_broker(seed=seed, lose_response=0.5), Bench(None, None)
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
    bench = Bench(SimBroker(venue), None)
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
    bench = Bench(SimBroker(venue), None)
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
