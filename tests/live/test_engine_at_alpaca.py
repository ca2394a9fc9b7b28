"""The engine at Alpaca's own client and a venue on loopback: orders, fills, stops, restarts."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

import workbench as wb
from workbench.config import RiskLimits
from workbench.core.bar import Bar
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.live.accounts.brokers import opener
from workbench.live.decisions.deployment import Deployment
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line
from workbench.testing.brokers.alpaca.server import AlpacaServer
from workbench.testing.brokers.venue import settings_for
from workbench.venues.alpaca.broker import AlpacaBroker

STOCK, COIN = "AAPL", "BTC/USD"
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip
SECOND = timedelta(seconds=1)


class Told(wb.Strategy):
    """Wants what the volume of a bar says, in percent."""

    def targets(self, bars):
        return bars["volume"] / 100.0


class Hand:
    """A feed that tells what a test hands to it."""

    name = "hand"

    def __init__(self):
        self.queue = asyncio.Queue()

    async def events(self):
        while True:
            yield await self.queue.get()

    async def close(self):
        pass


class Session:
    """An engine at the venue, and a hand on the bars of its feed."""

    def __init__(self, engine, server, symbol, line, run):
        self.engine, self.server, self.symbol = engine, server, symbol
        self.line, self.run = line, run
        self.account, self.pilot = engine.account, run.pilot
        last = line.window.last
        now = datetime.now(UTC).replace(microsecond=0)
        self.next = max(now - 14 * SECOND, last + SECOND if last else now - 14 * SECOND)

    async def bar(self, want, price=100.0, low=None):
        """Tell a bar in which the strategy wants so many percent; wait until it is decided on."""
        low = price if low is None else low
        bar = Bar(self.symbol, self.next, price, max(price, low), low, price, float(want))
        count = len(self.run.decisions)
        while datetime.now(UTC) < self.next - SECOND:
            await asyncio.sleep(0.05)
        self.next += SECOND
        await self.line.feed.queue.put(bar)
        await self.until(lambda: len(self.run.decisions) > count)
        await self.run.settled()
        assert not self.run.decisions[-1].skipped, self.run.decisions[-1]

    def quote(self, price):
        self.server.book.quote(self.symbol, price, price)

    async def until(self, happens):
        async with asyncio.timeout(20):
            while not happens():
                assert not self.account.failure, self.account.failure
                await asyncio.sleep(0.01)

    def orders(self):
        return list(self.account.ledger.orders.values())

    async def agree(self):
        """The invariants that every order test ends with."""
        ledger, broker = self.account.ledger, self.account.broker
        ledger.check()
        self.account.journal.verify()
        told = await broker.account()
        assert ledger.books.differences(await broker.positions(), told.cash) == []
        assert set(self.server.posts.values()) <= {1}


@pytest.fixture
def server():
    with AlpacaServer([STOCK, COIN]) as venue:
        for symbol in (STOCK, COIN):
            venue.book.quote(symbol, 100.0, 100.0)
        yield venue


@asynccontextmanager
async def session(server, folder, symbol=COIN, **facts):
    settings = settings_for(server, folder).model_copy(update={"risk": FREE})
    one = Deployment(strategy=Told(), symbols=(symbol,), timeframe="1s", **facts)
    way = opener("alpaca-paper", settings, (symbol,))
    engine = Engine(settings, way, venue="alpaca-paper", tick=0.1)

    def past(start, end):
        index = pd.date_range(end - 40 * SECOND, periods=20, freq="1s", name="time").as_unit("ns")
        prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
        return pd.DataFrame({**prices, "volume": 0.0}, index=index.floor("s"))

    async with engine:
        assert engine.account.failure == ""
        line = Line(Hand(), one.symbols, "1s", "24/7", history=past)
        run = await engine.run(one, line)
        engine.listen(line)
        yield Session(engine, server, symbol, line, run)


@pytest.mark.parametrize("symbol", [STOCK, COIN])
async def test_parts_of_a_unit_are_bought_and_sold_and_told_by_the_stream(server, tmp_path, symbol):
    async with session(server, tmp_path, symbol) as one:
        await one.bar(33)
        one.quote(101.0)
        await one.until(lambda: one.pilot.book.cell(symbol).units > 0)
        (order,) = one.orders()
        assert order.quantity == Decimal(330)
        assert order.tif.value == "gtc"  # whole units may rest
        await one.bar(57, 100.7)
        one.quote(101.0)
        await one.until(lambda: len(one.account.ledger.fills) == 2)
        second = one.orders()[1]
        assert second.quantity != second.quantity.to_integral_value()
        assert second.tif.value == ("day" if symbol == STOCK else "gtc")
        await one.bar(0)
        one.quote(102.0)
        await one.until(lambda: len(one.account.ledger.fills) == 3)
        assert [order.state for order in one.orders()] == [OrderState.FILLED] * 3
        held = one.account.ledger.books.position(symbol).quantity
        assert abs(held) < Decimal("0.00001")
        await one.agree()
        assert one.account.oversight.venue_mode == "paper"


async def test_a_restart_goes_on_with_what_is_held_and_open(server, tmp_path):
    async with session(server, tmp_path) as one:
        await one.bar(50)
        run_id, begun = one.run.record.run_id, one.next
    server.book.quote(COIN, 100.0, 100.0)  # filled while nobody listens
    async with session(server, tmp_path) as one:
        assert one.run.record.run_id == run_id
        assert one.pilot.book.cell(COIN).units == 500.0
        one.next = max(one.next, begun)
        await one.bar(50)
        assert len(one.orders()) == 1
        await one.bar(0)
        one.quote(99.0)
        await one.until(lambda: one.account.ledger.books.position(COIN).quantity == 0)
        await one.agree()


async def test_a_book_opens_on_an_account_with_holdings_orders_and_a_past(server, tmp_path):
    settings = settings_for(server, tmp_path / "before")
    broker = AlpacaBroker(settings)

    def order(name, side, quantity, **facts):
        return Order(order_id=name, run_id="r", strategy="s", symbol=STOCK, side=side,
                     type=facts.pop("type", OrderType.MARKET), decided_at=datetime.now(UTC),
                     quantity=Decimal(quantity), **facts)  # fmt: skip

    for name, side, quantity in (("a", Side.BUY, 30), ("b", Side.SELL, 10), ("c", Side.BUY, 5)):
        await broker.submit(order(name, side, quantity))
        server.book.quote(STOCK, 100.0, 100.0)
    old = datetime.now(UTC) - timedelta(minutes=5)
    for row in server.book.activities[:2]:
        row["transaction_time"] = old.isoformat().replace("+00:00", "Z")
    resting = {"type": OrderType.LIMIT, "limit_price": Decimal(90)}
    await broker.submit(order("d", Side.BUY, 7, **resting))
    await broker.close()
    for _ in range(2):  # the second start finds the book opened
        async with session(server, tmp_path) as one:
            ledger = one.account.ledger
            assert ledger.books.position(STOCK).quantity == 25
            assert [(f.order_id, f.quantity) for f in ledger.fills.values()] == [
                (f"opening-{STOCK}", 20), ("c", 5)
            ]  # fmt: skip
            assert [o.order_id for o in ledger.open_orders()] == ["d"]
            assert float(one.run.record.capital) == pytest.approx(100_000.0)
            await one.account.manager.resolve_unknown()
            await one.agree()


async def test_whole_shares_have_their_stops_at_the_venue_as_prices(server, tmp_path):
    facts = {"sizing": wb.Sizing(lot=1, at="decision"), "stops": wb.Stops(loss=0.05, profit=0.1)}
    async with session(server, tmp_path, STOCK, **facts) as one:
        assert one.run.stops == "at the venue"
        await one.bar(50)
        one.quote(100.0)
        await one.until(lambda: one.pilot.book.cell(STOCK).units == 500.0)
        await one.account.manager.resolve_unknown()
        entry = one.orders()[0]
        assert (entry.protection.loss_price, entry.protection.profit_price) == (95, 110)
        # a decision ends them first, for they hold the shares
        await one.bar(20)
        one.quote(100.0)
        await one.until(lambda: one.pilot.book.cell(STOCK).units == 200.0)
        await one.agree()


async def test_a_stop_at_the_venue_is_learnt_and_not_entered_again(server, tmp_path):
    facts = {"sizing": wb.Sizing(lot=1, at="decision"), "stops": wb.Stops(loss=0.05)}
    async with session(server, tmp_path, STOCK, **facts) as one:
        await one.bar(50)
        one.quote(100.0)
        await one.until(lambda: one.pilot.book.cell(STOCK).units == 500.0)
        one.quote(94.0)
        await one.until(lambda: one.pilot.book.cell(STOCK).units == 0.0)
        await one.bar(50, 94.0)
        assert one.server.posts == Counter({one.orders()[0].order_id: 1})
        await one.bar(0, 94.0)
        await one.bar(40, 94.0)
        assert len(one.server.posts) == 2
        await one.agree()


@pytest.mark.parametrize("by_quote", [False, True])
async def test_what_the_venue_cannot_keep_is_watched_here_through_a_restart(
    server, tmp_path, by_quote
):
    facts = {"stops": wb.Stops(trail=0.1)}
    async with session(server, tmp_path, **facts) as one:
        assert one.run.stops == "watched here"
        await one.bar(50)
        one.quote(100.0)
        await one.until(lambda: one.pilot.book.cell(COIN).units == 500.0)
        await one.bar(50, 120.0)  # the best price so far
        begun = one.next
    async with session(server, tmp_path, **facts) as one:
        assert one.pilot.book.cell(COIN).best == 120.0
        one.line.has_quotes = by_quote
        one.next = max(one.next, begun)
        if by_quote:
            for price in (109.0, 107.9, 107.0):
                await one.line.feed.queue.put(Quote(COIN, datetime.now(UTC), price, price))
                await asyncio.sleep(0.01)
        else:
            await one.bar(50, 110.0, low=107.9)
        await one.until(lambda: len(one.server.posts) == 2)
        one.quote(107.0)
        await one.until(lambda: one.pilot.book.cell(COIN).units == 0.0)
        await one.bar(50, 107.0)  # not again until the target changes
        stop = one.orders()[1]
        assert stop.order_id == f"{one.orders()[0].order_id}-trail"
        assert stop.reduce_only
        assert "108" in stop.reason
        assert len(one.server.posts) == 2
        assert not math.isnan(one.run.equity)
        await one.agree()
