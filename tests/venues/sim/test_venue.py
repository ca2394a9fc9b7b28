from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.bar import Bar
from workbench.core.fill import Fill
from workbench.core.order import Order, OrderState, OrderType, Protection, TimeInForce
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.costs import fees
from workbench.costs.costs import Costs
from workbench.errors import RefusedError
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

START = datetime(2024, 1, 2, tzinfo=UTC)
D = Decimal
CALM = (100, 104, 96, 100)


class Market:
    """A venue, and bars of one symbol after the other."""

    def __init__(self, costs=None, symbols=("AAPL",), **options):
        self.venue = SimVenue(list(symbols), 10_000.0, plain_terms(costs), **options)
        self.day = 0
        self.count = 0

    def send(self, side="buy", symbol="AAPL", **facts):
        self.count += 1
        facts = {"quantity": D(10), **facts} if "target" not in facts else facts
        order = Order(
            **{
                "order_id": f"o{self.count}", "run_id": "r", "strategy": "s", "symbol": symbol,
                "side": Side(side), "type": OrderType.MARKET, "decided_at": START, **facts,
            }
        )  # fmt: skip
        self.venue.submit(order)
        return order.order_id

    def bar(self, *prices, volume=1000.0, symbol="AAPL"):
        self.bars(**{symbol: (*prices, volume)})

    def bars(self, **rows):
        self.day += 1
        at = START + timedelta(days=self.day)
        self.venue.on_bar({symbol: Bar(symbol, at, *row) for symbol, row in rows.items()})
        self.venue.mark({symbol: row[3] for symbol, row in rows.items()})

    def fills(self):
        return [(f.order_id, f.side.value, f.quantity, f.price) for f in self.venue.fills()]

    def state(self, order_id):
        return self.venue.order(order_id).state.value


@pytest.fixture
def market():
    market = Market()
    yield market
    # the Decimal statement, the float account and the executions are one and the same
    held = sum((f.quantity * f.side.sign for f in market.venue.fills()), D(0))
    assert [p.quantity for p in market.venue.positions()] == ([held] if held else [])
    book = market.venue.state.book
    assert float(market.venue.account().cash) == pytest.approx(book.cash, rel=1e-12)
    told = [u for u in market.venue.drain() if isinstance(u, Fill)]
    assert told == market.venue.fills()


def test_a_target_is_sized_where_it_is_filled(market):
    name = market.send(target=D("0.5"))
    assert market.venue.order(name).quantity is None
    market.bar(20, 21, 19, 20)
    assert market.fills() == [(name, "buy", D(250), D(20))]


@pytest.mark.parametrize(
    ("side", "facts", "bars", "price"),
    [
        ("buy", {"type": "limit", "limit_price": D(95)}, [CALM, (98, 99, 94, 95)], 95),
        ("buy", {"type": "limit", "limit_price": D(95)}, [(93, 96, 92, 95)], 93),
        ("sell", {"type": "limit", "limit_price": D(105)}, [(100, 106, 99, 100)], 105),
        ("buy", {"type": "stop", "stop_price": D(105)}, [CALM, (103, 106, 99, 100)], 105),
        ("buy", {"type": "stop", "stop_price": D(105)}, [(110, 111, 109, 110)], 110),
        ("sell", {"type": "stop", "stop_price": D(95)}, [(90, 91, 89, 90)], 90),
        (
            "buy",
            {"type": "stop_limit", "stop_price": D(105), "limit_price": D(106)},
            [(110, 112, 108, 110), (107, 108, 104, 105)],
            106,
        ),
        (
            "sell",
            {"type": "trailing_stop", "protection": Protection(trail=D("0.1"))},
            [(100, 110, 99, 105), (105, 106, 98, 100)],
            99,
        ),
    ],
)  # fmt: skip
def test_orders_that_rest(market, side, facts, bars, price):
    name = market.send(side, **{**facts, "type": OrderType(facts["type"])})
    for row in bars[:-1]:
        market.bar(*row)
    assert market.fills() == []
    market.bar(*bars[-1])
    assert market.fills() == [(name, side, D(10), D(price))]


def test_a_gap_through_the_stop_fills_at_the_open(market):
    name = market.send(protection=Protection(loss=D("0.1"), profit=D("0.2")))
    market.bar(100, 101, 99, 100)
    market.bar(80, 85, 79, 84)
    assert market.fills()[1] == (f"{name}-loss", "sell", D(10), D(80))
    leg = market.venue.order(f"{name}-loss")
    assert (leg.parent_id, leg.state, leg.stop_price) == (name, OrderState.FILLED, D(90))


def test_stops_work_on_the_entry_bar_and_the_loss_wins(market):
    name = market.send(protection=Protection(loss=D("0.1"), profit=D("0.1")))
    market.bar(100, 115, 85, 100)
    assert market.fills()[1] == (f"{name}-loss", "sell", D(10), D(90))
    assert market.venue.state.path_dependent == {"sim-2"}


def test_the_trailing_stop_uses_the_highs_before_this_bar(market):
    name = market.send(protection=Protection(trail=D("0.1")))
    market.bar(100, 100, 95, 100)
    market.bar(100, 150, 91, 140)  # the high of this bar does not count for its own low
    assert len(market.fills()) == 1
    market.bar(140, 141, 130, 131)
    assert market.fills()[1] == (f"{name}-trail", "sell", D(10), D(135))


def test_a_stop_closes_only_once_and_cancels_what_waits_for_a_bar(market):
    market.send(protection=Protection(loss=D("0.1")))
    market.bar(100, 101, 99, 100)
    waiting = market.send("sell", quantity=D(5))
    market.bar(math.nan, 101, 99, 100)  # no open: nothing can be filled
    assert market.state(waiting) == "accepted"
    market.bar(85, 86, 80, 82)  # the exit decided before is filled at the open, then the stop
    assert [f[2] for f in market.fills()] == [D(10), D(5), D(5)]
    market.bar(70, 71, 69, 70)
    assert len(market.fills()) == 3


def test_sells_come_before_buys_on_a_bar():
    market = Market(symbols=("AAPL", "IBM"))
    market.send(target=D(1), symbol="IBM")
    market.bars(AAPL=(50, 51, 49, 50, 1e6), IBM=(100, 101, 99, 100, 1e6))
    market.send(target=D(1), symbol="AAPL")
    market.send("sell", target=D(0), symbol="IBM")
    market.bars(AAPL=(50, 51, 49, 50, 1e6), IBM=(110, 111, 109, 110, 1e6))
    assert [(f[1], f[2]) for f in market.fills()] == [("buy", 100), ("sell", 100), ("buy", 220)]
    assert market.venue.account().cash == 0


def test_participation_fills_in_parts_and_the_order_waits():
    market = Market(Costs(max_participation=0.004))
    name = market.send()
    for expected in (4, 8, 10):
        market.bar(100, 101, 99, 100, volume=1000.0)
        assert market.venue.order(name).filled == expected
    assert market.state(name) == "filled"


def test_immediate_or_cancel_expires_with_its_first_bar():
    market = Market(Costs(max_participation=0.004))
    name = market.send(tif=TimeInForce.IOC)
    market.bar(100, 101, 99, 100, volume=1000.0)
    assert (market.state(name), market.venue.order(name).filled) == ("expired", 4)


def test_fill_or_kill_is_filled_whole_or_not_at_all():
    market = Market(Costs(max_participation=0.004))
    name, small = market.send(tif=TimeInForce.FOK), market.send(tif=TimeInForce.FOK, quantity=D(4))
    market.bar(100, 101, 99, 100, volume=1000.0)
    assert (market.state(name), market.venue.order(name).filled) == ("expired", 0)
    assert market.state(small) == "filled"


def test_a_limit_that_must_be_filled_at_once_does_not_wait():
    market = Market()
    facts = {"type": OrderType.LIMIT, "limit_price": D(90)}
    names = [market.send(tif=tif, **facts) for tif in (TimeInForce.IOC, TimeInForce.FOK)]
    waiting = market.send(**facts)
    market.bar(100, 101, 99, 100)
    assert [market.state(name) for name in names] == ["expired", "expired"]
    assert market.state(waiting) == "working"


def test_a_quote_fills_as_much_as_is_on_offer():
    market = Market(Costs(max_participation=1.0))
    name = market.send()
    quote = Quote("AAPL", datetime(2024, 1, 2, tzinfo=UTC), 99.0, 101.0)
    market.venue.on_quote(quote, 4.0)
    market.venue.on_quote(quote, 4.0)
    assert market.venue.order(name).filled == 8
    market.venue.on_quote(quote)
    assert market.state(name) == "filled"


@pytest.mark.parametrize(
    "facts",
    [{"quantity": None, "notional": D(50)}, {"protection": Protection(loss_price=D(9))}],
)
def test_what_it_cannot_do_is_refused(facts):
    with pytest.raises(RefusedError):
        Market().send(**facts)


def test_fees_reach_the_statement():
    market = Market(Costs(fee=fees.PerShare(0.01, minimum=1.0)))
    market.send()
    market.bar(100, 101, 99, 100)
    assert market.venue.account().cash == D(10_000) - 1000 - 1
    assert market.venue.positions()[0].fees == 1


def test_funds_are_checked_with_what_is_on_its_way():
    market = Market(symbols=("AAPL", "IBM"), checks_funds=True)
    with pytest.raises(RefusedError, match="no price"):
        market.send()
    market.venue.mark({"AAPL": 100.0, "IBM": 50.0})
    market.send(quantity=D(60))
    with pytest.raises(RefusedError, match="insufficient"):
        market.send(quantity=D(41))
    with pytest.raises(RefusedError, match="insufficient"):
        market.send(quantity=D(81), symbol="IBM")
    market.send(quantity=D(80), symbol="IBM")
    market.bars(AAPL=(100, 101, 99, 100, 1e6), IBM=(50, 51, 49, 50, 1e6))
    market.send("sell", quantity=D(60))  # what reduces needs no cover


def test_a_quote_fills_only_its_side_and_symbol():
    market = Market(symbols=("AAPL", "IBM"))
    buy, sell = market.send(), market.send("sell", type=OrderType.LIMIT, limit_price=D(101))
    other = market.send(symbol="IBM")
    market.venue.on_quote(Quote("AAPL", START, 99.0, 100.0))
    assert market.fills() == [(buy, "buy", D(10), D(100))]
    market.venue.on_quote(Quote("AAPL", START, 102.0, 103.0))
    assert market.fills()[1] == (sell, "sell", D(10), D(102))
    assert market.state(other) == "accepted"


def test_protection_watches_quotes_too(market):
    name = market.send(protection=Protection(loss=D("0.05")))
    market.venue.on_quote(Quote("AAPL", START, 99.0, 100.0))
    market.venue.on_quote(Quote("AAPL", START, 95.5, 96.5))
    assert len(market.fills()) == 1
    market.venue.on_quote(Quote("AAPL", START, 94.0, 95.0))
    assert market.fills()[1] == (f"{name}-loss", "sell", D(10), D(94))


def called(symbols=("AAPL",), **options):
    """A market whose venue lends up to four times, and calls margin below 0.24."""
    market = Market(symbols=symbols)
    sizing = plain_terms().sizing._replace(leverage=4.0, maintenance=0.24)
    market.venue = SimVenue(symbols, 10_000.0, plain_terms()._replace(sizing=sizing), **options)
    return market


def test_margin_is_called_for_orders_of_any_kind():
    market = called()
    assert market.venue.is_idle
    market.send(quantity=D(300))
    market.bar(100, 100, 100, 100)
    assert not market.venue.is_idle
    market.bar(100, 101, 80, 90)  # a debt of 20,000: 300 p - 20,000 = 0.24 * 300 p
    order_id, side, quantity, price = market.fills()[-1]
    assert (order_id, side, quantity) == ("o1-liquidation", "sell", D(300))
    assert float(price) == pytest.approx(20_000 / 228)
    order = market.venue.order("o1-liquidation")
    assert (order.type, order.parent_id, order.state.value) == (OrderType.MARKET, "o1", "filled")
    assert market.venue.is_idle


def test_quotes_call_margin_and_what_has_none_waits_for_its_own():
    market = called(("AAPL", "IBM"))
    market.send(quantity=D(200))
    market.send(symbol="IBM", side="sell", quantity=D(100))

    def quote(symbol, bid):
        market.day += 1
        at = START + timedelta(days=market.day)
        market.venue.on_quote(Quote(symbol, at, bid, bid + 1.0))

    quote("AAPL", 100.0)
    quote("IBM", 100.0)
    assert len(market.fills()) == 2
    quote("AAPL", 60.0)
    assert [fill[0] for fill in market.fills()[2:]] == ["o1-liquidation"]
    assert market.venue.order("o2-liquidation").state.value == "accepted"
    quote("IBM", 99.0)
    assert market.fills()[-1] == ("o2-liquidation", "buy", D(100), D(100))
    assert market.venue.positions() == []


def test_a_margin_call_goes_on_after_a_restart(tmp_path):
    first = called(("AAPL", "IBM"), memory=Memory(tmp_path / "venue.jsonl"))
    first.send(quantity=D(200))
    first.send(symbol="IBM", quantity=D(150))
    first.bars(AAPL=(100, 100, 100, 100, 1e6), IBM=(100, 100, 100, 100, 1e6))
    first.bars(AAPL=(60, 60, 60, 60, 1e6))
    first.venue.state.memory.close()
    again = called(("AAPL", "IBM"), memory=Memory(tmp_path / "venue.jsonl"))
    again.bars(IBM=(90, 90, 90, 90, 1e6))
    assert [fill[0] for fill in again.fills()[2:]] == ["o1-liquidation", "o2-liquidation"]
    assert again.venue.positions() == []
    assert again.venue.is_idle
    again.venue.state.memory.close()


def test_a_replacement_is_of_the_units_that_are_left():
    market = Market(costs=Costs(max_participation=1.0))
    resting = {"type": OrderType.LIMIT, "limit_price": D(95)}
    old = market.send(**resting)
    market.bar(94, 94, 94, 94, volume=4.0)
    order = market.venue.order(old)
    assert (order.state, order.filled) == (OrderState.PARTIALLY_FILLED, 4)
    with pytest.raises(RefusedError, match="is filled for"):
        market.venue.replace(old, replace(order, order_id="less", quantity=D(4)))
    assert market.state(old) == "partially_filled"
    new = market.venue.replace(old, replace(order, order_id="more", quantity=D(12)))
    assert (new.quantity, new.filled, market.state(old)) == (8, 0, "replaced")
    market.bar(94, 94, 94, 94)
    assert market.venue.positions()[0].quantity == 12


def test_a_post_only_order_ends_where_it_would_take_and_else_fills_as_a_maker():
    market = Market(costs=Costs(fee=fees.MakerTaker(1, 10)))
    facts = {"type": OrderType.LIMIT, "post_only": True}
    taking, resting = (
        market.send(limit_price=D(101), **facts),
        market.send(limit_price=D(90), **facts),
    )
    market.bar(*CALM)
    assert (market.state(taking), market.state(resting)) == ("canceled", "working")
    market.bar(88, 92, 87, 91)  # it gaps through an order that rests
    (fill,) = market.venue.fills()
    assert (fill.order_id, market.state(resting)) == (resting, "filled")
    assert float(fill.fee) == pytest.approx(0.088)  # 1 bps of 880
