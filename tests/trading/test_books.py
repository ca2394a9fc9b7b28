"""Books of an account and of its strategies, by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.fill import Fill
from workbench.core.money import ZERO
from workbench.core.position import Position
from workbench.core.posting import Posting, PostingKind
from workbench.core.signal import Side
from workbench.errors import DataError, InvariantError
from workbench.trading.books import Books
from workbench.trading.lots import Lots
from workbench.trading.shares import ACCOUNT, Shares

NOW = datetime(2024, 1, 2, tzinfo=UTC)


def fill(side, quantity, price, symbol="AAPL", **facts):
    return Fill(
        execution_id=f"{side}{quantity}@{price}", order_id="o", venue="sim", symbol=symbol,
        side=Side(side), quantity=Decimal(quantity), price=Decimal(price), time=NOW, **facts,
    )  # fmt: skip


def posting(kind, symbol="AAPL", **facts):
    return Posting(
        posting_id=f"{kind}{facts}", venue="sim", kind=PostingKind(kind), time=NOW, symbol=symbol,
        **facts,
    )  # fmt: skip


def test_fees_stand_in_the_currency_they_were_paid_in():
    books = Books({"EUR": Decimal(1000)})
    books.apply(fill("buy", 2, 100, "SAP", currency="EUR", fee=Decimal(1), fee_currency="EUR"))
    books.apply(fill("sell", 1, 110, "SAP", currency="EUR", fee=Decimal("0.1"), fee_currency="BNB"))
    assert books.cash == {"EUR": 909, "BNB": Decimal("-0.1")}
    assert books.fees == {"EUR": 1, "BNB": Decimal("0.1")}
    held = books.position("SAP")
    assert (held.realised, held.fees, held.currency) == (10, 1, "EUR")


def test_a_fee_in_the_coin_traded_is_taken_off_its_units():
    books, lots = Books({"USDT": Decimal(1000)}), Lots()
    ours = {"symbol": "BTC/USDT", "currency": "USDT", "fee_currency": "BTC"}
    bought = fill("buy", 2, 100, fee=Decimal("0.002"), **ours)
    for one in (bought, fill("sell", 1, 110, fee=Decimal("0.001"), **ours)):
        books.apply(one)
        lots.apply(one)
    assert books.cash == {"USDT": 910}
    assert books.fees == {"USDT": Decimal("0.310")}
    held = books.position("BTC/USDT")
    assert (held.quantity, held.average_price, held.fees) == (
        Decimal("0.997"),
        100,
        Decimal("0.31"),
    )
    assert [lot.quantity for lot in lots.positions()] == [held.quantity]
    # nothing is lost: what was paid is cost, profit or fee
    assert held.cost == 1000 - books.cash["USDT"] + held.realised - books.fees["USDT"]


def test_a_fee_in_another_coin_is_held_against_the_venues_units_of_it():
    books = Books({"USDT": Decimal(1000)})
    pair = {"currency": "USDT", "fee_currency": "USDT"}
    books.apply(fill("buy", 1, 500, "BNB/USDT", **pair))
    books.apply(fill("buy", 1, 100, "BTC/USDT", **{**pair, "fee_currency": "BNB"},
                     fee=Decimal("0.0002")))  # fmt: skip
    held = [Position("BTC/USDT", Decimal(1)), Position("BNB/USDT", Decimal("0.9998"))]
    assert books.compare(held, Decimal(400), "USDT") == []
    held[1] = Position("BNB/USDT", Decimal(1))
    (off,) = books.compare(held, Decimal(400), "USDT")
    assert (off.name, off.missing) == ("BNB/USDT", Decimal("0.0002"))


def test_a_perpetual_is_not_paid_for():
    books = Books({"USDT": Decimal(1000)})
    name, ours = "BTC/USDT:USDT", {"currency": "USDT", "fee_currency": "USDT"}
    books.apply(fill("sell", 4, 500, name, fee=Decimal(1), **ours))
    assert books.compare([Position(name, Decimal(-4))], Decimal(999), "USDT") == []
    books.apply(fill("buy", 1, 400, name, **ours))
    assert books.compare([Position(name, Decimal(-3))], Decimal(1099), "USDT") == []
    assert books.equity({name: Decimal(400)}, "USDT") == 1399


def test_what_has_no_rate_is_told_and_not_guessed():
    books = Books({"USD": Decimal(100), "EUR": Decimal(10)})
    books.apply(fill("buy", 2, 3, "SAP", currency="EUR"))
    prices = {"SAP": Decimal(4)}
    assert books.worth(prices).value == 100
    assert books.worth(prices).unvalued == {"EUR": 4, "SAP": 2}
    with pytest.raises(DataError, match="no rate from EUR to USD") as caught:
        books.equity(prices)
    assert caught.value.facts["currency"] == "EUR"
    rates = {"EUR": Decimal("1.5")}
    assert books.equity(prices, rates=rates) == 100 + Decimal("1.5") * (4 + 8)
    assert books.equity(prices, "EUR", {"USD": Decimal("0.5")}) == 50 + 4 + 8
    with pytest.raises(DataError, match="no price for SAP"):
        books.equity({}, rates=rates)


def test_a_third_of_a_position_costs_a_third_and_the_rest_the_rest():
    books = Books()
    books.apply(fill("buy", 3, "33.34"))
    for _ in range(3):
        books.apply(fill("sell", 1, 40))
    assert books.position("AAPL").realised == 120 - Decimal("100.02")
    assert books.position("AAPL").cost == 0


def test_a_split_of_one_for_three_and_back_costs_nothing():
    books = Books()
    books.apply(fill("buy", 10, "7.77"))
    before = books.position("AAPL").cost
    books.post(posting("split", ratio=Decimal(1), per=Decimal(3), quantity=Decimal("3.333")))
    held = books.position("AAPL")
    assert (held.quantity, held.cost) == (Decimal("3.333"), before)
    books.post(posting("split", ratio=Decimal(3)))
    assert books.position("AAPL").quantity == Decimal("9.999")
    assert books.position("AAPL").cost == before


def test_a_venue_that_leaves_nothing_realises_the_cost():
    books, lots = Books(), Lots()
    for one in (books, lots):
        one.apply(fill("buy", 1, 10))
        one.post(posting("split", ratio=Decimal(1), per=Decimal(20), quantity=ZERO))
        assert one.position("AAPL").realised == -10
        assert one.position("AAPL").cost == 0


def test_what_came_first_goes_first():
    lots = Lots()
    for side, quantity, price in [("buy", 10, 1), ("buy", 10, 2), ("sell", 15, 3), ("buy", 1, 4)]:
        lots.apply(fill(side, quantity, price))
    assert lots.position("AAPL").realised == 10 * 2 + 5 * 1
    assert [(lot.quantity, lot.cost) for lot in lots.open("AAPL")] == [(5, 10), (1, 4)]
    lots.apply(fill("sell", 10, 5))  # beyond zero
    assert lots.position("AAPL").quantity == -4
    assert lots.position("AAPL").realised == 25 + 5 * 3 + 1
    lots.apply(fill("buy", 1, 4))
    assert lots.position("AAPL").realised == 42
    assert lots.position("IBM").quantity == 0


def test_a_dividend_is_shared_out_by_what_is_held():
    shares, whole = Shares(), Books()
    for strategy, side, quantity in (("A", "buy", 10), ("B", "sell", 8), ("C", "buy", 1)):
        shares.apply(strategy, fill(side, quantity, 5))
        whole.apply(fill(side, quantity, 5))
    paid = posting("dividend", amount=Decimal("1.00"))
    whole.post(paid)
    shares.post(paid, whole.position("AAPL").quantity)
    shares.check(whole)
    carried = {one.strategy: one.carried for one in shares.profits({"AAPL": Decimal(5)})}
    assert carried["B"] < -2  # the short one pays what the long ones get
    assert sum(carried.values()) == 1
    free = posting("margin", "", amount=Decimal("-0.5"))
    whole.post(free)
    shares.post(free, ZERO)
    shares.check(whole)
    assert shares.books[ACCOUNT].cash["USD"] == Decimal("-0.5")


def test_strategies_that_hold_against_each_other_net_to_the_account():
    shares, whole = Shares(), Books()
    for strategy, side in (("A", "buy"), ("B", "sell")):
        for books in (shares, whole):
            one = fill(side, 10, 5)
            shares.apply(strategy, one) if books is shares else whole.apply(one)
    assert whole.position("AAPL").quantity == 0
    assert shares.held("A") == {"AAPL": 10}
    assert shares.held("B") == {"AAPL": -10}
    three = posting("split", ratio=Decimal(3))
    whole.post(three)
    shares.post(three, whole.position("AAPL").quantity)
    shares.check(whole)
    assert shares.holders("AAPL") == {"A": 30, "B": -30}


def test_shares_that_do_not_add_up_are_told():
    shares, whole = Shares(), Books()
    shares.apply("A", fill("buy", 1, 5))
    with pytest.raises(InvariantError, match="USD"):
        shares.check(whole)
    whole.deposit("USD", Decimal(-5))
    with pytest.raises(InvariantError, match="AAPL"):
        shares.check(whole)
    whole.apply(fill("buy", 1, 5))
    whole.deposit("USD", Decimal(5))
    shares.check(whole)


def test_a_profit_that_cannot_be_valued_says_so():
    shares = Shares()
    shares.apply("A", fill("buy", 1, 5, "SAP", currency="EUR"))
    (one,) = shares.profits({"SAP": Decimal(6)})
    assert (one.total, one.is_whole) == (0, False)
    (one,) = shares.profits({"SAP": Decimal(6)}, rates={"EUR": Decimal(2)})
    assert (one.total, one.unrealised, one.is_whole) == (2, 2, True)
